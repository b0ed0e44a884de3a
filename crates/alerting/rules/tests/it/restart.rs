//! A restart gives the notifications that none would have given.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_base::TimestampNs;
use firesteel_model::Labels;
use firesteel_rules::{AlertState, RuleSettings};
use firesteel_testkit::Random;

use crate::world::{World, after, slot};

const RULES: &str = "groups:
- name: g
  interval: 15s
  rules:
  - {record: 'm:max', expr: 'max by (i) (m)'}
  - alert: Now
    expr: m > 0
    annotations: {summary: '{{ $labels.i }} is {{ $value }}'}
  - alert: Pending
    expr: m:max > 0
    for: 2m
    labels: {severity: page, value: 'of {{ $labels.i }}'}
    annotations: {summary: 'slow {{ $labels.i }}'}
  - alert: Kept
    expr: m > 0
    for: 30s
    keep_firing_for: 3m
    annotations: {summary: 'kept {{ $labels.i }} {{ $value }}'}
  - alert: Same
    expr: m{i=\"a\"} > 0
    annotations: {summary: 'first'}
  - alert: Same
    expr: m{i=\"b\"} > 0
    annotations: {summary: 'second'}
";

/// What an Alertmanager was told of one alert: the evaluation at which it began and, if it did, ended; what was said.
type Told = BTreeMap<Labels, Vec<(i64, Option<i64>, String)>>;

/// Runs two hours of evaluations over random data, which may change every `pace` evaluations. Before the evaluations in
/// `restarts` everything is forgotten; if they are `missed`, they are left out, too.
fn told(seed: u64, pace: u32, restarts: &[u32], missed: bool) -> Told {
    let mut world = World::new();
    let mut random = Random::new(seed);
    let mut group = world.group(RULES);
    let mut values = [0.0; 3];
    let mut restore = false;
    for i in 0..480_u32 {
        let at = slot(&group, i);
        for (n, v) in values.iter_mut().enumerate() {
            if i.is_multiple_of(pace) && random.chance([4, 10, 30][n] * if pace > 1 { 3 } else { 1 }) {
                *v = if *v > 0.0 { 0.0 } else { 1.0 + random.below(3) as f64 };
            }
            world.feed(&format!("m{{i=\"{}\"}}", ["a", "b", "c"][n]), at.before(Duration::from_secs(1)), *v);
        }
        if restarts.contains(&i) {
            restore = true;
            if missed {
                continue;
            }
        }
        if std::mem::take(&mut restore) {
            world.restart();
            group = world.group(RULES);
            world.set(at);
            group.restore(&world.cx, at);
        }
        world.eval(&group, at);
    }
    let mut out = Told::new();
    for (at, alert) in world.sent() {
        // Slots are shifted by a hash of the file's name: evaluations are counted.
        let number = |t: TimestampNs| (t.0 - slot(&group, 0).0) / 15_000_000_000;
        let ended = alert.ends_at.filter(|end| *end <= at).map(number);
        let one = (number(alert.starts_at), ended, alert.annotations.to_string());
        let of_alert = out.entry(alert.labels).or_default();
        if of_alert.last().is_none_or(|last| (last.0, last.1) != (one.0, one.1)) {
            of_alert.push(one);
        }
    }
    out
}

/// Twenty evaluations after the first.
fn twenty(seed: u64) -> Vec<u32> {
    let mut random = Random::new(seed);
    (0..20).map(|_| 1 + random.below(478) as u32).collect()
}

#[test]
fn twenty_restarts_change_nothing() {
    for seed in 1..=2 {
        let plain = told(seed, 1, &[], false);
        assert!(plain.values().map(Vec::len).sum::<usize>() > 60, "{plain:#?}");
        let restarts = twenty(seed + 100);
        assert_eq!(plain, told(seed, 1, &restarts, false), "seed {seed}, restarts {restarts:?}");
    }
}

#[test]
fn twenty_restarts_that_miss_an_evaluation_change_nothing_but_that() {
    for seed in 1..=2 {
        // What changes for one evaluation only may well be missed: data stays as it is for six.
        let plain = told(seed, 6, &[], false);
        assert!(plain.values().map(Vec::len).sum::<usize>() > 60, "{plain:#?}");
        let restarts = twenty(seed + 100);
        let broken = told(seed, 6, &restarts, true);
        assert_eq!(plain.keys().collect::<Vec<_>>(), broken.keys().collect::<Vec<_>>());
        for (labels, want) in &plain {
            let got = &broken[labels];
            let context = || format!("seed {seed}, restarts {restarts:?}, {labels}\nwant {want:?}\ngot {got:?}");
            assert_eq!(want.len(), got.len(), "{}", context());
            for (a, b) in want.iter().zip(got) {
                let near = |a: i64, b: i64| (0..=1).contains(&(b - a));
                let ends = a.1.is_some() == b.1.is_some() && a.1.zip(b.1).is_none_or(|(a, b)| near(a, b));
                assert!(near(a.0, b.0) && ends && a.2 == b.2, "{}", context());
            }
        }
    }
}

/// Evaluates `group` from `from` to `to` (numbers of evaluations) with `m` at `v`.
fn run(world: &World, group: &firesteel_rules::Group, evaluations: std::ops::Range<u32>, v: f64) -> TimestampNs {
    let mut last = TimestampNs(0);
    for i in evaluations {
        last = slot(group, i);
        world.feed("m{i=\"a\"}", last, v);
        world.eval(group, last);
    }
    last
}

#[test]
fn states_are_taken_up_to_the_nanosecond() {
    let mut world = World::new();
    let group = world.group(RULES);
    run(&world, &group, 0..10, 1.0);
    let alerts = |group: &firesteel_rules::Group, i: usize| {
        let mut alerts = group.rules()[i].alerting().expect("an alert").active_alerts();
        alerts.pop().map(|(_, alert)| (alert.state, alert.active_at, alert.fired_at, alert.annotations.to_string()))
    };
    let before: Vec<_> = (1..5).map(|i| alerts(&group, i)).collect();
    world.restart();
    let group = world.group(RULES);
    group.restore(&world.cx, slot(&group, 10));
    let after: Vec<_> = (1..5).map(|i| alerts(&group, i)).collect();
    assert_eq!(before, after);
    assert_eq!(alerts(&group, 5), None, "that one is the other rule's");
}

#[test]
fn an_outage_is_bridged_as_upstream_does() {
    let hold = |minutes: u64| {
        format!("groups:\n- name: g\n  interval: 15s\n  rules:\n  - {{alert: A, expr: 'm > 0', for: {minutes}m}}\n")
    };
    // `for`, minutes before the outage and of it, and the minute from the start on at which the alert fires.
    let cases = [
        ("short: no outage", 15, 12, 2, Some(0)),
        ("little is left: the grace period", 15, 12, 20, Some(10)),
        ("much is left: the outage does not count", 30, 10, 20, Some(20)),
        ("it fired: it goes on", 15, 20, 20, Some(0)),
        ("too long an outage: anew", 15, 12, 70, Some(15)),
        ("a short `for`: anew", 5, 3, 20, Some(5)),
    ];
    for (what, minutes, spent, outage, fires) in cases {
        let mut world = World::with(RuleSettings::default());
        let group = world.group(&hold(minutes));
        run(&world, &group, 0..spent * 4 + 1, 1.0);
        world.restart();
        let group = world.group(&hold(minutes));
        let first = spent * 4 + outage * 4 + 1;
        world.set(slot(&group, first));
        group.restore(&world.cx, slot(&group, first));
        let mut fired = None;
        for i in first..first + 41 * 4 {
            run(&world, &group, i..i + 1, 1.0);
            let alert = &group.rules()[0].alerting().expect("an alert").active_alerts()[0].1;
            if fired.is_none() && alert.state == AlertState::Firing {
                fired = Some((i - first) / 4);
            }
        }
        assert_eq!(fired, fires, "{what}");
    }
}

#[test]
fn an_alert_that_ended_while_nobody_looked_is_resolved() {
    // After a gap that its expression may feel, not before the second evaluation: targets may not have been scraped.
    for (first, ends) in [(14, 14), (24, 25)] {
        let mut world = World::new();
        let group = world.group(RULES);
        run(&world, &group, 0..10, 1.0);
        world.restart();
        let group = world.group(RULES);
        group.restore(&world.cx, slot(&group, first));
        run(&world, &group, first..first + 3, 0.0);
        let resolved: Vec<_> = world.sent().into_iter().filter(|(at, alert)| alert.is_resolved_at(*at)).collect();
        let now = resolved.iter().find(|(_, alert)| alert.name() == "Now").expect("told of");
        assert_eq!(now.1.ends_at, Some(slot(&group, ends)));
        assert_eq!(now.1.starts_at, slot(&group, 0));
        assert!(after(0) < now.0);
        // Its series have ended too.
        assert_eq!(world.ask(r#"ALERTS{alertname="Now"}"#, slot(&group, ends + 1)), [""; 0]);
    }
}
