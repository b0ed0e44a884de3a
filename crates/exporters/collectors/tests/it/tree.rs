//! Collectors over trees of `/proc`, `/sys` and other files, and their pages.

use std::path::Path;

use firesteel_client::Collect;
use firesteel_collectors::{HostRoots, NodeCollector, NodeOptions, Settings};
use firesteel_expfmt::write_text;
use firesteel_testkit::unpack_tree;

/// Writes the tree into a directory of its own.
pub(crate) fn unpack(archive: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    unpack_tree(archive, dir.path()).unwrap();
    dir
}

/// Returns the collectors over a tree.
pub(crate) fn node(dir: &Path, enabled: &[&str], settings: Settings) -> NodeCollector {
    let host = HostRoots::new(dir.join("proc"), dir.join("sys"), dir.join("root"), dir.join("udev"));
    let enabled = enabled.iter().map(|name| (*name).to_owned()).collect();
    NodeCollector::new(&NodeOptions { host, enabled, settings }).unwrap()
}

/// Returns the page of the collectors without how long they took and how they fared, paths as they stand in the tree; and
/// the names of those that failed.
pub(crate) fn page(dir: &Path, node: &NodeCollector) -> (String, Vec<String>) {
    let mut families = Vec::new();
    node.collect(&mut families);
    let success = families.iter().find(|family| family.name == "node_scrape_collector_success").unwrap();
    let is_zero = |value: &_| *value == firesteel_model::MetricValue::Gauge(0.0);
    let failed = success.metrics.iter().filter(|metric| is_zero(&metric.value));
    let failed = failed.map(|metric| metric.labels.value("collector").to_owned()).collect();
    families.retain(|family| !family.name.starts_with("node_scrape_collector_"));
    let mut out = Vec::new();
    write_text(&families, &mut out);
    (String::from_utf8(out).unwrap().replace(&format!("{}/", dir.display()), ""), failed)
}

/// Compares a page with the golden one line by line, so that a difference is readable.
pub(crate) fn assert_page(got: &str, want: &str) {
    let missing: Vec<&str> = want.lines().filter(|line| !got.lines().any(|other| other == *line)).collect();
    let surplus: Vec<&str> = got.lines().filter(|line| !want.lines().any(|other| other == *line)).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:#?}\nsurplus: {surplus:#?}");
    assert_eq!(got, want, "the order of lines");
}
