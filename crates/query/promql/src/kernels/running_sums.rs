//! Sums of windows that overlap much, from running sums: a few operations a window, however long it is.
//!
//! The answer must be upstream's to the last bit, which adds each window's values in order, with compensation. Two ways lead
//! there without adding them again:
//!
//! - Whole numbers whose sum stays below 2⁵³ (counts, bytes) are added without any rounding, in whatever order.
//! - Else running sums are kept in twice the precision. Theirs and upstream's distance from the true sum are bounded; if
//!   all that lies within both bounds rounds to one float, that float is upstream's. The rare rest is added in order.

use super::sums;

/// Half a unit in the last place of one.
const U: f64 = f64::EPSILON / 2.0;
/// Below this each whole number is a float.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Sums of more than this might overflow on the way.
const LARGE: f64 = 1e300;

/// The running sums of a series.
pub(crate) enum RunningSums<'a> {
    /// Of the first `i` values, exactly.
    Whole(&'a [f64]),
    /// Of the first `i` values: high part, low part, and the sum of their magnitudes.
    Double(&'a [[f64; 3]]),
}

/// Puts the running sums of whole numbers into `sums`; false when there are others or they become too large.
fn add_whole(v: &[f64], sums: &mut Vec<f64>) -> bool {
    let (mut sum, mut magnitude) = (0.0, 0.0);
    sums.clear();
    sums.push(0.0);
    for &x in v {
        magnitude += x.abs();
        // Also false for what is no number. A whole number below 2⁵³ survives the way to an integer and back.
        let is_exact = magnitude < EXACT && x as i64 as f64 == x;
        if !is_exact {
            return false;
        }
        sum += x;
        sums.push(sum);
    }
    true
}

/// Puts running sums in twice the precision into `sums`; false when a value is not finite or they become too large.
fn add_double(v: &[f64], sums: &mut Vec<f64>) -> bool {
    let (mut high, mut low, mut magnitude) = (0.0, 0.0, 0.0f64);
    sums.clear();
    sums.extend([0.0; 3]);
    for &x in v {
        magnitude += x.abs();
        let (sum, error) = two_sum(high, x);
        (high, low) = two_sum(sum, low + error);
        sums.extend([high, low, magnitude]);
    }
    // Also false when something was no number.
    magnitude < LARGE
}

/// Returns the sum rounded, and what was lost by it, exactly (Knuth).
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

impl<'a> RunningSums<'a> {
    /// Returns the running sums of whole numbers, kept in `room`.
    pub(crate) fn whole(v: &[f64], room: &'a mut Vec<f64>) -> Option<Self> {
        add_whole(v, room).then(|| Self::Whole(room))
    }

    /// Returns the running sums of any numbers, kept in `room`.
    pub(crate) fn any(v: &[f64], room: &'a mut Vec<f64>) -> Option<Self> {
        if add_whole(v, room) {
            return Some(Self::Whole(room));
        }
        add_double(v, room).then(|| Self::Double(room.as_chunks().0))
    }

    /// Returns the sum of `v[lo..hi]` as [`sums::sum`] gives it.
    #[inline]
    pub(crate) fn sum(&self, v: &[f64], lo: usize, hi: usize) -> f64 {
        match self {
            Self::Whole(sums) => sums[hi] - sums[lo],
            Self::Double(sums) => rounded(sums[lo], sums[hi], lo, hi).unwrap_or_else(|| sums::sum(&v[lo..hi])),
        }
    }
}

/// Returns the float that the sum between two running sums rounds to, if it is certain that upstream's does too.
#[inline]
fn rounded(from: [f64; 3], to: [f64; 3], lo: usize, hi: usize) -> Option<f64> {
    let (sum, error) = two_sum(to[0], -from[0]);
    let low = error + (to[1] - from[1]);
    let (n, n_all) = ((hi - lo) as f64, hi as f64 + 4.0);
    // Upstream: of n additions each loses at most U of what was summed, which the compensation gathers; each of its n
    // additions loses U of that. Here: an addition loses at most 2 U² of all so far. Twice that to be safe, and for what
    // these lines round themselves.
    let magnitude = (to[2] - from[2]) + 2.0 * n_all * U * to[2];
    let bound = U * U * (2.0 * n * n * magnitude + 16.0 * n_all * to[2]);
    let (least, most) = (sum + (low - bound), sum + (low + bound));
    (least.to_bits() == most.to_bits()).then_some(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.0 >> 16
        }

        fn unit(&mut self) -> f64 {
            (self.next() % (1 << 40)) as f64 / (1u64 << 40) as f64
        }
    }

    /// Checks all kinds of windows; returns how many went the short way, and how many there were.
    fn check(v: &[f64], numbers: &mut Numbers) -> (usize, usize) {
        let mut room = Vec::new();
        let Some(sums) = RunningSums::any(v, &mut room) else { return (0, 0) };
        let (mut short, mut all) = (0, 0);
        for _ in 0..300 {
            let lo = numbers.next() as usize % v.len();
            let hi = lo + 1 + numbers.next() as usize % (v.len() - lo);
            let want = sums::sum(&v[lo..hi]);
            assert_eq!(sums.sum(v, lo, hi).to_bits(), want.to_bits(), "{:?}", &v[lo..hi]);
            all += 1;
            short += usize::from(match sums {
                RunningSums::Whole(_) => true,
                RunningSums::Double(sums) => rounded(sums[lo], sums[hi], lo, hi).is_some(),
            });
        }
        (short, all)
    }

    #[test]
    fn sums_are_those_of_each_window_by_itself() {
        let mut numbers = Numbers(7);
        let makers: [fn(&mut Numbers) -> f64; 9] = [
            |n| (n.next() % 1000) as f64,
            |n| -((n.next() % 100_000_000) as f64),
            |n| (n.next() % 100) as f64 / 100.0,
            |n| n.unit(),
            |n| (n.unit() - 0.5) * 1e9,
            |n| n.unit() * 10f64.powi((n.next() % 30) as i32 - 15),
            |n| f64::from_bits(n.next() << 13 & !(1 << 62)),
            |n| if n.next() % 50 == 0 { -0.0 } else { n.unit() },
            |n| if n.next() % 2 == 0 { 1e16 } else { -1e16 + n.unit() },
        ];
        for (i, make) in makers.iter().enumerate() {
            let (mut short, mut all) = (0, 0);
            for len in [1, 7, 120, 2000] {
                let v: Vec<f64> = (0..len).map(|_| make(&mut numbers)).collect();
                let (a, b) = check(&v, &mut numbers);
                (short, all) = (short + a, all + b);
            }
            // Short sums often lie halfway between two floats; where magnitudes are mixed or cancel nothing is certain.
            let least = if i < 5 { all * 4 / 5 } else { 0 };
            assert!(all == 1200 && short >= least, "{i}: {short} of {all}");
        }
    }

    #[test]
    fn what_has_no_bound_is_left_alone() {
        let mut room = Vec::new();
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert!(RunningSums::any(&[1.0, x], &mut room).is_none(), "{x}");
        }
        assert!(RunningSums::whole(&[EXACT, 1.0], &mut room).is_none());
        assert!(RunningSums::whole(&[0.5], &mut room).is_none());
    }
}
