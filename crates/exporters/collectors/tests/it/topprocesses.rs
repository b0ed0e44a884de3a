//! The programs that use most, over a tree that changes between scrapes.

use std::fs;
use std::path::Path;

use firesteel_collectors::{NodeCollector, Settings};

use crate::tree::{node, page};

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.0.path().join("proc")).unwrap();
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn uptime(&self, seconds: u32) {
        fs::write(self.path().join("proc/uptime"), format!("{seconds}.00 1.00\n")).unwrap();
    }

    /// Ticks are hundredths of seconds on every Linux that Rust runs on.
    fn process(&self, pid: u32, comm: &str, flags: u32, start_seconds: u32, cpu_ticks: u32, rss_pages: u32) {
        let dir = self.path().join(format!("proc/{pid}"));
        fs::create_dir_all(&dir).unwrap();
        let start = start_seconds * 100;
        let line =
            format!("{pid} ({comm}) S 1 1 1 0 -1 {flags} 0 0 0 0 {cpu_ticks} 0 0 0 20 0 2 0 {start} 0 {rss_pages} 1\n");
        fs::write(dir.join("stat"), line).unwrap();
    }

    fn end(&self, pid: u32) {
        fs::remove_dir_all(self.path().join(format!("proc/{pid}"))).unwrap();
    }
}

/// Returns what a metric is for each program, in the order of the page.
fn shown(machine: &Machine, node: &NodeCollector, metric: &str) -> Vec<(String, f64)> {
    let (page, failed) = page(machine.path(), node);
    assert!(failed.is_empty(), "{failed:?}");
    let start = format!("node_topprocess_{metric}{{comm=\"");
    let lines = page.lines().filter_map(|line| line.strip_prefix(&start)?.split_once("\"} "));
    lines.map(|(comm, value)| (comm.to_owned(), value.parse().unwrap())).collect()
}

fn names(list: &[(String, f64)]) -> Vec<&str> {
    list.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn groups_add_up_and_only_the_first_are_shown() {
    let machine = Machine::new();
    machine.uptime(1000);
    let settings = Settings::default().with("collector.topprocesses.count", "2");
    let node = node(machine.path(), &["topprocesses"], settings);
    // Long ago it used much; of late nothing.
    machine.process(1, "old", 0, 0, 300, 10);
    machine.process(10, "busy", 0, 990, 400, 5);
    machine.process(11, "busy", 0, 990, 500, 6);
    machine.process(12, "big", 0, 0, 1, 90_000);
    machine.process(13, "fat", 0, 0, 2, 80_000);
    machine.process(20, "kworker/0:1-events", 0x0020_0000, 0, 600_000, 0);
    machine.process(21, "kworker/1:2", 0x0020_0000, 0, 100, 0);
    let cpu = shown(&machine, &node, "cpu_seconds_total");
    assert_eq!(names(&cpu), ["big", "busy", "fat", "kworker"]);
    assert_eq!(cpu[1].1, 9.0);
    assert_eq!(cpu[3].1, 6001.0);
    let counts = shown(&machine, &node, "processes");
    assert_eq!(counts[1].1, 2.0);
    assert_eq!(shown(&machine, &node, "threads")[1].1, 4.0);
    let page_bytes = rustix::param::page_size() as f64;
    assert_eq!(shown(&machine, &node, "resident_memory_bytes")[0].1, 90_000.0 * page_bytes);
}

#[test]
fn counters_only_grow_and_names_that_rest_leave() {
    let machine = Machine::new();
    machine.uptime(1000);
    let settings = Settings::default().with("collector.topprocesses.count", "1");
    let node = node(machine.path(), &["topprocesses"], settings);
    machine.process(1, "first", 0, 0, 100_000, 10);
    machine.process(2, "second", 0, 0, 10, 5);
    assert_eq!(shown(&machine, &node, "cpu_seconds_total"), [("first".to_owned(), 1000.0)]);
    // The second works for five minutes while the first sleeps.
    machine.uptime(1300);
    machine.process(2, "second", 0, 0, 30_010, 5);
    machine.process(1, "first", 0, 0, 100_000, 1);
    let cpu = shown(&machine, &node, "cpu_seconds_total");
    assert_eq!(cpu, [("second".to_owned(), 300.1)]);
    // It ends, and another takes its number: what the first one used stays.
    machine.uptime(1310);
    machine.end(2);
    machine.process(2, "second", 0, 1305, 200, 5);
    assert_eq!(shown(&machine, &node, "cpu_seconds_total"), [("second".to_owned(), 302.1)]);
    // All of its processes are gone: it leaves when its work is long ago.
    machine.end(2);
    machine.uptime(1311);
    assert_eq!(names(&shown(&machine, &node, "processes")), ["first", "second"]);
    machine.uptime(3000);
    assert_eq!(names(&shown(&machine, &node, "processes")), ["first"]);
}

#[test]
fn what_is_shown_is_bounded() {
    let machine = Machine::new();
    machine.uptime(100);
    for pid in 1..500 {
        machine.process(pid, &format!("p{pid}"), 0, 50, pid, 500 - pid);
    }
    let node = node(machine.path(), &["topprocesses"], Settings::default());
    assert_eq!(shown(&machine, &node, "threads").len(), 20);
}
