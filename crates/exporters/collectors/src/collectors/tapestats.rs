//! Tape drives, from `/sys/class/scsi_tape`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] =
    &[FlagDef::new("collector.tapestats.ignored-devices", Text, "Regexp of devices to ignore for tapestats.")
        .default(&["^$"])];

#[derive(Debug)]
pub(crate) struct Tapestats {
    devices: DeviceFilter,
}

impl Tapestats {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { devices: settings.ignored("collector.tapestats.ignored-devices")? })
    }
}

const NS: f64 = 1e-9;

/// File below `stats`, metric, help, factor (Documentation/scsi/st).
const COUNTERS: [(&str, &str, &str, f64); 9] = [
    (
        "io_ns",
        "tape_io_time_seconds_total",
        "The amount of time spent waiting for all I/O to complete (including read and write). This includes tape movement \
         commands such as seeking between file or set marks and implicit tape movement such as when rewind on close \
         tape devices are used.",
        NS,
    ),
    (
        "other_cnt",
        "tape_io_others_total",
        "The number of I/Os issued to the tape drive other than read or write commands. The time taken to complete these \
         commands uses the following calculation io_time_seconds_total-read_time_seconds_total-write_time_seconds_total",
        1.0,
    ),
    ("read_byte_cnt", "tape_read_bytes_total", "The number of bytes read from the tape drive.", 1.0),
    ("read_cnt", "tape_reads_completed_total", "The number of read requests issued to the tape drive.", 1.0),
    ("read_ns", "tape_read_time_seconds_total", "The amount of time spent waiting for read requests to complete.", NS),
    (
        "resid_cnt",
        "tape_residual_total",
        "The number of times during a read or write we found the residual amount to be non-zero. This should mean that a \
         program is issuing a read larger thean the block size on tape. For write not all data made it to tape.",
        1.0,
    ),
    ("write_byte_cnt", "tape_written_bytes_total", "The number of bytes written to the tape drive.", 1.0),
    ("write_cnt", "tape_writes_completed_total", "The number of write requests issued to the tape drive.", 1.0),
    (
        "write_ns",
        "tape_write_time_seconds_total",
        "The amount of time spent waiting for write requests to complete.",
        NS,
    ),
];

impl Collector for Tapestats {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/scsi_tape")?.ok_or(CollectError::NoData)?;
        for device in class.names() {
            // Each drive also has a node for each of its modes, such as nst0 and st0a.
            let is_drive =
                device.strip_prefix("st").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
            let Some(dir) = class.dir(&device).filter(|_| is_drive && !self.devices.ignores(&device)) else { continue };
            let labels = [("device", device.as_str())];
            let number = |file: &str| dir.number(&format!("stats/{file}")).map(|value| value.unwrap_or(0.0));
            let help = "The number of I/Os currently outstanding to this device.";
            out.gauge("tape_io_now", help, &labels, number("in_flight")?);
            for (file, name, help, factor) in COUNTERS {
                out.counter(name, help, &labels, number(file)? * factor);
            }
        }
        Ok(())
    }
}
