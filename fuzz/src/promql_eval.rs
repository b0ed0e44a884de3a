//! PromQL's evaluator: any expression over a little data ends, in an answer within the limits or an error.

use std::cell::OnceCell;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use firesteel_model::{FloatHistogram, Labels, Span};
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, EngineFeatures, EngineOptions, QueryOptions, Value};
use firesteel_promql_syntax::{ParserOptions, parse};

const MAX_SAMPLES: usize = 5_000;
const MINUTE_MS: i64 = 60_000;

thread_local! {
    static WORLD: OnceCell<(Engine, TestStorage)> = const { OnceCell::new() };
}

/// Two series each of counters, gauges with odd values, buckets, and native histograms of both kinds.
fn world() -> (Engine, TestStorage) {
    let options = EngineOptions {
        max_samples: MAX_SAMPLES,
        threads: 1,
        timeout: Duration::from_secs(20),
        features: EngineFeatures { use_start_timestamps: true, ..EngineFeatures::default() },
        ..EngineOptions::default()
    };
    let engine = Engine::new(options, &Registry::new()).expect("an engine");
    let mut storage = TestStorage::new();
    let odd = [0.0, f64::NAN, 1.0, f64::INFINITY, -2.5, f64::NEG_INFINITY, 1e308, -1e308];
    for job in ["a", "b"] {
        let labels = |name: &str| Labels::from_pairs([("__name__", name), ("job", job)]);
        let minute = |i: i64| TimestampMs(i * MINUTE_MS);
        storage.append(&labels("m_total"), (0..20).map(|i| (minute(i), (i % 7) as f64)));
        storage.append(&labels("g"), (0..20).map(|i| (minute(i), odd[i as usize % odd.len()])));
        for (le, count) in [("1", 1.0), ("2", 3.0), ("+Inf", 4.0)] {
            let labels = Labels::from_pairs([("__name__", "c_bucket"), ("job", job), ("le", le)]);
            storage.append(&labels, (0..20).map(|i| (minute(i), count * i as f64)));
        }
        let histogram = |i: i64, custom: bool| FloatHistogram {
            schema: if custom { CUSTOM_BUCKETS_SCHEMA } else { i as i32 % 3 },
            zero_count: if custom { 0.0 } else { 1.0 },
            count: 3.0 + i as f64,
            sum: i as f64,
            positive_spans: vec![Span { offset: 0, length: 2 }],
            positive_buckets: vec![1.0, 1.0 + i as f64],
            custom_values: if custom { vec![1.0, 2.0 + (i / 10) as f64] } else { Vec::new() },
            ..FloatHistogram::default()
        };
        for (name, custom) in [("h", false), ("n", true)] {
            storage.append_histograms(&labels(name), (0..20).map(|i| (minute(i), histogram(i, custom))));
        }
    }
    (engine, storage)
}

/// The bytes are an expression.
pub fn promql_eval(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let Ok(expr) = parse(input, ParserOptions::ALL) else { return };
    WORLD.with(|world_of_thread| {
        let (engine, storage) = world_of_thread.get_or_init(world);
        let options = QueryOptions { text: input.into(), ..QueryOptions::default() };
        let (start, end) = (TimestampMs(10 * MINUTE_MS), TimestampMs(15 * MINUTE_MS));
        for answer in [
            engine.instant(storage, &expr, end, &options),
            engine.range(storage, &expr, start, end, MINUTE_MS, &options),
        ] {
            let Ok(answer) = answer else { continue };
            let n = match answer.value {
                Value::Matrix(matrix) => matrix.iter().map(|series| series.t.len() + series.histograms.len()).sum(),
                Value::Vector(vector) => vector.len(),
                Value::Scalar { .. } | Value::String { .. } => 1,
            };
            assert!(n <= MAX_SAMPLES, "{input}: {n} samples");
        }
    });
}
