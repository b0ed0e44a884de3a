//! Memory: what a query may hold, who is told, and that nothing stays held.

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::Labels;
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{
    Engine, EngineOptions, ExplainWhat, MemoryLimits, QueryError, QueryOptions, QueryResult, Scope, advise,
};

use firesteel_promql_syntax::{ParserOptions, parse, parse_metric};
use firesteel_testkit::{Expressions, Language, expression_series};

use crate::engine::expr;

const MINUTE_MS: i64 = 60_000;
const QUERY_BYTES: u64 = 4 << 20;

/// Two metrics of a thousand series, an hour of samples a minute apart.
fn storage() -> TestStorage {
    let mut storage = TestStorage::new();
    for name in ["a_total", "b_total"] {
        for i in 0..1000 {
            let labels = Labels::from_pairs([("__name__", name), ("g", ["x", "y"][i % 2]), ("i", &i.to_string())]);
            storage.append(&labels, (0..=60).map(|t| (TimestampMs(t * MINUTE_MS), (t * (i as i64 + 1)) as f64)));
        }
    }
    storage
}

fn engine(registry: &Registry, query_bytes: u64, threads: usize) -> Engine {
    let memory = MemoryLimits { query_bytes, all_bytes: 8 * query_bytes, spare: None };
    Engine::new(EngineOptions { memory, threads, ..EngineOptions::default() }, registry).expect("an engine")
}

fn range(engine: &Engine, storage: &TestStorage, text: &str, step_ms: i64) -> Result<QueryResult, QueryError> {
    let options = QueryOptions { text: text.into(), ..QueryOptions::default() };
    engine.range(storage, &expr(text), TimestampMs(0), TimestampMs(60 * MINUTE_MS), step_ms, &options)
}

fn gauge(registry: &Registry, name: &str) -> f64 {
    let mut out = Vec::new();
    firesteel_expfmt::write_text(&registry.gather(), &mut out);
    let text = String::from_utf8(out).expect("text");
    let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#')).expect("the metric is there");
    line.rsplit(' ').next().and_then(|v| v.parse().ok()).expect("a value")
}

/// Each of these would take far more than it may. It ends with the selector that costs most, and gives all back.
#[test]
fn explosions_are_refused_and_leave_nothing() {
    let storage = storage();
    for threads in [1, 3] {
        let registry = Registry::new();
        let engine = engine(&registry, QUERY_BYTES, threads);
        let cases = [
            ("a_total", 1_000, "a_total"),
            ("sum by (i) (a_total)", 1_000, "a_total"),
            ("avg_over_time(a_total[1h])", 500, "a_total"),
            ("a_total + on(i) b_total", 1_000, "a_total"),
            ("a_total * on(g) group_left(i) b_total", 60_000, "a_total"),
            ("topk(1000, a_total)", 1_000, "a_total"),
            ("quantile(0.5, a_total)", 200, "a_total"),
            ("count_values(\"v\", a_total * time())", 10_000, "a_total"),
            ("max_over_time(vector(time())[50m:1ms])", 60_000, ""),
            ("max_over_time((a_total)[1h:1ms])", 60_000, "a_total"),
            ("sort(a_total offset 1m) or label_replace(b_total, \"l\", \"$1$1$1$1\", \"i\", \"(.*)\")", 1_000, ""),
            ("histogram_quantile(0.9, label_replace(a_total, \"le\", \"$1\", \"i\", \"(.*)\"))", 1_000, "a_total"),
        ];
        for (text, step_ms, dearest) in cases {
            let error = range(&engine, &storage, text, step_ms).err();
            let Some(QueryError::OverBudget(over)) = error else { panic!("{text}: {error:?}") };
            assert_eq!(over.scope, Scope::Query, "{text}");
            let found = over.dearest.as_ref().map_or("", |dearest| dearest.text.as_str());
            assert!(dearest.is_empty() || found == dearest, "{text}: {found} costs most");
            assert!(over.held <= QUERY_BYTES, "{text}: {} held", over.held);
            assert_eq!(gauge(&registry, "firesteel_query_memory_bytes"), 0.0, "{text}");
            let (span, advice) = advise(text, &QueryError::OverBudget(over));
            assert!(span.is_some() && advice.is_some_and(|advice| advice.code == "FS1024"), "{text}");
        }
        let small = range(&engine, &storage, "sum(rate(a_total[5m]))", 60_000).expect("this one is small");
        assert!(gauge(&registry, "firesteel_query_memory_bytes") > 0.0, "an answer is held while it is there");
        drop(small);
        assert_eq!(gauge(&registry, "firesteel_query_memory_bytes"), 0.0);
        assert!(gauge(&registry, "firesteel_query_memory_refused_total{scope=\"query\"}") >= 10.0);
    }
}

/// A long replacement is refused before it is made a thousand times.
#[test]
fn long_labels_count() {
    let storage = storage();
    let engine = engine(&Registry::new(), QUERY_BYTES, 1);
    let text = format!("label_replace(a_total, \"l\", \"{}\", \"i\", \".*\")", "x".repeat(100_000));
    let error = range(&engine, &storage, &text, 60_000).err();
    assert!(matches!(error, Some(QueryError::OverBudget(_))), "{error:?}");
    let joined = format!("label_join(a_total, \"l\", \"{}\", \"g\", \"i\")", "x".repeat(100_000));
    let error = range(&engine, &storage, &joined, 60_000).err();
    assert!(matches!(error, Some(QueryError::OverBudget(_))), "{error:?}");
}

/// Whatever is asked, within little memory: nothing panics, nothing stays held, and no more than that is ever held.
#[test]
fn random_expressions_keep_to_the_budget() {
    let mut storage = TestStorage::new();
    for series in expression_series(7) {
        let labels = parse_metric(&series.name).expect("a series");
        storage.append(&labels, series.samples.iter().map(|(t, v)| (TimestampMs(*t), *v)));
    }
    let registry = Registry::new();
    let (bytes, mut refused, mut answered) = (96 << 10, 0, 0);
    let engine = engine(&registry, bytes, 2);
    for text in Expressions::new(11, Language::Whole).take(1500) {
        let Ok(expr) = parse(&text, ParserOptions::ALL) else { continue };
        let explain = ExplainWhat { plan: true, empty: true };
        let options = QueryOptions { text: text.as_str().into(), explain, ..QueryOptions::default() };
        match engine.range(&storage, &expr, TimestampMs(0), TimestampMs(60 * MINUTE_MS), 7_000, &options) {
            Ok(answer) => {
                answered += 1;
                assert!(answer.explain.plan.is_some_and(|plan| plan.peak_bytes <= bytes), "{text}");
            }
            Err(QueryError::OverBudget(over)) => {
                refused += 1;
                assert!(over.held <= bytes, "{text}: {over:?}");
            }
            Err(_) => {}
        }
        assert_eq!(gauge(&registry, "firesteel_query_memory_bytes"), 0.0, "{text}");
    }
    assert!(refused > 20 && answered > 20, "{refused} refused, {answered} answered");
}

/// Without limits the answer is the same as within wide ones.
#[test]
fn limits_do_not_change_answers() {
    let storage = storage();
    let free =
        Engine::new(EngineOptions { threads: 2, ..EngineOptions::default() }, &Registry::new()).expect("an engine");
    let bound = engine(&Registry::new(), 1 << 30, 2);
    for text in ["sum by (g) (rate(a_total[5m]))", "a_total{i=~\"1.\"} - on(i) b_total", "topk(2, a_total)"] {
        let a = range(&free, &storage, text, 60_000).expect(text);
        let b = range(&bound, &storage, text, 60_000).expect(text);
        assert!(a.value == b.value, "{text}");
    }
}
