//! Floats as Go's `strconv.FormatFloat` writes them.
//!
//! Shortest digits that round-trip come from zmij (Schubfach); the layout (`+Inf`, two exponent digits, where the
//! exponent begins) is Go's; numbers of a common size are written in place (`float_write`). With a given precision the digits come from the standard library, which rounds the exact
//! decimal value half to even, as Go does.

use std::fmt;
use std::io::Write as _;

use crate::float_write::{FLOAT_ROOM, PLAIN_BELOW, is_plain, write_plain};

/// Go's format verbs for floats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FloatForm {
    /// `'f'`: never an exponent.
    Fixed,
    /// `'e'`: `1.5e+06`.
    Exponent,
    /// `'g'`: exponent below 1e-4, and from 1e6 up for shortest digits, else from ten to the precision.
    General,
    /// `'f'`, but `'e'` below 1e-6 and from 1e21 up: numbers in the JSON of upstream's API.
    Json,
}

/// Appends the shortest digits that round-trip: `strconv.AppendFloat(out, v, form, -1, 64)`.
#[inline]
pub fn push_float(out: &mut Vec<u8>, v: f64, form: FloatForm) {
    let plain_below = match form {
        FloatForm::Fixed | FloatForm::Json => PLAIN_BELOW,
        FloatForm::General => 1e6,
        FloatForm::Exponent => 0.0,
    };
    if is_plain(v, plain_below) {
        let from = out.len();
        out.extend_from_slice(&[0; FLOAT_ROOM]);
        let end = write_plain(out, from, v);
        out.truncate(end);
    } else {
        push_rare(out, v, form);
    }
}

/// Infinities, NaN and everything that may need an exponent or many zeros.
#[inline(never)]
pub(crate) fn push_rare(out: &mut Vec<u8>, v: f64, form: FloatForm) {
    if let Some(text) = special(v) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let decimal = Decimal::from_shortest(buffer.format_finite(v.abs()));
    if v.is_sign_negative() {
        out.push(b'-');
    }
    let exponent = decimal.point - 1;
    let with_exponent = match form {
        FloatForm::Fixed => false,
        FloatForm::Exponent => true,
        FloatForm::General => !decimal.is_zero() && !(-4..6).contains(&exponent),
        FloatForm::Json => !decimal.is_zero() && (v.abs() < 1e-6 || v.abs() >= 1e21),
    };
    if with_exponent { decimal.push_exponent(out, None) } else { decimal.push_fixed(out) }
}

/// Appends `v` with `precision` digits: after the point for `Fixed` and `Exponent`, significant ones for `General`
/// (0 counts as 1); as `fmt.Sprintf("%.3f")` and the like. `Json` has no such thing and counts as `Fixed`.
pub fn push_float_precision(out: &mut Vec<u8>, v: f64, form: FloatForm, precision: usize) {
    if let Some(text) = special(v) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    match form {
        FloatForm::Fixed | FloatForm::Json => {
            write!(out, "{v:.precision$}").expect("writing to memory cannot fail");
        }
        FloatForm::Exponent => {
            if v.is_sign_negative() {
                out.push(b'-');
            }
            Decimal::rounded(v.abs(), precision + 1).push_exponent(out, Some(precision));
        }
        FloatForm::General => {
            if v.is_sign_negative() {
                out.push(b'-');
            }
            let digits = precision.max(1);
            let decimal = Decimal::rounded(v.abs(), digits);
            // upstream: Go compares with the precision, but with the number of digits when that suffices.
            let len = decimal.digits.len();
            let limit = if digits > len && len as i32 >= decimal.point { len } else { digits };
            let exponent = decimal.point - 1;
            if !decimal.is_zero() && (exponent < -4 || exponent >= limit as i32) {
                decimal.push_exponent(out, None);
            } else {
                decimal.push_fixed(out);
            }
        }
    }
}

/// Returns a value that displays as `strconv.FormatFloat(v, 'f', -1, 64)`, as the API prints samples.
pub fn format_float(v: f64) -> FormattedFloat {
    format_float_as(v, FloatForm::Fixed)
}

/// Returns a value that displays as `strconv.FormatFloat(v, form, -1, 64)`.
pub fn format_float_as(v: f64, form: FloatForm) -> FormattedFloat {
    FormattedFloat { v, form }
}

/// A float with its form, to be displayed.
#[derive(Clone, Copy, Debug)]
pub struct FormattedFloat {
    v: f64,
    form: FloatForm,
}

impl fmt::Display for FormattedFloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(24);
        push_float(&mut out, self.v, self.form);
        f.pad(std::str::from_utf8(&out).map_err(|_| fmt::Error)?)
    }
}

fn special(v: f64) -> Option<&'static str> {
    if v.is_nan() {
        Some("NaN")
    } else if v.is_infinite() {
        Some(if v > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

/// Significant digits `0.ddd × 10^point` without zeros at the end. No digits stand for zero, whose point is 1.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

impl Decimal {
    /// Reads what zmij wrote: `12.5`, `1.0`, `0.001`, `1.5e-7`, `1e300`.
    fn from_shortest(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Self::from_parts(whole, fraction, exponent)
    }

    /// Rounds a finite `v` ≥ 0 to so many significant digits.
    fn rounded(v: f64, digits: usize) -> Self {
        Self::from_shortest(&format!("{v:.*e}", digits.saturating_sub(1)))
    }

    fn from_parts(whole: &str, fraction: &str, exponent: i32) -> Self {
        let digits = [whole.as_bytes(), fraction.as_bytes()].concat();
        let zeros = digits.iter().take_while(|&&d| d == b'0').count();
        let end = digits.iter().rposition(|&d| d != b'0').map_or(zeros, |at| at + 1);
        if zeros >= end {
            return Self { digits: Vec::new(), point: 1 };
        }
        Self { digits: digits[zeros..end].to_vec(), point: whole.len() as i32 - zeros as i32 + exponent }
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Appends `d.ddde±xx`; with a precision, zeros up to so many digits after the point.
    fn push_exponent(&self, out: &mut Vec<u8>, precision: Option<usize>) {
        let (first, rest) = self.digits.split_first().map_or((b'0', &[][..]), |(f, r)| (*f, r));
        let padding = precision.map_or(0, |p| p.saturating_sub(rest.len()));
        out.push(first);
        if rest.len() + padding > 0 {
            out.push(b'.');
            out.extend_from_slice(rest);
            out.resize(out.len() + padding, b'0');
        }
        let exponent = self.point - 1;
        write!(out, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
            .expect("writing to memory cannot fail");
    }

    /// Appends the number without an exponent.
    fn push_fixed(&self, out: &mut Vec<u8>) {
        let len = self.digits.len() as i32;
        if self.is_zero() {
            out.push(b'0');
        } else if self.point <= 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + self.point.unsigned_abs() as usize, b'0');
            out.extend_from_slice(&self.digits);
        } else if self.point >= len {
            out.extend_from_slice(&self.digits);
            out.resize(out.len() + (self.point - len) as usize, b'0');
        } else {
            let (whole, fraction) = self.digits.split_at(self.point as usize);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    }
}

#[cfg(test)]
mod tests;
