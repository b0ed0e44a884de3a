//! Range queries over 100 counters of two hours at 15 s, on one thread.

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::Labels;
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, EngineOptions, QueryOptions};
use firesteel_promql_syntax::{ParserOptions, parse};

const SERIES: u64 = 100;
const POINTS: u64 = 480;
pub(crate) const SAMPLES: u64 = SERIES * POINTS;

fn range(rounds: u64, text: &str) {
    let mut storage = TestStorage::new();
    for i in 0..SERIES {
        let labels = Labels::from_pairs([
            ("__name__", "requests_total".to_owned()),
            ("instance", format!("10.0.0.{i}:9100")),
            ("job", format!("job-{}", i % 7)),
        ]);
        let samples = (0..POINTS).map(|n| (TimestampMs(n as i64 * 15_000), (n * (i % 13 + 1) + n % 5) as f64));
        storage.append(&labels, samples.collect::<Vec<_>>());
    }
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let engine = Engine::new(options, &Registry::new()).expect("an engine");
    let expr = parse(text, ParserOptions::default()).expect("a query");
    let (start, end) = (TimestampMs(0), TimestampMs(POINTS as i64 * 15_000));
    for _ in 0..rounds {
        let answer = engine.range(&storage, &expr, start, end, 60_000, &QueryOptions::default());
        assert!(answer.is_ok());
    }
}

pub(crate) fn sum_rate(rounds: u64) {
    range(rounds, "sum by (job) (rate(requests_total[5m]))");
}

pub(crate) fn sum(rounds: u64) {
    range(rounds, "sum by (job) (requests_total)");
}
