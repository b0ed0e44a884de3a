//! Out-of-order samples and deletions, against a model that keeps sets of times.

use std::collections::BTreeMap;

use firesteel_base::FastHashSet;
use firesteel_storage::TimeRanges;
use firesteel_tsdb_block::{SeriesSource, SourceSeries};

use super::*;

fn late_head(window_ms: i64) -> Arc<Head> {
    let options = HeadOptions { out_of_order_window_ms: window_ms, out_of_order_cap: 4, ..HeadOptions::default() };
    Head::new(options, Log::default())
}

/// As [`all`], with the samples of overlapping chunks in order and each time once.
fn merged(head: &Arc<Head>, range: TimeRange) -> BTreeMap<String, Vec<(i64, f64)>> {
    let querier = HeadQuerier::new(Arc::clone(head), range);
    query(&querier, &[], range)
        .into_iter()
        .map(|(labels, samples)| {
            let once: BTreeMap<i64, f64> = samples.into_iter().map(|(t, v)| (t, f64::from_bits(v))).collect();
            (labels.value("i").to_owned(), once.into_iter().collect())
        })
        .collect()
}

fn range(min: i64, max: i64) -> TimeRange {
    TimeRange { min: TimestampMs(min), max: TimestampMs(max) }
}

#[test]
fn late_samples_are_taken_by_upstreams_rules() {
    let head = late_head(600_000);
    let (a, b) = (labels(&[("i", "a")]), labels(&[("i", "b")]));
    let base = 100_000_000;
    append(&head, &[(&a, base, 1.0)]);
    let cases: [(&Labels, i64, Result<usize, AppendError>); 10] = [
        (&a, base - 1000, Ok(1)),
        // The open out-of-order chunk has it; one that is sealed does not know.
        (&a, base - 1000, Ok(0)),
        (&a, base - 600_000, Ok(1)),
        (&a, base - 600_001, Err(AppendError::TooOld)),
        (&a, base, Err(AppendError::Duplicate)),
        // A new series in order, as far behind as half a block: the window does not matter.
        (&b, base - 3_600_000, Ok(1)),
        (&b, base - 3_600_001, Err(AppendError::TooOld)),
        (&b, base - 300_000, Ok(1)),
        (&b, base - 400_000, Ok(1)),
        (&a, base + 1, Ok(1)),
    ];
    for (series, t, want) in cases {
        let v = if t == base { 2.0 } else { t as f64 };
        let (done, rejected) = append(&head, &[(series, t, v)]);
        assert_eq!(rejected.first().map_or(Ok(done.appended), |r| Err(r.why)), want, "{series:?} {t}");
    }
    let read = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
    assert_eq!(
        (read(&head.counts.late_appended), read(&head.counts.too_old), read(&head.counts.out_of_order)),
        (3, 2, 0)
    );

    let mut appender = Box::new(head.appender());
    let mut batch = SampleBatch::default();
    batch.push(appender.known(&a).expect("lives"), TimestampMs(base - 5), 1.0);
    let how = AppendOptions { refuse_out_of_order: true, ..AppendOptions::default() };
    let mut rejected = Vec::new();
    appender.append(&batch, how, &mut rejected);
    assert_eq!(rejected, [Rejected { row: 0, why: AppendError::OutOfOrder }]);

    head.set_out_of_order_window(0);
    assert_eq!(append(&head, &[(&a, base - 7, 1.0)]).1[0].why, AppendError::OutOfOrder);
    let times: Vec<i64> = merged(&head, TimeRange::ALL)["a"].iter().map(|s| s.0).collect();
    assert_eq!(times, [base - 600_000, base - 1000, base, base + 1]);
    assert_eq!(merged(&head, range(base - 700_000, base - 500_000)).len(), 1);
}

#[test]
fn a_cut_takes_what_was_there_and_leaves_what_came_later() {
    let head = late_head(3_000_000);
    let a = labels(&[("i", "a")]);
    append(&head, &[(&a, 10_000_000, 0.0)]);
    assert_eq!(head.begin_out_of_order_cut().expect("no log"), None);
    for i in 0..11 {
        append(&head, &[(&a, 9_000_000 - i * 1000, 0.0)]);
    }
    let cut = head.begin_out_of_order_cut().expect("no log").expect("late samples");
    assert_eq!(cut.range, range(8_990_000, 9_000_000));
    append(&head, &[(&a, 9_500_000, 0.0)]);
    let (mut source, mut series) = (head.out_of_order_source(&cut, TimeRange::ALL), SourceSeries::default());
    assert!(source.next_series(&mut series).expect("is whole"));
    assert_eq!(series.chunks.iter().map(|v| v.samples).collect::<Vec<_>>(), [3, 4, 4], "sorted by time");
    drop(source);
    assert_eq!(head.end_out_of_order_cut(&cut).expect("no log"), 3);
    assert_eq!(head.out_of_order_range(), Some(range(9_500_000, 9_500_000)));
    assert_eq!(merged(&head, TimeRange::ALL)["a"].len(), 2);
    // Late samples keep their series.
    head.truncate(20_000_000);
    assert_eq!(head.stats().series, 1);
    let cut = head.begin_out_of_order_cut().expect("no log").expect("one is left");
    head.end_out_of_order_cut(&cut).expect("no log");
    head.truncate(20_000_001);
    assert_eq!((head.stats().series, head.stats().chunks), (0, 0));
}

#[test]
fn a_block_of_late_samples_has_them_and_nothing_else() {
    let head = late_head(7_200_000);
    let sets: Vec<Labels> = (0..50).map(|i| labels(&[("i", &format!("{i:02}")), ("z", "z")])).collect();
    let start = 100_800_000;
    for set in &sets {
        append(&head, &[(set, start + 8_000_000, 0.0)]);
    }
    for n in 0..20 {
        for set in sets.iter().step_by(3) {
            append(&head, &[(set, start + 6_900_000 + (n * 7 % 20) * 30_000, n as f64)]);
        }
    }
    // A deletion is of samples that came in order.
    let deleted = range(start + 7_100_000, start + 8_000_000);
    assert_eq!(head.delete(deleted, &[Matcher::equal("i", "03")], &FastHashSet::default()).expect("no log"), 1);
    let late_of = |i: &str| head.late_within(deleted, &[Matcher::equal("i", i)]).len();
    assert_eq!((late_of("03"), late_of("04")), (1, 0));
    let cut = head.begin_out_of_order_cut().expect("no log").expect("late samples");
    // Behind the cut: not taken.
    append(&head, &[(&sets[0], start + 6_900_001, 0.0)]);
    for (range, want) in [(range(start, start + 7_199_999), 10), (range(start + 7_200_000, start + 14_399_999), 10)] {
        let mut source = head.out_of_order_source(&cut, range);
        let (mut text, mut symbols) = (Vec::new(), Vec::new());
        while source.next_symbol(&mut text).expect("reads") {
            symbols.push(String::from_utf8(text.clone()).expect("text"));
        }
        let mut series = SourceSeries::default();
        let mut names = Vec::new();
        while source.next_series(&mut series).expect("reads") {
            let of = symbols[series.labels[0].1 as usize].clone();
            let mut samples = Vec::new();
            for chunk in &series.chunks {
                let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
                let (mut t, mut v) = ([TimestampMs(0); 64], [0.0; 64]);
                let n = decoder.decode_batch(&mut t, &mut v).expect("decodes");
                samples.extend(t[..n].iter().filter(|t| range.contains(**t)).map(|t| t.0));
            }
            assert_eq!(samples.len(), want, "{of} {samples:?}");
            assert_eq!(series.deleted, []);
            names.push(of);
        }
        assert_eq!(names, (0..50).step_by(3).map(|i| format!("{i:02}")).collect::<Vec<_>>());
    }
}

#[test]
fn a_deleted_series_is_not_selected_and_comes_back_with_new_samples() {
    let head = late_head(0);
    let (a, b) = (labels(&[("i", "a")]), labels(&[("i", "b")]));
    for t in 0..300 {
        append(&head, &[(&a, t * 30_000, t as f64), (&b, t * 30_000, 0.0)]);
    }
    assert_eq!(head.delete(TimeRange::ALL, &[Matcher::equal("i", "a")], &FastHashSet::default()).expect("no log"), 1);
    assert_eq!(head.delete(range(0, 5), &[Matcher::equal("i", "c")], &FastHashSet::default()).expect("no log"), 0);
    let listed = |head: &Arc<Head>| {
        let querier = HeadQuerier::new(Arc::clone(head), TimeRange::ALL);
        querier.select(&Selection::default()).expect("selects").series().len()
    };
    assert_eq!(listed(&head), 1);
    append(&head, &[(&a, 300 * 30_000, 5.0)]);
    assert_eq!((listed(&head), merged(&head, TimeRange::ALL)["a"].clone()), (2, vec![(9_000_000, 5.0)]));
    assert_eq!(head.tombstones(), 1);
    head.truncate(9_000_000);
    assert_eq!(head.tombstones(), 0);
}

/// What is asked of head and model.
#[derive(Clone, Debug)]
enum Act {
    Append(Vec<(usize, i64)>),
    Delete(usize, i64, i64),
    Window(i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let rows = prop::collection::vec((0usize..5, -60i64..20), 1..20);
    let act = prop_oneof![
        12 => rows.prop_map(Act::Append),
        1 => (0usize..6, 0i64..200, 0i64..40).prop_map(|(of, from, len)| Act::Delete(of, from, len)),
        1 => (0i64..4).prop_map(|n| Act::Window(n * 20)),
    ];
    prop::collection::vec(act, 1..60)
}

/// One series of the model: all samples that were taken in order, of which some are deleted, and all that came late.
#[derive(Clone, Default)]
struct Of {
    times: std::collections::BTreeSet<i64>,
    late: std::collections::BTreeSet<i64>,
    deleted: TimeRanges,
}

const STEP: i64 = 100_000;
const BASE: i64 = 1_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn late_and_deleted_samples_are_a_naive_models(acts in acts()) {
        let head = late_head(40 * STEP);
        let sets: Vec<Labels> = (0..5).map(|i| labels(&[("i", &i.to_string())])).collect();
        let mut model = vec![Of::default(); 5];
        let (mut now, mut newest, mut window) = (BASE, i64::MIN, 40 * STEP);
        for act in acts {
            match act {
                Act::Window(steps) => {
                    window = steps * STEP;
                    head.set_out_of_order_window(window);
                }
                Act::Delete(of, from, len) => {
                    let range = range(BASE + from * STEP, BASE + (from + len) * STEP);
                    let matchers = if of < 5 { vec![Matcher::equal("i", &of.to_string())] } else { vec![] };
                    head.delete(range, &matchers, &FastHashSet::default()).expect("no log");
                    for (i, series) in model.iter_mut().enumerate().filter(|(i, _)| of == 5 || *i == of) {
                        if let (Some(&min), Some(&max)) = (series.times.first(), series.times.last()) {
                            let range = TimeRange {
                                min: range.min.max(TimestampMs(min)), max: range.max.min(TimestampMs(max)),
                            };
                            series.deleted.add(range);
                        }
                        let _ = i;
                    }
                }
                Act::Append(rows) => {
                    let rows: Vec<(usize, i64)> = rows.iter().map(|&(of, step)| {
                        now += step.max(0) * STEP / 10;
                        (of, now + step.min(0) * STEP)
                    }).collect();
                    if newest == i64::MIN {
                        newest = rows[0].1;
                    }
                    let (min_valid, late_min) = (newest - 3_600_000, newest - window);
                    // The value tells the time, so that it does not matter which of two equal samples stays.
                    let offered: Vec<_> = rows.iter().map(|&(of, t)| (&sets[of], t, t as f64)).collect();
                    let before = model.clone();
                    let (_, rejected) = append(&head, &offered);
                    let judge = |of: &Of, t: i64| match of.times.last() {
                        last if t >= min_valid && last.is_none_or(|&last| t >= last) => Ok(true),
                        _ if window > 0 && t >= late_min => Ok(false),
                        _ if window > 0 => Err(AppendError::TooOld),
                        _ if t < min_valid => Err(AppendError::OutOfBounds),
                        _ => Err(AppendError::OutOfOrder),
                    };
                    let mut refused = Vec::new();
                    for (i, &(of, t)) in rows.iter().enumerate() {
                        if let Err(why) = judge(&before[of], t) {
                            refused.push((i as u32, why));
                            continue;
                        }
                        match judge(&model[of], t) {
                            Ok(true) => {
                                model[of].times.insert(t);
                                newest = newest.max(t);
                            }
                            Ok(false) => {
                                model[of].late.insert(t);
                            }
                            Err(_) => {}
                        }
                    }
                    prop_assert_eq!(rejected.iter().map(|r| (r.row, r.why)).collect::<Vec<_>>(), refused);
                }
            }
        }
        for range in [TimeRange::ALL, range(BASE + 10 * STEP, BASE + 60 * STEP), range(BASE - 50 * STEP, BASE)] {
            let want: BTreeMap<String, Vec<(i64, f64)>> = model.iter().enumerate().filter_map(|(i, of)| {
                let left = of.times.iter().filter(|t| !of.deleted.contains(TimestampMs(**t)));
                let all: std::collections::BTreeSet<i64> = left.chain(&of.late).copied().collect();
                let within = all.into_iter().filter(|t| range.contains(TimestampMs(*t)));
                let samples: Vec<_> = within.map(|t| (t, t as f64)).collect();
                (!samples.is_empty()).then(|| (i.to_string(), samples))
            }).collect();
            prop_assert_eq!(merged(&head, range), want);
        }
    }
}
