//! Properties of network devices, from `/sys/class/net` or over netlink.

use std::collections::BTreeMap;
use std::sync::Arc;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::{Bool, Text};
use parking_lot::Mutex;

use super::netlink_links;
use crate::dir::Dir;
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new("collector.netclass.ignored-devices", Text, "Regexp of net devices to ignore for netclass collector.")
        .default(&["^$"]),
    FlagDef::new(
        "collector.netclass.ignore-invalid-speed",
        Bool,
        "Ignore devices where the speed is invalid. This will be the default behavior in 2.x.",
    ),
    FlagDef::new("collector.netclass.netlink", Bool, "Use netlink to gather stats instead of /proc/net/dev."),
    FlagDef::new(
        "collector.netclass_rtnl.with-stats",
        Bool,
        "Expose the statistics for each network device, replacing netdev collector.",
    ),
];

#[derive(Debug)]
pub(crate) struct Netclass {
    devices: DeviceFilter,
    ignore_invalid_speed: bool,
    netlink: bool,
    with_stats: bool,
    /// Directories of the first devices, with what they are told apart by: twenty files of each are read at every scrape.
    kept: Mutex<BTreeMap<String, (u64, Arc<Dir>)>>,
}

/// Each takes some twenty of the process' open files.
const MOST_KEPT: usize = 8;

impl Netclass {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self {
            devices: settings.ignored("collector.netclass.ignored-devices")?,
            ignore_invalid_speed: settings.bool("collector.netclass.ignore-invalid-speed"),
            netlink: settings.bool("collector.netclass.netlink"),
            with_stats: settings.bool("collector.netclass_rtnl.with-stats"),
            kept: Mutex::default(),
        })
    }
}

/// A megabit a second in bytes a second.
const MBIT: f64 = 125_000.0;
const IFF_UP: u32 = 1;

/// File, metric; counters end in `_total`.
const FILES: [(&str, &str); 16] = [
    ("addr_assign_type", "address_assign_type"),
    ("carrier", "carrier"),
    ("carrier_changes", "carrier_changes_total"),
    ("carrier_up_count", "carrier_up_changes_total"),
    ("carrier_down_count", "carrier_down_changes_total"),
    ("dev_id", "device_id"),
    ("dormant", "dormant"),
    ("flags", "flags"),
    ("ifindex", "iface_id"),
    ("iflink", "iface_link"),
    ("link_mode", "iface_link_mode"),
    ("mtu", "mtu_bytes"),
    ("name_assign_type", "name_assign_type"),
    ("netdev_group", "net_dev_group"),
    ("tx_queue_len", "transmit_queue_length"),
    ("type", "protocol_type"),
];

impl Collector for Netclass {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/net")?.ok_or(CollectError::NoData)?;
        if self.netlink {
            return self.collect_links(&class, out);
        }
        let names = class.names();
        for device in names.iter().filter(|device| !self.devices.ignores(device)) {
            // Files such as bonding_masters are no devices.
            if let Some(dir) = self.device(&class, device) {
                self.collect_device(device, &dir, out);
            }
        }
        self.kept.lock().retain(|device, _| names.contains(device));
        Ok(())
    }
}

impl Netclass {
    fn device(&self, class: &Dir, device: &str) -> Option<Arc<Dir>> {
        let identity = class.identity(device)?;
        let mut kept = self.kept.lock();
        match kept.get(device) {
            Some((known, dir)) if *known == identity => return Some(Arc::clone(dir)),
            // Another device took the name.
            Some(_) => drop(kept.remove(device)),
            None => {}
        }
        let dir = class.dir(device)?;
        if kept.len() >= MOST_KEPT {
            return Some(Arc::new(dir));
        }
        let dir = Arc::new(dir.keep_open());
        if dir.is_kept_open() {
            kept.insert(device.to_owned(), (identity, Arc::clone(&dir)));
        }
        Some(dir)
    }

    /// Drivers differ in what they answer; what cannot be read or understood is left out.
    fn collect_device(&self, device: &str, dir: &Dir, out: &mut MetricSink) {
        let mut flags = None;
        for (file, metric) in FILES {
            let Some(value) = dir.number_if_any(file) else { continue };
            if file == "flags" {
                flags = Some(value);
            }
            put(out, metric, device, value);
        }
        let state = dir.text("operstate").unwrap_or_default();
        put_up(out, device, state == "up");
        let admin = match flags {
            None => "unknown",
            Some(flags) if flags as u32 & IFF_UP == IFF_UP => "up",
            Some(_) => "down",
        };
        let text = |file: &str| dir.text(file).unwrap_or_default();
        let labels = [
            ("address", text("address").as_str()),
            ("adminstate", admin),
            ("broadcast", &text("broadcast")),
            ("device", device),
            ("duplex", &text("duplex")),
            ("ifalias", &text("ifalias")),
            ("operstate", &state),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let labels = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
        out.info("network_info", "Non-numeric data from /sys/class/net/<iface>, value is always 1.", &labels);
        // A driver that does not know its speed says -1.
        let speed = dir.number_if_any("speed").filter(|speed| *speed >= 0.0 || !self.ignore_invalid_speed);
        if let Some(speed) = speed {
            put(out, "speed_bytes", device, speed * MBIT);
        }
    }

    fn collect_links(&self, class: &Dir, out: &mut MetricSink) -> Result<(), CollectError> {
        for link in netlink_links::links()? {
            if self.devices.ignores(&link.name) {
                continue;
            }
            let device = link.name.as_str();
            for (metric, value) in &link.numbers {
                put(out, metric, device, *value);
            }
            // What netlink does not tell.
            let dir = class.dir(device);
            let number = |file: &str| dir.as_ref()?.number_if_any(file);
            for (file, metric) in [
                ("addr_assign_type", "address_assign_type"),
                ("dev_id", "device_id"),
                ("name_assign_type", "name_assign_type"),
            ] {
                if let Some(value) = number(file) {
                    put(out, metric, device, value);
                }
            }
            if let Some(speed) = number("speed").filter(|speed| *speed >= 0.0) {
                put(out, "speed_bytes", device, speed * MBIT);
            }
            put_up(out, device, link.state == "up");
            // As ethtool's netlink writes it.
            let duplex = match dir.as_ref().and_then(|dir| dir.text("duplex")).as_deref() {
                Some("full") => "Full",
                Some("half") => "Half",
                Some("unknown") => "Unknown",
                _ => "",
            };
            let labels = [
                ("address", link.address.as_str()),
                ("broadcast", &link.broadcast),
                ("device", device),
                ("duplex", duplex),
                ("ifalias", &link.alias),
                ("operstate", link.state),
            ];
            out.info("network_info", "Non-numeric data of <iface>, value is always 1.", &labels);
            for altname in &link.altnames {
                let help = "Non-numeric data of <iface> altname, value is always 1.";
                out.info("network_altnames_info", help, &[("altname", altname), ("device", device)]);
            }
            if self.with_stats {
                for (metric, value) in &link.stats {
                    let help = format_args!("Network device property: {metric}");
                    out.gauge(format_args!("network_{metric}"), help, &[("device", device)], *value);
                }
            }
        }
        Ok(())
    }
}

fn put(out: &mut MetricSink, metric: &str, device: &str, value: f64) {
    let help = format_args!("Network device property: {metric}");
    let (name, labels) = (format_args!("network_{metric}"), [("device", device)]);
    if metric.ends_with("_total") {
        out.counter(name, help, &labels, value);
    } else {
        out.gauge(name, help, &labels, value);
    }
}

fn put_up(out: &mut MetricSink, device: &str, up: bool) {
    let help = "Value is 1 if operstate is 'up', 0 otherwise.";
    out.gauge("network_up", help, &[("device", device)], f64::from(u8::from(up)));
}
