//! Observations counted by size: in fixed buckets, in native ones, or in both.

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::{Clock, SystemClock};
use firesteel_model::{Bucket, ClassicHistogram, MetricType, MetricValue, NativeHistogram, RichHistogram};
use parking_lot::Mutex;

use crate::Instrument;
use crate::native::{NativeBuckets, NativeCounts};

/// Counts observations by size. Clones share the counts.
///
/// One lock keeps count, sum and all buckets in step; an observation holds it for some tens of nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Increasing and finite.
    upper_bounds: Box<[f64]>,
    counts: Mutex<Counts>,
}

/// What the members of a family of histograms have in common.
#[derive(Clone, PartialEq, Debug)]
pub struct HistogramBuckets {
    /// Upper bounds of the classic buckets, which may be none; +Inf is understood.
    pub upper_bounds: Vec<f64>,
    pub native: Option<NativeBuckets>,
}

impl Histogram {
    /// Makes a histogram with these upper bounds; they are sorted, and +Inf is understood.
    pub fn new(upper_bounds: &[f64]) -> Self {
        Self::create(&HistogramBuckets { upper_bounds: upper_bounds.to_vec(), native: None })
    }

    /// Makes a histogram with native buckets, and classic ones of these upper bounds if there are any.
    pub fn native(upper_bounds: &[f64], native: NativeBuckets) -> Self {
        Self::create(&HistogramBuckets { upper_bounds: upper_bounds.to_vec(), native: Some(native) })
    }

    /// Counts one observation. NaN is in the last classic bucket and in no native one.
    pub fn observe(&self, v: f64) {
        let bounds = &self.0.upper_bounds;
        let at = if v.is_nan() { bounds.len() } else { bounds.partition_point(|&bound| bound < v) };
        self.0.counts.lock().observe(v, at, now_ms);
    }

    /// Counts a duration in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Returns count, sum and the classic buckets.
    pub fn snapshot(&self) -> ClassicHistogram {
        self.0.counts.lock().classic(&self.0.upper_bounds)
    }
}

impl Instrument for Histogram {
    type Settings = HistogramBuckets;
    const METRIC_TYPE: MetricType = MetricType::Histogram;

    fn create(settings: &HistogramBuckets) -> Self {
        let mut bounds: Vec<f64> = settings.upper_bounds.iter().copied().filter(|bound| bound.is_finite()).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let counts = Mutex::new(Counts::new(bounds.len(), settings.native, now_ms()));
        Self(Arc::new(Inner { upper_bounds: bounds.into(), counts }))
    }

    fn read(&self) -> (MetricValue, Option<i64>) {
        self.0.counts.lock().read(&self.0.upper_bounds, now_ms)
    }
}

fn now_ms() -> i64 {
    SystemClock.now().0
}

/// All that one lock guards.
#[derive(Debug)]
struct Counts {
    count: u64,
    sum: f64,
    /// One more than bounds: the last is for what is above them all, NaN included.
    in_bucket: Box<[u64]>,
    native: Option<NativeCounts>,
    /// When counting began, or began anew.
    began_ms: i64,
    /// When it begins anew, because the native buckets are wider than they should be.
    ends_ms: Option<i64>,
}

impl Counts {
    fn new(bounds: usize, native: Option<NativeBuckets>, now_ms: i64) -> Self {
        let in_bucket = vec![0; bounds + 1].into();
        let native = native.map(NativeCounts::new);
        Self { count: 0, sum: 0.0, in_bucket, native, began_ms: now_ms, ends_ms: None }
    }

    fn observe(&mut self, v: f64, at: usize, now_ms: impl Fn() -> i64) {
        self.end_if_due(&now_ms);
        if self.take(v, at) {
            self.bound(v, at, now_ms());
        }
    }

    /// Counts; returns whether there are too many native buckets now.
    fn take(&mut self, v: f64, at: usize) -> bool {
        self.count += 1;
        self.sum += v;
        self.in_bucket[at] += 1;
        !v.is_nan() && self.native.as_mut().is_some_and(|native| native.observe(v))
    }

    /// Has fewer native buckets, as client_golang does it: an old histogram begins anew with the present observation, a
    /// younger one gets wider buckets until it is old.
    #[cold]
    fn bound(&mut self, v: f64, at: usize, now_ms: i64) {
        let Some(native) = &mut self.native else { return };
        let age_ms = i64::try_from(native.layout.min_reset.as_millis()).unwrap_or(i64::MAX);
        let old_ms = self.began_ms.saturating_add(age_ms);
        if age_ms > 0 && self.ends_ms.is_none() && now_ms >= old_ms {
            self.begin(now_ms);
            self.take(v, at);
            return;
        }
        native.widen();
        if age_ms > 0 {
            self.ends_ms.get_or_insert(old_ms);
        }
    }

    fn end_if_due(&mut self, now_ms: impl Fn() -> i64) {
        if let Some(ends_ms) = self.ends_ms
            && now_ms() >= ends_ms
        {
            self.begin(ends_ms);
        }
    }

    fn begin(&mut self, now_ms: i64) {
        (self.count, self.sum) = (0, 0.0);
        self.in_bucket.fill(0);
        if let Some(native) = &mut self.native {
            native.clear();
        }
        (self.began_ms, self.ends_ms) = (now_ms, None);
    }

    fn read(&mut self, upper_bounds: &[f64], now_ms: impl Fn() -> i64) -> (MetricValue, Option<i64>) {
        self.end_if_due(now_ms);
        let classic = self.classic(upper_bounds);
        let value = match &self.native {
            None => MetricValue::Histogram(classic),
            Some(native) => {
                let native = Some(NativeHistogram::Int(Box::new(native.read(self.count, self.sum))));
                MetricValue::RichHistogram(Box::new(RichHistogram { classic, native, ..RichHistogram::default() }))
            }
        };
        (value, Some(self.began_ms))
    }

    fn classic(&self, upper_bounds: &[f64]) -> ClassicHistogram {
        let mut cumulative_count = 0;
        let bucket = |(&upper_bound, n): (&f64, &u64)| {
            cumulative_count += n;
            Bucket { upper_bound, cumulative_count, exemplar: None }
        };
        let buckets = upper_bounds.iter().zip(&*self.in_bucket).map(bucket).collect();
        ClassicHistogram { count: self.count, sum: self.sum, buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn counts() -> Counts {
        Counts::new(0, Some(NativeBuckets::default()), 1000)
    }

    /// Makes `n` buckets from 1 up.
    fn spread(counts: &mut Counts, n: i32, now_ms: i64) {
        for i in 0..n {
            counts.observe(2f64.powf(f64::from(i) / 8.0) * 1.001, 0, || now_ms);
        }
    }

    fn shape(counts: &mut Counts, now_ms: i64) -> (u64, i32, usize, Option<i64>) {
        let (value, began) = counts.read(&[], || now_ms);
        let MetricValue::RichHistogram(rich) = value else { panic!("it is native") };
        let Some(NativeHistogram::Int(native)) = rich.native else { panic!("it has native buckets") };
        native.validate().expect("buckets and count agree");
        (native.count, native.schema, native.positive_buckets.len(), began)
    }

    #[test]
    fn a_young_one_gets_wider_until_it_is_old() {
        let mut counts = counts();
        spread(&mut counts, 100, 2000);
        assert_eq!(shape(&mut counts, 2000), (100, 3, 100, Some(1000)));
        spread(&mut counts, 101, 3000);
        assert_eq!(shape(&mut counts, 3000), (201, 2, 51, Some(1000)));
        // It ended when it was old, whenever that is noticed.
        assert_eq!(shape(&mut counts, HOUR_MS + 5000), (0, 3, 0, Some(HOUR_MS + 1000)));
        spread(&mut counts, 1, HOUR_MS + 6000);
        assert_eq!(shape(&mut counts, HOUR_MS + 6000), (1, 3, 1, Some(HOUR_MS + 1000)));
    }

    #[test]
    fn an_old_one_begins_anew_with_what_was_too_much() {
        let mut counts = counts();
        spread(&mut counts, 101, HOUR_MS + 1000);
        assert_eq!(shape(&mut counts, HOUR_MS + 1000), (1, 3, 1, Some(HOUR_MS + 1000)));
    }

    #[test]
    fn far_apart_values_end_in_the_widest_buckets() {
        let mut counts = counts();
        for i in -1000..=1000 {
            counts.observe(2f64.powi(i), 0, || 2000);
            counts.observe(-(2f64.powi(i)), 0, || 2000);
        }
        let (value, _) = counts.read(&[], || 2000);
        let MetricValue::RichHistogram(rich) = value else { panic!("it is native") };
        let Some(NativeHistogram::Int(native)) = rich.native else { panic!("it has native buckets") };
        native.validate().expect("buckets and count agree");
        assert_eq!((native.count, native.zero_count), (4002, 2 * (1000 - 128 + 1)));
        // Coarser there is not, however many there are: 16 doublings a bucket.
        assert_eq!((native.schema, native.positive_buckets.len(), native.negative_buckets.len()), (-4, 71, 71));
    }
}
