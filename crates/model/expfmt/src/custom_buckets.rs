//! Classic histograms as native ones with custom buckets (NHCB), by upstream's rules and texts
//! (`util/convertnhcb/convertnhcb.go`, 3.14).

use firesteel_go_compat::{FloatForm, push_float};
use firesteel_model::NativeHistogram;
use firesteel_model::histogram::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Histogram, Span};

/// What is known of a classic histogram; its parts come one by one. Reused.
#[derive(Clone, Debug, Default)]
pub struct ClassicHistogram {
    /// Upper bound and cumulative count, ascending.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

fn go(v: f64) -> String {
    let mut out = Vec::new();
    push_float(&mut out, v, FloatForm::General);
    String::from_utf8(out).unwrap_or_default()
}

fn not_cumulative(a: f64, sign: char, b: f64) -> String {
    format!("count is not cumulative: {} {sign} {}", go(a), go(b))
}

impl ClassicHistogram {
    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.buckets.clear();
        self.count = None;
        self.sum = 0.0;
    }

    /// Takes a bucket. Errors with upstream's text.
    pub fn bucket(&mut self, upper: f64, count: f64) -> Result<(), String> {
        if upper.is_nan() {
            return Err("bucket boundary must not be NaN".to_owned());
        }
        if count < 0.0 {
            return Err(format!("bucket count must be non-negative: le={}, count={}", go(upper), go(count)));
        }
        let at = self.buckets.partition_point(|b| b.0 < upper);
        if self.buckets.get(at).is_some_and(|b| b.0 == upper) {
            // The same sample twice.
            return Ok(());
        }
        if let Some(before) = at.checked_sub(1).and_then(|at| self.buckets.get(at))
            && count < before.1
        {
            return Err(not_cumulative(count, '<', before.1));
        }
        if let Some(next) = self.buckets.get(at)
            && count > next.1
        {
            return Err(not_cumulative(count, '>', next.1));
        }
        self.buckets.insert(at, (upper, count));
        Ok(())
    }

    /// Takes the number of observations. Errors with upstream's text.
    pub fn count(&mut self, count: f64) -> Result<(), String> {
        if count < 0.0 {
            return Err(format!("count must be non-negative: count={}", go(count)));
        }
        self.count = Some(count);
        Ok(())
    }

    /// Takes the sum of observations.
    pub fn sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    /// Returns the native histogram. Error: count and buckets contradict each other, in upstream's words.
    pub fn convert(&mut self) -> Result<NativeHistogram, String> {
        let count = self.count.or_else(|| self.buckets.last().map(|b| b.1)).unwrap_or(0.0);
        if self.buckets.last().is_none_or(|b| b.0 != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let last = self.buckets.last().map_or(0.0, |b| b.1);
        let is_whole = |v: f64| v == (v.round() as i64) as f64;
        let spans = vec![Span { offset: 0, length: self.buckets.len() as u32 }];
        let custom_values = self.buckets.iter().map(|b| b.0).filter(|le| *le != f64::INFINITY).collect();
        let mismatch =
            |shown: String| format!("count mismatch: count={shown} != le={} count={}", go(f64::INFINITY), go(last));
        if self.buckets.iter().all(|b| is_whole(b.1)) && is_whole(count) {
            let whole = count.round() as u64;
            if whole != last as u64 {
                return Err(mismatch(whole.to_string()));
            }
            let (mut before, mut delta) = (0i64, 0i64);
            let mut positive_buckets = Vec::with_capacity(self.buckets.len());
            for &(_, cumulative) in &self.buckets {
                let own = (cumulative as i64).wrapping_sub(before);
                positive_buckets.push(own.wrapping_sub(delta));
                (before, delta) = (cumulative as i64, own);
            }
            let mut h = Histogram {
                schema: CUSTOM_BUCKETS_SCHEMA,
                count: whole,
                sum: self.sum,
                positive_spans: spans,
                positive_buckets,
                custom_values,
                ..Histogram::default()
            };
            h.compact(2);
            return Ok(NativeHistogram::Int(Box::new(h)));
        }
        if count != last {
            return Err(mismatch(go(count)));
        }
        let mut before = 0.0;
        let mut positive_buckets = Vec::with_capacity(self.buckets.len());
        for &(_, cumulative) in &self.buckets {
            positive_buckets.push(cumulative - before);
            before = cumulative;
        }
        let mut h = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_spans: spans,
            positive_buckets,
            custom_values,
            ..FloatHistogram::default()
        };
        h.compact(0);
        Ok(NativeHistogram::Float(Box::new(h)))
    }
}
