//! Counters of block devices, from `/proc/diskstats`, and what udev knows of them.

use std::collections::BTreeMap;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::dir::Dir;
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.diskstats.device-exclude",
        Text,
        "Regexp of diskstats devices to exclude (mutually exclusive to device-include).",
    )
    .default(&["^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$"]),
    FlagDef::new("collector.diskstats.ignored-devices", Text, "DEPRECATED: Use collector.diskstats.device-exclude")
        .hidden(),
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
        let settings = settings.renamed("collector.diskstats.ignored-devices", "collector.diskstats.device-exclude")?;
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

/// Property, metric, help.
const ATA: [(&str, &str, &str); 3] = [
    ("ID_ATA_WRITE_CACHE", "disk_ata_write_cache", "ATA disk has a write cache."),
    ("ID_ATA_WRITE_CACHE_ENABLED", "disk_ata_write_cache_enabled", "ATA disk has its write cache enabled."),
    ("ID_ATA_ROTATION_RATE_RPM", "disk_ata_rotation_rate_rpm", "ATA disk rotation rate in RPMs (0 for SSDs)."),
];

impl Collector for Diskstats {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("diskstats")?;
        // Containers and systems without udev have none.
        let udev = Dir::open(host.udev_data.clone()).ok().flatten();
        let block = host.sys_dir("block")?;
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
                if name.ends_with("_total") {
                    out.counter(format_args!("disk_{name}"), help, &labels, value);
                } else {
                    out.gauge(format_args!("disk_{name}"), help, &labels, value);
                }
            }
            let text = udev.as_ref().and_then(|dir| dir.file(&format!("b{major}:{minor}")).ok().flatten());
            let properties = properties(text.as_ref().map_or("", |file| &file.text));
            let rotational = block.as_ref().and_then(|dir| dir.number_if_any(&format!("{device}/queue/rotational")));
            put_info(out, [device, major, minor], &properties, rotational == Some(1.0));
        }
        Ok(())
    }
}

/// Lines such as `E:ID_MODEL=…` of udev's database.
fn properties(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('=')).collect()
}

fn put_info(
    out: &mut MetricSink,
    [device, major, minor]: [&str; 3],
    properties: &BTreeMap<&str, &str>,
    rotational: bool,
) {
    let property = |name: &str| properties.get(name).copied().unwrap_or_default();
    // The first is printed on the disk; virtual ones know the last.
    let serials = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"].map(property);
    let info = [
        ("device", device),
        ("major", major),
        ("minor", minor),
        ("model", property("ID_MODEL")),
        ("path", property("ID_PATH")),
        ("revision", property("ID_REVISION")),
        ("rotational", if rotational { "1" } else { "0" }),
        ("serial", serials.into_iter().find(|serial| !serial.is_empty()).unwrap_or_default()),
        ("wwn", property("ID_WWN")),
    ];
    out.info("disk_info", "Info of /sys/block/<block_device>.", &info);
    if !property("ID_FS_TYPE").is_empty() {
        let info = [
            ("device", device),
            ("type", property("ID_FS_TYPE")),
            ("usage", property("ID_FS_USAGE")),
            ("uuid", property("ID_FS_UUID")),
            ("version", property("ID_FS_VERSION")),
        ];
        out.info("disk_filesystem_info", "Info about disk filesystem.", &info);
    }
    if !property("DM_NAME").is_empty() {
        let info = [
            ("device", device),
            ("lv_layer", property("DM_LV_LAYER")),
            ("lv_name", property("DM_LV_NAME")),
            ("name", property("DM_NAME")),
            ("uuid", property("DM_UUID")),
            ("vg_name", property("DM_VG_NAME")),
        ];
        out.info("disk_device_mapper_info", "Info about disk device mapper.", &info);
    }
    if !property("ID_ATA").is_empty() {
        for (name, metric, help) in ATA {
            if let Some(value) = properties.get(name).and_then(|text| text.parse().ok()) {
                out.gauge(metric, help, &[("device", device)], value);
            }
        }
    }
}
