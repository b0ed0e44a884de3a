//! `</` and `>/`: the part of a histogram on one side of a bound.

use super::histogram::{Bucket, Buckets, Histogram};
use super::quantiles::part_below;

/// Where the observations of an interval are taken to lie.
fn middle(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    if lower.is_infinite() {
        if upper.is_infinite() {
            return 0.0;
        }
        return if upper > 0.0 { upper / 2.0 } else { upper };
    }
    if upper.is_infinite() {
        return lower;
    }
    if linear {
        return 0.5 * (lower + upper);
    }
    let mean = (lower * upper).abs().sqrt();
    if positive { mean } else { -mean }
}

fn finite(v: f64) -> f64 {
    if v.is_infinite() { 0.0 } else { v }
}

/// Returns what is kept of a bucket without an end, and where it lies.
fn of_endless(bucket: Bucket, at: f64, keep_lower: bool) -> (f64, f64) {
    if bucket.lower == f64::NEG_INFINITY {
        if keep_lower {
            if at >= bucket.upper {
                return (bucket.count, 0.0);
            }
            if at > 0.0 && bucket.upper > 0.0 && bucket.upper != f64::INFINITY {
                return (bucket.count * at / bucket.upper, at / 2.0);
            }
            return if bucket.upper <= 0.0 { (bucket.count, at) } else { (0.0, finite(bucket.upper)) };
        }
        if at <= bucket.lower {
            return (bucket.count, 0.0);
        }
        if at >= 0.0 && bucket.upper > at && bucket.upper != f64::INFINITY {
            return (bucket.count * (1.0 - at / bucket.upper), 0.5 * (at + bucket.upper));
        }
        return (0.0, finite(bucket.upper));
    }
    if !keep_lower && at >= bucket.lower { (bucket.count, at) } else { (0.0, finite(bucket.lower)) }
}

/// Returns what is kept of a bucket that the bound cuts, and where it lies.
fn of_cut(bucket: Bucket, at: f64, keep_lower: bool, positive: bool, linear: bool) -> (f64, f64) {
    if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
        return of_endless(bucket, at, keep_lower);
    }
    let below = if at <= bucket.lower {
        0.0
    } else if at >= bucket.upper {
        bucket.count
    } else {
        bucket.count * part_below(&bucket, at, linear)
    };
    if keep_lower {
        (below, middle(bucket.lower, at, positive, linear))
    } else {
        (bucket.count - below, middle(at, bucket.upper, positive, linear))
    }
}

/// Returns what is kept of the zero bucket, and where it lies.
fn of_zero(h: &Histogram, at: f64, keep_lower: bool, sides: (bool, bool)) -> (f64, f64) {
    let (mut lower, mut upper) = (-h.zero_threshold, h.zero_threshold);
    match sides {
        (false, true) => upper = 0.0,
        (true, false) => lower = 0.0,
        _ => {}
    }
    let whole = (h.zero_count, 0.5 * (lower + upper));
    if keep_lower {
        if at <= lower {
            return (0.0, 0.0);
        }
        if at >= upper {
            return whole;
        }
        return (h.zero_count * ((at - lower) / (upper - lower)), 0.5 * (lower + at));
    }
    if at <= lower {
        return whole;
    }
    if at >= upper {
        return (0.0, 0.0);
    }
    (h.zero_count * ((upper - at) / (upper - lower)), 0.5 * (at + upper))
}

/// Returns the part of `h` below `at` (`keep_lower`) or above it.
pub(crate) fn trimmed(h: &Histogram, at: f64, keep_lower: bool) -> Histogram {
    let mut out = h.clone();
    let (mut count, mut sum, mut changed) = (0.0, 0.0, false);
    let linear = h.is_custom();
    let mut side = |from: &Buckets, to: &mut Buckets, positive: bool| {
        let mut any = false;
        for (index, own) in from {
            if *own == 0.0 {
                continue;
            }
            any = true;
            let bucket = if positive { h.positive_bucket(*index, *own) } else { h.negative_bucket(*index, *own) };
            let (kept_whole, cut) = if keep_lower {
                (bucket.upper <= at, bucket.lower < at)
            } else {
                (bucket.lower >= at, bucket.upper > at)
            };
            let (kept, place) = if kept_whole {
                (bucket.count, middle(bucket.lower, bucket.upper, positive, linear))
            } else if cut {
                of_cut(bucket, at, keep_lower, positive, linear)
            } else {
                changed = true;
                to.insert(*index, 0.0);
                continue;
            };
            count += kept;
            sum += place * kept;
            if kept != *own {
                to.insert(*index, kept);
                changed = true;
            }
        }
        any
    };
    let any_positive = side(&h.positive, &mut out.positive, true);
    let any_negative = side(&h.negative, &mut out.negative, false);
    if h.zero_count > 0.0 {
        let (kept, place) = of_zero(h, at, keep_lower, (any_positive, any_negative));
        changed |= kept != h.zero_count;
        out.zero_count = kept;
        sum += place * kept;
        count += kept;
    }
    if !changed {
        return h.clone();
    }
    out.count = count;
    out.sum = sum;
    out.compacted()
}
