//! Real expressions of dashboards, alerts and the compliance tests: what parses must be evaluated, whatever the answer.

use std::collections::BTreeMap;

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::Labels;
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, EngineOptions, QueryError, QueryOptions};
use firesteel_promql_syntax::{Expr, ParserOptions, ValueType, parse};
use firesteel_testkit::corpus;

/// Returns a store that has, for every selector of the expression that names its series by equality, such a series.
fn storage_for(expr: &Expr) -> TestStorage {
    let mut storage = TestStorage::new();
    for matchers in expr.selectors() {
        for i in 0..3 {
            let equal = matchers.iter().filter(|matcher| matcher.match_type().as_str() == "=");
            let mut pairs: BTreeMap<&str, String> =
                equal.map(|matcher| (matcher.name(), matcher.value().to_owned())).collect();
            pairs.entry("instance").or_insert_with(|| format!("host-{i}"));
            pairs.entry("le").or_insert_with(|| ["0.1", "1", "+Inf"][i].to_owned());
            let samples = (0..60).map(|n| (TimestampMs(n * 30_000), (n * (i as i64 + 1)) as f64));
            storage.append(&Labels::from_pairs(pairs), samples);
        }
    }
    storage
}

#[test]
fn expressions_of_the_corpus_are_evaluated() {
    let Some(dir) = corpus("queries") else { return };
    let engine = Engine::new(EngineOptions { threads: 1, ..EngineOptions::default() }, &Registry::new());
    let engine = engine.expect("an engine");
    let mut unsupported: BTreeMap<String, usize> = BTreeMap::new();
    let (mut n_parsed, mut n_answered) = (0, 0);
    for file in ["dashboards.txt", "alerts.txt", "compliance.txt"] {
        let text = std::fs::read_to_string(dir.join(file)).expect(file);
        for line in text.lines() {
            let Ok(expr) = parse(line, ParserOptions::default()) else { continue };
            n_parsed += 1;
            let storage = storage_for(&expr);
            let (start, end) = (TimestampMs(600_000), TimestampMs(1_800_000));
            let options = QueryOptions { text: line.into(), ..QueryOptions::default() };
            let instant = engine.instant(&storage, &expr, end, &options);
            let range = match expr.value_type() {
                ValueType::Vector | ValueType::Scalar => {
                    Some(engine.range(&storage, &expr, start, end, 60_000, &options))
                }
                _ => None,
            };
            for answer in std::iter::once(instant).chain(range) {
                match answer {
                    Err(QueryError::Unsupported(what)) => *unsupported.entry(what).or_default() += 1,
                    // Our series may well match many to many.
                    Err(QueryError::Execution(_) | QueryError::ExecutionAt { .. }) => {}
                    Err(e) => panic!("{line}: {e}"),
                    Ok(_) => n_answered += 1,
                }
            }
        }
    }
    assert!(unsupported.is_empty(), "{unsupported:?}");
    assert!(n_parsed > 3000 && n_answered > n_parsed, "{n_parsed} parsed, {n_answered} answered");
}
