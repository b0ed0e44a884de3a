//! Compensated summation (Kahan with Neumaier's improvement), in upstream's order (`util/kahansum`, 3.14).

/// Adds `x` to the sum `s` with compensation `c`; returns both. An infinite sum loses its compensation.
#[inline(always)]
pub fn inc(x: f64, s: f64, c: f64) -> (f64, f64) {
    let t = s + x;
    // Both corrections are computed and one is chosen, so that loops over many sums stay free of branches.
    let by_sum = (s - t) + x;
    let by_x = (x - t) + s;
    let c = c + if s.abs() >= x.abs() { by_sum } else { by_x };
    (t, if t.is_infinite() { 0.0 } else { c })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_plain_addition_loses() {
        let (mut s, mut c) = (0.0, 0.0);
        for x in [1e100, 1.0, -1e100] {
            (s, c) = inc(x, s, c);
        }
        assert_eq!(s + c, 1.0);
    }

    #[test]
    fn infinity_drops_the_compensation() {
        assert_eq!(inc(f64::INFINITY, 1.0, 0.5), (f64::INFINITY, 0.0));
        let (s, c) = inc(f64::NEG_INFINITY, f64::INFINITY, 0.0);
        assert!(s.is_nan() && c.is_nan());
    }
}
