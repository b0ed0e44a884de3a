//! Registries: what is gathered, in which order, and what disappears.

use std::sync::Arc;

use firesteel_client::{BuildInfo, Collect, Registry};
use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue};

fn shown(registry: &Registry) -> Vec<String> {
    let value = |v: &MetricValue| match v {
        MetricValue::Counter { value, .. } | MetricValue::Gauge(value) | MetricValue::Untyped(value) => *value,
        MetricValue::Summary(summary) => summary.sum,
        MetricValue::Histogram(histogram) => histogram.sum,
        MetricValue::RichHistogram(histogram) => histogram.classic.sum,
    };
    let lines = |f: MetricFamily| {
        let line = |m: &Metric| format!("{} {} {:?} {}", f.metric_type.as_str(), f.name, m.labels, value(&m.value));
        f.metrics.iter().map(line).collect::<Vec<_>>()
    };
    registry.gather().into_iter().flat_map(lines).collect()
}

#[test]
fn gathers_by_name_and_label_values() {
    let registry = Registry::new();
    registry.gauge("z", "Last.").set(1.5);
    let requests = registry.counter_vec("requests_total", "Requests.", &["code", "handler"]);
    requests.with(&["500", "/"]).inc();
    requests.with(&["200", "/metrics"]).inc_by(2);
    requests.with(&["200", "/"]).inc_by(3);
    registry.histogram("h_seconds", "Durations.", &[1.0]).observe(0.25);
    registry.summary("s_seconds", "Durations.", &[]).observe(2.0);
    registry.gauge_fn("now", "Read late.", || 7.0);
    registry.counter_vec("unused_total", "Without children.", &["a"]);
    assert_eq!(
        shown(&registry),
        [
            "histogram h_seconds {} 0.25",
            "gauge now {} 7",
            r#"counter requests_total {"code": "200", "handler": "/"} 3"#,
            r#"counter requests_total {"code": "200", "handler": "/metrics"} 2"#,
            r#"counter requests_total {"code": "500", "handler": "/"} 1"#,
            "summary s_seconds {} 2",
            "gauge z {} 1.5",
        ]
    );
    assert_eq!(registry.gather()[2].help, "Requests.");
}

#[test]
fn the_same_instrument_is_shared() {
    let registry = Registry::new();
    registry.counter("a_total", "").inc();
    registry.clone().counter("a_total", "").inc();
    assert_eq!(shown(&registry), ["counter a_total {} 2"]);
}

#[test]
fn what_is_gone_disappears() {
    let registry = Registry::new();
    let family = registry.gauge_vec("pool_targets", "", &["pool"]);
    for pool in ["a", "b", "c", "d"] {
        family.with(&[pool]).set(1.0);
    }
    assert!(family.remove(&["a"]));
    assert!(!family.remove(&["a"]));
    family.retain(|values| &*values[0] != "b");
    assert_eq!(shown(&registry), [r#"gauge pool_targets {"pool": "c"} 1"#, r#"gauge pool_targets {"pool": "d"} 1"#]);
    family.clear();
    assert!(shown(&registry).is_empty());
}

#[test]
fn collectors_may_add_to_one_family() {
    struct Fixed(&'static str);
    impl Collect for Fixed {
        fn collect(&self, out: &mut Vec<MetricFamily>) {
            out.push(MetricFamily {
                name: "fixed".to_owned(),
                metric_type: MetricType::Gauge,
                metrics: vec![Metric::new(Labels::from_pairs([("of", self.0)]), MetricValue::Gauge(1.0))],
                ..MetricFamily::default()
            });
        }
    }
    let registry = Registry::new();
    registry.register(Arc::new(Fixed("b")));
    registry.register(Arc::new(Fixed("a")));
    assert_eq!(shown(&registry), [r#"gauge fixed {"of": "a"} 1"#, r#"gauge fixed {"of": "b"} 1"#]);
}

#[test]
fn tells_its_build() {
    let registry = Registry::new();
    BuildInfo { version: "1.2.3", revision: "abc", branch: "main", goversion: "none", tags: "" }
        .register(&registry, "prometheus");
    let family = &registry.gather()[0];
    assert_eq!(family.name, "prometheus_build_info");
    assert_eq!(family.metrics[0].labels.value("version"), "1.2.3");
    assert_eq!(family.metrics[0].value, MetricValue::Gauge(1.0));
}
