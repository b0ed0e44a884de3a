//! Counters of block devices, from `/proc/diskstats`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.diskstats.device-exclude",
        Text,
        "Regexp of diskstats devices to exclude (mutually exclusive to device-include).",
    )
    .default(&["^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$"]),
    FlagDef::new(
        "collector.diskstats.device-include",
        Text,
        "Regexp of diskstats devices to include (mutually exclusive to device-exclude).",
    ),
];

#[derive(Debug)]
pub(crate) struct Diskstats {
    devices: DeviceFilter,
}

impl Diskstats {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { devices: settings.filter("collector.diskstats.device")? })
    }
}

/// The kernel counts sectors of 512 bytes whatever the device's own are.
const SECTOR_BYTES: f64 = 512.0;
const MS: f64 = 1e-3;

/// Metric, help, factor; in the order of the columns after the device's name (Documentation/admin-guide/iostats).
const COLUMNS: [(&str, &str, f64); 17] = [
    ("reads_completed_total", "The total number of reads completed successfully.", 1.0),
    ("reads_merged_total", "The total number of reads merged.", 1.0),
    ("read_bytes_total", "The total number of bytes read successfully.", SECTOR_BYTES),
    ("read_time_seconds_total", "The total number of seconds spent by all reads.", MS),
    ("writes_completed_total", "The total number of writes completed successfully.", 1.0),
    ("writes_merged_total", "The number of writes merged.", 1.0),
    ("written_bytes_total", "The total number of bytes written successfully.", SECTOR_BYTES),
    ("write_time_seconds_total", "This is the total number of seconds spent by all writes.", MS),
    ("io_now", "The number of I/Os currently in progress.", 1.0),
    ("io_time_seconds_total", "Total seconds spent doing I/Os.", MS),
    ("io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os.", MS),
    ("discards_completed_total", "The total number of discards completed successfully.", 1.0),
    ("discards_merged_total", "The total number of discards merged.", 1.0),
    ("discarded_sectors_total", "The total number of sectors discarded successfully.", 1.0),
    ("discard_time_seconds_total", "This is the total number of seconds spent by all discards.", MS),
    ("flush_requests_total", "The total number of flush requests completed successfully", 1.0),
    ("flush_requests_time_seconds_total", "This is the total number of seconds spent by all flush requests.", MS),
];

impl Collector for Diskstats {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("diskstats")?;
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(major), Some(minor), Some(device)) = (words.next(), words.next(), words.next()) else {
                return Err(file.malformed(number, "fewer than three fields"));
            };
            if self.devices.ignores(device) {
                continue;
            }
            let labels = [("device", device)];
            // Old kernels have fewer columns.
            for ((name, help, factor), word) in COLUMNS.iter().zip(words) {
                // Division by 1000 and multiplication with 0.001 differ in the last digit; the reference multiplies.
                let value = file.number(number, word)? * factor;
                let name = format!("disk_{name}");
                if name.ends_with("_total") {
                    out.counter(&name, help, &labels, value);
                } else {
                    out.gauge(&name, help, &labels, value);
                }
            }
            let rotational = host.sys(format!("block/{device}/queue/rotational")).unwrap_or_default();
            let info = [
                ("device", device),
                ("major", major),
                ("minor", minor),
                ("model", &host.sys(format!("block/{device}/device/model")).unwrap_or_default()),
                ("serial", &host.sys(format!("block/{device}/device/serial")).unwrap_or_default()),
                ("rotational", &rotational),
            ];
            out.gauge("disk_info", "Info of /sys/block/<block_device>.", &info, 1.0);
        }
        Ok(())
    }
}
