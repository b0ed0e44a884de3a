//! What groups write, and how rules fail.

use firesteel_rules::{AlertState, Health};

use crate::world::{World, after};

fn rules(text: &str) -> String {
    format!("groups:\n- name: g\n  interval: 15s\n{text}")
}

#[test]
fn results_are_recorded_under_new_names_and_seen_by_later_rules() {
    let world = World::new();
    let group = world.group(&rules(
        "  labels: {team: a, level: group}\n  rules:\n\
         \x20 - {record: 'job:m:sum', expr: 'sum by (job) (m)', labels: {level: rule, job: ''}}\n\
         \x20 - {record: twice, expr: '2 * job:m:sum'}\n\
         \x20 - {record: number, expr: '42'}\n",
    ));
    world.feed("m{job=\"j\", i=\"1\"}", after(0), 1.0);
    world.feed("m{job=\"j\", i=\"2\"}", after(0), 2.0);
    world.eval(&group, after(15));
    assert_eq!(
        world.ask(r#"{__name__=~"job:.*|twice|number"}"#, after(15)),
        [
            r#"{__name__="job:m:sum", level="rule", team="a"} 3"#,
            r#"{__name__="number", level="group", team="a"} 42"#,
            r#"{__name__="twice", level="group", team="a"} 6"#,
        ]
    );
    assert_eq!(group.rules()[0].core().status().health, Health::Good);
    assert_eq!(world.metric("prometheus_rule_evaluations_total"), 3.0);
    assert_eq!(world.metric("prometheus_rule_group_last_evaluation_samples"), 3.0);
}

#[test]
fn vanished_results_end_with_a_marker() {
    let world = World::new();
    let group = world.group(&rules("  rules:\n  - {record: r, expr: 'm > 0'}\n"));
    for (i, values) in [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 5.0]].into_iter().enumerate() {
        let at = after(15 * i as u64);
        world.feed("m{i=\"1\"}", at, values[0]);
        world.feed("m{i=\"2\"}", at, values[1]);
        world.eval(&group, at);
        let there = world.ask("count(r)", at);
        assert_eq!(there, [format!("{{}} {}", if values[1] > 0.0 { 2 } else { 1 })], "{i}");
    }
    assert_eq!(
        world.ask("r[1h]", after(60)),
        [r#"{__name__="r", i="1"} 1@0 1@15 1@30 1@45"#, r#"{__name__="r", i="2"} 1@0 5@45"#]
    );
}

#[test]
fn a_rule_that_fails_is_named_and_stops_no_other() {
    let world = World::new();
    let group = world.group(&rules(
        "  limit: 2\n  rules:\n\
         \x20 - {record: same, expr: 'm', labels: {i: ''}}\n\
         \x20 - {record: many, expr: 'm or label_replace(m, \"i\", \"x$1\", \"i\", \"(.*)\")'}\n\
         \x20 - {record: range, expr: '\"text\"'}\n\
         \x20 - {alert: Same, expr: 'm', labels: {i: ''}}\n\
         \x20 - {alert: Many, expr: 'm or label_replace(m, \"i\", \"x$1\", \"i\", \"(.*)\")'}\n\
         \x20 - {record: matching, expr: 'm + on () m'}\n\
         \x20 - {record: fine, expr: 'sum(m)'}\n",
    ));
    for i in 0..2 {
        world.feed("m{i=\"1\"}", after(15 * i), 1.0);
        world.feed("m{i=\"2\"}", after(15 * i), 2.0);
        world.eval(&group, after(15 * i));
    }
    let errors: Vec<String> = group.rules().iter().map(|rule| rule.core().status().last_error.to_string()).collect();
    assert_eq!(
        errors,
        [
            "vector contains metrics with the same labelset after applying rule labels",
            "exceeded limit of 2 with 4 series",
            "rule result is not a vector or scalar",
            "vector contains metrics with the same labelset after applying alert labels",
            "exceeded limit of 2 with 4 alerts",
            "found duplicate series for the match group {} on the right hand-side of the operation: [{__name__=\"m\", i=\"1\"}, {__name__=\"m\", i=\"2\"}];many-to-many matching not allowed: matching labels must be unique on one side",
            "",
        ]
    );
    assert_eq!(world.ask("fine", after(15)), [r#"{__name__="fine"} 3"#]);
    assert_eq!(world.metric("prometheus_rule_evaluation_failures_total"), 12.0);
    assert_eq!(group.rules()[4].alerting().expect("an alert").active_alerts().len(), 0);
}

#[test]
fn what_the_store_refuses_is_counted_and_named() {
    let world = World::new();
    let group = world.group(&rules("  rules:\n  - {record: r, expr: 'm'}\n  - {record: r, expr: 'm + 1'}\n"));
    world.feed("m", after(0), 1.0);
    world.eval(&group, after(15));
    let error = |i: usize| group.rules()[i].core().status().last_error.to_string();
    assert_eq!(
        (error(0).as_str(), error(1).as_str()),
        ("", "duplicate sample for timestamp 1700000055000; overrides not allowed: existing 1, new value 2")
    );
    assert_eq!(group.rules()[1].core().status().health, Health::Bad);
    // The time goes back: nobody writes into the past, and the series that is there is not ended.
    world.eval(&group, after(10));
    assert_eq!((error(0).as_str(), error(1).as_str()), ("out of order sample", "out of order sample"));
    assert_eq!(world.ask("r", after(16)), [r#"{__name__="r"} 1"#]);
}

#[test]
fn offsets_shift_what_is_read_and_what_is_written() {
    let world = World::new();
    let own = world.group(&rules("  query_offset: 30s\n  rules:\n  - {record: own, expr: 'm'}\n"));
    let global = world.group(&rules("  rules:\n  - {record: global, expr: 'm'}\n  - {alert: A, expr: 'm > 0'}\n"));
    world.cx.set_query_offset(std::time::Duration::from_secs(60));
    for i in 0..=6 {
        world.feed("m", after(15 * i), i as f64);
    }
    world.eval(&own, after(90));
    world.eval(&global, after(90));
    let asked = |text: &str| world.ask(text, after(90));
    assert_eq!(asked("own[2m]"), [r#"{__name__="own"} 4@60"#]);
    assert_eq!(asked("global[2m]"), [r#"{__name__="global"} 2@30"#]);
    assert_eq!(asked("ALERTS[2m]"), [r#"{__name__="ALERTS", alertname="A", alertstate="firing"} 1@30"#]);
    let alert = &global.rules()[1].alerting().expect("an alert").active_alerts()[0].1;
    assert_eq!(alert.active_at, after(90));
}

#[test]
fn histograms_are_recorded() {
    let world = World::new();
    let group = world.group(&rules("  rules:\n  - {record: h2, expr: 'h * 2'}\n"));
    let mut script = firesteel_promql::testscript::TestStorage::new();
    let h = firesteel_model::FloatHistogram { count: 4.0, sum: 8.0, ..firesteel_model::FloatHistogram::default() };
    let labels = firesteel_model::Labels::from_pairs([("__name__", "h")]);
    script.append_histograms(&labels, [(after(0).to_ms(), h)]);
    let script = std::sync::Arc::new(script);
    let queries = firesteel_rules::EngineQueries { engine: world.engine.clone(), storage: script.clone() };
    let cx = firesteel_rules::EvalContext::new(
        std::sync::Arc::new(queries),
        script,
        world.db.clone(),
        firesteel_rules::RuleSettings::default(),
        &world.registry,
    );
    group.eval(&cx, after(15));
    assert_eq!(&*group.rules()[0].core().status().last_error, "");
    assert_eq!(world.ask("histogram_count(h2)", after(15)), ["{} 8"]);
    assert_eq!(world.ask("histogram_sum(h2)", after(15)), ["{} 16"]);
}

#[test]
fn alerts_write_their_states_and_tell_with_their_templates() {
    let world = World::new();
    let group = world.group(&rules(
        "  rules:\n  - alert: Up\n    expr: m > 1\n    for: 30s\n    keep_firing_for: 30s\n    labels: {severity: 'is {{ $value }}', none: '{{ $labels.none }}'}\n    annotations:\n      summary: '{{ $labels.i }} in {{ $externalLabels.dc }} of {{ $externalURL }}: {{ with query \"m\" }}{{ . | first | value }}{{ end }}'\n      plain: text\n",
    ));
    for (i, v) in [2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0].into_iter().enumerate() {
        let at = after(15 * i as u64);
        world.feed("m{i=\"1\"}", at, v);
        world.eval(&group, at);
    }
    let raw = r#"none="{{ $labels.none }}", severity="is 2"}"#;
    assert_eq!(
        world.ask(r#"{__name__=~"ALERTS.*"}[1h]"#, after(200)),
        [
            format!(r#"{{__name__="ALERTS", alertname="Up", alertstate="firing", i="1", {raw} 1@30 1@45 1@60 1@75"#),
            format!(r#"{{__name__="ALERTS", alertname="Up", alertstate="pending", i="1", {raw} 1@0 1@15"#),
            format!(
                r#"{{__name__="ALERTS_FOR_STATE", alertname="Up", i="1", {raw} {}"#,
                (0..6).map(|i| format!("1700000040@{}", i * 15)).collect::<Vec<_>>().join(" ")
            ),
        ]
    );
    let sent = world.sent();
    let times: Vec<_> = sent
        .iter()
        .map(|(at, alert)| (at.before(std::time::Duration::from_millis(1)), alert.starts_at, alert.ends_at))
        .collect();
    assert_eq!(times, [(after(30), after(30), Some(after(270))), (after(90), after(30), Some(after(90)))]);
    let first = &sent[0].1;
    assert_eq!(first.labels.to_string(), r#"{alertname="Up", i="1", severity="is 2"}"#);
    assert_eq!(first.annotations.to_string(), r#"{plain="text", summary="1 in x of http://here: 2"}"#);
    assert_eq!(&*first.generator_url, "http://here/graph?g0.expr=m+%3E+1&g0.tab=1");
    assert_eq!(group.rules()[0].alerting().expect("an alert").state(), AlertState::Inactive);
    // Four texts in each of the four evaluations that yielded something.
    assert_eq!(world.metric("prometheus_template_text_expansions_total"), 16.0);
    assert_eq!(world.metric("prometheus_template_text_expansion_failures_total"), 0.0);
}

#[test]
fn independent_rules_may_be_evaluated_at_once() {
    let world = World::with(firesteel_rules::RuleSettings {
        concurrent_evals: Some(4),
        ..firesteel_rules::RuleSettings::default()
    });
    let mut text = "  rules:\n".to_owned();
    for i in 0..20 {
        text += &format!(
            "  - {{record: a{i}, expr: 'm + {i}'}}\n  - {{record: b{i}, expr: 'a{i} * 2'}}\n  - {{record: c{i}, expr: 'b{i} + 1'}}\n"
        );
    }
    let group = world.group(&rules(&text));
    world.feed("m", after(0), 1.0);
    for i in 0..3 {
        world.eval(&group, after(15 + 15 * i));
    }
    for i in 0..20 {
        let want = [format!("{{}} {}", (1 + i) * 2 + 1)];
        assert_eq!(world.ask(&format!("sum(c{i})"), after(45)), want, "{i}");
        assert_eq!(world.ask(&format!("count_over_time(c{i}[1m])"), after(45)), ["{} 3"], "{i}");
    }
}

#[test]
fn rules_that_match_nothing_are_marked_with_what_is_near() {
    let world = World::new();
    let group = world.group(&rules(
        "  rules:\n  - {alert: A, expr: 'http_request_total > 5'}\n  - {alert: B, expr: 'http_requests_total{code=\"50\"} > 5'}\n\
         \x20 - {alert: C, expr: 'http_requests_total > 5'}\n  - {alert: D, expr: 'absent(nothing) == 2'}\n  - {alert: E, expr: 'nothing or http_requests_total > 99'}\n",
    ));
    world.feed("http_requests_total{code=\"500\"}", after(0), 1.0);
    world.eval(&group, after(15));
    let found = group.rules_that_match_nothing(&world.cx, after(15));
    let told: Vec<(usize, &str, &[String])> =
        found.iter().map(|(i, all)| (*i, all[0].message.as_str(), all[0].near.as_slice())).collect();
    assert_eq!(
        told,
        [
            (
                0,
                "there is no metric `http_request_total`; did you mean `http_requests_total`?",
                &["http_requests_total".to_owned()][..]
            ),
            (1, "no series has `code=\"50\"`; did you mean `500`?", &["500".to_owned()][..]),
        ]
    );
    assert_eq!(found[0].1[0].fix.as_deref(), Some("http_requests_total > 5"));
    assert_eq!(world.metric("firesteel_rule_matches_nothing"), 1.0);
}
