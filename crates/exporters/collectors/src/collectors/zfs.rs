//! ZFS, from the files of `/proc/spl/kstat/zfs`.

use crate::dir::Dir;
use crate::host::ProcFile;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Zfs;

/// File, group of metrics.
const FILES: [(&str, &str); 11] = [
    ("abdstats", "abd"),
    ("arcstats", "arc"),
    ("dbufstats", "dbuf"),
    ("dmu_tx", "dmu_tx"),
    ("dnodestats", "dnode"),
    ("fm", "fm"),
    ("vdev_cache_stats", "vdev_cache"),
    ("vdev_mirror_stats", "vdev_mirror"),
    ("xuio_stats", "xuio"),
    ("zfetchstats", "zfetch"),
    ("zil", "zil"),
];
const STATES: [&str; 7] = ["online", "degraded", "faulted", "offline", "removed", "unavail", "suspended"];

// Types of kstat (libspl, sys/kstat.h); others are not shown.
const INT64: &str = "3";
const UINT64: &str = "4";

impl Collector for Zfs {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let root = host.proc_dir("spl/kstat/zfs")?.ok_or(CollectError::NoData)?;
        for (name, group) in FILES {
            // Which files there are depends on the version.
            let Some(file) = root.file(name)? else { continue };
            for (number, key, kind, value) in rows(&file)? {
                if kind == INT64 || kind == UINT64 {
                    let metric = key.replace('-', "_");
                    let help = format_args!("kstat.zfs.misc.{name}.{key}");
                    out.untyped(format_args!("zfs_{group}_{metric}"), help, &[], file.number(number, value)?);
                }
            }
        }
        for (pool, dir) in root.dirs() {
            collect_pool(&pool, &dir, out)?;
        }
        Ok(())
    }
}

/// Lines behind the headings "name type data": number of the line, name, type, and the text behind them.
fn rows(file: &ProcFile) -> Result<Vec<(usize, &str, &str, &str)>, CollectError> {
    let heading = |line: &str| line.split_ascii_whitespace().eq(["name", "type", "data"]);
    let mut lines = file.lines().skip_while(|(_, line)| !heading(line));
    if lines.next().is_none() {
        return Err(file.malformed(1, "no headings"));
    }
    let row = |(number, line): (usize, _)| {
        let (name, rest) = split_word(line)?;
        let (kind, rest) = split_word(rest)?;
        Some((number, name, kind, rest.trim())).filter(|(.., value)| !value.is_empty())
    };
    Ok(lines.filter_map(row).collect())
}

fn split_word(text: &str) -> Option<(&str, &str)> {
    text.trim_start().split_once(|c: char| c.is_ascii_whitespace())
}

fn collect_pool(pool: &str, dir: &Dir, out: &mut MetricSink) -> Result<(), CollectError> {
    if let Some(file) = dir.file("io")? {
        let mut names: Option<Vec<&str>> = None;
        for (number, line) in file.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match &names {
                None if words.len() >= 12 && words[0] == "nread" => names = Some(words),
                None => {}
                Some(names) => {
                    for (name, word) in names.iter().zip(words) {
                        let metric = name.replace('-', "_");
                        let help = format_args!("kstat.zfs.misc.io.{name}");
                        let value = file.number(number, word)?;
                        out.untyped(format_args!("zfs_zpool_{metric}"), help, &[("zpool", pool)], value);
                    }
                }
            }
        }
    }
    for name in dir.names().into_iter().filter(|name| name.starts_with("objset-")) {
        let Some(file) = dir.file(&name)? else { continue };
        let mut dataset = "";
        for (number, key, kind, value) in rows(&file)? {
            if key == "dataset_name" {
                dataset = value;
            } else if kind == UINT64 {
                let metric = key.replace('-', "_");
                let help = format_args!("kstat.zfs.misc.objset.{key}");
                let labels = [("dataset", dataset), ("zpool", pool)];
                out.untyped(format_args!("zfs_zpool_dataset_{metric}"), help, &labels, file.number(number, value)?);
            }
        }
    }
    if let Some(actual) = dir.try_text("state")? {
        let actual = actual.to_ascii_lowercase();
        for state in STATES {
            let is = f64::from(u8::from(actual == state));
            out.gauge("zfs_zpool_state", "kstat.zfs.misc.state", &[("state", state), ("zpool", pool)], is);
        }
    }
    Ok(())
}
