//! Answers that Prometheus 3.14 (amd64) gave to our data: ours must be equal bit for bit.
//!
//! The data is made here by a small generator, and was given to upstream as a block made by
//! `promtool tsdb create-blocks-from openmetrics`. `testdata/answers_3_14.txt` holds its answers to range queries from
//! [`START_MS`] over an hour by 291 s: a line `? query`, then for each series its labels and `offset:value` points.

use std::collections::BTreeMap;

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::Labels;
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, EngineOptions, QueryOptions, Value};

use crate::engine::expr;

const ANSWERS: &str = include_str!("testdata/answers_3_14.txt");
const START_MS: i64 = 1_700_000_100_000;
const STEP_MS: i64 = 291_000;

struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / 9_007_199_254_740_992.0
    }
}

/// Twelve counters with jitter, gaps and resets, in the order of their labels, as a block has them.
fn storage() -> TestStorage {
    let mut random = Random(42);
    let mut series = BTreeMap::new();
    for i in 0..12 {
        let mut t = 1_700_000_000_000;
        let mut v = 0.0;
        let mut samples = Vec::new();
        for _ in 0..200 {
            t += 14_000 + (random.next() * 2_000.0) as i64;
            if random.next() < 0.02 {
                t += 400_000;
            }
            if random.next() < 0.03 {
                v = 0.0;
            }
            v += random.next() * [1.0, 10.0, 100.0, 1000.0][i % 4] / 3.0;
            samples.push((TimestampMs(t), v));
        }
        let labels = [("__name__", "m_total"), ("g", ["a", "b", "c"][i % 3]), ("i", &format!("{i:02}"))];
        series.insert(Labels::from_pairs(labels), samples);
    }
    let mut storage = TestStorage::new();
    for (labels, samples) in series {
        storage.append(&labels, samples);
    }
    storage
}

/// Labels as the file writes them, to offsets and bits of values.
type Answer = BTreeMap<String, Vec<(i64, u64)>>;

fn ours(engine: &Engine, storage: &TestStorage, query: &str) -> Answer {
    let (start, end) = (TimestampMs(START_MS), TimestampMs(START_MS + 3_600_000));
    let answer = engine.range(storage, &expr(query), start, end, STEP_MS, &QueryOptions::default());
    let Value::Matrix(matrix) = answer.expect(query).value else { panic!("{query}: no matrix") };
    let series = matrix.into_iter().map(|series| {
        let labels: Vec<_> = series.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let points = series.t.iter().zip(&series.v).map(|(t, v)| (t.0 - START_MS, v.to_bits()));
        (labels.join(","), points.collect())
    });
    series.collect()
}

#[test]
fn answers_are_upstreams_to_the_bit() {
    let storage = storage();
    let engine = Engine::new(EngineOptions { threads: 2, ..EngineOptions::default() }, &Registry::new());
    let engine = engine.expect("an engine");
    let mut n_points = 0;
    for block in ANSWERS.split("? ").filter(|block| !block.is_empty()) {
        let (query, rows) = block.split_once('\n').expect("a query and its answer");
        let mut want = Answer::new();
        for (labels, points) in rows.lines().filter_map(|row| row.split_once('\t')) {
            let points = points.split(' ').map(|point| {
                let (offset, v) = point.split_once(':').expect("offset:value");
                let v: f64 = v.parse().expect("a value");
                (offset.parse().expect("an offset"), v.to_bits())
            });
            want.insert(labels.to_owned(), points.collect());
        }
        n_points += want.values().map(Vec::len).sum::<usize>();
        assert_eq!(ours(&engine, &storage, query), want, "{query}");
    }
    assert!(n_points > 2_000, "{n_points} points compared");
}
