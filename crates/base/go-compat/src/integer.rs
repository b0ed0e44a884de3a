//! Decimal integers and API timestamps appended to byte buffers.

/// The digit zero in each byte.
pub(crate) const ZEROS: u64 = 0x3030_3030_3030_3030;

/// What eight digits can say.
const EIGHT: u64 = 100_000_000;

/// Returns the eight decimal digits of `n` < 10⁸ as bytes 0–9, the first in the lowest byte.
///
/// All are computed at once in the lanes of one word: two lanes of four digits, four of two, eight of one.
#[inline]
pub(crate) fn eight_digits(n: u64) -> u64 {
    let fours = (n / 10_000) | ((n % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - 10 * tens) << 8)
}

/// Appends the eight digits that [`eight_digits`] returned, but only the first `len` of them.
#[inline]
fn push_digits(out: &mut Vec<u8>, digits: u64, len: usize) {
    // A copy of a known length, cut back: a single move.
    let end = out.len() + len;
    out.extend_from_slice(&(digits | ZEROS).to_le_bytes());
    out.truncate(end);
}

/// Appends `n` < 10⁸ without leading zeros.
#[inline]
fn push_leading(out: &mut Vec<u8>, n: u64) {
    let digits = eight_digits(n);
    // The last digit stays, also of zero.
    let zeros = (digits | 1 << 56).trailing_zeros() / 8;
    push_digits(out, digits >> (8 * zeros), 8 - zeros as usize);
}

/// Appends `v` in decimal.
#[inline]
pub fn push_u64(out: &mut Vec<u8>, v: u64) {
    if v < EIGHT {
        return push_leading(out, v);
    }
    let (high, low) = (v / EIGHT, v % EIGHT);
    if high < EIGHT {
        push_leading(out, high);
    } else {
        push_leading(out, high / EIGHT);
        push_digits(out, eight_digits(high % EIGHT), 8);
    }
    push_digits(out, eight_digits(low), 8);
}

/// Appends `v` in decimal.
#[inline]
pub fn push_i64(out: &mut Vec<u8>, v: i64) {
    if v < 0 {
        out.push(b'-');
    }
    push_u64(out, v.unsigned_abs());
}

/// Appends milliseconds as the seconds of the HTTP API: `1435781430`, `1435781430.781`, `1.500`.
///
/// upstream: a fraction always has three digits and a whole second has none (util/jsonutil/marshal.go).
#[inline]
pub fn push_timestamp_ms(out: &mut Vec<u8>, ms: i64) {
    if ms < 0 {
        out.push(b'-');
    }
    let ms = ms.unsigned_abs();
    push_u64(out, ms / 1000);
    let fraction = (ms % 1000) as usize;
    if fraction != 0 {
        let digit = |v: usize| b'0' + (v % 10) as u8;
        out.extend_from_slice(&[b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for v in [
            0,
            1,
            9,
            10,
            99,
            100,
            101,
            12_345,
            99_999_999,
            100_000_000,
            10i64.pow(16) - 1,
            10i64.pow(16),
            i64::MAX,
            i64::MIN,
            -1,
            -10,
        ] {
            let mut out = Vec::new();
            push_i64(&mut out, v);
            assert_eq!(String::from_utf8(out).unwrap(), v.to_string());
        }
    }

    #[test]
    fn every_digit_has_its_lane() {
        for n in 0..10_000 {
            for n in [n, n * 10_000, n * 10_000 + 9_999 - n] {
                let digits: Vec<u8> = eight_digits(n).to_le_bytes().iter().map(|digit| b'0' + digit).collect();
                assert_eq!(String::from_utf8(digits).unwrap(), format!("{n:08}"));
            }
        }
    }

    #[test]
    fn timestamps() {
        for (ms, want) in [
            (0, "0"),
            (1, "0.001"),
            (1500, "1.500"),
            (-1, "-0.001"),
            (-2010, "-2.010"),
            (1_435_781_430_781, "1435781430.781"),
            (1_435_781_430_000, "1435781430"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            let mut out = Vec::new();
            push_timestamp_ms(&mut out, ms);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
