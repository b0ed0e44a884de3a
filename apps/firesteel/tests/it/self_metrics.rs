//! What the server tells of itself: the names, types and labels of Prometheus 3.14, in protobuf with native buckets and
//! start times, and read back by the server itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use firesteel_expfmt::protobuf_to_families;
use firesteel_model::{MetricFamily, MetricType, MetricValue, NativeHistogram};
use firesteel_testkit::{Server, exchange};

const SOON: Duration = Duration::from_secs(60);
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// Families of 3.14.0 with [`config`]: name, type, what protobuf tells beyond values, labels.
const REFERENCE: &str = include_str!("testdata/self_metrics.txt");

/// Which of them are not here, by the beginnings of their names, and why.
const MISSING: [(&str, &str); 5] = [
    ("go_", "there is no Go runtime"),
    ("prometheus_remote_storage_", "nothing is sent to remote storage"),
    ("prometheus_sd_azure_", "that discovery is not there"),
    ("prometheus_sd_kuma_", "that discovery is not there"),
    ("prometheus_sd_linode_", "that discovery is not there"),
];

/// What a build knows of itself may be nothing.
const MAY_BE_EMPTY: [&str; 3] = ["branch", "revision", "tags"];

/// A server that scrapes itself, through a static target and a file; with rules and an Alertmanager that does not answer.
fn start(dir: &std::path::Path) -> Server {
    let rules = "groups:\n- name: g\n  interval: 1s\n  rules:\n  - {record: a, expr: up}\n\
                 \x20 - {alert: A, expr: 'up == 0', annotations: {x: '{{ $value }}'}}\n";
    std::fs::write(dir.join("rules.yml"), rules).unwrap();
    let targets = dir.join("targets.yml");
    std::fs::write(&targets, "[]").unwrap();
    let server = crate::server(dir, &[], &config("127.0.0.1:1"));
    // Its address is known only now.
    std::fs::write(&targets, format!("- targets: ['{}']\n", server.address())).unwrap();
    server.write_config(&config(server.address())).unwrap();
    server.signal("HUP").unwrap();
    server
}

fn config(address: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:1']}}]}}]}}\n\
         scrape_configs:\n\
         - job_name: self\n\
         \x20 scrape_native_histograms: true\n\
         \x20 extra_scrape_metrics: true\n\
         \x20 static_configs: [{{targets: ['{address}']}}]\n\
         - job_name: files\n\
         \x20 file_sd_configs: [{{files: [targets.yml]}}]\n"
    )
}

/// Returns the page in protobuf, read by our own parser; `None` while there is none.
fn families(server: &Server) -> Option<BTreeMap<String, MetricFamily>> {
    let answer = exchange(server.address(), "GET", "/metrics", &[("Accept", PROTOBUF)], None).ok()?;
    let content_type = answer.header("content-type");
    assert!(content_type.starts_with("application/vnd.google.protobuf; proto=io.prom"), "{content_type}");
    let families = protobuf_to_families(&answer.body).expect("our own page can be read");
    Some(families.into_iter().map(|family| (family.name.clone(), family)).collect())
}

/// Describes a family as the list of the reference does.
fn shape(family: &MetricFamily) -> String {
    let (mut told, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for metric in &family.metrics {
        if metric.created_ms.is_some() {
            told.insert("created");
        }
        match &metric.value {
            MetricValue::Histogram(_) => drop(told.insert("classic")),
            MetricValue::RichHistogram(h) => {
                told.insert("native");
                if !h.classic.buckets.is_empty() {
                    told.insert("classic");
                }
            }
            _ => {}
        }
        labels.extend(metric.labels.iter().map(|(name, _)| name).filter(|name| !MAY_BE_EMPTY.contains(name)));
    }
    let words: Vec<&str> = [family.name.as_str(), family.metric_type.as_str()].into_iter().chain(told).collect();
    let labels: Vec<&str> = labels.into_iter().collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" {{{}}}", labels.join(",")) };
    format!("{}{labels}", words.join(" "))
}

/// Returns the lines of the reference, without labels that may be empty.
fn reference() -> impl Iterator<Item = String> {
    REFERENCE.lines().map(|line| {
        MAY_BE_EMPTY.iter().fold(line.to_owned(), |line, name| {
            line.replace(&format!("{name},"), "").replace(&format!(",{name}}}"), "}")
        })
    })
}

#[test]
fn names_types_and_labels_are_the_references() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let is_missing = |line: &str| MISSING.iter().any(|(beginning, _)| line.starts_with(beginning));
    let wanted: BTreeSet<String> = reference().filter(|line| !is_missing(line)).collect();
    for (beginning, why) in MISSING {
        assert!(REFERENCE.lines().any(|line| line.starts_with(beginning)), "{beginning} ({why}) is in no line");
    }
    let mut differing = Vec::new();
    // Some show when something has happened for the first time.
    let mut settled = |server: &Server| {
        let Some(families) = families(server) else { return false };
        let have: BTreeSet<String> = families.values().map(shape).collect();
        differing = wanted.difference(&have).cloned().collect();
        assert!(!have.iter().any(|line| is_missing(line)), "one of {MISSING:?} is here after all");
        differing.is_empty()
    };
    let deadline = std::time::Instant::now() + SOON;
    while !settled(&server) && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(differing.is_empty(), "not as in 3.14: {differing:#?}\n{}", server.log());
}

#[test]
fn protobuf_has_native_buckets_and_beginnings() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let began_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let of_page = |families: &BTreeMap<String, MetricFamily>| {
        let family = families.get("prometheus_http_request_duration_seconds")?;
        family.metrics.iter().find(|metric| metric.labels.value("handler") == "/metrics").cloned()
    };
    let mut found = None;
    server.wait_for("the page was served before", SOON, |s| {
        found = families(s).filter(|families| of_page(families).is_some());
        found.is_some()
    });
    let families = found.expect("waited for");
    let metric = of_page(&families).expect("waited for");
    // An hour either way: what is told is the present, not zero or another unit.
    assert!((metric.created_ms.expect("a beginning") - began_ms).abs() < 3_600_000, "{metric:?}");
    let MetricValue::RichHistogram(h) = &metric.value else { panic!("no native buckets: {metric:?}") };
    let Some(NativeHistogram::Int(native)) = &h.native else { panic!("no native buckets: {metric:?}") };
    native.validate().expect("buckets agree with their count");
    assert_eq!((native.schema, native.zero_threshold), (3, 2f64.powi(-128)));
    assert!(native.count > 0 && native.count == h.classic.count, "{metric:?}");
    let bounds: Vec<f64> = h.classic.buckets.iter().map(|bucket| bucket.upper_bound).collect();
    assert_eq!(bounds, [0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0]);
    // Gauges have no beginning, and whoever asks for text is told of neither.
    let gauges = families.values().filter(|family| family.metric_type == MetricType::Gauge);
    assert!(gauges.flat_map(|family| &family.metrics).all(|metric| metric.created_ms.is_none()));
    let text = server.get("/metrics").unwrap().1;
    let names = text.lines().filter_map(|line| line.split(['{', ' ']).next());
    assert_eq!(names.filter(|name| name.ends_with("_created")).count(), 0);
    let alone = "prometheus_tsdb_tombstone_cleanup_seconds_bucket{le=\"+Inf\"} 0\n\
                 prometheus_tsdb_tombstone_cleanup_seconds_sum 0\nprometheus_tsdb_tombstone_cleanup_seconds_count 0\n";
    assert!(text.contains(alone), "{text}");
}

#[test]
fn the_server_reads_its_own_native_histograms() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    let quantile = "histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds{job=\"self\",handler=\"/metrics\"}[5m]))";
    server.wait_for("a quantile of a native histogram", SOON, |s| {
        let value = s.query(quantile).ok().and_then(|v| v[0]["value"][1].as_str()?.parse::<f64>().ok());
        value.is_some_and(|seconds| seconds > 0.0 && seconds.is_finite())
    });
    // Native only: the scrape takes no classic series of it, and what has no native buckets stays as it was.
    let count = |expr: &str| server.query(expr).unwrap().as_array().unwrap().len();
    assert_eq!(count("prometheus_http_request_duration_seconds_bucket{job=\"self\"}"), 0);
    assert_ne!(count("prometheus_http_response_size_bytes_bucket{job=\"self\"}"), 0);
    // Of targets with extra metrics: from the start of a scrape to its commit.
    server.wait_for("the durations of scrapes", SOON, |s| {
        let counted = s.query("histogram_count(prometheus_target_scrape_duration_seconds{job=\"self\"})").ok();
        counted.and_then(|v| v[0]["value"][1].as_str()?.parse::<f64>().ok()).is_some_and(|n| n > 0.0)
    });
}
