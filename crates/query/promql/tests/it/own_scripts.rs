//! Our own scripts, so that a fresh clone passes alone.

use firesteel_promql::testscript::{Script, Verdict};

fn check(name: &str, text: &str) {
    let script = Script::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let report = script.run(&Script::engine().expect("an engine"));
    assert!(!report.evals.is_empty(), "{name} evaluates nothing");
    for eval in report.evals {
        assert_eq!(eval.verdict, Verdict::Passed, "{name}:{}: {}", eval.line, eval.expr);
    }
}

#[test]
fn scripts_pass() {
    check("rates", include_str!("testdata/rates.test"));
    check("aggregations", include_str!("testdata/aggregations.test"));
    check("matching", include_str!("testdata/matching.test"));
    check("times", include_str!("testdata/times.test"));
    check("histograms", include_str!("testdata/histograms.test"));
    check("directives", include_str!("testdata/directives.test"));
    check("corners", include_str!("testdata/corners.test"));
    check("native_histograms", include_str!("testdata/native_histograms.test"));
}

/// What Prometheus 3.14.0 answered, notes included, to random expressions over random histograms of ours: those of 400 whose
/// answers do not depend on the order of series, which upstream leaves open.
#[test]
fn histograms_are_answered_as_upstream() {
    check("histogram_answers_3_14", include_str!("testdata/histogram_answers_3_14.test"));
}

/// What the runner must not take for a pass.
#[test]
fn failures_are_told() {
    let cases = [
        ("eval instant at 0 1\n  2", "expected scalar 2 but got 1"),
        ("load 1m\n  a 1\n\neval instant at 0 a\n", "unexpected metric"),
        ("load 1m\n  a 1\n\neval instant at 0 a\n  a 1\n  b 1", "not found"),
        ("eval instant at 0 quantile_over_time(2, a[1m])\n  expect warn", "expected warn"),
        ("eval instant at 0 1\n  expect fail\n  1", "but got none"),
        ("load 1m\n  h {{schema:0 count:1 sum:1}}\n\neval instant at 0 h\n", "{{count:1 sum:1}}"),
        ("load 1m\n  h {{count:1}}\n\neval instant at 0 h\n  h {{count:2}}", "but got {{count:1}}"),
        ("load 1m\n  h {{count:1}}\n\neval instant at 0 h\n  h 1", "but got {{count:1}}"),
    ];
    let engine = Script::engine().expect("an engine");
    for (text, want) in cases {
        let report = Script::parse(text).expect(text).run(&engine);
        let Some(Verdict::Failed(why)) = report.evals.first().map(|eval| &eval.verdict) else {
            panic!("{text}: {report:?}");
        };
        assert!(why.contains(want), "{text}: {why}");
    }
}

#[test]
fn unreadable_scripts_name_their_line() {
    for (text, line) in [("lod 5m", 1), ("\n\neval instant at 5m sum(", 3), ("load 5m\n  a{ 1", 2), ("load x", 1)] {
        assert_eq!(Script::parse(text).expect_err(text).line, line, "{text}");
    }
}
