//! Space and file nodes of mounted file systems.
//!
//! statfs(2) hangs on a network file system whose server is gone. It runs on threads of its own: one that does not
//! answer in time is left behind with its mount marked stuck, and that mount is not asked again until it answers.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;
use parking_lot::Mutex;
use rustix::fs::StatVfs;

use super::mounts::{Mount, mounts};
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

const MOUNT_POINTS_EXCLUDE: &str =
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
const FS_TYPES_EXCLUDE: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|\
    hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|\
    tracefs)$";

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.filesystem.mount-points-exclude",
        Text,
        "Regexp of mount points to exclude for filesystem collector. (mutually exclusive to mount-points-include)",
    )
    .default(&[MOUNT_POINTS_EXCLUDE]),
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
        "collector.filesystem.fs-types-include",
        Text,
        "Regexp of filesystem types to include for filesystem collector. (mutually exclusive to fs-types-exclude)",
    ),
];

/// How long a mount may take to answer (`--collector.filesystem.mount-timeout`).
const MOUNT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Filesystem {
    mount_points: DeviceFilter,
    fs_types: DeviceFilter,
    /// Paths of mounts whose statfs has not come back.
    stuck: Arc<Mutex<BTreeSet<String>>>,
}

impl Filesystem {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self {
            mount_points: settings.filter("collector.filesystem.mount-points")?,
            fs_types: settings.filter("collector.filesystem.fs-types")?,
            stuck: Arc::default(),
        })
    }

    /// Asks all mounts in order; the answer of each, or why there is none.
    fn ask(&self, wanted: &[Mount]) -> Vec<Result<StatVfs, String>> {
        let mut answers: Vec<Result<StatVfs, String>> = Vec::with_capacity(wanted.len());
        while answers.len() < wanted.len() {
            let rest: Vec<String> = wanted[answers.len()..].iter().map(|m| m.path.clone()).collect();
            let (send, receive) = mpsc::channel();
            let stuck = Arc::clone(&self.stuck);
            let worker = std::thread::Builder::new().name("fs-statfs".into()).spawn(move || {
                for path in rest {
                    if stuck.lock().contains(&path) {
                        // The receiver may have given up; the next scrape asks again.
                        let _ended = send.send(Err("mountpoint timeout".to_owned()));
                        continue;
                    }
                    let answer = rustix::fs::statvfs(path.as_str()).map_err(|e| io::Error::from(e).to_string());
                    stuck.lock().remove(&path);
                    if send.send(answer).is_err() {
                        return;
                    }
                }
            });
            if let Err(error) = worker {
                answers.resize_with(wanted.len(), || Err(error.to_string()));
                break;
            }
            while answers.len() < wanted.len() {
                match receive.recv_timeout(MOUNT_TIMEOUT) {
                    Ok(answer) => answers.push(answer),
                    Err(RecvTimeoutError::Timeout) => {
                        self.stuck.lock().insert(wanted[answers.len()].path.clone());
                        answers.push(Err("mountpoint timeout".to_owned()));
                        break;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        }
        answers
    }
}

impl Collector for Filesystem {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut seen = BTreeSet::new();
        let wanted: Vec<Mount> = mounts(host)?
            .into_iter()
            .filter(|m| !self.mount_points.ignores(&m.mount_point) && !self.fs_types.ignores(&m.fs_type))
            // A path mounted over twice shows its last mount to statfs; one line is enough.
            .filter(|m| seen.insert((m.device.clone(), m.mount_point.clone())))
            .collect();
        for (mount, answer) in wanted.iter().zip(self.ask(&wanted)) {
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
            let info = [
                ("device", mount.device.as_str()),
                ("major", &mount.major),
                ("minor", &mount.minor),
                ("mountpoint", &mount.mount_point),
            ];
            out.gauge("filesystem_mount_info", "Filesystem mount information.", &info, 1.0);
            let Ok(stat) = &answer else { continue };
            let block = stat.f_frsize as f64;
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
            ] {
                out.gauge(name, help, &labels, value);
            }
        }
        Ok(())
    }
}
