//! What a sample costs: queries over a store in memory, 1,000 counters of 6 hours at 15 s, 361 steps of a minute.
//!
//! `cargo bench -p firesteel-promql`; divide the time by the samples read (printed first) for ns a sample.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_client::Registry;
use firesteel_model::{Labels, Matcher};
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, EngineOptions, QueryOptions};
use firesteel_promql_syntax::{ParserOptions, parse};
use firesteel_storage::chunkenc::XorDecoder;
use firesteel_storage::{Queryable, Selection};

const HOURS_MS: i64 = 3_600_000;

fn storage() -> TestStorage {
    let mut storage = TestStorage::new();
    let mut seed = 1_u64;
    for i in 0..1_000 {
        let labels = Labels::from_pairs([
            ("__name__", "requests_total".to_owned()),
            ("instance", format!("10.0.0.{}:9100", i / 10)),
            ("job", format!("job-{}", i % 7)),
            ("code", ["200", "404", "500"][i % 3].to_owned()),
        ]);
        let mut v = 0.0;
        let samples: Vec<_> = (0..6 * 240 + 20)
            .map(|n: i64| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                v += (seed >> 33) as f64 % 50.0;
                (TimestampMs((n - 20) * 15_000 + (seed >> 60) as i64), v)
            })
            .collect();
        storage.append(&labels, samples);
    }
    storage
}

fn queries(c: &mut Criterion) {
    let storage = storage();
    let mut group = c.benchmark_group("query");
    group.sample_size(10);
    let cases = [
        "sum by (job) (rate(requests_total[5m]))",
        "sum(rate(requests_total[1m]))",
        "sum by (job) (requests_total)",
        "max by (job) (avg_over_time(requests_total[5m]))",
        "rate(requests_total[5m]) / on (instance, job, code) rate(requests_total[5m])",
        "topk(5, rate(requests_total[5m]))",
    ];
    for threads in [1, 2] {
        let options = EngineOptions { threads, ..EngineOptions::default() };
        let engine = Engine::new(options, &Registry::new()).expect("an engine");
        for text in cases {
            let expr = parse(text, ParserOptions::default()).expect("a query");
            let ask = || {
                let (start, end) = (TimestampMs(0), TimestampMs(6 * HOURS_MS));
                engine.range(&storage, &expr, start, end, 60_000, &QueryOptions::default()).expect("an answer")
            };
            group.throughput(Throughput::Elements(ask().stats.samples_read.max(1_440_000)));
            group.bench_function(format!("{text}/threads={threads}"), |b| b.iter(|| black_box(ask())));
        }
    }
    group.finish();
}

fn decode(c: &mut Criterion) {
    let storage = storage();
    let querier = storage.querier(TimeRange::ALL).expect("a querier");
    let matchers = [Matcher::equal("__name__", "requests_total")];
    let what = Selection { matchers: &matchers, ..Selection::default() };
    let selected = querier.select(&what).expect("a selection");
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1_460_000));
    let (mut t, mut v) = (vec![TimestampMs(0); 120], vec![0.0; 120]);
    let mut chunks = Vec::new();
    group.bench_function("raw", |b| {
        b.iter(|| {
            let mut n = 0;
            for i in 0..selected.series().len() {
                chunks.clear();
                selected.chunks(i, &mut chunks).expect("chunks");
                for chunk in &chunks {
                    let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
                    n += decoder.decode_batch(&mut t, &mut v).expect("samples");
                }
            }
            black_box(n)
        });
    });
    group.finish();
}

criterion_group!(benches, decode, queries);
criterion_main!(benches);
