//! Traffic counters of network devices, over netlink or from `/proc/net/dev`.

use std::net::IpAddr;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::{Bool, Text};

use super::netlink_links::{self, COUNTERS};
use crate::netlink::{GET_ADDRESS, dump, u32_at};
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.netdev.device-include",
        Text,
        "Regexp of net devices to include (mutually exclusive to device-exclude).",
    ),
    FlagDef::new("collector.netdev.device-whitelist", Text, "DEPRECATED: Use collector.netdev.device-include").hidden(),
    FlagDef::new(
        "collector.netdev.device-exclude",
        Text,
        "Regexp of net devices to exclude (mutually exclusive to device-include).",
    ),
    FlagDef::new("collector.netdev.device-blacklist", Text, "DEPRECATED: Use collector.netdev.device-exclude").hidden(),
    FlagDef::new("collector.netdev.address-info", Bool, "Collect address-info for every device"),
    FlagDef::new(
        "collector.netdev.enable-detailed-metrics",
        Bool,
        "Use (incompatible) metric names that provide more detailed stats on Linux",
    ),
    FlagDef::new("collector.netdev.netlink", Bool, "Use netlink to gather stats instead of /proc/net/dev.")
        .default(&["true"]),
    FlagDef::new("collector.netdev.label-ifalias", Bool, "Add ifAlias label"),
];

#[derive(Debug)]
pub(crate) struct Netdev {
    devices: DeviceFilter,
    address_info: bool,
    detailed: bool,
    netlink: bool,
    label_alias: bool,
}

impl Netdev {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let settings = settings
            .renamed("collector.netdev.device-whitelist", "collector.netdev.device-include")?
            .renamed("collector.netdev.device-blacklist", "collector.netdev.device-exclude")?;
        Ok(Self {
            devices: settings.filter("collector.netdev.device")?,
            address_info: settings.bool("collector.netdev.address-info"),
            detailed: settings.bool("collector.netdev.enable-detailed-metrics"),
            netlink: settings.bool("collector.netdev.netlink"),
            label_alias: settings.bool("collector.netdev.label-ifalias"),
        })
    }
}

/// The columns of `/proc/net/dev` in order, and what they are called with detailed metrics.
const COLUMNS: [(&str, &str); 16] = [
    ("receive_bytes", "receive_bytes"),
    ("receive_packets", "receive_packets"),
    ("receive_errs", "receive_errors"),
    ("receive_drop", "receive_dropped"),
    ("receive_fifo", "receive_fifo"),
    ("receive_frame", "receive_frame"),
    ("receive_compressed", "receive_compressed"),
    ("receive_multicast", "receive_multicast"),
    ("transmit_bytes", "transmit_bytes"),
    ("transmit_packets", "transmit_packets"),
    ("transmit_errs", "transmit_errors"),
    ("transmit_drop", "transmit_dropped"),
    ("transmit_fifo", "transmit_fifo"),
    ("transmit_colls", "transmit_colls"),
    ("transmit_carrier", "transmit_carrier"),
    ("transmit_compressed", "transmit_compressed"),
];

/// Counters of `rtnl_link_stats64` in the kernel's order.
const DETAILED: [&str; COUNTERS] = [
    "receive_packets",
    "transmit_packets",
    "receive_bytes",
    "transmit_bytes",
    "receive_errors",
    "transmit_errors",
    "receive_dropped",
    "transmit_dropped",
    "multicast",
    "collisions",
    "receive_length_errors",
    "receive_over_errors",
    "receive_crc_errors",
    "receive_frame_errors",
    "receive_fifo_errors",
    "receive_missed_errors",
    "transmit_aborted_errors",
    "transmit_carrier_errors",
    "transmit_fifo_errors",
    "transmit_heartbeat_errors",
    "transmit_window_errors",
    "receive_compressed",
    "transmit_compressed",
    "receive_nohandler",
];

/// Those that `/proc/net/dev` has too are sums of the kernel's, as it makes them itself (net/core/net-procfs.c).
const SUMMED: [(&str, &[usize]); 17] = [
    ("receive_packets", &[0]),
    ("transmit_packets", &[1]),
    ("receive_bytes", &[2]),
    ("transmit_bytes", &[3]),
    ("receive_errs", &[4]),
    ("transmit_errs", &[5]),
    ("receive_drop", &[6, 15]),
    ("transmit_drop", &[7]),
    ("receive_multicast", &[8]),
    ("transmit_colls", &[9]),
    ("receive_frame", &[10, 11, 12, 13]),
    ("receive_fifo", &[14]),
    ("transmit_carrier", &[16, 17, 19, 20]),
    ("transmit_fifo", &[18]),
    ("receive_compressed", &[21]),
    ("transmit_compressed", &[22]),
    ("receive_nohandler", &[23]),
];

impl Collector for Netdev {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        if self.netlink {
            for (_, device, counters) in netlink_links::counters()? {
                if self.devices.ignores(&device) {
                    continue;
                }
                let alias = self.alias(host, &device);
                if self.detailed {
                    for (name, value) in DETAILED.into_iter().zip(counters) {
                        put(out, name, &device, alias.as_deref(), value as f64);
                    }
                } else {
                    for (name, parts) in SUMMED {
                        let sum = parts.iter().fold(0u64, |sum, at| sum.wrapping_add(counters[*at]));
                        put(out, name, &device, alias.as_deref(), sum as f64);
                    }
                }
            }
        } else {
            self.collect_file(host, out)?;
        }
        if self.address_info { self.collect_addresses(out) } else { Ok(()) }
    }
}

fn put(out: &mut MetricSink, name: &str, device: &str, alias: Option<&str>, value: f64) {
    let labels = [("device", device), ("ifalias", alias.unwrap_or_default())];
    let labels = &labels[..if alias.is_some() { 2 } else { 1 }];
    out.counter(format_args!("network_{name}_total"), format_args!("Network device statistic {name}."), labels, value);
}

impl Netdev {
    fn alias(&self, host: &HostRoots, device: &str) -> Option<String> {
        self.label_alias.then(|| host.sys(format!("class/net/{device}/ifalias")).unwrap_or_default())
    }

    fn collect_file(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("net/dev")?;
        // Two lines of headings.
        for (number, line) in file.lines().skip(2) {
            let Some((device, counts)) = line.rsplit_once(':') else {
                return Err(file.malformed(number, "no device before a colon"));
            };
            let device = device.trim();
            if self.devices.ignores(device) {
                continue;
            }
            let alias = self.alias(host, device);
            for ((name, detailed), word) in COLUMNS.iter().zip(counts.split_ascii_whitespace()) {
                let name = if self.detailed { detailed } else { name };
                put(out, name, device, alias.as_deref(), file.number(number, word)?);
            }
        }
        Ok(())
    }

    fn collect_addresses(&self, out: &mut MetricSink) -> Result<(), CollectError> {
        // An ifaddrmsg: family, length of the prefix, flags, scope, index of the device.
        const IFADDRMSG_BYTES: usize = 8;
        const IFA_ADDRESS: u16 = 1;
        const IFA_LOCAL: u16 = 2;
        let links = netlink_links::counters()?;
        for (head, attributes) in dump(GET_ADDRESS, &[0; IFADDRMSG_BYTES])?.messages(IFADDRMSG_BYTES) {
            let device = u32_at(head, 4).and_then(|index| links.iter().find(|(known, ..)| *known == index));
            let Some((_, device, _)) = device.filter(|(_, name, _)| !self.devices.ignores(name)) else { continue };
            let bytes = attributes.get(IFA_LOCAL).or_else(|| attributes.get(IFA_ADDRESS)).unwrap_or_default();
            let address = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
                (Ok(v4), _) => IpAddr::from(v4),
                (_, Ok(v6)) => IpAddr::from(v6),
                _ => continue,
            };
            let (text, prefix) = (address.to_string(), head[1].to_string());
            let labels =
                [("address", text.as_str()), ("device", device), ("netmask", &prefix), ("scope", scope(address))];
            out.info("network_address_info", "node network address by device", &labels);
        }
        Ok(())
    }
}

fn scope(address: IpAddr) -> &'static str {
    let (link_local, broadcast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.is_broadcast()),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), false),
    };
    if address.is_loopback() || link_local {
        "link-local"
    } else if address.is_unspecified() || address.is_multicast() || broadcast {
        ""
    } else {
        "global"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes() {
        for (address, want) in [
            ("127.0.0.1", "link-local"),
            ("169.254.3.4", "link-local"),
            ("10.1.2.3", "global"),
            ("::1", "link-local"),
            ("fe80::1", "link-local"),
            ("2001:db8::1", "global"),
            ("fd00::1", "global"),
            ("0.0.0.0", ""),
        ] {
            assert_eq!(scope(address.parse().unwrap()), want, "{address}");
        }
    }
}
