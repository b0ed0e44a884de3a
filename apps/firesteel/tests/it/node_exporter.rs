//! `firesteel node_exporter` beside Debian's: every name and label that ours shows, theirs shows with the same type.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firesteel_testkit::peer;

struct Exporter(Child, String);

impl Exporter {
    fn start(program: &Path, args: &[&str]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(program)
            .args(args)
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child, address)
    }

    fn metrics(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match ureq::get(format!("http://{}/metrics", self.1)).call() {
                Ok(mut response) => return response.body_mut().read_to_string().unwrap(),
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Names with their type, and the sets of label names that each has.
fn inventory(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            kind.clone_into(&mut found.entry(name.to_owned()).or_default().0);
        } else if !line.starts_with('#')
            && let Some((series, _)) = line.rsplit_once(' ')
        {
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let names: Vec<&str> =
                labels.split("\",").filter_map(|pair| pair.split_once("=\"").map(|(n, _)| n)).collect();
            found.entry(name.to_owned()).or_default().1.insert(names.join(","));
        }
    }
    found
}

/// What came after Debian's 1.5.0, or what only its netlink shows.
const NEWER: &[&str] = &["node_filesystem_mount_info", "node_disk_info", "node_filesystem_device_error"];

#[test]
fn names_labels_and_types_are_the_references() {
    let Some(reference) = peer("prometheus-node-exporter") else { return };
    let ours = Exporter::start(crate::firesteel(), &["node_exporter"]);
    let theirs = Exporter::start(&reference, &[]);
    let (ours, theirs) = (inventory(&ours.metrics()), inventory(&theirs.metrics()));
    let mut compared = 0;
    for (name, (kind, labels)) in ours.iter().filter(|(n, _)| n.starts_with("node_") && !n.starts_with("node_scrape")) {
        if NEWER.contains(&name.as_str()) {
            continue;
        }
        let Some((their_kind, their_labels)) = theirs.get(name) else {
            // 1.5.0 knows fewer fields of netstat than 1.12; the kernel decides about the rest.
            assert!(
                name.starts_with("node_netstat_TcpExt_TCP") || name.contains("_irq_"),
                "{name} is not the reference's"
            );
            continue;
        };
        assert_eq!(kind, their_kind, "{name}");
        // The label that 1.12 added is no fault.
        let without =
            |set: &BTreeSet<String>| set.iter().map(|l| l.replace("device_error,", "")).collect::<BTreeSet<_>>();
        assert_eq!(without(labels), without(their_labels), "{name}");
        compared += 1;
    }
    assert!(compared > 120, "only {compared} names were compared");
}
