//! Functions that make a float of a histogram.

use firesteel_base::kahan::inc;
use firesteel_model::FloatHistogram;

/// `histogram_count` and kin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HistogramFunction {
    Count,
    Sum,
    Avg,
    Stddev,
    Stdvar,
    /// Yields nothing of either kind: `start_timestamp` of anything but a selector.
    Nothing,
}

impl HistogramFunction {
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "histogram_count" => Self::Count,
            "histogram_sum" => Self::Sum,
            "histogram_avg" => Self::Avg,
            "histogram_stddev" => Self::Stddev,
            "histogram_stdvar" => Self::Stdvar,
            _ => return None,
        })
    }

    pub(crate) fn of(self, h: &FloatHistogram) -> Option<f64> {
        Some(match self {
            Self::Count => h.count,
            Self::Sum => h.sum,
            Self::Avg => h.sum / h.count,
            Self::Stddev => variance(h).sqrt(),
            Self::Stdvar => variance(h),
            Self::Nothing => return None,
        })
    }
}

/// Estimates the variance with all observations of a bucket at its middle.
fn variance(h: &FloatHistogram) -> f64 {
    let mean = h.sum / h.count;
    let (mut sum, mut c) = (0.0, 0.0);
    for bucket in h.all().filter(|bucket| bucket.count != 0.0) {
        let middle = if h.uses_custom_buckets() {
            (bucket.upper + bucket.lower) * 0.5
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let delta = middle - mean;
        (sum, c) = inc(bucket.count * delta * delta, sum, c);
    }
    (sum + c) / h.count
}
