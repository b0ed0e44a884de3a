//! Counters of network devices, from `/proc/net/dev`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.netdev.device-exclude",
        Text,
        "Regexp of net devices to exclude (mutually exclusive to device-include).",
    ),
    FlagDef::new(
        "collector.netdev.device-include",
        Text,
        "Regexp of net devices to include (mutually exclusive to device-exclude).",
    ),
];

#[derive(Debug)]
pub(crate) struct Netdev {
    devices: DeviceFilter,
}

impl Netdev {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { devices: settings.filter("collector.netdev.device")? })
    }
}

/// The columns of `/proc/net/dev` in order.
const COLUMNS: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

impl Collector for Netdev {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
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
            for (column, word) in COLUMNS.iter().zip(counts.split_ascii_whitespace()) {
                let value = file.number(number, word)?;
                let help = format!("Network device statistic {column}.");
                out.counter(&format!("network_{column}_total"), &help, &[("device", device)], value);
            }
            // Only netlink carries this one in the reference; sysfs has the same counter.
            let nohandler = host.sys(format!("class/net/{device}/statistics/rx_nohandler"));
            if let Some(value) = nohandler.and_then(|text| text.parse().ok()) {
                let help = "Network device statistic receive_nohandler.";
                out.counter("network_receive_nohandler_total", help, &[("device", device)], value);
            }
        }
        Ok(())
    }
}
