//! What a query tells about itself: its plan, and why it has no result.

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::Labels;
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{EmptyReason, Engine, EngineOptions, ExplainNode, ExplainWhat, QueryOptions};

use crate::engine::expr;

const MINUTE_MS: i64 = 60_000;

fn storage() -> TestStorage {
    let mut storage = TestStorage::new();
    let mut add = |pairs: &[(&str, &str)], from: i64, to: i64, v: f64| {
        let samples = (from..=to).map(|t| (TimestampMs(t * MINUTE_MS), v * t as f64));
        storage.append(&Labels::from_pairs(pairs.iter().copied()), samples);
    };
    for instance in ["a:9100", "b:9100"] {
        for mode in ["idle", "user"] {
            let labels =
                [("__name__", "node_cpu_seconds_total"), ("job", "node"), ("instance", instance), ("mode", mode)];
            add(&labels, 0, 60, 1.0);
        }
        add(&[("__name__", "up"), ("job", "node"), ("instance", instance)], 0, 60, 0.5);
        add(&[("__name__", "build_info"), ("instance", instance), ("version", "1.2")], 0, 60, 1.0);
    }
    add(&[("__name__", "http_requests_total"), ("job", "web"), ("pod", "p-1")], 0, 20, 3.0);
    add(&[("__name__", "later"), ("job", "web")], 100, 120, 1.0);
    storage
}

fn engine() -> Engine {
    Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() }, &Registry::new()).expect("an engine")
}

fn reasons(storage: &TestStorage, text: &str) -> Vec<EmptyReason> {
    let explain = ExplainWhat { plan: false, empty: true };
    let options = QueryOptions { text: text.into(), explain, ..QueryOptions::default() };
    let at = TimestampMs(60 * MINUTE_MS);
    let answer = engine().instant(storage, &expr(text), at, &options).unwrap_or_else(|e| panic!("{text}: {e}"));
    let empty = answer.explain.empty.unwrap_or_else(|| panic!("{text} has a result: {:?}", answer.value));
    // The same on the steps of a range, where samples of the past are looked at too.
    let (start, end) = (TimestampMs(59 * MINUTE_MS), TimestampMs(60 * MINUTE_MS));
    let ranged = engine().range(storage, &expr(text), start, end, MINUTE_MS, &options).expect(text);
    let codes = |all: &[EmptyReason]| all.iter().map(|reason| reason.code).collect::<Vec<_>>();
    assert_eq!(codes(&ranged.explain.empty.unwrap_or_default()), codes(&empty), "{text}");
    empty
}

/// Code and place of the reason, a part of its message, and the suggestion.
#[test]
fn empty_results_say_what_removed_the_last_series() {
    let storage = storage();
    let cases: &[(&str, &str, &str, &str, &str)] = &[
        (
            "http_request_total",
            "FS1031",
            "http_request_total",
            "did you mean `http_requests_total`?",
            "http_requests_total",
        ),
        (
            "sum(rate(node_cpu_total[5m]))",
            "FS1031",
            "node_cpu_total[5m]",
            "no metric `node_cpu_total`",
            "sum(rate(node_cpu_seconds_total[5m]))",
        ),
        ("up{job=\"nod\"} == 1", "FS1032", "up{job=\"nod\"}", "no series has `job=\"nod\"`", "up{job=\"node\"} == 1"),
        ("up{jbo=\"node\"}", "FS1032", "up{jbo=\"node\"}", "no series has a label `jbo`", "up{job=\"node\"}"),
        (
            "up{job=\"web\"}",
            "FS1033",
            "up{job=\"web\"}",
            "2 series satisfy the other conditions, but not `job=\"web\"`",
            "",
        ),
        ("http_requests_total", "FS1034", "http_requests_total", "40m too early", ""),
        ("later", "FS1035", "later", "they begin after the time of the query", ""),
        ("rate(up[1m])", "FS1036", "up[1m]", "holds at most 1 sample, and they come about every 1m", "rate(up[4m])"),
        ("rate(http_requests_total[5m])", "FS1034", "http_requests_total[5m]", "too early for the range of 5m", ""),
        ("up > 100", "FS1037", "up > 100", "no value satisfies `> 100`", ""),
        ("sum(up) by (job) > 100", "FS1037", "sum(up) by (job) > 100", "", ""),
        (
            "node_cpu_seconds_total * build_info",
            "FS1038",
            "node_cpu_seconds_total * build_info",
            "`job` is only on the left",
            "node_cpu_seconds_total * on (instance) group_left () build_info",
        ),
        (
            "up and on(job) build_info",
            "FS1038",
            "up and on(job) build_info",
            "`job` is only on the left",
            "up and on (instance) build_info",
        ),
        (
            "up > on(instance) build_info * 9",
            "FS1039",
            "up > on(instance) build_info * 9",
            "2 pairs of series match, and `>` holds for none",
            "",
        ),
        ("absent(up)", "FS1040", "absent(up)", "there are some", ""),
        ("histogram_quantile(0.9, up)", "FS1041", "histogram_quantile(0.9, up)", "no label `le`", ""),
        ("up unless on(instance) build_info", "FS1042", "up unless on(instance) build_info", "leaves none", ""),
        ("topk(0, up)", "FS1043", "topk(0, up)", "the parameter 0", ""),
        ("max_over_time((nothing)[5m:1m])", "FS1031", "nothing", "no metric `nothing`", ""),
        ("deriv((up > 1000)[5m:1m])", "FS1037", "up > 1000", "", ""),
    ];
    for &(text, code, place, message, fix) in cases {
        let found = reasons(&storage, text);
        let [reason] = found.as_slice() else { panic!("{text}: {found:?}") };
        assert_eq!(reason.code, code, "{text}: {reason:?}");
        assert_eq!(&text[reason.span.start..reason.span.end], place, "{text}");
        assert!(reason.message.contains(message), "{text}: {}", reason.message);
        assert_eq!(reason.fix.as_deref().unwrap_or(""), fix, "{text}: {}", reason.message);
    }
}

#[test]
fn what_is_empty_twice_has_two_reasons() {
    let storage = storage();
    let codes = |text: &str| reasons(&storage, text).iter().map(|reason| reason.code).collect::<Vec<_>>();
    assert_eq!(codes("uqp or later"), ["FS1031", "FS1035"]);
    assert_eq!(codes("http-requests"), ["FS1030", "FS1031", "FS1031"]);
    let found = reasons(&storage, "up{job=\"nod\",instance=\"a:9100\"}");
    let reports: Vec<_> = found[0].matchers.iter().map(|m| (m.matcher.as_str(), m.alone, m.without)).collect();
    assert_eq!(reports, [("job=\"nod\"", 0, 1), ("instance=\"a:9100\"", 4, 0), ("__name__=\"up\"", 2, 0)]);
    let text = "up * build_info";
    let examples = reasons(&storage, text).remove(0).examples;
    assert_eq!(examples.iter().map(|one| one.side).collect::<Vec<_>>(), ["left", "right"]);
}

#[test]
fn a_result_needs_no_reason() {
    let explain = ExplainWhat { plan: false, empty: true };
    let options = QueryOptions { explain, ..QueryOptions::default() };
    let answer = engine().instant(&storage(), &expr("up"), TimestampMs(0), &options).expect("an answer");
    assert!(answer.explain.empty.is_none() && answer.explain.plan.is_none());
}

#[test]
fn the_plan_has_what_each_operator_cost() {
    let text = "sum by (instance) (rate(node_cpu_seconds_total[5m])) / on (instance) 3 > 2 * up";
    let text = &text.replace(" / on (instance) 3", "");
    let explain = ExplainWhat { plan: true, empty: false };
    let options = QueryOptions { text: text.as_str().into(), explain, ..QueryOptions::default() };
    let (start, end) = (TimestampMs(0), TimestampMs(60 * MINUTE_MS));
    let mut answer = engine().range(&storage(), &expr(text), start, end, MINUTE_MS, &options).expect("an answer");
    let plan = answer.explain.plan.take().expect("a plan");
    assert!(plan.peak_bytes > 0);
    let [root] = plan.roots.as_slice() else { panic!("{plan:?}") };
    let mut found = Vec::new();
    walk(root, 0, &mut found);
    let shape: Vec<_> =
        found.iter().map(|(depth, node)| (*depth, node.operator.as_str(), node.expression.as_str())).collect();
    assert_eq!(
        shape,
        [
            (0, ">", text.as_str()),
            (1, "sum", "sum by (instance) (rate(node_cpu_seconds_total[5m]))"),
            (2, "rate", "rate(node_cpu_seconds_total[5m])"),
            (1, "*", "2 * up"),
            (2, "selector", "up"),
        ]
    );
    let node = |i: usize| found[i].1;
    assert_eq!((node(1).series, node(2).series, node(4).series), (2, 4, 2));
    assert_eq!((node(4).points, node(4).samples, node(4).samples_read), (122, 122, 122));
    assert_eq!(node(2).samples + node(4).samples, answer.stats.samples_total);
    for (_, node) in &found {
        assert!(node.wall >= node.self_wall && node.cpu >= node.self_cpu && node.peak_bytes > 0, "{node:?}");
        assert!(node.wall >= node.children.iter().map(|child| child.wall).sum(), "{node:?}");
    }
    let quiet = QueryOptions { text: text.as_str().into(), ..QueryOptions::default() };
    let same = engine().range(&storage(), &expr(text), start, end, MINUTE_MS, &quiet).expect("an answer");
    assert!(same.value == answer.value && same.explain.plan.is_none());
}

/// Which labels are read off the series of each selector; none when all are.
#[test]
fn labels_that_nobody_looks_at_are_left_out() {
    let cases: &[(&str, &[&[&str]])] = &[
        ("up", &[&[]]),
        ("sum by (job) (up)", &[&["job"]]),
        ("sum(rate(node_cpu_seconds_total[5m]))", &[&["-"]]),
        ("max by (instance, mode) (-abs(node_cpu_seconds_total > 0))", &[&["instance", "mode"]]),
        ("sum by (job) (max_over_time(up[5m:1m]))", &[&["job"]]),
        ("count_values by (job) (\"v\", up)", &[&["job"]]),
        ("quantile by (job) (scalar(up{job=\"node\"}), up)", &[&["-"], &["job"]]),
        ("absent(up)", &[&["-"]]),
        ("up and on (instance) build_info", &[&[], &["instance"]]),
        // Here whole label sets matter.
        ("sum without (job) (up)", &[&[]]),
        ("topk by (job) (1, up)", &[&[]]),
        ("sum by (job) (up * on (instance) build_info)", &[&[], &[]]),
        ("sum by (job) (label_replace(up, \"job\", \"$1\", \"instance\", \"(.*)\"))", &[&[]]),
        ("histogram_quantile(0.9, up)", &[&[]]),
        ("sum by (job) (up) / count(up)", &[&[], &[]]),
    ];
    for (text, want) in cases {
        let explain = ExplainWhat { plan: true, empty: false };
        let options = QueryOptions { text: (*text).into(), explain, ..QueryOptions::default() };
        let (start, end) = (TimestampMs(0), TimestampMs(60 * MINUTE_MS));
        let answer = engine().range(&storage(), &expr(text), start, end, MINUTE_MS, &options).expect(text);
        let plan = answer.explain.plan.expect("a plan");
        let mut found = Vec::new();
        plan.roots.iter().for_each(|root| walk(root, 0, &mut found));
        let leaves = found.iter().filter(|(_, node)| node.children.is_empty() && node.expression != "\"v\"");
        let got: Vec<Vec<&str>> = leaves
            .map(|(_, node)| match &node.labels {
                None => Vec::new(),
                Some(labels) => {
                    let names: Vec<&str> =
                        labels.iter().map(String::as_str).filter(|name| !name.starts_with("__")).collect();
                    if names.is_empty() { vec!["-"] } else { names }
                }
            })
            .collect();
        assert_eq!(got, *want, "{text}");
    }
}

fn walk<'a>(node: &'a ExplainNode, depth: usize, out: &mut Vec<(usize, &'a ExplainNode)>) {
    out.push((depth, node));
    node.children.iter().for_each(|child| walk(child, depth + 1, out));
}
