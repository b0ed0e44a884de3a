//! The default collectors over a tree of ours: the page is what node_exporter 1.12.1 shows over the same tree.

use std::path::Path;

use firesteel_client::Collect;
use firesteel_collectors::{COLLECTORS, NodeCollector, Settings};

use crate::tree::{assert_page, node, page, unpack};

pub(crate) const TREE: &str = include_str!("../../testdata/on.tree");
/// The reference's page with the flags of [`collectors`].
const GOLDEN: &str = include_str!("../../testdata/on.golden");

/// What asks the kernel and not files, and the text files of users.
const ASKS_THE_KERNEL: &[&str] = &["filesystem", "selinux", "textfile", "time", "timex", "uname"];

fn collectors(dir: &Path) -> NodeCollector {
    let settings = Settings::default()
        .with("collector.arp.netlink", "false")
        .with("collector.netdev.netlink", "false")
        .with("collector.bcache.priorityStats", "true")
        .with("collector.cpu.info", "true")
        .with("collector.cpu.info.flags-include", "^a")
        .with("collector.cpu.info.bugs-include", "mds")
        .with("collector.stat.softirq", "true");
    let on = COLLECTORS.iter().filter(|def| def.default_enabled && !ASKS_THE_KERNEL.contains(&def.name));
    node(dir, &on.map(|def| def.name).collect::<Vec<_>>(), settings)
}

#[test]
fn the_page_of_the_default_set_is_the_references() {
    let dir = unpack(TREE);
    let (got, failed) = page(dir.path(), &collectors(dir.path()));
    assert!(failed.is_empty(), "{failed:?}");
    assert_page(&got, GOLDEN);
}

#[test]
fn a_second_scrape_says_the_same() {
    let dir = unpack(TREE);
    let node = collectors(dir.path());
    let scrape = || {
        let mut families = Vec::new();
        node.collect(&mut families);
        families.retain(|family| family.name != "node_scrape_collector_duration_seconds");
        families
    };
    assert_eq!(scrape(), scrape());
}
