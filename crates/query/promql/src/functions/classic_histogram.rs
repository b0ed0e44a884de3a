//! Quantiles and fractions of classic histograms: cumulative counts by upper bound.
//!
//! Follows `promql/quantile.go` of 3.14: buckets of equal bound are one, differences of 1e-12 between neighbours are
//! rounding, larger decreases are raised and reported.

/// What was raised so that counts do not decrease.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Raised {
    pub(crate) min_bucket: f64,
    pub(crate) max_bucket: f64,
    pub(crate) max_diff: f64,
}

/// One bucket.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Bucket {
    pub(crate) upper_bound: f64,
    pub(crate) count: f64,
}

/// Neighbouring counts that differ by less than this part of their sum are equal.
const ROUNDING: f64 = 1e-12;

/// Returns the `q`-quantile and what had to be raised. `buckets` are sorted by bound, not empty, and are changed.
pub(crate) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Raised>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if buckets.last().is_none_or(|last| last.upper_bound != f64::INFINITY) {
        return (f64::NAN, None);
    }
    coalesce(buckets);
    let raised = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, raised);
    }
    let mut rank = q * observations;
    let at = buckets[..last].partition_point(|bucket| {
        // Not `<`: a NaN count is passed over, as Go's search does.
        !matches!(bucket.count.partial_cmp(&rank), Some(std::cmp::Ordering::Greater | std::cmp::Ordering::Equal))
    });
    if at == last {
        return (buckets[last - 1].upper_bound, raised);
    }
    if at == 0 && buckets[0].upper_bound <= 0.0 {
        return (buckets[0].upper_bound, raised);
    }
    let (mut start, end) = (0.0, buckets[at].upper_bound);
    let mut count = buckets[at].count;
    if at > 0 {
        start = buckets[at - 1].upper_bound;
        count -= buckets[at - 1].count;
        rank -= buckets[at - 1].count;
    }
    (start + (end - start) * (rank / count), raised)
}

/// Returns which part of the observations lies between the bounds. `buckets` as for [`quantile`].
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if buckets.last().is_none_or(|last| last.upper_bound != f64::INFINITY) {
        return f64::NAN;
    }
    coalesce(buckets);
    let total = buckets[buckets.len() - 1].count;
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let capped = |rank: f64| if rank > total { total } else { rank };
    (capped(rank_of(upper, buckets, total)) - capped(rank_of(lower, buckets, total))) / total
}

/// Returns how many observations lie below `bound`, linear within buckets.
fn rank_of(bound: f64, buckets: &[Bucket], total: f64) -> f64 {
    let mut rank = 0.0;
    let mut lower = if buckets[0].upper_bound <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    for bucket in buckets {
        if lower >= bound {
            return rank;
        }
        if bucket.upper_bound > bound {
            if lower == f64::NEG_INFINITY {
                return bucket.count;
            }
            return rank + (bucket.count - rank) * (bound - lower) / (bucket.upper_bound - lower);
        }
        rank = bucket.count;
        lower = bucket.upper_bound;
    }
    total
}

fn coalesce(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let same = next.upper_bound == kept.upper_bound;
        if same {
            kept.count += next.count;
        }
        same
    });
}

fn make_monotonic(buckets: &mut [Bucket]) -> Option<Raised> {
    let mut raised: Option<Raised> = None;
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if is_rounding(before, count) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let raised = raised.get_or_insert(Raised {
                min_bucket: f64::INFINITY,
                max_bucket: f64::NEG_INFINITY,
                max_diff: 0.0,
            });
            raised.min_bucket = raised.min_bucket.min(bucket.upper_bound);
            raised.max_bucket = raised.max_bucket.max(bucket.upper_bound);
            raised.max_diff = raised.max_diff.max(before - count);
        } else {
            before = count;
        }
    }
    raised
}

fn is_rounding(a: f64, b: f64) -> bool {
    let (sum, diff) = (a.abs() + b.abs(), (a - b).abs());
    if a.is_nan() && b.is_nan() {
        return true;
    }
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return diff < ROUNDING * f64::MIN_POSITIVE;
    }
    diff / sum.min(f64::MAX) < ROUNDING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|&(upper_bound, count)| Bucket { upper_bound, count }).collect()
    }

    #[test]
    fn quantiles() {
        let inf = f64::INFINITY;
        type Case<'a> = (f64, &'a [(f64, f64)], f64);
        let cases: &[Case<'_>] = &[
            (0.5, &[(1.0, 1.0), (2.0, 3.0), (inf, 4.0)], 1.5),
            (1.0, &[(1.0, 1.0), (2.0, 3.0), (inf, 4.0)], 2.0),
            (0.1, &[(-1.0, 2.0), (inf, 4.0)], -1.0),
            (0.5, &[(1.0, 0.0), (inf, 0.0)], f64::NAN),
            (0.5, &[(1.0, 1.0)], f64::NAN),
            (0.5, &[(inf, 1.0)], f64::NAN),
            (-1.0, &[(inf, 1.0)], -inf),
            (2.0, &[(inf, 1.0)], inf),
            (0.5, &[(1.0, 1.0), (1.0, 1.0), (inf, 2.0)], 0.5),
        ];
        for (q, pairs, want) in cases {
            let (got, raised) = quantile(*q, &mut buckets(pairs));
            assert!(got == *want || got.is_nan() && want.is_nan(), "{q} {pairs:?}: {got}, want {want}");
            assert_eq!(raised, None);
        }
    }

    #[test]
    fn decreases_are_raised_and_reported() {
        let mut decreasing = buckets(&[(1.0, 10.0), (2.0, 8.0), (3.0, 12.0), (f64::INFINITY, 11.0)]);
        let (_, raised) = quantile(0.5, &mut decreasing);
        assert_eq!(raised, Some(Raised { min_bucket: 2.0, max_bucket: f64::INFINITY, max_diff: 2.0 }));
        let mut rounding = buckets(&[(1.0, 1.0), (2.0, 1.0 - 1e-14), (f64::INFINITY, 1.0)]);
        assert_eq!(quantile(0.5, &mut rounding).1, None);
    }

    #[test]
    fn fractions() {
        let inf = f64::INFINITY;
        let histogram: &[(f64, f64)] = &[(1.0, 2.0), (2.0, 6.0), (inf, 8.0)];
        for (lower, upper, want) in
            [(0.0, 1.0, 0.25), (1.0, 2.0, 0.5), (0.5, 1.5, 0.375), (-inf, inf, 1.0), (2.0, 1.0, 0.0), (2.0, inf, 0.25)]
        {
            assert_eq!(fraction(lower, upper, &mut buckets(histogram)), want, "{lower} to {upper}");
        }
        assert!(fraction(f64::NAN, 1.0, &mut buckets(histogram)).is_nan());
    }
}
