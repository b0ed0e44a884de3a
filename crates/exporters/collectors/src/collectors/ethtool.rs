//! What the drivers of network devices count and what their links can do.

use std::collections::BTreeMap;

use firesteel_cli::{FlagDef, FlagKind};
use tracing::debug;

use crate::ethtool_call::{Drivers, Link};
use crate::metric_name::metric_name;
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

const METRICS: &str = "collector.ethtool.metrics-include";

#[rustfmt::skip]
pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new("collector.ethtool.device-include", FlagKind::Text, "Regexp of ethtool devices to include (mutually exclusive to device-exclude)."),
    FlagDef::new("collector.ethtool.device-exclude", FlagKind::Text, "Regexp of ethtool devices to exclude (mutually exclusive to device-include)."),
    FlagDef::new(METRICS, FlagKind::Text, "Regexp of ethtool stats to include.").default(&[".*"]),
];

#[derive(Debug)]
pub(crate) struct Ethtool {
    devices: DeviceFilter,
    metrics: DeviceFilter,
}

impl Ethtool {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { devices: settings.filter("collector.ethtool.device")?, metrics: settings.shown(METRICS)? })
    }
}

/// Statistics that most drivers have: the driver's name, metric, help.
#[rustfmt::skip]
const COMMON: [(&str, &str, &str); 7] = [
    ("rx_bytes", "received_bytes_total", "Network interface bytes received"),
    ("rx_dropped", "received_dropped_total", "Number of received frames dropped"),
    ("rx_errors", "received_errors_total", "Number of received frames with errors"),
    ("rx_packets", "received_packets_total", "Network interface packets received"),
    ("tx_bytes", "transmitted_bytes_total", "Network interface bytes sent"),
    ("tx_errors", "transmitted_errors_total", "Number of sent frames with errors"),
    ("tx_packets", "transmitted_packets_total", "Network interface packets sent"),
];

/// Bit, Mbit/s, duplex, mode; linux/ethtool.h, `ETHTOOL_LINK_MODE_*`. The reference asks with a call of 32 bits.
#[rustfmt::skip]
const SPEEDS: [(u32, u32, &str, &str); 22] = [
    (0, 10, "half", "T"), (1, 10, "full", "T"), (2, 100, "half", "T"), (3, 100, "full", "T"),
    (4, 1000, "half", "T"), (5, 1000, "full", "T"), (12, 10_000, "full", "T"), (17, 1000, "full", "KX"),
    (18, 10_000, "full", "KX4"), (19, 10_000, "full", "KR"), (20, 10_000, "full", "R_FEC"),
    (21, 20_000, "full", "MLD2"), (22, 20_000, "full", "KR2"), (23, 40_000, "full", "KR4"),
    (24, 40_000, "full", "CR4"), (25, 40_000, "full", "SR4"), (26, 40_000, "full", "LR4"),
    (27, 56_000, "full", "KR4"), (28, 56_000, "full", "CR4"), (29, 56_000, "full", "SR4"),
    (30, 56_000, "full", "LR4"), (31, 25_000, "full", "CR"),
];

const PORTS: [(u32, &str); 6] = [(7, "TP"), (8, "AUI"), (9, "MII"), (10, "FIBRE"), (11, "BNC"), (16, "Backplane")];

/// Bit, metric without its ending, help without its end.
const ABILITIES: [(u32, &str, [&str; 2]); 3] = [
    (6, "autonegotiate", ["If this port device supports autonegotiate", "If this port device offers autonegotiate"]),
    (13, "pause", ["If this port device supports pause frames", "If this port device offers pause capability"]),
    (
        14,
        "asymmetricpause",
        [
            "If this port device supports asymmetric pause frames",
            "If this port device offers asymmetric pause capability",
        ],
    ),
];

/// Bytes a second of a Mbit a second.
const MEGABIT_BYTES: f64 = 125_000.0;

impl Collector for Ethtool {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let failed = |source| CollectError::System { what: "ethtool", source };
        let Some(dir) = host.sys_dir("class/net")? else { return Err(CollectError::NoData) };
        let names = dir.names();
        if names.is_empty() {
            return Err(failed(std::io::Error::other("no network devices found")));
        }
        let drivers = Drivers::open().map_err(failed)?;
        for device in names.iter().filter(|name| !self.devices.ignores(name)) {
            match drivers.link(device) {
                Ok(link) => put_link(device, link, out),
                Err(err) => debug!(device, %err, "ethtool link info error"),
            }
            let driver = match drivers.driver(device) {
                Ok(driver) => driver,
                Err(err) => {
                    debug!(device, %err, "ethtool driver info error");
                    continue;
                }
            };
            let labels = [
                ("bus_info", driver.bus_info.as_str()),
                ("device", device),
                ("driver", &driver.name),
                ("expansion_rom_version", &driver.rom_version),
                ("firmware_version", &driver.firmware_version),
                ("version", &driver.version),
            ];
            let help = "A metric with a constant '1' value labeled by bus_info, device, driver, expansion_rom_version, \
                firmware_version, version.";
            out.info("ethtool_info", help, &labels);
            match drivers.stats(device, &driver) {
                Ok(stats) => self.put_stats(device, stats, out),
                Err(err) => debug!(device, %err, "ethtool stats error"),
            }
        }
        Ok(())
    }
}

impl Ethtool {
    fn put_stats(&self, device: &str, stats: Vec<(String, u64)>, out: &mut MetricSink) {
        // Names that become the same are all left out.
        let mut by_metric: BTreeMap<String, Option<(String, u64)>> = BTreeMap::new();
        for (name, value) in stats {
            let name = metric_name(&name);
            if !self.metrics.ignores(&name) {
                by_metric.entry(full_name(&name)).and_modify(|known| *known = None).or_insert(Some((name, value)));
            }
        }
        for (metric, found) in by_metric {
            let Some((name, value)) = found else { continue };
            let labels = [("device", device)];
            match COMMON.iter().find(|row| row.0 == name) {
                Some((_, metric, help)) => out.untyped(format_args!("ethtool_{metric}"), help, &labels, value as f64),
                None => {
                    let help = format_args!("Network interface {name}");
                    out.untyped(format_args!("ethtool_{metric}"), help, &labels, value as f64);
                }
            }
        }
    }
}

/// Writes out "rx" and "tx" where they are words. A word behind one that was written out keeps its form, as the reference's
/// pattern takes the underscore between them.
fn full_name(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> = lower.trim_start_matches('_').split('_').collect();
    for (short, long) in [("rx", "received"), ("tx", "transmitted")] {
        let mut was_short = false;
        for word in &mut words {
            was_short = *word == short && !was_short;
            if was_short {
                *word = long;
            }
        }
    }
    words.join("_")
}

fn put_link(device: &str, link: Link, out: &mut MetricSink) {
    let has = |modes: u32, bit: u32| modes & (1 << bit) != 0;
    let sides = [("supported", link.supported), ("advertised", link.advertised)];
    for (at, (side, modes)) in sides.into_iter().enumerate() {
        let help = [
            "Combination of speeds and features supported by network device",
            "Combination of speeds and features offered by network device",
        ][at];
        for (_, speed, duplex, phy) in SPEEDS.into_iter().filter(|row| has(modes, row.0)) {
            let labels = [("device", device), ("duplex", duplex), ("mode", &*format!("{speed}base{phy}"))];
            out.gauge(format_args!("network_{side}_speed_bytes"), help, &labels, f64::from(speed) * MEGABIT_BYTES);
        }
        for (bit, ability, helps) in ABILITIES {
            let value = f64::from(u8::from(has(modes, bit)));
            out.gauge(format_args!("network_{ability}_{side}"), helps[at], &[("device", device)], value);
        }
    }
    for (_, port) in PORTS.into_iter().filter(|row| has(link.supported, row.0)) {
        let help = "Type of ports or PHYs supported by network device";
        out.info("network_supported_port_info", help, &[("device", device), ("type", port)]);
    }
    let autonegotiates = f64::from(u8::from(link.autonegotiates));
    let help = "If this port is using autonegotiate";
    out.gauge("network_autonegotiate", help, &[("device", device)], autonegotiates);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_drivers() {
        let cases = [
            ("rx_errors", "received_errors"),
            ("Queue[0] AllocFails", "queue_0_allocfails"),
            ("port.rx_dropped", "port_received_dropped"),
            ("tx", "transmitted"),
            ("_tx_rx_", "transmitted_received_"),
            ("rx_rx_rx", "received_rx_received"),
            ("rxtx", "rxtx"),
        ];
        for (name, want) in cases {
            assert_eq!(full_name(&metric_name(name)), want, "{name}");
        }
    }

    #[test]
    fn links_and_statistics() {
        let ethtool = Ethtool::new(&Settings::default()).unwrap();
        let mut out = MetricSink::default();
        put_link("eth0", Link { supported: 0x80_20e8, advertised: 0x20, autonegotiates: true }, &mut out);
        let stats = [("rx_bytes", 5), ("a.b", 1), ("a b", 2), ("tx_queue_0", 7)];
        ethtool.put_stats("eth0", stats.map(|(name, value)| (name.to_owned(), value)).to_vec(), &mut out);
        let families = out.into_families();
        let names: Vec<(&str, usize)> = families.iter().map(|f| (f.name.as_str(), f.metrics.len())).collect();
        let want = [
            ("node_ethtool_received_bytes_total", 1),
            ("node_ethtool_transmitted_queue_0", 1),
            ("node_network_advertised_speed_bytes", 1),
            ("node_network_asymmetricpause_advertised", 1),
            ("node_network_asymmetricpause_supported", 1),
            ("node_network_autonegotiate", 1),
            ("node_network_autonegotiate_advertised", 1),
            ("node_network_autonegotiate_supported", 1),
            ("node_network_pause_advertised", 1),
            ("node_network_pause_supported", 1),
            ("node_network_supported_port_info", 1),
            ("node_network_supported_speed_bytes", 3),
        ];
        assert_eq!(names, want);
    }
}
