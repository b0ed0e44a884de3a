//! On a real Linux every default collector succeeds, and the page has no duplicates.

use std::collections::BTreeSet;

use firesteel_client::Collect;
use firesteel_collectors::{NodeCollector, NodeOptions};
use firesteel_model::MetricValue;

/// What any Linux has, a container's too; the others depend on devices, modules and the kernel's build.
const ON_EVERY_LINUX: &[&str] = &[
    "cpu",
    "diskstats",
    "filefd",
    "filesystem",
    "loadavg",
    "meminfo",
    "netclass",
    "netdev",
    "netstat",
    "selinux",
    "sockstat",
    "softnet",
    "stat",
    "time",
    "udp_queues",
    "uname",
    "vmstat",
];

#[test]
fn default_collectors_succeed() {
    let node = NodeCollector::new(&NodeOptions::default()).unwrap();
    let mut families = Vec::new();
    node.collect(&mut families);
    let success = families.iter().find(|f| f.name == "node_scrape_collector_success").unwrap();
    for metric in &success.metrics {
        if ON_EVERY_LINUX.contains(&metric.labels.value("collector")) {
            assert_eq!(metric.value, MetricValue::Gauge(1.0), "{:?}", metric.labels);
        }
    }
    let mut seen = BTreeSet::new();
    for family in &families {
        for metric in &family.metrics {
            assert!(seen.insert((family.name.clone(), metric.labels.clone())), "{} {:?}", family.name, metric.labels);
        }
    }
    assert!(seen.iter().any(|(name, labels)| name == "node_cpu_seconds_total" && labels.value("mode") == "idle"));
    assert!(seen.iter().any(|(name, _)| name == "node_memory_MemTotal_bytes"));
    assert!(
        seen.iter().any(|(name, labels)| name == "node_network_receive_bytes_total" && labels.value("device") == "lo")
    );
}

#[test]
fn a_choice_of_collectors_is_checked() {
    let node =
        NodeCollector::new(&NodeOptions { enabled: vec!["cpu".into(), "loadavg".into()], ..NodeOptions::default() })
            .unwrap();
    assert_eq!(node.only(&["cpu".into()]).unwrap().names(), ["cpu"]);
    assert_eq!(node.without(&["cpu".into()]).unwrap().names(), ["loadavg"]);
    assert_eq!(node.only(&["uname".into()]).unwrap_err().to_string(), "disabled collector: uname");
    assert_eq!(node.only(&["nope".into()]).unwrap_err().to_string(), "missing collector: nope");
}
