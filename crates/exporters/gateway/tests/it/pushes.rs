//! PUT, POST, DELETE, and what is refused.

use firesteel_gateway::{GatewayOptions, PUSH_FAILURE_TIME, PUSH_TIME};
use firesteel_model::{MetricFamily, MetricType, MetricValue};

use crate::{Bench, labels};

#[test]
fn groups_are_replaced_added_to_and_deleted() {
    let bench = Bench::new(GatewayOptions::default());
    bench.put("j", "a 1\nb{x=\"1\",instance=\"i\"} 2\n").unwrap();
    bench.post("j", "b{x=\"2\"} 3\nc 4\n").unwrap();
    bench.put("j/instance/k", "a{job=\"other\"} 5\n").unwrap();
    let page = "a{instance=\"\",job=\"j\"} 1\na{instance=\"k\",job=\"j\"} 5\nb{instance=\"\",job=\"j\",x=\"2\"} 3\n\
                c{instance=\"\",job=\"j\"} 4\n";
    assert_eq!(bench.page(), page);
    bench.put("j", "").unwrap();
    assert_eq!(bench.page(), "a{instance=\"k\",job=\"j\"} 5\n");
    bench.gateway.delete(&labels("j/instance/k"));
    bench.gateway.delete(&labels("nobody"));
    assert_eq!(bench.gateway.groups().len(), 1);
    bench.gateway.wipe();
    assert!(bench.gateway.groups().is_empty() && bench.page().is_empty());
    bench.put("j", "a 1\n").unwrap();
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let own = MetricFamily {
        name: "own_total".to_owned(),
        help: "Own.".to_owned(),
        metric_type: MetricType::Counter,
        ..MetricFamily::default()
    };
    let bench = Bench::new(GatewayOptions { own: vec![own], ..GatewayOptions::default() });
    bench.put("j", "# TYPE a gauge\na 1\n# TYPE h histogram\nh_count 1\nh_sum 1\n").unwrap();
    let before = bench.page();
    let refused = [
        ("k", "a 1 2\n", "pushed metrics must not have timestamps"),
        (
            "k",
            "# TYPE a counter\na 1\n",
            "collected metric \"a\" { label:{name:\"instance\" value:\"\"} label:{name:\"job\" value:\"k\"} counter:{value:1}} is not a GAUGE",
        ),
        ("j/instance/", "a 2\n", "3 error(s) occurred:\n* collected metric \"a\""),
        (
            "k",
            "h_count 1\n",
            "collected metric named \"h_count\" collides with previously collected histogram named \"h\"",
        ),
        ("k", "own_total 1\n", "gathered metric family own_total has type UNTYPED but should have COUNTER"),
        (
            "k",
            "b 1\nb 2\n",
            "collected metric \"b\" { label:{name:\"instance\" value:\"\"} label:{name:\"job\" value:\"k\"} untyped:{value:2}} was collected before with the same name and label values",
        ),
    ];
    for (group, body, why) in refused {
        let got = bench.put(group, body).unwrap_err();
        let start = "pushed metrics are invalid or inconsistent with existing metrics: ";
        let got = got.strip_prefix(start).unwrap_or_else(|| panic!("{got}"));
        // Of the group whose labels another has too, its own two gauges are in the way as well.
        assert!(got.starts_with(why) || why.starts_with('3') && got.contains("was collected before"), "{got}");
    }
    assert_eq!(bench.page(), before);
    let failed: Vec<bool> = bench.gateway.groups().iter().map(|g| g.last_push_successful()).collect();
    // The group of the same labels is not even there: its gauges would spoil the page.
    assert_eq!(failed, [true, false]);
    bench.put("k", "b 1\n# TYPE own_total counter\n# HELP own_total Other.\nown_total 1\n").unwrap();
    let own = bench.gateway.gather(Vec::new()).unwrap().into_iter().find(|f| f.name == "own_total").unwrap();
    assert_eq!(own.help, "Own.");
    assert!(bench.put("k", "b{ 1\n").unwrap_err().starts_with("text format parsing error in line 1: "));
}

#[test]
fn times_of_success_and_failure_are_kept() {
    let bench = Bench::new(GatewayOptions::default());
    let times = || {
        let groups = bench.gateway.groups();
        [PUSH_TIME, PUSH_FAILURE_TIME].map(|name| match groups[0].families[name].family.metrics[0].value {
            MetricValue::Gauge(v) => v,
            _ => f64::NAN,
        })
    };
    bench.put("j", "a 1 1\n").unwrap_err();
    assert_eq!(times(), [0.0, 1_700_000_000.0]);
    bench.clock.advance(1500);
    bench.post("j", "").unwrap();
    assert_eq!(times(), [1_700_000_001.5, 1_700_000_000.0]);
    assert!(bench.gateway.groups()[0].last_push_successful());
    bench.clock.advance(1000);
    bench.put("j", "a 1 1\n").unwrap_err();
    assert_eq!(times(), [1_700_000_001.5, 1_700_000_002.5]);
    assert!(!bench.gateway.groups()[0].last_push_successful());
}

#[test]
fn taken_unseen_it_fails_the_scrape_until_it_is_gone() {
    let bench = Bench::new(GatewayOptions { unchecked: true, ..GatewayOptions::default() });
    bench.put("j", "# TYPE a gauge\na 1\n").unwrap();
    bench.put("k", "# TYPE a counter\na 1\n").unwrap();
    assert!(bench.gateway.gather(Vec::new()).unwrap_err().ends_with("is not a GAUGE"));
    bench.gateway.delete(&labels("k"));
    assert_eq!(bench.page(), "a{instance=\"\",job=\"j\"} 1\n");
}
