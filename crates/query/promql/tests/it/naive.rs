//! The vectorised engine against a naive one: for each step anew, samples in a list, no columns, no shared indexes.
//! Random series with gaps, stale markers and resets; random ranges and steps.

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_model::{Labels, is_stale_nan, stale_nan};
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, EngineOptions, QueryOptions, Value};
use proptest::prelude::*;

use crate::engine::expr;

type Samples = Vec<(i64, f64)>;

const LOOKBACK_MS: i64 = 300_000;

/// Samples in `(end - range, end]` without stale markers.
fn window(samples: &Samples, end: i64, range_ms: i64) -> Samples {
    let inside = |t: i64| t > end - range_ms && t <= end;
    samples.iter().copied().filter(|(t, v)| inside(*t) && !is_stale_nan(*v)).collect()
}

/// Neumaier's sum.
fn compensated(values: impl Iterator<Item = f64>, seed: Option<f64>) -> f64 {
    let (mut s, mut c) = (seed.unwrap_or(0.0), 0.0);
    for x in values {
        let t: f64 = s + x;
        if t.is_infinite() {
            c = 0.0;
        } else if s.abs() >= x.abs() {
            c += (s - t) + x;
        } else {
            c += (x - t) + s;
        }
        s = t;
    }
    if s.is_infinite() { s } else { s + c }
}

fn selected(samples: &Samples, t: i64) -> Option<f64> {
    let (at, v) = samples.iter().rev().find(|(at, _)| *at <= t)?;
    (*at > t - LOOKBACK_MS && !is_stale_nan(*v)).then_some(*v)
}

fn increase(samples: &Samples, end: i64, range_ms: i64) -> Option<f64> {
    let w = window(samples, end, range_ms);
    if w.len() < 2 {
        return None;
    }
    let (first, last) = (w[0], w[w.len() - 1]);
    let mut result = last.1 - first.1;
    for pair in w.windows(2) {
        if pair[1].1 < pair[0].1 {
            result += pair[0].1;
        }
    }
    let sampled = (last.0 - first.0) as f64 / 1000.0;
    let average = sampled / (w.len() - 1) as f64;
    let mut to_start = (first.0 - (end - range_ms)) as f64 / 1000.0;
    let mut to_end = (end - last.0) as f64 / 1000.0;
    if to_start >= average * 1.1 {
        to_start = average / 2.0;
    }
    if result > 0.0 && first.1 >= 0.0 {
        to_start = to_start.min(sampled * (first.1 / result));
    }
    if to_end >= average * 1.1 {
        to_end = average / 2.0;
    }
    Some(result * ((sampled + to_start + to_end) / sampled))
}

/// Returns the naive answer of the query for one series.
fn naive(query: &str, samples: &Samples, t: i64, range_ms: i64) -> Option<f64> {
    let w = window(samples, t, range_ms);
    let values = || w.iter().map(|(_, v)| *v);
    let some = |f: &dyn Fn() -> f64| (!w.is_empty()).then(f);
    match query {
        "m" => selected(samples, t),
        "sum_over_time" => some(&|| compensated(values(), None)),
        "count_over_time" => some(&|| w.len() as f64),
        "last_over_time" => some(&|| w[w.len() - 1].1),
        "max_over_time" => some(&|| values().fold(f64::NEG_INFINITY, f64::max)),
        "resets" => some(&|| w.windows(2).filter(|pair| pair[1].1 < pair[0].1).count() as f64),
        "changes" => some(&|| w.windows(2).filter(|pair| pair[1].1 != pair[0].1).count() as f64),
        "increase" => increase(samples, t, range_ms),
        _ => panic!("no naive {query}"),
    }
}

const FUNCTIONS: [&str; 8] =
    ["m", "sum_over_time", "count_over_time", "last_over_time", "max_over_time", "resets", "changes", "increase"];

/// Steps of up to 90 s, sometimes a long gap; values that rise and sometimes fall; some stale markers.
fn samples() -> impl Strategy<Value = Samples> {
    let step = prop_oneof![8 => 1_000_i64..90_000, 1 => 200_000_i64..700_000];
    let value = prop_oneof![6 => 0.0_f64..1e3, 1 => Just(0.0), 1 => 1e9_f64..1e12, 1 => Just(stale_nan())];
    prop::collection::vec((step, value), 0..300).prop_map(|pairs| {
        let mut t = -50_000;
        pairs
            .into_iter()
            .map(|(step, v)| {
                t += step;
                (t, v)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn columns_and_tiles_answer_as_the_naive_evaluator(
        all in prop::collection::vec(samples(), 1..6),
        step_ms in 1_000_i64..200_000,
        range_s in 1_i64..1_000,
        n_steps in 1_i64..200,
    ) {
        let range_ms = range_s * 1000;
        let mut storage = TestStorage::new();
        for (i, samples) in all.iter().enumerate() {
            let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("i", i.to_string())]);
            storage.append(&labels, samples.iter().map(|(t, v)| (TimestampMs(*t), *v)));
        }
        let options = EngineOptions { threads: 2, ..EngineOptions::default() };
        let engine = Engine::new(options, &Registry::new()).expect("an engine");
        let ask = |text: &str| {
            let end = TimestampMs((n_steps - 1) * step_ms);
            let answer = engine.range(&storage, &expr(text), TimestampMs(0), end, step_ms, &QueryOptions::default());
            match answer.expect(text).value {
                Value::Matrix(matrix) => matrix,
                other => panic!("{text}: {other:?}"),
            }
        };
        for function in FUNCTIONS {
            let text = if function == "m" { "m".to_owned() } else { format!("{function}(m[{range_s}s])") };
            let matrix = ask(&text);
            let sums = ask(&format!("sum({text})"));
            let mut want_sums = Vec::new();
            for step in 0..n_steps {
                let t = step * step_ms;
                let values: Vec<f64> = all.iter().filter_map(|samples| naive(function, samples, t, range_ms)).collect();
                if let Some((seed, rest)) = values.split_first() {
                    want_sums.push((TimestampMs(t), compensated(rest.iter().copied(), Some(*seed)).to_bits()));
                }
            }
            let got_sums: Vec<_> = sums
                .iter()
                .flat_map(|series| series.t.iter().copied().zip(series.v.iter().map(|v| v.to_bits())))
                .collect();
            prop_assert_eq!(got_sums, want_sums, "sum({})", &text);
            for (i, samples) in all.iter().enumerate() {
                let want: Vec<_> = (0..n_steps)
                    .filter_map(|step| {
                        let t = step * step_ms;
                        Some((TimestampMs(t), naive(function, samples, t, range_ms)?.to_bits()))
                    })
                    .collect();
                let got: Vec<_> = matrix
                    .iter()
                    .filter(|series| series.labels.value("i") == i.to_string())
                    .flat_map(|series| series.t.iter().copied().zip(series.v.iter().map(|v| v.to_bits())))
                    .collect();
                prop_assert_eq!(got, want, "{} of series {}", &text, i);
            }
        }
    }
}
