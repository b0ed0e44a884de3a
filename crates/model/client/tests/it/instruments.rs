//! Single instruments, alone and among threads.

use std::thread;
use std::time::Duration;

use firesteel_client::{Counter, DEFAULT_BUCKETS, Gauge, Histogram, Summary, exponential_buckets, linear_buckets};

#[test]
fn counters_only_grow() {
    let counter = Counter::default();
    counter.inc();
    counter.inc_by(41);
    counter.add(0.5);
    counter.add(-7.0);
    counter.add(f64::NAN);
    assert_eq!(counter.value(), 42.5);
}

#[test]
fn gauges_go_both_ways() {
    let gauge = Gauge::default();
    gauge.set(3.0);
    gauge.inc();
    gauge.dec();
    gauge.add(-5.5);
    assert_eq!(gauge.value(), -2.5);
    gauge.set_to_current_time();
    assert!(gauge.value() > 1.7e9);
}

#[test]
fn nothing_is_lost_between_threads() {
    let (counter, gauge) = (Counter::default(), Gauge::default());
    let histogram = Histogram::new(&[0.5, 1.5]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    counter.inc();
                    counter.add(0.5);
                    gauge.inc();
                    histogram.observe(1.0);
                }
            });
        }
    });
    assert_eq!((counter.value(), gauge.value()), (60_000.0, 40_000.0));
    let counts = histogram.snapshot();
    assert_eq!((counts.count, counts.sum, counts.buckets[0].cumulative_count), (40_000, 40_000.0, 0));
}

#[test]
fn histograms_count_up_to_and_including_the_bound() {
    let histogram = Histogram::new(&[2.0, 1.0, f64::INFINITY, 1.0]);
    for v in [0.5, 1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
        histogram.observe(v);
    }
    histogram.observe(f64::NAN);
    let counts = histogram.snapshot();
    let buckets: Vec<(f64, u64)> = counts.buckets.iter().map(|b| (b.upper_bound, b.cumulative_count)).collect();
    assert_eq!(buckets, [(1.0, 2), (2.0, 4)]);
    assert_eq!(counts.count, 7);
    assert!(counts.sum.is_nan());
}

#[test]
fn summaries_forget_all_but_the_newest() {
    let summary = Summary::new(&[0.0, 0.5, 0.99, 1.0]);
    assert!(summary.snapshot().quantiles.iter().all(|(_, v)| v.is_nan()));
    for v in 1..=100 {
        summary.observe(f64::from(v));
    }
    let reading = summary.snapshot();
    assert_eq!((reading.count, reading.sum), (100, 5050.0));
    assert_eq!(reading.quantiles, [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)]);
    for _ in 0..1000 {
        summary.observe_duration(Duration::from_millis(1500));
    }
    assert_eq!(summary.snapshot().quantiles[0], (0.0, 1.5));
    assert_eq!(summary.snapshot().count, 1100);
}

#[test]
fn bounds() {
    assert_eq!(linear_buckets(1.0, 2.0, 3), [1.0, 3.0, 5.0]);
    assert_eq!(exponential_buckets(1.0, 4.0, 4), [1.0, 4.0, 16.0, 64.0]);
    assert!(DEFAULT_BUCKETS.is_sorted());
}
