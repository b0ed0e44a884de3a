//! Quantiles and fractions of native histograms (`promql/quantile.go`, 3.14): linear within custom and zero buckets,
//! exponential within the others.

use firesteel_go_compat::math;
use firesteel_model::FloatHistogram;
use firesteel_model::histogram::Bucket;

use crate::annotations::Note;

/// Returns the `q`-quantile. `note` is told of NaN observations.
pub(crate) fn quantile(q: f64, h: &FloatHistogram, metric: &str, note: impl FnOnce(Note)) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if h.count == 0.0 || q.is_nan() {
        return f64::NAN;
    }
    // NaN observations are in no bucket: then ranks only count from below.
    if h.sum.is_nan() || q < 0.5 { from_below(q, h, metric, h.all(), note) } else { from_above(q, h, h.all_reverse()) }
}

/// Walks populated buckets until their counts reach `rank`; returns the last one and what was counted.
fn walk(buckets: &mut impl Iterator<Item = Bucket>, rank: f64) -> (Bucket, f64) {
    let none = Bucket { lower: 0.0, upper: 0.0, lower_inclusive: false, upper_inclusive: false, count: 0.0, index: 0 };
    let (mut last, mut count) = (none, 0.0);
    for bucket in buckets {
        last = bucket;
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    (last, count)
}

/// Returns the value at the edge of a custom bucket without end, else the bucket with its natural bound of zero.
fn bounded(h: &FloatHistogram, mut bucket: Bucket) -> Result<Bucket, f64> {
    if h.uses_custom_buckets() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return Err(bucket.upper);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return Err(bucket.lower);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        if h.negative_buckets.is_empty() && !h.positive_buckets.is_empty() {
            bucket.lower = 0.0;
        } else if h.positive_buckets.is_empty() && !h.negative_buckets.is_empty() {
            bucket.upper = 0.0;
        }
    }
    Ok(bucket)
}

fn from_below(
    q: f64,
    h: &FloatHistogram,
    metric: &str,
    mut buckets: impl Iterator<Item = Bucket>,
    note: impl FnOnce(Note),
) -> f64 {
    let rank = q * h.count;
    let (bucket, count) = walk(&mut buckets, rank);
    let bucket = match bounded(h, bucket) {
        Ok(bucket) => bucket,
        Err(v) => return v,
    };
    let count = if count > h.count { h.count } else { count };
    if count < rank {
        if h.sum.is_nan() {
            note(Note::QuantileNaNResult { metric: metric.to_owned() });
            return f64::NAN;
        }
        return bucket.upper;
    }
    let rank = rank - (count - bucket.count);
    let mut last = bucket;
    if h.sum.is_nan() {
        let mut all = count;
        for rest in buckets {
            // upstream goes on with the last bucket here (promql/quantile.go, HistogramQuantile, 3.14); kept.
            last = rest;
            all += rest.count;
        }
        if all < h.count {
            note(Note::QuantileNaNSkew { metric: metric.to_owned() });
        }
    }
    interpolate(h, last, rank / last.count)
}

fn from_above(q: f64, h: &FloatHistogram, mut buckets: impl Iterator<Item = Bucket>) -> f64 {
    let rank = (1.0 - q) * h.count;
    let (bucket, count) = walk(&mut buckets, rank);
    let bucket = match bounded(h, bucket) {
        Ok(bucket) => bucket,
        Err(v) => return v,
    };
    let count = if count > h.count { h.count } else { count };
    if count < rank {
        return bucket.upper;
    }
    interpolate(h, bucket, (count - rank) / bucket.count)
}

fn interpolate(h: &FloatHistogram, bucket: Bucket, fraction: f64) -> f64 {
    if h.uses_custom_buckets() || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return bucket.lower + (bucket.upper - bucket.lower) * fraction;
    }
    let (lower, upper) = (math::log2(bucket.lower.abs()), math::log2(bucket.upper.abs()));
    if bucket.lower > 0.0 {
        math::exp2(lower + (upper - lower) * fraction)
    } else {
        -math::exp2(upper + (lower - upper) * (1.0 - fraction))
    }
}

/// Returns which part of all observations lies between the bounds. `note` is told of NaN observations, which are in none.
pub(crate) fn fraction(lower: f64, upper: f64, h: &FloatHistogram, metric: &str, note: impl FnOnce(Note)) -> f64 {
    if h.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let (mut count, mut rank) = (0.0, 0.0);
    let (mut lower_rank, mut upper_rank) = (None, None);
    let mut buckets = h.all();
    for mut bucket in buckets.by_ref() {
        count += bucket.count;
        let zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if zero && h.negative_buckets.is_empty() && !h.positive_buckets.is_empty() {
            bucket.lower = 0.0;
        } else if zero && h.positive_buckets.is_empty() && !h.negative_buckets.is_empty() {
            bucket.upper = 0.0;
        }
        let linear = h.uses_custom_buckets() || zero;
        let inside = |at: f64| {
            if linear && bucket.lower == f64::NEG_INFINITY {
                bucket.count
            } else {
                rank + bucket.count * bucket.fraction_below(at, linear)
            }
        };
        for (bound, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_none() && bucket.lower >= bound {
                *found = Some(rank);
            }
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        for (bound, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
            if found.is_none() && bucket.lower < bound && bucket.upper > bound {
                *found = Some(inside(bound));
            }
        }
        if lower_rank.is_some() && upper_rank.is_some() {
            break;
        }
        rank += bucket.count;
    }
    if h.sum.is_nan() {
        count += buckets.map(|bucket| bucket.count).sum::<f64>();
        if count < h.count {
            note(Note::FractionNaNs { metric: metric.to_owned() });
        }
    } else {
        count = h.count;
    }
    let capped = |rank: Option<f64>| rank.filter(|rank| *rank <= count || rank.is_nan()).unwrap_or(count);
    (capped(upper_rank) - capped(lower_rank)) / h.count
}
