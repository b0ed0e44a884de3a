//! The head alone: rules of acceptance, chunks, visibility, truncation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::SeriesRef;
use firesteel_model::{Labels, MatchType, Matcher, stale_nan};
use firesteel_storage::chunkenc::XorDecoder;
use firesteel_storage::{
    AppendError, AppendOptions, Appender, Committed, LabelsWanted, Order, Querier, Rejected, SampleBatch, Selection,
    SeriesMeta,
};
use proptest::prelude::*;

use super::*;

mod gaps;
mod histograms;
mod late;
mod late_mapping;
mod mapped;

fn head() -> Arc<Head> {
    Head::new(HeadOptions::default(), Log::default())
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn append(head: &Head, rows: &[(&Labels, i64, f64)]) -> (Committed, Vec<Rejected>) {
    let mut appender = Box::new(head.appender());
    let mut batch = SampleBatch::default();
    for (labels, t, v) in rows {
        let series = appender.series(labels, &SeriesMeta::default()).expect("valid labels");
        batch.push(series, TimestampMs(*t), *v);
    }
    let mut rejected = Vec::new();
    appender.append(&batch, AppendOptions::default(), &mut rejected);
    (appender.commit().expect("commits do not fail"), rejected)
}

type Samples = Vec<(i64, u64)>;

fn query(querier: &HeadQuerier, matchers: &[Matcher], range: TimeRange) -> Vec<(Labels, Samples)> {
    let selected =
        querier.select(&Selection { matchers, sorted: true, ..Selection::default() }).expect("selections do not fail");
    assert_eq!(selected.order(), Order::Labels);
    let mut out = Vec::new();
    for (i, entry) in selected.series().iter().enumerate() {
        let mut chunks = Vec::new();
        selected.chunks(i, &mut chunks).expect("chunks are there");
        let mut samples = Vec::new();
        for chunk in chunks {
            let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
            let (mut t, mut v) = ([TimestampMs(0); 64], [0.0; 64]);
            loop {
                let n = decoder.decode_batch(&mut t, &mut v).expect("chunks decode");
                if n == 0 {
                    break;
                }
                samples.extend(t[..n].iter().zip(&v[..n]).map(|(t, v)| (t.0, v.to_bits())));
            }
        }
        samples.retain(|s| range.contains(TimestampMs(s.0)));
        out.push((entry.labels.clone(), samples));
    }
    out.retain(|(_, samples)| !samples.is_empty());
    out
}

fn all(head: &Arc<Head>, matchers: &[Matcher]) -> Vec<(Labels, Samples)> {
    query(&HeadQuerier::new(Arc::clone(head), TimeRange::ALL), matchers, TimeRange::ALL)
}

#[test]
fn samples_are_taken_by_upstreams_rules() {
    let head = head();
    let (a, b) = (labels(&[("__name__", "a")]), labels(&[("__name__", "b")]));
    let base = 100_000_000;
    assert_eq!(append(&head, &[(&a, base, 1.0)]).0.appended, 1);
    let cases: [(&Labels, i64, f64, Result<usize, AppendError>); 8] = [
        (&a, base, 1.0, Ok(0)),
        (&a, base, 2.0, Err(AppendError::Duplicate)),
        (&a, base - 1, 1.0, Err(AppendError::OutOfOrder)),
        (&a, base - 3_600_001, 1.0, Err(AppendError::OutOfBounds)),
        (&b, base - 3_600_000, 1.0, Ok(1)),
        (&a, base + 1, f64::NAN, Ok(1)),
        (&a, base + 1, f64::NAN, Ok(0)),
        (&a, base + 2, stale_nan(), Ok(1)),
    ];
    for (series, t, v, want) in cases {
        let (done, rejected) = append(&head, &[(series, t, v)]);
        let got = rejected.first().map_or(Ok(done.appended), |r| Err(r.why));
        assert_eq!(got, want, "{series:?} {t} {v}");
    }
    let stats = head.stats();
    assert_eq!((stats.series, stats.stale_series), (2, 1));
    assert_eq!((stats.min_time, stats.max_time), (Some(TimestampMs(base - 3_600_000)), Some(TimestampMs(base + 2))));
}

#[test]
fn stale_markers_out_of_order_are_dropped_in_silence() {
    let head = head();
    let a = labels(&[("__name__", "a")]);
    append(&head, &[(&a, 1000, 1.0)]);
    let mut appender = Box::new(head.appender());
    let mut batch = SampleBatch::default();
    batch.push(appender.known(&a).expect("just made"), TimestampMs(1000), stale_nan());
    batch.push(SeriesRef(99), TimestampMs(1000), stale_nan());
    let mut rejected = Vec::new();
    appender.append(&batch, AppendOptions { stale_marker: true, ..AppendOptions::default() }, &mut rejected);
    assert_eq!((rejected.len(), appender.commit().expect("commits").appended), (0, 0));
    assert_eq!(append(&head, &[]).0.appended, 0);
}

#[test]
fn chunks_end_where_upstreams_end() {
    // 5 s apart, 120 samples aimed at: a quarter predicts equal parts of the two hours; from a start off the edge.
    let head = head();
    let a = labels(&[("__name__", "a")]);
    for i in 0..1440i64 {
        append(&head, &[(&a, i * 5000, i as f64)]);
    }
    let querier = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
    let selected = querier.select(&Selection::default()).expect("selects");
    let mut chunks = Vec::new();
    selected.chunks(0, &mut chunks).expect("is there");
    assert_eq!(chunks.iter().map(|c| c.samples).sum::<u32>(), 1440);
    // (7200000 − 0) / ((145000 − 0 + 1) × 4) = 12.4: twelve parts.
    assert_eq!(chunks[0].samples, 120);
    assert!(chunks.windows(2).all(|w| w[0].max < w[1].min));
    assert_eq!(append(&head, &[(&a, 7_200_000, 0.0)]).0.appended, 1);
    assert_eq!(head.stats().chunks, chunks.len() as u64 + 1);
}

#[test]
fn matchers_choose_as_their_definition_says() {
    let head = head();
    let sets: Vec<Labels> = (0..60)
        .map(|i| {
            let mut pairs = vec![("__name__".to_owned(), format!("m{}", i % 3)), ("i".to_owned(), i.to_string())];
            if i % 4 != 0 {
                pairs.push(("env".to_owned(), ["dev", "prod", "test"][i % 3].to_owned()));
            }
            Labels::from_pairs(pairs)
        })
        .collect();
    for set in &sets {
        append(&head, &[(set, 1000, 1.0)]);
    }
    let m = |kind, name, value| Matcher::new(kind, name, value).expect("compiles");
    use MatchType::{Equal, NotEqual, NotRegexp, Regexp};
    let cases: Vec<Vec<Matcher>> = vec![
        vec![],
        vec![m(Equal, "__name__", "m1")],
        vec![m(Equal, "__name__", "m1"), m(Equal, "i", "4")],
        vec![m(Equal, "__name__", "nope")],
        vec![m(Equal, "env", "")],
        vec![m(NotEqual, "env", "")],
        vec![m(NotEqual, "env", "prod")],
        vec![m(Regexp, "env", "dev|test")],
        vec![m(Regexp, "env", "dev|")],
        vec![m(NotRegexp, "env", "d.*")],
        vec![m(NotRegexp, "env", ".+")],
        vec![m(Regexp, "i", "[1-4]."), m(NotEqual, "__name__", "m2"), m(Regexp, "env", ".*")],
        vec![m(NotEqual, "absent", "x")],
        vec![m(Equal, "absent", "x")],
        vec![m(Regexp, "absent", ".*")],
    ];
    for matchers in cases {
        let mut want: Vec<&Labels> =
            sets.iter().filter(|set| matchers.iter().all(|m| m.matches(set.value(m.name())))).collect();
        want.sort();
        let got = all(&head, &matchers);
        assert_eq!(got.iter().map(|g| &g.0).collect::<Vec<_>>(), want, "{matchers:?}");
        let querier = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
        let what = Selection { matchers: &matchers, ..Selection::default() };
        for name in ["env", "__name__", "absent"] {
            let mut values: Vec<&str> = want.iter().filter_map(|set| set.get(name)).collect();
            values.sort_unstable();
            values.dedup();
            let got = querier.label_values(name, &what).expect("answers");
            assert_eq!(got.iter().map(|v| &**v).collect::<Vec<_>>(), values, "{name} {matchers:?}");
        }
        let mut names: Vec<&str> = want.iter().flat_map(|set| set.iter().map(|p| p.0)).collect();
        names.sort_unstable();
        names.dedup();
        let got = querier.label_names(&what).expect("answers");
        assert_eq!(got.iter().map(|v| &**v).collect::<Vec<_>>(), names, "{matchers:?}");
    }
}

#[test]
fn a_batch_is_seen_whole_or_not_at_all() {
    let head = head();
    let sets: Vec<Labels> = (0..50).map(|i| labels(&[("__name__", "m"), ("i", &i.to_string())])).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2usize {
            let (head, sets, stop) = (&head, &sets[writer * 25..][..25], &stop);
            scope.spawn(move || {
                for t in 1..600i64 {
                    let rows: Vec<(&Labels, i64, f64)> = sets.iter().map(|s| (s, t * 1000, t as f64)).collect();
                    assert_eq!(append(head, &rows).0.appended, 25);
                }
                stop.store(true, Ordering::Relaxed);
            });
        }
        for _ in 0..2 {
            let (head, sets, stop) = (&head, &sets, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let querier = HeadQuerier::new(Arc::clone(head), TimeRange::ALL);
                    // Two selections of one querier agree, too.
                    let (one, two) = (query(&querier, &[], TimeRange::ALL), query(&querier, &[], TimeRange::ALL));
                    assert_eq!(one, two);
                    for half in [&sets[..25], &sets[25..]] {
                        let lens: Vec<usize> = one
                            .iter()
                            .filter(|(set, _)| half.contains(set))
                            .map(|(_, samples)| samples.len())
                            .collect();
                        assert!(lens.windows(2).all(|w| w[0] == w[1]), "{lens:?}");
                        assert!(lens.is_empty() || lens.len() == 25, "{}", lens.len());
                    }
                }
            });
        }
    });
    assert_eq!(head.watermarks().0, head.watermarks().1);
}

#[test]
fn a_querier_sees_nothing_that_came_after_it() {
    let head = head();
    let a = labels(&[("__name__", "a")]);
    append(&head, &[(&a, 1000, 1.0)]);
    let old = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
    // Enough to seal the chunk that the querier sees a part of.
    for i in 2..400i64 {
        append(&head, &[(&a, i * 30_000, i as f64)]);
    }
    assert_eq!(query(&old, &[], TimeRange::ALL)[0].1, [(1000, 1f64.to_bits())]);
    assert_eq!(all(&head, &[])[0].1.len(), 399);
}

#[test]
fn a_series_limit_refuses_only_new_series() {
    let options = HeadOptions { series_limit: 2, ..HeadOptions::default() };
    let head = Head::new(options, Log::default());
    let sets: Vec<Labels> = (0..3).map(|i| labels(&[("i", &i.to_string())])).collect();
    append(&head, &[(&sets[0], 1, 1.0), (&sets[1], 1, 1.0)]);
    let mut appender = head.appender();
    assert_eq!(appender.series(&sets[2], &SeriesMeta::default()), Err(AppendError::SeriesLimit));
    assert!(appender.series(&sets[1], &SeriesMeta::default()).is_ok());
    assert_eq!(appender.series(&Labels::empty(), &SeriesMeta::default()), Err(AppendError::InvalidSample));
}

#[test]
fn truncation_gives_back_series_pairs_and_memory() {
    let options = HeadOptions { reader_patience: Duration::ZERO, ..HeadOptions::default() };
    let head = Head::new(options, Log::default());
    let keep = labels(&[("__name__", "keep"), ("job", "x")]);
    let mut at = 0;
    let mut peak = 0;
    for round in 0..6 {
        for i in 0..4000 {
            at += 10;
            let churn = labels(&[("__name__", "churn"), ("job", "x"), ("pod", &format!("pod-{round}-{i}"))]);
            append(&head, &[(&churn, at, 1.0), (&keep, at, f64::from(i))]);
        }
        let cached = head.find(&keep).expect("lives").0;
        let old = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
        let selected = old.select(&Selection::default()).expect("selects");
        let gone = head.truncate(at - 100);
        assert!(gone.dead.len() >= 3900, "{gone:?}");
        assert_eq!(head.find(&keep).map(|f| f.0), Some(cached));
        let left = all(&head, &[]);
        assert_eq!(left.len(), 1 + 11, "{round}");
        // A selection from before skips what is gone and finds what moved.
        let mut chunks = Vec::new();
        for i in 0..selected.series().len() {
            selected.chunks(i, &mut chunks).expect("answers");
        }
        assert!(chunks.len() >= 12);
        assert_eq!(append(&head, &[(&keep, at - 101, 0.0)]).1[0].why, AppendError::OutOfBounds);
        if round == 1 {
            peak = head.heap_bytes();
        }
    }
    assert!(head.heap_bytes() < peak * 2, "{} after {peak}", head.heap_bytes());
    assert_eq!(head.stats().series, 12);
    assert!(head.stats().label_pairs <= 3 + 11);
}

/// A truncation between the check of a batch and its commit must not take a series along that was away for long.
#[test]
fn a_series_that_is_about_to_get_a_sample_is_not_truncated() {
    let options = HeadOptions { reader_patience: Duration::ZERO, ..HeadOptions::default() };
    let head = Head::new(options, Log::default());
    let (away, busy) = (labels(&[("__name__", "away")]), labels(&[("__name__", "busy")]));
    append(&head, &[(&away, 10, 1.0), (&busy, 1000, 1.0)]);
    for (step, t) in [(0, 2000), (1, 3000), (2, 4000)] {
        let mut appender = head.appender();
        let series = appender.series(&away, &SeriesMeta::default()).expect("is there");
        // Between the look-up and the batch, and between the batch and its commit.
        let gone = (step == 1).then(|| head.truncate(t - 10).dead.len());
        let mut batch = SampleBatch::default();
        batch.push(series, TimestampMs(t), 2.0);
        let mut rejected = Vec::new();
        appender.append(&batch, AppendOptions::default(), &mut rejected);
        let gone = gone.or_else(|| Some(head.truncate(t - 10).dead.len()));
        assert!(rejected.is_empty() && gone <= Some(1), "{rejected:?}, {gone:?}");
        assert_eq!(Box::new(appender).commit().expect("commits").appended, 1);
        append(&head, &[(&busy, t + 1, 1.0)]);
        assert_eq!(all(&head, &[Matcher::equal("__name__", "away")]).len(), 1, "at {t}");
    }
    // Nobody holds it any more.
    head.truncate(9000);
    head.truncate(9000);
    assert_eq!(head.stats().series, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Against a model that keeps a list of samples for each series.
    #[test]
    fn answers_are_a_naive_models(
        batches in prop::collection::vec(prop::collection::vec((0usize..8, -40i64..120, 0u8..6), 1..30), 1..60),
        window in (0i64..400, 1i64..400),
    ) {
        let head = head();
        let sets: Vec<Labels> =
            (0..8).map(|i| labels(&[("__name__", if i % 2 == 0 { "even" } else { "odd" }), ("i", &i.to_string())])).collect();
        let mut model: Vec<Samples> = vec![Vec::new(); 8];
        let (mut now, mut newest) = (1_000_000_000i64, i64::MIN);
        for batch in &batches {
            let mut rows = Vec::new();
            for &(series, step, value) in batch {
                // Steps of about 100 s reach over the bounds of half a block in some batches.
                now += step.max(0) * 1000;
                let t = now + step.min(0) * 100_000;
                let v = match value { 0 => stale_nan(), 1 => f64::NAN, 2 => f64::INFINITY, 3 => 1.0, _ => step as f64 * 0.1 };
                rows.push((&sets[series], t, v, series));
            }
            let min_valid = if newest == i64::MIN { rows[0].1 } else { newest } - 3_600_000;
            if newest == i64::MIN {
                newest = rows[0].1;
            }
            let offered: Vec<(&Labels, i64, f64)> = rows.iter().map(|r| (r.0, r.1, r.2)).collect();
            let before: Vec<Option<(i64, u64)>> = model.iter().map(|s| s.last().copied()).collect();
            let (done, rejected) = append(&head, &offered);
            let (mut appended, mut refused) = (0, Vec::new());
            for (i, &(_, t, v, series)) in rows.iter().enumerate() {
                let follows = |last: Option<(i64, u64)>| match last {
                    Some((last, _)) if t < last => Err(AppendError::OutOfOrder),
                    Some((last, bits)) if t == last && bits != v.to_bits() => Err(AppendError::Duplicate),
                    Some((last, _)) => Ok(t > last),
                    None => Ok(true),
                };
                if t < min_valid {
                    refused.push((i as u32, AppendError::OutOfBounds));
                } else if let Err(why) = follows(before[series]) {
                    refused.push((i as u32, why));
                } else if follows(model[series].last().copied()) == Ok(true) {
                    model[series].push((t, v.to_bits()));
                    newest = newest.max(t);
                    appended += 1;
                }
            }
            prop_assert_eq!(done.appended, appended);
            prop_assert_eq!(rejected.iter().map(|r| (r.row, r.why)).collect::<Vec<_>>(), refused);
        }
        let range = TimeRange {
            min: TimestampMs(1_000_000_000 + window.0 * 20_000),
            max: TimestampMs(1_000_000_000 + (window.0 + window.1) * 20_000),
        };
        for (range, name) in [(TimeRange::ALL, None), (range, None), (range, Some("odd"))] {
            let matchers: Vec<Matcher> = name.iter().map(|n| Matcher::equal("__name__", n)).collect();
            let querier = HeadQuerier::new(Arc::clone(&head), range);
            let mut want: Vec<(Labels, Samples)> = sets
                .iter()
                .zip(&model)
                .filter(|(set, _)| name.is_none_or(|n| set.metric_name() == n))
                .map(|(set, s)| (set.clone(), s.iter().copied().filter(|s| range.contains(TimestampMs(s.0))).collect()))
                .filter(|(_, s): &(Labels, Samples)| !s.is_empty())
                .collect();
            want.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(query(&querier, &matchers, range), want);
        }
    }
}

#[test]
fn only_the_labels_that_are_wanted() {
    let head = head();
    let series: Vec<Labels> = (0..20)
        .map(|i| labels(&[("__name__", "m"), ("i", &i.to_string()), ("job", if i < 10 { "a" } else { "b" })]))
        .collect();
    let rows: Vec<_> = series.iter().map(|labels| (labels, 1000, 1.0)).collect();
    append(&head, &rows);
    let querier = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
    for (names, want) in [(&["job", "none"][..], "{job=\"a\"}{job=\"b\"}"), (&[], "{}"), (&["i"], "")] {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let what = Selection { labels: LabelsWanted::Only(&names), ..Selection::default() };
        let found = querier.select(&what).expect("selections do not fail");
        assert_eq!(found.series().len(), 20, "series with equal labels stay apart");
        let mut distinct: Vec<String> = found.series().iter().map(|entry| entry.labels.to_string()).collect();
        distinct.sort();
        distinct.dedup();
        if want.is_empty() {
            assert_eq!(distinct.len(), 20);
        } else {
            assert_eq!(distinct.concat(), want);
        }
        // Who sorts compares whole sets.
        let sorted = querier.select(&Selection { sorted: true, ..what }).expect("selections do not fail");
        assert!(sorted.series().iter().all(|entry| entry.labels.get("i").is_some()));
    }
}
