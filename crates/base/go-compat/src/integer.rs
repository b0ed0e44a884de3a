//! Decimal integers and API timestamps appended to byte buffers.

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// The longest number.
const DIGITS: usize = 20;

/// Appends `v` in decimal.
#[inline]
pub fn push_u64(out: &mut Vec<u8>, mut v: u64) {
    // What lies behind the digits is copied along and cut off: a copy of a known length is a few moves.
    let mut digits = [0u8; 2 * DIGITS];
    let mut at = DIGITS;
    while v >= 100 {
        let pair = (v % 100) as usize * 2;
        v /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if v >= 10 {
        let pair = v as usize * 2;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        digits[at] = b'0' + v as u8;
    }
    let end = out.len() + DIGITS - at;
    out.extend_from_slice(&digits[at..at + DIGITS]);
    out.truncate(end);
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
        let low = fraction % 100 * 2;
        out.extend_from_slice(&[b'.', b'0' + (fraction / 100) as u8, PAIRS[low], PAIRS[low + 1]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for v in [0, 1, 9, 10, 99, 100, 101, 12_345, i64::MAX, i64::MIN, -1, -10] {
            let mut out = Vec::new();
            push_i64(&mut out, v);
            assert_eq!(String::from_utf8(out).unwrap(), v.to_string());
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
