//! Space and file nodes of mounted file systems.

use std::collections::BTreeSet;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::{GoDuration, Int, Text};

use super::mount_asker::MountAsker;
use super::mounts::{Mount, mounts};
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

const MOUNT_POINTS_EXCLUDE: &str =
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
const FS_TYPES_EXCLUDE: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|\
    hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|\
    tracefs)$";

/// Types whose statfs answers from memory, and that keep nobody waiting who walks over them.
#[rustfmt::skip]
const NEVER_HANGS: &[&str] = &[
    "ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
    "devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "securityfs", "selinuxfs", "sysfs",
    "tracefs",
];

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.filesystem.mount-points-exclude",
        Text,
        "Regexp of mount points to exclude for filesystem collector. (mutually exclusive to mount-points-include)",
    )
    .default(&[MOUNT_POINTS_EXCLUDE]),
    FlagDef::new(
        "collector.filesystem.ignored-mount-points",
        Text,
        "Regexp of mount points to ignore for filesystem collector.",
    )
    .hidden(),
    FlagDef::new(
        "collector.filesystem.mount-points-include",
        Text,
        "Regexp of mount points to include for filesystem collector. (mutually exclusive to mount-points-exclude)",
    ),
    FlagDef::new(
        "collector.filesystem.fs-types-exclude",
        Text,
        "Regexp of filesystem types to exclude for filesystem collector. (mutually exclusive to fs-types-include)",
    )
    .default(&[FS_TYPES_EXCLUDE]),
    FlagDef::new(
        "collector.filesystem.ignored-fs-types",
        Text,
        "Regexp of filesystem types to ignore for filesystem collector.",
    )
    .hidden(),
    FlagDef::new(
        "collector.filesystem.fs-types-include",
        Text,
        "Regexp of filesystem types to include for filesystem collector. (mutually exclusive to fs-types-exclude)",
    ),
    FlagDef::new(
        "collector.filesystem.mount-timeout",
        GoDuration,
        "how long to wait for a mount to respond before marking it as stale",
    )
    .default(&["5s"])
    .hidden(),
    FlagDef::new("collector.filesystem.stat-workers", Int, "how many stat calls to process simultaneously")
        .default(&["4"])
        .hidden(),
];

#[derive(Debug)]
pub(crate) struct Filesystem {
    mount_points: DeviceFilter,
    fs_types: DeviceFilter,
    asker: MountAsker,
}

impl Filesystem {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let settings = settings
            .renamed("collector.filesystem.ignored-mount-points", "collector.filesystem.mount-points-exclude")?
            .renamed("collector.filesystem.ignored-fs-types", "collector.filesystem.fs-types-exclude")?;
        let workers = settings.text("collector.filesystem.stat-workers").parse().unwrap_or(1).max(1);
        Ok(Self {
            mount_points: settings.filter("collector.filesystem.mount-points")?,
            fs_types: settings.filter("collector.filesystem.fs-types")?,
            asker: MountAsker::new(settings.duration("collector.filesystem.mount-timeout"), workers),
        })
    }
}

impl Collector for Filesystem {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut seen = BTreeSet::new();
        let all = mounts(host)?;
        // The way to a mount may lead over any other.
        let can_hang = all.iter().any(|mount| !NEVER_HANGS.contains(&mount.fs_type.as_str()));
        let wanted: Vec<Mount> = all
            .into_iter()
            .filter(|m| !self.mount_points.ignores(&m.mount_point) && !self.fs_types.ignores(&m.fs_type))
            // A path mounted over twice shows its last mount to statfs; one line is enough.
            .filter(|m| seen.insert((m.device.clone(), m.mount_point.clone())))
            .collect();
        let paths = wanted.iter().map(|mount| mount.path.clone()).collect();
        for (mount, answer) in wanted.iter().zip(self.asker.ask(paths, can_hang)) {
            let error = answer.as_ref().err().map_or("", String::as_str);
            let labels = [
                ("device", mount.device.as_str()),
                ("device_error", error),
                ("fstype", &mount.fs_type),
                ("mountpoint", &mount.mount_point),
            ];
            let failed = f64::from(u8::from(answer.is_err()));
            let help = "Whether an error occurred while getting statistics for the given device.";
            out.gauge("filesystem_device_error", help, &labels, failed);
            let read_only = f64::from(u8::from(mount.read_only));
            out.gauge("filesystem_readonly", "Filesystem read-only status.", &labels, read_only);
            let Ok(stat) = &answer else { continue };
            let block = stat.f_bsize as f64;
            for (name, help, value) in [
                ("filesystem_size_bytes", "Filesystem size in bytes.", stat.f_blocks as f64 * block),
                ("filesystem_free_bytes", "Filesystem free space in bytes.", stat.f_bfree as f64 * block),
                (
                    "filesystem_avail_bytes",
                    "Filesystem space available to non-root users in bytes.",
                    stat.f_bavail as f64 * block,
                ),
                ("filesystem_files", "Filesystem total file nodes.", stat.f_files as f64),
                ("filesystem_files_free", "Filesystem total free file nodes.", stat.f_ffree as f64),
                (
                    // The reference shows it as 0 on Linux (node_exporter 1.12.1, filesystem_common.go).
                    "filesystem_purgeable_bytes",
                    "Filesystem space available including purgeable space (MacOS specific).",
                    0.0,
                ),
            ] {
                out.gauge(name, help, &labels, value);
            }
            let info = [
                ("device", mount.device.as_str()),
                ("major", &mount.major),
                ("minor", &mount.minor),
                ("mountpoint", &mount.mount_point),
            ];
            out.info("filesystem_mount_info", "Filesystem mount information.", &info);
        }
        Ok(())
    }
}
