//! The trim operators `</` and `>/`: what is left of a histogram below or above a value.

use super::{Bucket, FloatHistogram};

impl FloatHistogram {
    /// Keeps the observations below `at` (`upper`) or above it, estimated within the bucket that `at` falls into. When
    /// anything went, count and sum are estimated anew from the buckets' midpoints.
    pub fn trim_buckets(&mut self, at: f64, upper: bool) {
        let custom = self.uses_custom_buckets();
        let mut kept = Kept { at, upper, custom, count: 0.0, sum: 0.0, trimmed: false };
        let positive: Vec<Bucket> = self.positive().collect();
        let negative: Vec<Bucket> = self.negative().collect();
        let has_positive = kept.side(&positive, &mut self.positive_buckets, true);
        let has_negative = kept.side(&negative, &mut self.negative_buckets, false);
        if self.zero_count > 0.0 {
            let (count, midpoint) = trim_zero(self.zero_bucket(), at, (has_negative, has_positive), upper);
            kept.trimmed |= self.zero_count != count;
            self.zero_count = count;
            kept.sum += midpoint * count;
            kept.count += count;
        }
        if kept.trimmed {
            self.count = kept.count;
            self.sum = kept.sum;
            self.compact(0);
        }
    }
}

struct Kept {
    at: f64,
    upper: bool,
    custom: bool,
    count: f64,
    sum: f64,
    trimmed: bool,
}

impl Kept {
    /// Trims the buckets of one sign and returns whether any was populated.
    fn side(&mut self, buckets: &[Bucket], counts: &mut [f64], positive: bool) -> bool {
        let mut populated = false;
        for (bucket, count) in buckets.iter().zip(counts).filter(|(bucket, _)| bucket.count != 0.0) {
            populated = true;
            let (inside, cut) = if self.upper {
                (bucket.upper <= self.at, bucket.lower < self.at)
            } else {
                (bucket.lower >= self.at, bucket.upper > self.at)
            };
            if inside {
                self.count += bucket.count;
                self.sum += midpoint(bucket.lower, bucket.upper, positive, self.custom) * bucket.count;
            } else if cut {
                let (keep, middle) = trim_bucket(*bucket, self.at, self.upper, positive, self.custom);
                self.count += keep;
                self.sum += middle * keep;
                self.trimmed |= *count != keep;
                *count = keep;
            } else {
                *count = 0.0;
                self.trimmed = true;
            }
        }
        populated
    }
}

/// Returns how much of a bucket stays, and the midpoint of that.
fn trim_bucket(b: Bucket, at: f64, upper: bool, positive: bool, custom: bool) -> (f64, f64) {
    if b.lower == f64::NEG_INFINITY || b.upper == f64::INFINITY {
        return trim_infinite(b, at, upper);
    }
    let under = if at <= b.lower {
        0.0
    } else if at >= b.upper {
        b.count
    } else {
        b.count * b.fraction_below(at, custom)
    };
    if upper {
        (under, midpoint(b.lower, at, positive, custom))
    } else {
        (b.count - under, midpoint(at, b.upper, positive, custom))
    }
}

/// A bucket without an end keeps all or nothing, unless custom bounds let its lower end count as zero.
fn trim_infinite(b: Bucket, at: f64, upper: bool) -> (f64, f64) {
    let finite = |v: f64| if v.is_infinite() { 0.0 } else { v };
    if b.lower == f64::NEG_INFINITY {
        if upper {
            if at >= b.upper {
                (b.count, 0.0)
            } else if at > 0.0 && b.upper > 0.0 && b.upper != f64::INFINITY {
                (b.count * at / b.upper, at / 2.0)
            } else if b.upper <= 0.0 {
                (b.count, at)
            } else {
                (0.0, finite(b.upper))
            }
        } else if at <= b.lower {
            (b.count, 0.0)
        } else if at >= 0.0 && b.upper > at && b.upper != f64::INFINITY {
            (b.count * (1.0 - at / b.upper), half_sum(at, b.upper))
        } else {
            (0.0, finite(b.upper))
        }
    } else if !upper && at >= b.lower {
        (b.count, at)
    } else {
        (0.0, finite(b.lower))
    }
}

/// `populated`: whether there are observations on the (negative, positive) side; with only one of them, the zero bucket
/// reaches no further than zero on the other.
fn trim_zero(b: Bucket, at: f64, populated: (bool, bool), upper: bool) -> (f64, f64) {
    let lower_end = if populated == (false, true) { 0.0 } else { b.lower };
    let upper_end = if populated == (true, false) { 0.0 } else { b.upper };
    let (all, none) = ((b.count, half_sum(lower_end, upper_end)), (0.0, 0.0));
    let width = upper_end - lower_end;
    match upper {
        true if at <= lower_end => none,
        true if at >= upper_end => all,
        true => (b.count * ((at - lower_end) / width), half_sum(lower_end, at)),
        false if at <= lower_end => all,
        false if at >= upper_end => none,
        false => (b.count * ((upper_end - at) / width), half_sum(at, upper_end)),
    }
}

fn midpoint(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    if lower.is_infinite() {
        return match upper {
            _ if upper.is_infinite() => 0.0,
            _ if upper > 0.0 => upper / 2.0,
            _ => upper,
        };
    }
    if upper.is_infinite() {
        return lower;
    }
    if linear {
        return half_sum(lower, upper);
    }
    let mean = (lower * upper).abs().sqrt();
    if positive { mean } else { -mean }
}

/// Half the sum as upstream rounds it, which may overflow.
fn half_sum(a: f64, b: f64) -> f64 {
    (a + b) * 0.5
}
