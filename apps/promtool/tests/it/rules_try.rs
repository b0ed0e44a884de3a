//! `rules try` over a data directory that the test writes.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;

use crate::{promtool, write};

const MINUTE: i64 = 60;
const START: i64 = 1_700_000_040;

/// Three hours, a sample each minute: `(series, value at a minute, or none)`.
type Series<'a> = (&'a str, &'a dyn Fn(i64) -> Option<i64>);

fn data(dir: &Path, families: &[(&str, &[Series<'_>])]) -> String {
    let mut text = String::new();
    for (name, series) in families {
        let _ = writeln!(text, "# TYPE {name} gauge");
        for (labels, value) in *series {
            for minute in 0..180 {
                if let Some(value) = value(minute) {
                    let _ = writeln!(text, "{name}{{{labels}}} {value} {}", START + minute * MINUTE);
                }
            }
        }
    }
    text.push_str("# EOF\n");
    let input = write(dir, "data.om", &text);
    let out = dir.join("data");
    let out = out.to_string_lossy().into_owned();
    let ran = promtool(&["tsdb", "create-blocks-from", "openmetrics", "-q", &input, &out]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    out
}

fn down(from: i64, to: i64) -> impl Fn(i64) -> Option<i64> {
    move |minute| Some(i64::from(!(from..to).contains(&minute)))
}

fn firing(from: i64, to: i64) -> impl Fn(i64) -> Option<i64> {
    move |minute| (from..to).contains(&minute).then_some(1)
}

fn stored(dir: &Path) -> String {
    data(
        dir,
        &[
            (
                "up",
                &[
                    ("instance=\"a\"", &down(60, 90)),
                    ("instance=\"b\"", &down(120, 122)),
                    ("instance=\"c\"", &down(0, 0)),
                    ("instance=\"d\"", &down(10, 40)),
                    ("instance=\"e\"", &down(100, 130)),
                ],
            ),
            // What rules wrote in their time must not be read by those that write it now.
            ("instance:up:min", &[("instance=\"a\"", &|_| Some(1))]),
            (
                "ALERTS",
                &[
                    ("alertname=\"Down\",alertstate=\"firing\",instance=\"a\",severity=\"page\"", &firing(65, 86)),
                    ("alertname=\"Down\",alertstate=\"firing\",instance=\"c\",severity=\"page\"", &firing(70, 80)),
                    ("alertname=\"Down\",alertstate=\"firing\",instance=\"e\",severity=\"page\"", &firing(120, 126)),
                    ("alertname=\"Down\",alertstate=\"pending\",instance=\"a\",severity=\"page\"", &firing(60, 65)),
                ],
            ),
        ],
    )
}

const RULES: &str = "\
groups:
  - name: g
    rules:
      - {record: instance:up:min, expr: min by (instance) (up)}
      - {alert: Down, expr: up == 0, for: 5m, labels: {severity: page}}
      - {alert: FromRecorded, expr: 'instance:up:min == 0', for: 10m}
      - {alert: Kept, expr: 'up{instance=\"b\"} == 0', keep_firing_for: 10m}
";

fn spans(rule: &Json) -> Vec<(String, String, i64, i64)> {
    let all = rule["spans"].as_array().expect("spans").iter();
    all.map(|span| {
        let of = if span["new"].is_null() { &span["stored"] } else { &span["new"] };
        let from = firesteel_go_compat::Instant::parse_rfc3339(of["from"].as_str().expect("a time")).expect("a time");
        let minute = (from.unix_ms() / 1000 - START) / MINUTE;
        let instance = span["labels"]["instance"].as_str().unwrap_or_default().to_owned();
        let what = span["what"].as_str().unwrap_or_default().to_owned();
        (what, instance, minute, of["seconds"].as_i64().unwrap_or(0) / MINUTE)
    })
    .collect()
}

/// Groups are evaluated at slots of their own, so a span may begin and end a minute off.
fn check(rule: &Json, want: &[(&str, &str, i64, i64)]) {
    let got = spans(rule);
    let near = |a: i64, b: i64| (a - b).abs() <= 1;
    let same = got.len() == want.len()
        && got.iter().zip(want).all(|((what, instance, from, long), want)| {
            (what.as_str(), instance.as_str()) == (want.0, want.1) && near(*from, want.2) && near(*long, want.3)
        });
    assert!(same, "{}: want {want:?}, got {got:?}", rule["name"]);
}

#[test]
fn rules_are_replayed_over_stored_data() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = stored(dir.path());
    let rules = write(dir.path(), "rules.yml", RULES);
    let data_flag = format!("--data-dir={data}");
    let ran = promtool(&["rules", "try", &rules, "--since=3h", "--format=json", &data_flag]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let found: Json = serde_json::from_str(&ran.out).expect("JSON");
    let rule = |at: usize| &found["rules"][at];
    assert_eq!(rule(0)["type"], "record");
    // Series end without a marker here, so what was stored goes on for five minutes.
    check(rule(1), &[("added", "d", 15, 26), ("same", "a", 65, 26), ("gone", "c", 70, 15), ("shifted", "e", 105, 26)]);
    check(rule(2), &[("added", "d", 20, 21), ("added", "a", 70, 21), ("added", "e", 110, 21)]);
    check(rule(3), &[("added", "b", 120, 12)]);

    let ran = promtool(&["rules", "try", &rules, "--since=3h", "--limit=1", &data_flag]);
    let down = ran.out.split("alert Down\n").nth(1).expect("the rule is told of");
    assert!(down.starts_with("  would have fired 3 times, "), "{down}");
    assert!(down.contains("; fired 3 times, ") && down.contains("  … and 3 more\n"), "{down}");

    // A window that begins inside of an alert: `for` is over already.
    let since = (START + 75 * MINUTE).to_string();
    let until = (START + 80 * MINUTE).to_string();
    let words = ["rules", "try", &rules, "--since", &since, "--until", &until, "--format=json", &data_flag];
    let found: Json = serde_json::from_str(&promtool(&words).out).expect("JSON");
    let first = spans(&found["rules"][1]);
    assert!(
        first.iter().any(|(what, instance, from, _)| what == "same" && instance == "a" && (74..=76).contains(from)),
        "{first:?}"
    );
}

#[test]
fn faults_of_a_trial_are_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = write(dir.path(), "rules.yml", RULES);
    let ran = promtool(&["rules", "try", &rules, "--data-dir=no-such-directory"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("opening the data directory: stat no-such-directory: no such file"), "{}", ran.err);
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).expect("a directory");
    let ran = promtool(&["rules", "try", &rules, &format!("--data-dir={}", empty.display())]);
    assert!(ran.code == 1 && ran.err.ends_with("there is no data\n"), "{}", ran.err);
    let broken = write(dir.path(), "broken.yml", "groups: [{name: g, rules: [{alert: A, expr: up ==}]}]");
    let ran = promtool(&["rules", "try", &broken, &format!("--data-dir={}", empty.display())]);
    assert!(ran.code == 1 && ran.err.contains("could not parse expression"), "{}", ran.err);
    // A rule that fails is named, and ends the trial with a failure.
    let data = stored(dir.path());
    let failing = "groups: [{name: g, rules: [{alert: A, expr: 'up + on() up'}]}]";
    let failing = write(dir.path(), "failing.yml", failing);
    let ran = promtool(&["rules", "try", &failing, "--since=1h", &format!("--data-dir={data}")]);
    assert!(
        ran.code == 1 && ran.out.contains("evaluations: found duplicate series for the match group"),
        "{}",
        ran.out
    );
}

const NEVER: &str = "\
groups:
  - name: g
    rules:
      - {record: instance:down, expr: 1 - up}
      - {alert: Fine, expr: up == 0}
      - {alert: OverRecorded, expr: 'instance:down > 0'}
      - {alert: Renamed, expr: upp == 0}
      - {alert: NoSuchValue, expr: 'up{instance=\"aa\"} == 0'}
      - {alert: Gone, expr: absent(upp)}
";

#[test]
fn rules_that_can_never_fire_are_lint() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = stored(dir.path());
    let rules = write(dir.path(), "rules.yml", NEVER);
    let data_flag = format!("--data-dir={data}");
    let ran = promtool(&["check", "rules", &data_flag, &rules]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<&str> = ran.err.lines().filter(|line| line.contains("WARNING")).collect();
    assert_eq!(lines.len(), 2, "{}", ran.err);
    let begin = format!("  WARNING: {rules}: group \"g\", rule 4, \"Renamed\": can never yield anything: ");
    assert!(lines[0].starts_with(&begin) && lines[0].contains("nearest: up"), "{}", lines[0]);
    assert!(lines[1].contains("rule 5, \"NoSuchValue\"") && lines[1].contains("nearest: a"), "{}", lines[1]);
    assert_eq!(promtool(&["check", "rules", "--lint-fatal", &data_flag, &rules]).code, 3);
    let ran = promtool(&["check", "rules", "--data-dir=no-such-directory", &rules]);
    assert!(ran.code == 1 && ran.err.contains("opening the data directory"), "{}", ran.err);
}
