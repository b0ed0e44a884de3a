//! What holds for any text: no panic, and printing what was parsed changes nothing.

use firesteel_promql_syntax::{ParserOptions, parse, parse_metric, parse_series_desc};
use proptest::prelude::*;

const WORDS: &[&str] = &[
    "sum",
    "by",
    "without",
    "(",
    ")",
    "(a)",
    "(a, b)",
    "[5m]",
    "[5m:1m]",
    "[step()*2]",
    "{",
    "}",
    "{a=\"b\"}",
    "offset",
    "5m",
    "offset -5m",
    "offset (5m)",
    "@",
    "@ 5",
    "@ start()",
    "anchored",
    "smoothed",
    "bool",
    "on",
    "group_left",
    "fill(1)",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "==",
    "!=",
    "=~",
    "</",
    "and",
    "or",
    "unless",
    "atan2",
    "1",
    "0x1f",
    "1e3",
    "NaN",
    "Inf",
    "\"s\"",
    "'\\xff'",
    "`r`",
    "up",
    "a:b",
    "rate(",
    "abs(",
    "topk(1,",
    "count_values(\"l\",",
    "time()",
    "step()",
    "#c\n",
    ",",
    ":",
    "é",
    "\u{fffd}",
    "_",
    "x",
    "{{",
    "}}",
    "schema:1",
    "buckets:[1 2]",
    "stale",
    "_x3",
];

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..14).prop_map(|words| words.join(" "))
}

/// Expressions that are valid more often than not.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(
        &[
            "up",
            "1",
            "-5m",
            "{a=~\"x.*\",\"b c\"!=\"\"}",
            "m{x=\"1\"} @ 5 offset 1h",
            "rate(m[5m])",
            "time()",
            "NaN",
            "sum",
            "m[5m:1m] offset (1m)",
            "\"text\"",
        ][..],
    )
    .prop_map(str::to_owned);
    leaf.prop_recursive(6, 40, 2, |inner| {
        let op = prop::sample::select(
            &["+", "-", "^", "==", "> bool", "and", "or on(x)", "* on(a) group_left(b)", "</"][..],
        );
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("sum by (x, \"y z\") ({a})")),
            inner.clone().prop_map(|a| format!("abs({a})")),
            inner.prop_map(|a| format!("max_over_time(({a})[1h:5m])")),
        ]
    })
}

fn survives(text: &str) {
    for options in [ParserOptions::default(), ParserOptions::ALL] {
        if let Ok(expr) = parse(text, options) {
            prints_itself(&expr.to_string(), options);
            prints_itself(&expr.pretty(), options);
        }
    }
    let _ = (parse_series_desc(text), parse_metric(text));
}

fn prints_itself(line: &str, options: ParserOptions) {
    let again = parse(line, options).unwrap_or_else(|error| panic!("{line}: {error}"));
    let printed = again.to_string();
    let third = parse(&printed, options).unwrap_or_else(|error| panic!("{printed}: {error}"));
    assert_eq!(printed, third.to_string(), "{line}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_words_do_not_panic(text in words()) {
        survives(&text);
    }

    #[test]
    fn what_parses_prints_itself(text in expression()) {
        survives(&text);
    }
}
