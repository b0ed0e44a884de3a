//! What arrives, what is dropped, what is counted.

use std::path::Path;
use std::time::{Duration, Instant};

use firesteel_base::TimestampNs;
use firesteel_client::Registry;
use firesteel_config::{Config, load};
use firesteel_discovery::DiscoveryOptions;
use firesteel_model::{Alert, Labels, MetricValue};
use firesteel_notifier::{Notifier, NotifierOptions};
use serde_json::{Value, json};

use crate::alertmanager::Alertmanager;

fn config(text: &str) -> Config {
    let loaded = load(Path::new("prometheus.yml"), text);
    loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// Returns a configuration with one block of fixed addresses and what else the block says.
fn fixed(addresses: &[String], more: &str) -> Config {
    config(&format!("alerting:\n  alertmanagers:\n  - static_configs: [{{targets: {addresses:?}}}]\n{more}"))
}

fn notifier(options: NotifierOptions) -> (Notifier, Registry) {
    let registry = Registry::new();
    let discovery = DiscoveryOptions { pause_max: Duration::from_millis(50), ..options.discovery };
    (Notifier::new(NotifierOptions { discovery, ..options }, &registry), registry)
}

fn named(name: &str) -> Alert {
    Alert {
        labels: Labels::from_pairs([("alertname", name)]),
        annotations: Labels::empty(),
        starts_at: TimestampNs(1_700_000_000_000_000_000),
        ends_at: None,
        generator_url: "http://here/graph".into(),
    }
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<Alert> {
    numbers.map(|n| named(&n.to_string())).collect()
}

fn names(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| n.to_string()).collect()
}

/// Returns the value of an Alertmanager's series.
fn metric(registry: &Registry, what: &str, am: &Alertmanager) -> Option<f64> {
    let name = format!("prometheus_notifications_{what}");
    let family = registry.gather().into_iter().find(|family| family.name == name)?;
    let url = format!("http://{}/api/v2/alerts", am.address());
    let metric = family.metrics.into_iter().find(|metric| metric.labels.value("alertmanager") == url)?;
    match metric.value {
        MetricValue::Counter { value, .. } | MetricValue::Gauge(value) => Some(value),
        MetricValue::Summary(summary) => Some(summary.count as f64),
        MetricValue::RichHistogram(histogram) => Some(histogram.count()),
        _ => None,
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_arrive_relabelled_and_in_batches() {
    let (am, other) = (Alertmanager::start(), Alertmanager::start());
    let (notifier, registry) = notifier(NotifierOptions { batch_max: 2, ..NotifierOptions::default() });
    let text = format!(
        "global: {{external_labels: {{cluster: eu, team: ops}}}}
alerting:
  alert_relabel_configs:
  - {{source_labels: [alertname], regex: Noise, action: drop}}
  alertmanagers:
  - static_configs: [{{targets: ['{}']}}]
    path_prefix: /am
    basic_auth: {{username: me, password: secret}}
    alert_relabel_configs:
    - {{target_label: only, replacement: here}}
  - static_configs: [{{targets: ['{}', 'dropped:9093']}}]
    relabel_configs:
    - {{source_labels: [__address__], regex: 'dropped:.*', action: drop}}
",
        am.address(),
        other.address()
    );
    notifier.apply(&config(&text)).expect("a good configuration");
    let (active, dropped) = notifier.alertmanagers();
    let url = |am: &Alertmanager, prefix: &str| format!("http://{}{prefix}/api/v2/alerts", am.address());
    assert_eq!(active, [url(&am, "/am"), url(&other, "")]);
    assert_eq!(dropped, ["http://dropped:9093/api/v2/alerts"]);
    let mut first = named("A");
    first.labels = Labels::from_pairs([("alertname", "A"), ("team", "db")]);
    first.ends_at = Some(TimestampNs(1_700_000_060_500_000_000));
    first.annotations = Labels::from_pairs([("summary", "bad")]);
    notifier.send(&[first, named("Noise"), named("B"), named("C")]);
    until("three alerts each", || am.names().len() == 3 && other.names().len() == 3).await;
    assert_eq!(am.batches(), [vec!["A", "B"], vec!["C"]]);
    let request = &am.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/am/api/v2/alerts"));
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("user-agent"), "Prometheus/3.14.0");
    assert_eq!(request.header("authorization"), "Basic bWU6c2VjcmV0");
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    let want = json!({
        "annotations": {"summary": "bad"},
        "endsAt": "2023-11-14T22:14:20.500Z",
        "startsAt": "2023-11-14T22:13:20.000Z",
        "generatorURL": "http://here/graph",
        "labels": {"alertname": "A", "cluster": "eu", "only": "here", "team": "db"},
    });
    assert_eq!(body[0], want);
    let body: Value = serde_json::from_slice(&other.requests()[0].body).expect("JSON");
    let want = json!({"alertname": "A", "cluster": "eu", "team": "db"});
    assert_eq!(body[0]["labels"], want, "sets do not touch each other's alerts");
    until("the answers are counted", || metric(&registry, "sent_total", &other) == Some(3.0)).await;
    assert_eq!(metric(&registry, "latency_seconds", &other), Some(2.0));
    assert_eq!(metric(&registry, "latency_histogram_seconds", &other), Some(2.0));
    assert_eq!(metric(&registry, "errors_total", &other), Some(0.0));
    notifier.stop().await;
    assert_eq!(metric(&registry, "sent_total", &other), None, "series go with their Alertmanager");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_batch_is_dropped_and_the_next_is_sent() {
    let (am, well) = (Alertmanager::start(), Alertmanager::start());
    let (notifier, registry) = notifier(NotifierOptions::default());
    notifier.apply(&fixed(&[am.address(), well.address()], "")).expect("a good configuration");
    let mut lost = 0.0;
    for status in [500, 0] {
        am.answer(status);
        notifier.send(&numbered(0..3));
        lost += 3.0;
        until("the loss is counted", || metric(&registry, "dropped_total", &am) == Some(lost)).await;
        assert_eq!(metric(&registry, "errors_total", &am), Some(lost));
    }
    am.answer(200);
    notifier.send(&[named("last")]);
    until("the last arrives", || metric(&registry, "sent_total", &am) == Some(1.0)).await;
    until("all arrive at the other", || metric(&registry, "sent_total", &well) == Some(7.0)).await;
    assert_eq!(metric(&registry, "dropped_total", &well), Some(0.0));
    notifier.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_alertmanager_costs_its_own_oldest_alerts() {
    let (slow, well) = (Alertmanager::start(), Alertmanager::start());
    let (notifier, registry) = notifier(NotifierOptions { queue_capacity: 5, ..NotifierOptions::default() });
    notifier.apply(&fixed(&[slow.address(), well.address()], "    timeout: 5m\n")).expect("a good configuration");
    slow.hold(true);
    notifier.send(&[named("first")]);
    until("the slow one has a batch in hand", || slow.requests().len() == 1).await;
    until("the other has answered", || metric(&registry, "sent_total", &well) == Some(1.0)).await;
    notifier.send(&numbered(0..4));
    until("the other has all", || metric(&registry, "sent_total", &well) == Some(5.0)).await;
    notifier.send(&numbered(4..8));
    assert_eq!(metric(&registry, "queue_length", &slow), Some(5.0));
    assert_eq!(metric(&registry, "dropped_total", &slow), Some(3.0));
    slow.hold(false);
    until("what is left arrives", || metric(&registry, "sent_total", &slow) == Some(6.0)).await;
    assert_eq!(slow.batches(), [vec!["first".to_owned()], names(3..8)]);
    until("the other has the rest", || well.names().len() == 9).await;
    notifier.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_keeps_queues_of_blocks_that_stay() {
    let (am, new) = (Alertmanager::start(), Alertmanager::start());
    let (notifier, registry) = notifier(NotifierOptions::default());
    notifier.apply(&fixed(&[am.address()], "    timeout: 5m\n")).expect("a good configuration");
    am.hold(true);
    notifier.send(&[named("first")]);
    until("a batch is in hand", || am.requests().len() == 1).await;
    notifier.send(&numbered(0..3));
    // The block moves to the second place; what waits for it stays.
    let text = format!(
        "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}, \
         {{static_configs: [{{targets: ['{}']}}], timeout: 5m}}]}}",
        new.address(),
        am.address()
    );
    notifier.apply(&config(&text)).expect("a good configuration");
    assert_eq!(metric(&registry, "queue_length", &am), Some(3.0));
    am.hold(false);
    until("what waited arrives", || am.names().len() == 4).await;
    notifier.send(&[named("both")]);
    until("both get the next", || new.names() == ["both"] && am.names().len() == 5).await;
    // One that goes gets what waits for it, and nothing more.
    until("the answer is counted", || metric(&registry, "sent_total", &am) == Some(5.0)).await;
    notifier.apply(&fixed(&[new.address()], "")).expect("a good configuration");
    until("its series go", || metric(&registry, "sent_total", &am).is_none()).await;
    notifier.send(&[named("one")]);
    until("the other gets it", || new.names() == ["both", "one"]).await;
    assert_eq!(am.names().len(), 5);
    notifier.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_sent_before_the_end() {
    for drain in [true, false] {
        let am = Alertmanager::start();
        let options = NotifierOptions { batch_max: 3, drain_on_shutdown: drain, ..NotifierOptions::default() };
        let (notifier, _) = notifier(options);
        notifier.apply(&fixed(&[am.address()], "    timeout: 5m\n")).expect("a good configuration");
        am.hold(true);
        notifier.send(&[named("first")]);
        until("a batch is in hand", || am.requests().len() == 1).await;
        notifier.send(&numbered(0..7));
        let end = notifier.stop();
        let release = async {
            tokio::task::yield_now().await;
            am.hold(false);
        };
        tokio::join!(end, release);
        notifier.send(&[named("too late")]);
        let mut want = vec!["first".to_owned()];
        want.extend(names(0..if drain { 7 } else { 0 }));
        assert_eq!(am.names(), want, "drain: {drain}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovered_alertmanagers_come_and_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("am.json");
    let (one, two) = (Alertmanager::start(), Alertmanager::start());
    let write = |am: &Alertmanager| {
        let beside = dir.path().join("new");
        std::fs::write(&beside, json!([{"targets": [am.address()]}]).to_string()).expect("write");
        std::fs::rename(&beside, &path).expect("rename");
    };
    write(&one);
    let (notifier, registry) = notifier(NotifierOptions::default());
    let text =
        format!("alerting: {{alertmanagers: [{{file_sd_configs: [{{files: [{path:?}], refresh_interval: 1s}}]}}]}}");
    notifier.apply(&config(&text)).expect("a good configuration");
    until("the first is found", || metric(&registry, "sent_total", &one).is_some()).await;
    notifier.send(&[named("A")]);
    until("it arrives", || one.names() == ["A"]).await;
    write(&two);
    until("the second is found", || metric(&registry, "sent_total", &two).is_some()).await;
    until("the first is gone", || metric(&registry, "sent_total", &one).is_none()).await;
    notifier.send(&[named("B")]);
    until("it arrives", || two.names() == ["B"]).await;
    assert_eq!(one.names(), ["A"]);
    let families = registry.gather();
    let found = families.iter().find(|f| f.name == "prometheus_notifications_alertmanagers_discovered");
    assert!(matches!(found.map(|f| &f.metrics[0].value), Some(MetricValue::Gauge(n)) if *n == 1.0));
    notifier.stop().await;
}
