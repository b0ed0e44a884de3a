//! Range queries over 100 counters of two hours at 15 s, on one thread.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use firesteel_api::ResultBody;
use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::Labels;
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, EngineOptions, QueryOptions, QueryResult};
use firesteel_promql_syntax::{ParserOptions, parse};
use http_body::Body as _;

const SERIES: u64 = 100;
const POINTS: u64 = 480;
pub(crate) const SAMPLES: u64 = SERIES * POINTS;

/// Asks once a round, `step_ms` apart, and hands each answer to `each`.
fn range(rounds: u64, text: &str, step_ms: i64, mut each: impl FnMut(QueryResult)) {
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
        let answer = engine.range(&storage, &expr, start, end, step_ms, &QueryOptions::default());
        each(answer.expect("an answer"));
    }
}

pub(crate) fn sum_rate(rounds: u64) {
    range(rounds, "sum by (job) (rate(requests_total[5m]))", 60_000, drop);
}

pub(crate) fn sum(rounds: u64) {
    range(rounds, "sum by (job) (requests_total)", 60_000, drop);
}

pub(crate) fn max(rounds: u64) {
    range(rounds, "max by (job) (max_over_time(requests_total[10m]))", 60_000, drop);
}

pub(crate) fn avg(rounds: u64) {
    range(rounds, "avg by (job) (avg_over_time(requests_total[10m] offset 1s))", 60_000, drop);
}

/// Windows of an hour that move by a quarter of a minute.
pub(crate) fn long_sums(rounds: u64) {
    range(rounds, "sum by (job) (sum_over_time(requests_total[1h]))", 15_000, drop);
}

/// The answer of every sample, as it goes over the wire.
pub(crate) fn json(rounds: u64) {
    let mut answer = None;
    range(1, "requests_total / 8", 15_000, |result| answer = Some(result));
    let answer = answer.expect("an answer");
    for _ in 0..rounds {
        let mut body = ResultBody::new(answer.clone(), false);
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
            black_box(&frame);
        }
    }
}
