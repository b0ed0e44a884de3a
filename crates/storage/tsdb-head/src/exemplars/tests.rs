//! The ring beside a list that is searched.

use firesteel_model::MatchType;
use proptest::prelude::*;

use super::*;

fn series(i: u64) -> Labels {
    Labels::from_pairs([("__name__", "m".to_owned()), ("i", i.to_string())])
}

fn exemplar(of: u64, id: &str, t: i64, v: f64) -> Exemplar {
    let labels = Labels::from_pairs([("trace_id", id)]);
    Exemplar { series: SeriesRef(of), labels, t: TimestampMs(t), v, timestamped: true }
}

fn offer(ring: &mut ExemplarRing, e: &Exemplar) -> Verdict {
    let labels = || Some(series(e.series.0));
    let verdict = ring.judge(e, labels);
    if verdict == Verdict::Take {
        ring.add(e.clone(), labels);
    }
    verdict
}

fn times(ring: &ExemplarRing) -> Vec<(String, Vec<i64>)> {
    let all: [&[Matcher]; 1] = [&[]];
    let found = ring.select(TimeRange::ALL, &all);
    found.into_iter().map(|s| (s.labels.value("i").to_owned(), s.exemplars.iter().map(|e| e.t.0).collect())).collect()
}

#[test]
fn what_is_taken_and_what_refused() {
    use Verdict::{Refuse, Same, Take};
    let mut ring = ExemplarRing::new(10, 0);
    let out_of_order = Refuse(AppendError::OutOfOrderExemplar);
    let long = "x".repeat(120);
    for (id, t, v, want) in [
        ("b", 100, 1.0, Take),
        ("b", 100, 1.0, Same),
        ("b", 99, 1.0, out_of_order),
        ("b", 100, 0.5, out_of_order),
        ("b", 100, 2.0, Take),
        ("b", 101, 1.0, Take),
        (&long, 102, 1.0, Take),
        (&"é".repeat(120), 103, 1.0, Take),
        (&"x".repeat(121), 104, 1.0, Refuse(AppendError::ExemplarLabelLength)),
    ] {
        assert_eq!(offer(&mut ring, &exemplar(1, id, t, v)), want, "{id} {t} {v}");
    }
    // Equal times and values are ordered by the hash of the labels.
    let (a, b) = (exemplar(2, "a", 5, 1.0), exemplar(2, "b", 5, 1.0));
    let (low, high) = if a.labels.hash64() < b.labels.hash64() { (a, b) } else { (b, a) };
    assert_eq!(offer(&mut ring, &high), Take);
    assert_eq!(offer(&mut ring, &low), out_of_order);
    assert_eq!(offer(&mut ExemplarRing::new(10, 0), &exemplar(1, "a", 1, 1.0)), Take);
}

#[test]
fn without_a_time_of_its_own_an_exemplar_is_known_by_value_and_labels() {
    let mut ring = ExemplarRing::new(10, 0);
    let untimed = |t| Exemplar { timestamped: false, ..exemplar(1, "a", t, 1.0) };
    assert_eq!(offer(&mut ring, &untimed(100)), Verdict::Take);
    assert_eq!(offer(&mut ring, &untimed(200)), Verdict::Same);
    assert_eq!(offer(&mut ring, &exemplar(1, "a", 200, 1.0)), Verdict::Take);
    assert_eq!(times(&ring), [("1".to_owned(), vec![100, 200])]);
}

#[test]
fn a_window_takes_older_ones_in_order_of_time() {
    let mut ring = ExemplarRing::new(4, 50);
    for (t, want) in
        [(100, true), (60, true), (49, false), (50, false), (80, true), (51, true), (80, true), (120, true)]
    {
        assert_eq!(offer(&mut ring, &exemplar(1, &t.to_string(), t, 1.0)) == Verdict::Take, want, "{t}");
    }
    // 100 came first and went for 120; the second 80 is taken for the first.
    assert_eq!(times(&ring), [("1".to_owned(), vec![51, 60, 80, 120])]);
    ring.set_out_of_order_window(0);
    assert_eq!(offer(&mut ring, &exemplar(1, "late", 110, 1.0)), Verdict::Refuse(AppendError::OutOfOrderExemplar));
    ring.add(exemplar(1, "late", 110, 1.0), || None);
    assert_eq!(ring.stats().out_of_order, 1);
}

#[test]
fn the_ring_forgets_what_came_first_and_resizes() {
    let mut ring = ExemplarRing::new(3, 0);
    for i in 0..5 {
        offer(&mut ring, &exemplar(i % 2, "a", i as i64, i as f64));
    }
    assert_eq!(times(&ring), [("0".to_owned(), vec![2, 4]), ("1".to_owned(), vec![3])]);
    let stats = ring.stats();
    assert_eq!((stats.appended, stats.in_storage, stats.series, stats.oldest_t.0, stats.max), (5, 3, 2, 2, 3));
    assert_eq!(ring.resize(5), 3);
    assert_eq!(ring.stats().oldest_t.0, 2);
    offer(&mut ring, &exemplar(7, "a", 1, 1.0));
    assert_eq!(times(&ring).len(), 3);
    assert_eq!(ring.resize(2), 2);
    assert_eq!(times(&ring), [("0".to_owned(), vec![4]), ("7".to_owned(), vec![1])]);
    assert_eq!(ring.resize(0), 0);
    assert!(!ring.is_on() && times(&ring).is_empty());
    ring.add(exemplar(7, "a", 1, 1.0), || Some(series(7)));
    assert_eq!((ring.stats().series, ring.stats().appended), (0, 6));
}

#[test]
fn a_series_that_comes_again_under_another_reference_is_the_same() {
    let mut ring = ExemplarRing::new(3, 0);
    let labels = || Some(series(1));
    ring.add(exemplar(1, "a", 1, 1.0), labels);
    assert_eq!(ring.judge(&exemplar(9, "a", 1, 1.0), labels), Verdict::Same);
    ring.add(exemplar(9, "b", 2, 1.0), labels);
    assert_eq!(times(&ring), [("1".to_owned(), vec![1, 2])]);
    let m = [Matcher::new(MatchType::Regexp, "i", "2|1").expect("compiles")];
    let none = [Matcher::equal("i", "2")];
    assert_eq!(ring.select(TimeRange::ALL, &[&none]).len(), 0);
    let range = TimeRange { min: TimestampMs(2), max: TimestampMs(2) };
    assert_eq!(ring.select(range, &[&none, &m])[0].exemplars.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Against a list in order of arrival from which the first is dropped.
    #[test]
    fn the_ring_is_a_bounded_list(
        rows in prop::collection::vec((0u64..5, -6i64..12), 1..120), max in 1usize..20, window in 0i64..8, resize in 0usize..20,
    ) {
        let mut ring = ExemplarRing::new(max, window);
        let mut list: Vec<(u64, i64)> = Vec::new();
        let (mut now, mut max) = (100, max);
        for (n, &(of, step)) in rows.iter().enumerate() {
            if n == 60 {
                ring.resize(resize);
                max = resize;
                list.drain(..list.len().saturating_sub(max));
            }
            now += step.max(0);
            let t = now + step.min(0);
            let newest = list.iter().filter(|e| e.0 == of).map(|e| e.1).max();
            let takes = newest.is_none_or(|newest| t > newest || (t < newest && t > newest - window));
            let there = list.contains(&(of, t));
            offer(&mut ring, &exemplar(of, "a", t, 1.0));
            if takes && !there && max > 0 {
                list.push((of, t));
                list.drain(..list.len().saturating_sub(max));
            }
            let mut want: Vec<(String, Vec<i64>)> = Vec::new();
            for of in 0..5 {
                let mut of_series: Vec<i64> = list.iter().filter(|e| e.0 == of).map(|e| e.1).collect();
                of_series.sort_unstable();
                if !of_series.is_empty() {
                    want.push((of.to_string(), of_series));
                }
            }
            prop_assert_eq!(times(&ring), want);
        }
    }
}
