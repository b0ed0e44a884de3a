//! Quantiles, fractions and variances of histograms, native and classic.

use firesteel_go_compat::math;

use super::histogram::{Bucket, Histogram};
use super::sums::add;

/// What a native histogram with NaN observations makes to be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NanNote {
    Result,
    Skew,
    Fractions,
}

pub(crate) fn part_below(bucket: &Bucket, v: f64, linear: bool) -> f64 {
    if linear {
        return (v - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let log = |v: f64| math::log2(v.abs());
    let (lower, upper, v_log) = (log(bucket.lower), log(bucket.upper), log(v));
    if v > 0.0 { (v_log - lower) / (upper - lower) } else { 1.0 - (v_log - upper) / (lower - upper) }
}

/// Returns the bucket around zero as narrow as the side that is not there makes it.
fn one_sided(h: &Histogram, mut bucket: Bucket) -> Bucket {
    if h.negative.is_empty() && !h.positive.is_empty() {
        bucket.lower = 0.0;
    } else if h.positive.is_empty() && !h.negative.is_empty() {
        bucket.upper = 0.0;
    }
    bucket
}

/// Returns the `q`-quantile of a native histogram.
pub(crate) fn native_quantile(q: f64, h: &Histogram) -> (f64, Option<NanNote>) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if h.count == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    let mut buckets = h.all();
    let upwards = h.sum.is_nan() || q < 0.5;
    let mut rank = if upwards { q * h.count } else { (1.0 - q) * h.count };
    if !upwards {
        buckets.reverse();
    }
    let (mut bucket, mut count, mut next) = (Bucket::default(), 0.0, 0);
    while next < buckets.len() {
        bucket = buckets[next];
        next += 1;
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    if !h.is_custom() && bucket.lower < 0.0 && bucket.upper > 0.0 {
        bucket = one_sided(h, bucket);
    } else if h.is_custom() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return (bucket.upper, None);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return (bucket.lower, None);
        }
    }
    count = if count > h.count { h.count } else { count };
    if count < rank {
        return if h.sum.is_nan() { (f64::NAN, Some(NanNote::Result)) } else { (bucket.upper, None) };
    }
    rank = if upwards { rank - (count - bucket.count) } else { count - rank };
    let mut note = None;
    if h.sum.is_nan() {
        let rest: f64 = buckets[next..].iter().fold(count, |sum, bucket| sum + bucket.count);
        note = (rest < h.count).then_some(NanNote::Skew);
        // Upstream interpolates in the bucket that it looked at last (`promql/quantile.go`, 3.14).
        if next < buckets.len() {
            bucket = buckets[buckets.len() - 1];
        }
    }
    let fraction = rank / bucket.count;
    if h.is_custom() || bucket.lower <= 0.0 && bucket.upper >= 0.0 {
        return (bucket.lower + (bucket.upper - bucket.lower) * fraction, note);
    }
    let (lower, upper) = (math::log2(bucket.lower.abs()), math::log2(bucket.upper.abs()));
    if bucket.lower > 0.0 {
        return (math::exp2(lower + (upper - lower) * fraction), note);
    }
    (-math::exp2(upper + (lower - upper) * (1.0 - fraction)), note)
}

/// Finds how many observations lie below two bounds, bucket by bucket.
struct Ranks {
    bounds: [f64; 2],
    ranks: [Option<f64>; 2],
}

impl Ranks {
    /// Looks at the bucket from `lower` to `upper` that has `rank` observations below; returns whether both are known.
    fn see(&mut self, lower: f64, upper: f64, rank: f64, within: impl Fn(f64) -> f64) -> bool {
        for (bound, known) in self.bounds.iter().zip(&mut self.ranks) {
            if known.is_none() && lower >= *bound {
                *known = Some(rank);
            }
        }
        if self.ranks.iter().all(Option::is_some) {
            return true;
        }
        for (bound, known) in self.bounds.iter().zip(&mut self.ranks) {
            if known.is_none() && lower < *bound && upper > *bound {
                *known = Some(within(*bound));
            }
        }
        self.ranks.iter().all(Option::is_some)
    }

    fn between(&self, count: f64) -> f64 {
        // NaN is kept: it is not more than the count.
        let rank = |known: Option<f64>| known.map_or(count, |rank| if rank > count { count } else { rank });
        rank(self.ranks[1]) - rank(self.ranks[0])
    }
}

/// Returns which part of the observations of a native histogram lies between two bounds.
pub(crate) fn native_fraction(lower: f64, upper: f64, h: &Histogram) -> (f64, Option<NanNote>) {
    if h.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, None);
    }
    if lower >= upper {
        return (0.0, None);
    }
    let mut ranks = Ranks { bounds: [lower, upper], ranks: [None, None] };
    let (buckets, mut count, mut rank, mut next) = (h.all(), 0.0, 0.0, 0);
    while next < buckets.len() {
        let mut bucket = buckets[next];
        next += 1;
        count += bucket.count;
        let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if around_zero {
            bucket = one_sided(h, bucket);
        }
        let within = |v: f64| {
            if h.is_custom() || around_zero {
                if bucket.lower == f64::NEG_INFINITY {
                    return bucket.count;
                }
                return rank + bucket.count * part_below(&bucket, v, true);
            }
            rank + bucket.count * part_below(&bucket, v, false)
        };
        if ranks.see(bucket.lower, bucket.upper, rank, within) {
            break;
        }
        rank += bucket.count;
    }
    let mut note = None;
    if h.sum.is_nan() {
        count = buckets[next..].iter().fold(count, |sum, bucket| sum + bucket.count);
        note = (count < h.count).then_some(NanNote::Fractions);
    } else {
        count = h.count;
    }
    (ranks.between(count) / h.count, note)
}

/// Returns the variance with all observations of a bucket at its middle.
pub(crate) fn native_variance(h: &Histogram) -> f64 {
    let mean = h.sum / h.count;
    let (mut sum, mut lost) = (0.0, 0.0);
    for bucket in h.all().into_iter().filter(|bucket| bucket.count != 0.0) {
        let middle = if h.is_custom() {
            0.5 * (bucket.upper + bucket.lower)
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else if bucket.upper < 0.0 {
            -(bucket.upper * bucket.lower).sqrt()
        } else {
            (bucket.upper * bucket.lower).sqrt()
        };
        let delta = middle - mean;
        (sum, lost) = add(bucket.count * delta * delta, sum, lost);
    }
    (sum + lost) / h.count
}

/// Upper bound and cumulative count of a classic bucket.
pub(crate) type Classic = (f64, f64);

/// Sorts buckets and adds those of one bound up.
fn coalesced(buckets: &[Classic]) -> Vec<Classic> {
    let mut sorted = buckets.to_vec();
    sorted.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
    let mut out = Vec::<Classic>::new();
    for (bound, count) in sorted {
        match out.last_mut() {
            Some(last) if last.0 == bound => last.1 += count,
            _ => out.push((bound, count)),
        }
    }
    out
}

/// Relative differences below this are rounding (`util/almost`).
fn almost_equal(a: f64, b: f64) -> bool {
    const TOLERANCE: f64 = 1e-12;
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

/// Returns the `q`-quantile of classic buckets, and whether counts that fell had to be fixed.
pub(crate) fn classic_quantile(q: f64, buckets: &[Classic]) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if q > 1.0 {
        return (f64::INFINITY, false);
    }
    let mut buckets = coalesced(buckets);
    if buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
        return (f64::NAN, false);
    }
    let (mut before, mut forced) = (buckets[0].1, false);
    for (_, count) in &mut buckets[1..] {
        if *count == before {
            continue;
        }
        if almost_equal(before, *count) {
            *count = before;
        } else if *count < before {
            *count = before;
            forced = true;
        } else {
            before = *count;
        }
    }
    let last = buckets.len() - 1;
    let observations = buckets[last].1;
    if last < 1 || observations == 0.0 {
        return (f64::NAN, forced);
    }
    let rank = q * observations;
    // A binary search, as NaN among the counts would tell.
    let (mut at, mut end) = (0, last);
    while at < end {
        let middle = usize::midpoint(at, end);
        if buckets[middle].1 >= rank { end = middle } else { at = middle + 1 }
    }
    let value = if at == last {
        buckets[last - 1].0
    } else if at == 0 && buckets[0].0 <= 0.0 {
        buckets[0].0
    } else {
        let (start, below) = if at > 0 { buckets[at - 1] } else { (0.0, 0.0) };
        let (end, count) = buckets[at];
        start + (end - start) * ((rank - below) / (count - below))
    };
    (value, forced)
}

/// Returns which part of the observations in classic buckets lies between two bounds.
pub(crate) fn classic_fraction(lower: f64, upper: f64, buckets: &[Classic]) -> f64 {
    let buckets = coalesced(buckets);
    let Some((last, count)) = buckets.last().copied() else { return f64::NAN };
    if last != f64::INFINITY || count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut ranks = Ranks { bounds: [lower, upper], ranks: [None, None] };
    let mut rank = 0.0;
    let mut start = if buckets[0].0 <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    for (end, cumulative) in buckets {
        let within = |v: f64| {
            if start == f64::NEG_INFINITY {
                return cumulative;
            }
            rank + (cumulative - rank) * (v - start) / (end - start)
        };
        if ranks.see(start, end, rank, within) {
            break;
        }
        (rank, start) = (cumulative, end);
    }
    ranks.between(count) / count
}
