//! bcachefs file systems, from `/sys/fs/bcachefs`.

use super::human_size::parse_binary_size;
use crate::dir::Dir;
use crate::host::ProcFile;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Bcachefs;

impl Collector for Bcachefs {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let all = host.sys_dir("fs/bcachefs")?.ok_or(CollectError::NoData)?;
        let mut found = false;
        for (uuid, dir) in all.dirs() {
            found = true;
            collect_filesystem(&uuid, &dir, out)?;
        }
        if found { Ok(()) } else { Err(CollectError::NoData) }
    }
}

fn size(file: &ProcFile, line: usize, text: &str) -> Result<f64, CollectError> {
    parse_binary_size(text).ok_or_else(|| file.malformed(line, format!("{text:?} is not a size")))
}

fn collect_filesystem(uuid: &str, dir: &Dir, out: &mut MetricSink) -> Result<(), CollectError> {
    out.info("bcachefs_info", "Filesystem information.", &[("uuid", uuid)]);
    let cache = match dir.file("btree_cache_size")? {
        Some(file) => size(&file, 1, &file.text)?,
        None => 0.0,
    };
    let help = "Btree cache memory usage in bytes.";
    out.gauge("bcachefs_btree_cache_size_bytes", help, &[("uuid", uuid)], cache);
    // A line of headings, then algorithm, compressed, uncompressed, average extent.
    if let Some(file) = dir.file("compression_stats")? {
        for (number, line) in file.lines().skip(1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [algorithm, compressed, uncompressed, ..] = words.as_slice() else { continue };
            let labels = [("algorithm", algorithm.trim_end_matches(':')), ("uuid", uuid)];
            let compressed = size(&file, number, compressed)?;
            let name = "bcachefs_compression_compressed_bytes";
            out.gauge(name, "Compressed size by algorithm.", &labels, compressed);
            let uncompressed = size(&file, number, uncompressed)?;
            let name = "bcachefs_compression_uncompressed_bytes";
            out.gauge(name, "Uncompressed size by algorithm.", &labels, uncompressed);
        }
    }
    if let Some(file) = dir.file("errors")? {
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(kind), Some(count)) = (words.next(), words.next()) else { continue };
            let labels = [("error_type", kind), ("uuid", uuid)];
            out.counter("bcachefs_errors_total", "Error count by error type.", &labels, file.number(number, count)?);
        }
    }
    if let Some(counters) = dir.dir("counters") {
        for name in counters.names() {
            let Some(file) = counters.file(&name)? else { continue };
            let value = since_creation(&file)?;
            let metric = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '_', "_");
            let help = format_args!("Bcachefs counter {name} since filesystem creation.");
            out.counter(format_args!("bcachefs_{metric}_total"), help, &[("uuid", uuid)], value);
        }
    }
    // A line of headings, then type, count, average size.
    if let Some(file) = dir.file("btree_write_stats")? {
        for (number, line) in file.lines().skip(1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [kind, count, average, ..] = words.as_slice() else { continue };
            let labels = [("type", kind.trim_end_matches(':')), ("uuid", uuid)];
            let count = file.number(number, count)?;
            out.counter("bcachefs_btree_writes_total", "Number of btree writes by type.", &labels, count);
            let average = size(&file, number, average)?;
            let name = "bcachefs_btree_write_average_size_bytes";
            out.gauge(name, "Average btree write size by type.", &labels, average);
        }
    }
    for (name, dir) in dir.dirs() {
        if let Some(device) = name.strip_prefix("dev-") {
            collect_device(uuid, device, &dir, out)?;
        }
    }
    Ok(())
}

/// A counter says what it counted since the mount, and since the file system was made.
fn since_creation(file: &ProcFile) -> Result<f64, CollectError> {
    let mut value = None;
    for (number, line) in file.lines() {
        if let Some(text) = line.strip_prefix("since filesystem creation:") {
            value = Some(size(file, number, text.trim())?);
        } else if line.starts_with("since mount:") {
            value.get_or_insert(0.0);
        }
    }
    value.ok_or_else(|| file.malformed(1, "counter file format not recognized"))
}

fn collect_device(uuid: &str, device: &str, dir: &Dir, out: &mut MetricSink) -> Result<(), CollectError> {
    let labels = [("device", device), ("uuid", uuid)];
    let text = |file: &str| dir.text(file).unwrap_or_default();
    let (label, state) = (text("label"), text("state"));
    let info = [labels[0], labels[1], ("label", &label), ("state", &state)];
    out.info("bcachefs_device_info", "Device information.", &info);
    let bucket = match dir.file("bucket_size")? {
        Some(file) if !file.text.trim().is_empty() => size(&file, 1, &file.text)?,
        _ => 0.0,
    };
    out.gauge("bcachefs_device_bucket_size_bytes", "Bucket size in bytes.", &labels, bucket);
    let buckets = dir.number("nbuckets")?.unwrap_or(0.0);
    out.gauge("bcachefs_device_buckets", "Total number of buckets.", &labels, buckets);
    let durability = dir.number("durability")?.unwrap_or(0.0);
    out.gauge("bcachefs_device_durability", "Device durability setting.", &labels, durability);
    // Two sections, "read:" and "write:", of lines such as "sb : 3072".
    if let Some(file) = dir.file("io_done")? {
        let mut operation = "";
        for (number, line) in file.lines() {
            let Some((key, value)) = line.trim().split_once(':') else { continue };
            if value.is_empty() && (key == "read" || key == "write") {
                operation = key;
            } else if !operation.is_empty() {
                let labels = [labels[0], labels[1], ("data_type", key.trim()), ("operation", operation)];
                let value = file.number(number, value.trim())?;
                let name = "bcachefs_device_io_done_bytes_total";
                out.counter(name, "IO bytes by operation type and data type.", &labels, value);
            }
        }
    }
    if let Some(file) = dir.file("io_errors")? {
        let lines =
            file.lines().skip_while(|(_, line)| !line.starts_with("IO errors since filesystem creation")).skip(1);
        for (number, line) in lines.take_while(|(_, line)| !line.starts_with("IO errors since ")) {
            let Some((kind, value)) = line.trim().split_once(':') else { continue };
            let labels = [labels[0], labels[1], ("type", kind.trim())];
            let value = file.number(number, value.trim())?;
            out.counter("bcachefs_device_io_errors_total", "IO errors by error type.", &labels, value);
        }
    }
    Ok(())
}
