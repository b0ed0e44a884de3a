//! Btrfs file systems, from `/sys/fs/btrfs`, and their devices as an ioctl tells of them to root.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tracing::debug;

use super::mounts::mounts;
use crate::btrfs_call::{Device, ERRORS, devices};
use crate::dir::Dir;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Btrfs;

const SECTOR_BYTES: f64 = 512.0;
const DEVICE_SIZE: &str = "Size of a device that is part of the filesystem.";
const KINDS: [&str; 3] = ["data", "metadata", "system"];

/// Key of `commit_stats`, metric, help, divisor.
const COMMITS: [(&str, &str, &str, f64); 4] = [
    ("commits", "btrfs_commits_total", "The total number of commits that have occurred.", 1.0),
    ("last_commit_ms", "btrfs_last_commit_seconds", "Duration of the most recent commit, in seconds.", 1000.0),
    ("max_commit_ms", "btrfs_max_commit_seconds", "Duration of the slowest commit, in seconds.", 1000.0),
    ("total_commit_ms", "btrfs_commit_seconds_total", "Sum of the duration of all commits, in seconds.", 1000.0),
];

impl Collector for Btrfs {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(all) = host.sys_dir("fs/btrfs")? else { return Ok(()) };
        let told = told_devices(host);
        // Beside file systems there is a directory "features".
        for name in all.names().into_iter().filter(|name| name.contains('-')) {
            let Some(dir) = all.dir(&name) else { continue };
            // Where the identity was changed, this is the one that mounts know.
            let uuid = dir.try_text("metadata_uuid")?.filter(|uuid| !uuid.is_empty()).unwrap_or(name);
            collect_filesystem(&uuid, &dir, told.get(&uuid).map(Vec::as_slice), out)?;
        }
        Ok(())
    }
}

/// Returns the devices of those file systems that may be asked, by identity.
fn told_devices(host: &HostRoots) -> BTreeMap<String, Vec<Device>> {
    let mut told = BTreeMap::new();
    let mut done = BTreeSet::new();
    let mounted = mounts(host).unwrap_or_default();
    for mount in mounted.into_iter().filter(|mount| mount.fs_type == "btrfs") {
        if done.contains(&mount.device) {
            continue;
        }
        match devices(Path::new(&mount.path)) {
            Ok((uuid, devices)) => {
                told.entry(uuid).or_insert(devices);
                done.insert(mount.device);
            }
            // Another mount of it may do.
            Err(err) => debug!(mount_point = mount.path, %err, "Error querying btrfs filesystem"),
        }
    }
    told
}

fn collect_device(uuid: &str, device: &Device, out: &mut MetricSink) {
    let labels = [("btrfs_dev_uuid", device.uuid.as_str()), ("device", device.name.as_str()), ("uuid", uuid)];
    out.gauge("btrfs_device_size_bytes", DEVICE_SIZE, &labels, device.total_bytes as f64);
    // The help is upstream's to the letter.
    let help = "Unused bytes unused on a device that is part of the filesystem.";
    let unused = device.total_bytes.wrapping_sub(device.used_bytes);
    out.gauge("btrfs_device_unused_bytes", help, &labels, unused as f64);
    for (kind, count) in ERRORS.iter().zip(device.errors) {
        let labels = [labels[0], labels[1], ("type", kind), labels[2]];
        out.counter("btrfs_device_errors_total", "Errors reported for the device", &labels, count as f64);
    }
}

fn collect_filesystem(
    uuid: &str,
    dir: &Dir,
    told: Option<&[Device]>,
    out: &mut MetricSink,
) -> Result<(), CollectError> {
    let label = dir.try_text("label")?.unwrap_or_default();
    out.info("btrfs_info", "Filesystem information", &[("label", &label), ("uuid", uuid)]);
    let labels = [("uuid", uuid)];
    let reserve = dir.number("allocation/global_rsv_size")?.unwrap_or(0.0);
    out.gauge("btrfs_global_rsv_size_bytes", "Size of global reserve.", &labels, reserve);
    // Kernels before 6.0 do not count commits; they are shown as 0.
    let file = dir.file("commit_stats")?;
    for (key, metric, help, divisor) in COMMITS {
        let mut value = 0.0;
        for (number, line) in file.iter().flat_map(|file| file.lines().map(move |line| (file, line))).map(|(_, l)| l) {
            if let (Some(text), Some(file)) = (line.strip_prefix(key).filter(|r| r.starts_with(' ')), &file) {
                value = file.number(number, text.trim())? / divisor;
            }
        }
        if metric.ends_with("_total") {
            out.counter(metric, help, &labels, value);
        } else {
            out.gauge(metric, help, &labels, value);
        }
    }
    let devices = dir.dir("devices").map(|devices| devices.names()).unwrap_or_default();
    for device in told.unwrap_or_default() {
        collect_device(uuid, device, out);
    }
    for device in devices.iter().filter(|_| told.is_none()) {
        let sectors = dir.number(&format!("devices/{device}/size"))?.unwrap_or(0.0);
        out.gauge(
            "btrfs_device_size_bytes",
            DEVICE_SIZE,
            &[("device", device), ("uuid", uuid)],
            sectors * SECTOR_BYTES,
        );
    }
    for kind in KINDS {
        let Some(allocation) = dir.dir(&format!("allocation/{kind}")) else { continue };
        let labels = [("block_group_type", kind), ("uuid", uuid)];
        let reserved = allocation.number("bytes_reserved")?.unwrap_or(0.0);
        out.gauge("btrfs_reserved_bytes", "Amount of space reserved for a data type", &labels, reserved);
        for (mode, layout) in allocation.dirs() {
            let labels = [labels[0], ("mode", mode.as_str()), labels[1]];
            let used = layout.number("used_bytes")?.unwrap_or(0.0);
            out.gauge("btrfs_used_bytes", "Amount of used space by a layout/data type", &labels, used);
            let total = layout.number("total_bytes")?.unwrap_or(0.0);
            out.gauge("btrfs_size_bytes", "Amount of space allocated for a layout/data type", &labels, total);
            let help = "Data allocation ratio for a layout/data type";
            out.gauge("btrfs_allocation_ratio", help, &labels, allocation_ratio(&mode, devices.len() as f64));
        }
    }
    Ok(())
}

/// How many bytes of disk a byte of data takes.
fn allocation_ratio(mode: &str, devices: f64) -> f64 {
    match mode {
        "single" | "raid0" => 1.0,
        "dup" | "raid1" | "raid10" => 2.0,
        "raid1c3" => 3.0,
        "raid1c4" => 4.0,
        "raid5" => devices / (devices - 1.0),
        "raid6" => devices / (devices - 2.0),
        _ => 0.0,
    }
}
