//! Floats of a common size, written in place: what large answers consist of.
//!
//! A text is written into room that is there already, by stores of eight bytes that may reach beyond its end; where it
//! ends stays in a register. Appending piece by piece to a vector would wait for the vector's length each time.

use crate::float_format::{FloatForm, push_rare};
use crate::integer::{ZEROS, eight_digits};

/// How many bytes must be there for one float: the longest text, and what a store reaches beyond it.
pub const FLOAT_ROOM: usize = 40;

/// From here on numbers have more digits than a float tells apart.
pub(crate) const PLAIN_BELOW: f64 = 1e15;
/// A float of this size has no fraction: adding it rounds to a whole number, whose bits then are the low ones.
const WHOLE: f64 = (1u64 << 52) as f64;
const WHOLE_BITS: u64 = (1 << 52) - 1;
const EIGHT: u64 = 100_000_000;
const SIGN: u64 = 1 << 63;
/// 1e-4: below it zmij writes an exponent. Floats that are not negative are ordered as their bits are.
const LEAST_BITS: u64 = 1e-4_f64.to_bits();

/// Writes what [`crate::push_float`] appends in [`FloatForm::Json`] to `out` at `at`, where [`FLOAT_ROOM`] bytes must be;
/// returns its end. Bytes behind it are scratch.
#[inline]
pub fn write_json_float(out: &mut [u8], at: usize, v: f64) -> usize {
    if is_plain(v, PLAIN_BELOW) { write_plain(out, at, v) } else { write_rare(out, at, v) }
}

#[inline(never)]
fn write_rare(out: &mut [u8], at: usize, v: f64) -> usize {
    let mut text = Vec::with_capacity(FLOAT_ROOM);
    push_rare(&mut text, v, FloatForm::Json);
    write_text(out, at, &text)
}

fn write_text(out: &mut [u8], at: usize, text: &[u8]) -> usize {
    let end = at + text.len();
    if let Some(place) = out.get_mut(at..end) {
        place.copy_from_slice(text);
    }
    end
}

/// Returns whether [`write_plain`] takes `v`: 1e-4 ≤ |v| < `below`, or 0 where anything is below.
#[inline(always)]
pub(crate) fn is_plain(v: f64, below: f64) -> bool {
    let bits = v.to_bits() & !SIGN;
    let span = below.to_bits().saturating_sub(LEAST_BITS);
    span != 0 && (bits.wrapping_sub(LEAST_BITS) < span || bits == 0)
}

/// Writes a number that is plain at `at`; returns its end.
#[inline(always)]
pub(crate) fn write_plain(out: &mut [u8], at: usize, v: f64) -> usize {
    let magnitude = v.abs();
    let sum = magnitude + WHOLE;
    write_byte(out, at, b'-');
    let first = at + (v.to_bits() >> 63) as usize;
    // Neither is negative, so that equal ones have equal bits.
    if (sum - WHOLE).to_bits() == magnitude.to_bits() {
        return write_whole(out, first, sum.to_bits() & WHOLE_BITS);
    }
    match short_decimal(magnitude) {
        Some((whole, fraction)) => {
            let point = write_whole(out, first, whole);
            write_byte(out, point, b'.');
            let digits = eight_digits(fraction);
            write_digits(out, point + 1, digits);
            point + 1 + (8 - digits.leading_zeros() as usize / 8)
        }
        None => write_long(out, first, magnitude),
    }
}

/// Returns `magnitude` < 1e15 with a fraction as what stands before the point and eight digits behind it, if it is a
/// decimal of so few digits, as most gauges are.
///
/// Decimals of up to 15 digits that are different are different floats, so one that reads back the same is the shortest.
#[inline(always)]
pub(crate) fn short_decimal(magnitude: f64) -> Option<(u64, u64)> {
    // So many digits behind the point that there are at most 15 in all.
    if magnitude < 1e7 {
        let n = whole_multiple(magnitude, 1e8)?;
        return Some((n / EIGHT, n % EIGHT));
    }
    if magnitude < 1e11 {
        let n = whole_multiple(magnitude, 1e4)?;
        return Some((n / 10_000, n % 10_000 * 10_000));
    }
    None
}

/// Returns the whole number that is `magnitude` when it is divided by `scale`.
#[inline(always)]
fn whole_multiple(magnitude: f64, scale: f64) -> Option<u64> {
    let sum = magnitude * scale + WHOLE;
    // The quotient is rounded once.
    let same = ((sum - WHOLE) / scale).to_bits() == magnitude.to_bits();
    same.then_some(sum.to_bits() & WHOLE_BITS)
}

/// Writes any plain number with a fraction.
#[inline(never)]
fn write_long(out: &mut [u8], at: usize, magnitude: f64) -> usize {
    let mut buffer = zmij::Buffer::new();
    write_text(out, at, buffer.format_finite(magnitude).as_bytes())
}

/// Writes `n` < 10¹⁵ without leading zeros.
#[inline(always)]
fn write_whole(out: &mut [u8], at: usize, n: u64) -> usize {
    if n < EIGHT {
        return write_leading(out, at, n);
    }
    let end = write_leading(out, at, n / EIGHT);
    write_digits(out, end, eight_digits(n % EIGHT));
    end + 8
}

/// Writes `n` < 10⁸ without leading zeros.
#[inline(always)]
fn write_leading(out: &mut [u8], at: usize, n: u64) -> usize {
    // Shares and loads.
    if n < 10 {
        write_byte(out, at, b'0' + n as u8);
        return at + 1;
    }
    let digits = eight_digits(n);
    let zeros = digits.trailing_zeros() / 8;
    write_digits(out, at, digits >> (8 * zeros));
    at + 8 - zeros as usize
}

/// Writes eight digits, the first of them in the lowest byte.
#[inline(always)]
fn write_digits(out: &mut [u8], at: usize, digits: u64) {
    if let Some(place) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<8>) {
        *place = (digits | ZEROS).to_le_bytes();
    }
}

#[inline(always)]
fn write_byte(out: &mut [u8], at: usize, byte: u8) {
    if let Some(place) = out.get_mut(at) {
        *place = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push_float;

    #[test]
    fn written_in_place_as_appended() {
        let mut seed = 7u64;
        let mut next = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed ^ seed >> 29
        };
        let special = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e15, 1e21, 1e-4, 9.9e-5, 1e-7, f64::MAX];
        let random = (0..100_000).map(|i| match i % 3 {
            0 => f64::from_bits(next()),
            1 => (next() % 1_000_000) as f64 / 100.0,
            _ => -((next() >> 14) as f64),
        });
        let (mut room, mut text) = ([b'x'; 48], Vec::new());
        for v in special.into_iter().chain(random) {
            let end = write_json_float(&mut room, 8, v);
            text.clear();
            push_float(&mut text, v, FloatForm::Json);
            assert_eq!(room.get(8..end), Some(&*text), "{v:e}");
            assert_eq!(&room[..8], b"xxxxxxxx");
        }
    }
}
