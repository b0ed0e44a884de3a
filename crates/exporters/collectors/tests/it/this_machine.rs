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

#[test]
fn files_that_stay_open_are_read_anew() {
    let enabled = ["netclass", "loadavg", "stat", "entropy"].map(str::to_owned).to_vec();
    let node = NodeCollector::new(&NodeOptions { enabled: enabled.clone(), ..NodeOptions::default() }).unwrap();
    let scrape = |node: &NodeCollector| {
        let mut families = Vec::new();
        node.collect(&mut families);
        families
    };
    let series = |families: &[firesteel_model::MetricFamily]| -> BTreeSet<_> {
        let of = |family: &firesteel_model::MetricFamily| {
            let name = family.name.clone();
            family.metrics.iter().map(|metric| (name.clone(), metric.labels.clone())).collect::<Vec<_>>()
        };
        families.iter().flat_map(of).collect()
    };
    let value = |families: &[firesteel_model::MetricFamily], name: &str| {
        let family = families.iter().find(|family| family.name == name).unwrap();
        match family.metrics[0].value {
            MetricValue::Counter { value, .. } | MetricValue::Gauge(value) => value,
            ref other => panic!("{other:?}"),
        }
    };
    let first = scrape(&node);
    // A device may come or go while tests run: then all is compared once more.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let again = scrape(&node);
        let fresh = NodeCollector::new(&NodeOptions { enabled: enabled.clone(), ..NodeOptions::default() }).unwrap();
        let same = series(&again) == series(&scrape(&fresh));
        let grown = value(&again, "node_context_switches_total") > value(&first, "node_context_switches_total");
        if same && grown {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "same series: {same}, grown: {grown}");
    }
}
