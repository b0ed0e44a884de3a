//! Caches in front of block devices, from `/sys/fs/bcache`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Bool;

use super::human_size::parse_hprint;
use crate::dir::Dir;
use crate::{CollectError, Collector, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] =
    &[FlagDef::new("collector.bcache.priorityStats", Bool, "Expose expensive priority stats.")];

#[derive(Debug)]
pub(crate) struct Bcache {
    priority: bool,
}

impl Bcache {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { priority: settings.bool("collector.bcache.priorityStats") }
    }
}

/// File, metric, help, factor; counters end in `_total`.
type Row = (&'static str, &'static str, &'static str, f64);

const SET: [Row; 10] = [
    ("average_key_size", "average_key_size_sectors", "Average data per key in the btree (sectors).", 1.0),
    ("btree_cache_size", "btree_cache_size_bytes", "Amount of memory currently used by the btree cache.", 1.0),
    (
        "cache_available_percent",
        "cache_available_percent",
        "Percentage of cache device without dirty data, usable for writeback (may contain clean cached data).",
        1.0,
    ),
    ("congested", "congested", "Congestion.", 1.0),
    (
        "root_usage_percent",
        "root_usage_percent",
        "Percentage of the root btree node in use (tree depth increases if too high).",
        1.0,
    ),
    ("tree_depth", "tree_depth", "Depth of the btree.", 1.0),
    (
        "internal/active_journal_entries",
        "active_journal_entries",
        "Number of journal entries that are newer than the index.",
        1.0,
    ),
    ("internal/btree_nodes", "btree_nodes", "Total nodes in the btree.", 1.0),
    (
        // Microseconds that the reference takes for nanoseconds (node_exporter 1.12.1, bcache_linux.go).
        "internal/btree_read_average_duration_us",
        "btree_read_average_duration_seconds",
        "Average btree read duration.",
        1e-9,
    ),
    (
        "internal/cache_read_races",
        "cache_read_races_total",
        "Counts instances where while data was being read from the cache, the bucket was reused and invalidated - i.e. \
         where the pointer was stale after the read completed.",
        1.0,
    ),
];

const TOTALS: [Row; 6] = [
    (
        "stats_total/bypassed",
        "bypassed_bytes_total",
        "Amount of IO (both reads and writes) that has bypassed the cache.",
        1.0,
    ),
    ("stats_total/cache_hits", "cache_hits_total", "Hits counted per individual IO as bcache sees them.", 1.0),
    ("stats_total/cache_misses", "cache_misses_total", "Misses counted per individual IO as bcache sees them.", 1.0),
    ("stats_total/cache_bypass_hits", "cache_bypass_hits_total", "Hits for IO intended to skip the cache.", 1.0),
    ("stats_total/cache_bypass_misses", "cache_bypass_misses_total", "Misses for IO intended to skip the cache.", 1.0),
    (
        "stats_total/cache_miss_collisions",
        "cache_miss_collisions_total",
        "Instances where data insertion from cache miss raced with write (data already present).",
        1.0,
    ),
];

/// Key of `writeback_rate_debug`, metric, help.
const WRITEBACK: [(&str, &str, &str); 5] = [
    ("target", "dirty_target_bytes", "Current dirty data target threshold for this backing device in bytes."),
    ("rate", "writeback_rate", "Current writeback rate for this backing device in bytes."),
    (
        "proportional",
        "writeback_rate_proportional_term",
        "Current result of proportional controller, part of writeback rate",
    ),
    ("integral", "writeback_rate_integral_term", "Current result of integral controller, part of writeback rate"),
    ("change", "writeback_change", "Last writeback rate change step for this backing device."),
];

const CACHE: [Row; 3] = [
    ("io_errors", "io_errors", "Number of errors that have occurred, decayed by io_error_halflife.", 1.0),
    (
        "metadata_written",
        "metadata_written_bytes_total",
        "Sum of all non data writes (btree writes and all other metadata).",
        1.0,
    ),
    ("written", "written_bytes_total", "Sum of all data that has been written to the cache.", 1.0),
];

/// Key of `priority_stats`, metric, help.
const PRIORITY: [(&str, &str, &str); 2] = [
    ("Unused:", "priority_stats_unused_percent", "The percentage of the cache that doesn't contain any data."),
    ("Metadata:", "priority_stats_metadata_percent", "Bcache's metadata overhead."),
];

impl Collector for Bcache {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(all) = host.sys_dir("fs/bcache")? else { return Ok(()) };
        for uuid in all.names().into_iter().filter(|name| name.contains('-')) {
            let Some(set) = all.dir(&uuid) else { continue };
            rows(out, &set, &SET, &[("uuid", &uuid)])?;
            for (device, dir) in set.dirs() {
                if numbered(&device, "bdev") {
                    collect_backing(out, &dir, &[("backing_device", &device), ("uuid", &uuid)])?;
                } else if numbered(&device, "cache") {
                    let labels = [("cache_device", device.as_str()), ("uuid", &uuid)];
                    rows(out, &dir, &CACHE, &labels)?;
                    if self.priority {
                        collect_priority(out, &dir, &labels)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn numbered(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Reads a size as the kernel's bch_hprint writes it; a missing file counts as 0.
fn value(dir: &Dir, file: &str) -> Result<f64, CollectError> {
    let Some(text) = dir.file(file)? else { return Ok(0.0) };
    parse_hprint(text.text.trim()).ok_or_else(|| text.malformed(1, format!("{:?} is not a size", text.text.trim())))
}

fn rows(out: &mut MetricSink, dir: &Dir, rows: &[Row], labels: &[(&str, &str)]) -> Result<(), CollectError> {
    for (file, metric, help, factor) in rows {
        let value = value(dir, file)? * factor;
        if metric.ends_with("_total") {
            out.counter(format_args!("bcache_{metric}"), help, labels, value);
        } else {
            out.gauge(format_args!("bcache_{metric}"), help, labels, value);
        }
    }
    Ok(())
}

fn collect_backing(out: &mut MetricSink, dir: &Dir, labels: &[(&str, &str)]) -> Result<(), CollectError> {
    let dirty: [Row; 1] =
        [("dirty_data", "dirty_data_bytes", "Amount of dirty data for this backing device in the cache.", 1.0)];
    rows(out, dir, &dirty, labels)?;
    rows(out, dir, &TOTALS, labels)?;
    let readaheads = value(dir, "stats_total/cache_readaheads")?;
    if readaheads != 0.0 {
        out.counter("bcache_cache_readaheads_total", "Count of times readahead occurred.", labels, readaheads);
    }
    // Lines such as "rate:\t\t1.1M/sec".
    let file = dir.required_file("writeback_rate_debug")?;
    for (key, metric, help) in WRITEBACK {
        let mut found = 0.0;
        for (number, line) in file.lines() {
            let Some(rest) = line.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) else { continue };
            let word = rest.split_ascii_whitespace().last().unwrap_or_default();
            let size = parse_hprint(word.strip_suffix("/sec").unwrap_or(word));
            found = size.ok_or_else(|| file.malformed(number, format!("{word:?} is not a size")))?;
        }
        out.gauge(format_args!("bcache_{metric}"), help, labels, found);
    }
    Ok(())
}

fn collect_priority(out: &mut MetricSink, dir: &Dir, labels: &[(&str, &str)]) -> Result<(), CollectError> {
    let file = dir.required_file("priority_stats")?;
    for (key, metric, help) in PRIORITY {
        let mut percent = 0.0;
        for (number, line) in file.lines().filter(|(_, line)| line.starts_with(key)) {
            let word = line.split_ascii_whitespace().last().unwrap_or_default();
            percent = file.number(number, word.trim_end_matches('%'))?;
        }
        out.gauge(format_args!("bcache_{metric}"), help, labels, percent);
    }
    Ok(())
}
