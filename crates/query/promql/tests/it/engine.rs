//! Limits, cancelling, results and statistics of the engine.

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::Labels;
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{
    CancelFlag, Engine, EngineOptions, ExplainWhat, QueryError, QueryOptions, QueryResult, QueryStats, Value,
};
use firesteel_promql_syntax::{Expr, ParserOptions, parse};

const MINUTE_MS: i64 = 60_000;

pub(crate) fn expr(text: &str) -> Expr {
    parse(text, ParserOptions::ALL).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// A hundred series of an hour, a sample a minute.
fn storage() -> TestStorage {
    let mut storage = TestStorage::new();
    for i in 0..100 {
        let labels = Labels::from_pairs([("__name__", "m_total"), ("g", ["a", "b"][i % 2]), ("i", &i.to_string())]);
        storage.append(&labels, (0..=60).map(|t| (TimestampMs(t * MINUTE_MS), (t * (i as i64 + 1)) as f64)));
    }
    storage
}

fn engine(options: EngineOptions) -> Engine {
    Engine::new(options, &Registry::new()).expect("an engine")
}

fn range(engine: &Engine, text: &str, options: &QueryOptions) -> Result<QueryResult, QueryError> {
    let (start, end) = (TimestampMs(0), TimestampMs(60 * MINUTE_MS));
    engine.range(&storage(), &expr(text), start, end, MINUTE_MS, options)
}

#[test]
fn limits_end_a_query_in_upstreams_words() {
    let few = engine(EngineOptions { max_samples: 1000, threads: 1, ..EngineOptions::default() });
    let no_time = engine(EngineOptions { timeout: Duration::ZERO, threads: 1, ..EngineOptions::default() });
    let plain = engine(EngineOptions { threads: 1, ..EngineOptions::default() });
    let canceled = QueryOptions { cancel: CancelFlag::new(), ..QueryOptions::default() };
    canceled.cancel.cancel();
    let usual = QueryOptions::default();
    let cases = [
        (&few, &usual, "query processing would load too many samples into memory in query execution"),
        (&no_time, &usual, "query timed out in expression evaluation"),
        (&plain, &canceled, "query was canceled in expression evaluation"),
    ];
    for (engine, options, want) in cases {
        assert_eq!(range(engine, "m_total", options).expect_err(want).to_string(), want);
    }
    let endless = range(&plain, "max_over_time(m_total[100y:1ms])", &usual).expect_err("a row of 3 million million");
    assert!(matches!(endless, QueryError::TooManySamples), "{endless}");
    // What is let go of does not count.
    assert!(range(&few, "sum(m_total{i=~\"[0-9]\"})", &usual).is_ok());
}

#[test]
fn a_range_query_wants_steps() {
    let engine = engine(EngineOptions { threads: 1, ..EngineOptions::default() });
    let error = range(&engine, "m_total[5m]", &QueryOptions::default()).expect_err("a range vector");
    assert_eq!(
        error.to_string(),
        "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector"
    );
}

/// Sums must not depend on who computed the rows.
#[test]
fn threads_do_not_change_a_bit() {
    let one = engine(EngineOptions { threads: 1, ..EngineOptions::default() });
    let four = engine(EngineOptions { threads: 4, ..EngineOptions::default() });
    for text in ["sum by (g) (rate(m_total[5m]))", "avg(m_total / 3)", "topk(3, m_total)", "m_total * 1.1"] {
        let a = range(&one, text, &QueryOptions::default()).expect(text);
        let b = range(&four, text, &QueryOptions::default()).expect(text);
        assert_eq!(a.value, b.value, "{text}");
        assert_eq!(a.stats.samples_total, b.stats.samples_total, "{text}");
    }
}

#[test]
fn samples_are_counted_as_upstream_counts_them() {
    let engine = engine(EngineOptions { threads: 1, ..EngineOptions::default() });
    let stats = |text: &str| range(&engine, text, &QueryOptions::default()).expect(text).stats;
    let instant = stats("m_total{i=\"7\"}");
    assert_eq!((instant.samples_total, instant.samples_read, instant.samples_peak), (61, 61, 61));
    // Windows of two samples, but for the first, each counted in full; every sample is read once.
    let windows = stats("sum_over_time(m_total{i=\"7\"}[2m])");
    assert_eq!((windows.samples_total, windows.samples_read), (121, 61));
}

/// A selector that stands twice is read once, and nothing but the time tells: neither values nor statistics nor notes.
#[test]
fn what_stands_twice_is_read_once() {
    for threads in [1, 3] {
        let engine = engine(EngineOptions { threads, ..EngineOptions::default() });
        let options = |text: &str| {
            let explain = ExplainWhat { plan: true, empty: false };
            QueryOptions { text: text.into(), explain, ..QueryOptions::default() }
        };
        // The same twice, and written so that it is not the same to the engine.
        let cases = [
            ("rate(m_total[5m]) > 2 * rate(m_total[5m])", "rate(m_total[5m]) > 2 * rate(m_total{i=~\".*\"}[5m])"),
            ("rate(m_total[5m]) - rate(m_total[5m])", "rate(m_total[5m]) - rate(m_total{i=~\".*\"}[5m])"),
            ("irate(m_total[5m]) or m_total and m_total", "irate(m_total[5m]) or m_total{i=~\".*\"} and m_total"),
            ("topk(2, m_total) + m_total * m_total", "topk(2, m_total{i=~\".*\"}) + m_total{g=~\".*\"} * m_total"),
            (
                "quantile_over_time(2, m_total[5m]) + quantile_over_time(2, m_total[5m])",
                "quantile_over_time(2, m_total[5m]) + quantile_over_time(2, m_total{i=~\".*\"}[5m])",
            ),
        ];
        for (text, apart) in cases {
            let a = range(&engine, text, &options(text)).expect(text);
            let b = range(&engine, apart, &options(apart)).expect(apart);
            assert!(a.value == b.value, "{text}");
            let counts = |stats: &QueryStats| (stats.samples_total, stats.samples_read, stats.samples_peak);
            assert_eq!(counts(&a.stats), counts(&b.stats), "{text}");
            // Their texts differ in length, and so do the places.
            let notes = |all: &[String]| -> Vec<String> {
                all.iter()
                    .map(|note| note.rsplit_once(" (").map_or(note.clone(), |(text, _)| text.to_owned()))
                    .collect()
            };
            assert_eq!(notes(&a.infos), notes(&b.infos), "{text}");
            assert_eq!(notes(&a.warnings), notes(&b.warnings), "{text}");
        }
        let whole = range(&engine, "m_total / on() group_left() sum(m_total)", &options("")).expect("an answer");
        let Value::Matrix(matrix) = whole.value else { panic!("no matrix") };
        let at_the_end: f64 = matrix.iter().filter_map(|series| series.v.last()).sum();
        assert!((at_the_end - 1.0).abs() < 1e-9, "the parts of a whole: {at_the_end}");
    }
}

#[test]
fn a_limit_leaves_the_rest_unread() {
    let engine = engine(EngineOptions { threads: 1, ..EngineOptions::default() });
    let limited = QueryOptions { limit: 3, ..QueryOptions::default() };
    let at = TimestampMs(MINUTE_MS);
    let ask = |text: &str, options: &QueryOptions| {
        let answer = engine.instant(&storage(), &expr(text), at, options).expect(text);
        let Value::Vector(vector) = answer.value else { panic!("{text}") };
        (vector, answer.stats.samples_total)
    };
    let (all, total) = ask("m_total", &QueryOptions::default());
    let (some, read) = ask("m_total", &limited);
    assert!(some.len() >= 3 && all.starts_with(&some) && read < total, "{read} of {total}");
    // What makes its rows of one series each needs no more of them.
    for text in
        ["-m_total", "m_total > 5", "clamp_max(rate(m_total[2m]) * 2, 7)", "m_total @ 60 + 1", "timestamp(m_total)"]
    {
        let (all, total) = ask(text, &QueryOptions::default());
        let (some, read) = ask(text, &limited);
        assert!(some.len() >= 3 && all.starts_with(&some) && read < total, "{text}: {read} of {total}");
        let ranged = |options: &QueryOptions| {
            let answer = range(&engine, text, options).expect(text);
            let Value::Matrix(matrix) = answer.value else { panic!("{text}") };
            (matrix, answer.stats.samples_total)
        };
        let ((all, total), (some, read)) = (ranged(&QueryOptions::default()), ranged(&limited));
        assert!(some.len() >= 3 && all.starts_with(&some) && read < total, "{text}: {read} of {total}");
    }
    // Others may need all of it.
    for text in ["sum(m_total)", "topk(2, m_total)", "abs({__name__=~\"m.*\"})", "m_total + m_total"] {
        assert!(ask(text, &limited) == ask(text, &QueryOptions::default()), "{text}");
    }
}

/// The first elements of each group are known when they have come, unless statistics of the whole are wanted.
#[test]
fn limitk_leaves_the_rest_unread() {
    let engine = engine(EngineOptions { threads: 1, ..EngineOptions::default() });
    let less = QueryOptions { leave_unread: true, ..QueryOptions::default() };
    for (text, leaves) in [
        ("limitk(2, m_total)", true),
        ("limitk by (g) (2, m_total)", true),
        ("limitk by (i) (2, m_total)", false),
        ("limitk(1e6, m_total)", false),
        ("limitk(0, m_total)", false),
        ("topk(2, m_total)", false),
    ] {
        let at = TimestampMs(MINUTE_MS);
        let ask = |options: &QueryOptions| engine.instant(&storage(), &expr(text), at, options).expect(text);
        let (all, some) = (ask(&QueryOptions::default()), ask(&less));
        assert!(all.value == some.value, "{text}");
        assert_eq!(some.stats.samples_total < all.stats.samples_total, leaves, "{text}: instant");
        let (all, some) = (range(&engine, text, &QueryOptions::default()), range(&engine, text, &less));
        let (all, some) = (all.expect(text), some.expect(text));
        assert!(all.value == some.value, "{text}");
        assert_eq!(some.stats.samples_total < all.stats.samples_total, leaves, "{text}: range");
    }
}

#[test]
fn matrices_are_sorted_and_vectors_are_not() {
    let engine = engine(EngineOptions { threads: 1, ..EngineOptions::default() });
    let matrix = range(&engine, "m_total", &QueryOptions::default()).expect("a matrix");
    let Value::Matrix(matrix) = matrix.value else { panic!("{matrix:?}") };
    assert!(matrix.is_sorted_by(|a, b| a.labels < b.labels));
    let at = TimestampMs(MINUTE_MS);
    let vector = engine.instant(&storage(), &expr("m_total"), at, &QueryOptions::default()).expect("a vector");
    let Value::Vector(vector) = vector.value else { panic!("{vector:?}") };
    let order: Vec<_> = vector.iter().map(|sample| sample.labels.value("i").to_owned()).collect();
    assert_eq!(order[..4], ["0", "1", "2", "3"], "in order of creation");
}

/// Queries wait for a place and give it back.
#[test]
fn queries_wait_for_each_other() {
    let engine = Arc::new(engine(EngineOptions { threads: 1, max_concurrent: 1, ..EngineOptions::default() }));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let engine = Arc::clone(&engine);
            scope.spawn(move || range(&engine, "sum(m_total)", &QueryOptions::default()).expect("an answer"));
        }
    });
}
