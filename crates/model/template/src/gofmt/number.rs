//! Integers and floats.

use std::fmt::Write as _;

use firesteel_go_compat::{FloatForm, is_print, push_float, push_float_precision};

use super::printer::Printer;
use super::text::quoted_char;
use crate::value::Value;

impl Printer {
    pub(super) fn integer(&mut self, magnitude: u64, negative: bool, signed: bool, verb: char, value: &Value) {
        // What is no number to Go is the bits of one.
        let bits = if negative { magnitude.wrapping_neg() } else { magnitude };
        match verb {
            'v' if self.flags.sharp_v && !signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(magnitude, negative, 16, 'v');
                self.flags.sharp = sharp;
            }
            'v' | 'd' => self.digits(magnitude, negative, 10, verb),
            'b' => self.digits(magnitude, negative, 2, verb),
            'o' | 'O' => self.digits(magnitude, negative, 8, verb),
            'x' | 'X' => self.digits(magnitude, negative, 16, verb),
            'c' => self.pad(&character(bits).to_string()),
            'q' => {
                let text = quoted_char(character(bits), self.flags.plus);
                self.pad(&text);
            }
            'U' => self.unicode(bits),
            _ => self.bad_verb(value, verb),
        }
    }

    fn digits(&mut self, magnitude: u64, negative: bool, base: u64, verb: char) {
        let mut least = 0;
        if let Some(precision) = self.flags.precision {
            least = precision;
            if precision == 0 && magnitude == 0 {
                return self.pad_with_blanks("");
            }
        } else if self.flags.zero && !self.flags.minus {
            let sign = negative || self.flags.plus || self.flags.space;
            least = self.flags.width.unwrap_or(0).saturating_sub(usize::from(sign));
        }
        let digits = match (base, verb) {
            (2, _) => format!("{magnitude:b}"),
            (8, _) => format!("{magnitude:o}"),
            (16, 'X') => format!("{magnitude:X}"),
            (16, _) => format!("{magnitude:x}"),
            _ => magnitude.to_string(),
        };
        let digits = format!("{}{digits}", "0".repeat(least.saturating_sub(digits.len())));
        let mut prefix = String::new();
        if negative {
            prefix.push('-');
        } else if self.flags.plus {
            prefix.push('+');
        } else if self.flags.space {
            prefix.push(' ');
        }
        if verb == 'O' {
            prefix.push_str("0o");
        }
        if self.flags.sharp {
            match (base, verb) {
                (2, _) => prefix.push_str("0b"),
                (8, _) if !digits.starts_with('0') => prefix.push('0'),
                (16, 'X') => prefix.push_str("0X"),
                (16, _) => prefix.push_str("0x"),
                _ => {}
            }
        }
        self.pad_with_blanks(&(prefix + &digits));
    }

    fn unicode(&mut self, code: u64) {
        let digits = self.flags.precision.unwrap_or(0).max(4);
        let mut text = format!("U+{code:0digits$X}");
        if self.flags.sharp
            && let Some(c) = u32::try_from(code).ok().and_then(char::from_u32)
            && is_print(c)
        {
            // Writing to memory cannot fail.
            let _ = write!(text, " '{c}'");
        }
        self.pad_with_blanks(&text);
    }

    pub(super) fn float(&mut self, v: f64, verb: char, value: &Value) {
        let (form, usual, upper) = match verb {
            'x' | 'X' | 'b' => return self.float_bits(v, verb),
            'v' => (FloatForm::General, None, false),
            'g' | 'G' => (FloatForm::General, None, verb == 'G'),
            'e' | 'E' => (FloatForm::Exponent, Some(6), verb == 'E'),
            'f' | 'F' => (FloatForm::Fixed, Some(6), false),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(usual);
        let mut bytes = Vec::with_capacity(24);
        match precision {
            Some(precision) => push_float_precision(&mut bytes, v, form, precision),
            None => push_float(&mut bytes, v, form),
        }
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if upper {
            text = text.replace('e', "E");
        }
        if !text.starts_with(['-', '+']) {
            text.insert(0, if self.flags.space && !self.flags.plus { ' ' } else { '+' });
        }
        if v.is_nan() || v.is_infinite() {
            if v.is_nan() && !self.flags.space && !self.flags.plus {
                text.remove(0);
            }
            return self.pad_with_blanks(&text);
        }
        if self.flags.sharp {
            text = with_point(&text, matches!(verb, 'v' | 'g' | 'G').then(|| precision.unwrap_or(6)));
        }
        if !self.flags.plus && text.starts_with('+') {
            return self.pad(&text[1..]);
        }
        let width = self.flags.width.unwrap_or(0);
        if self.flags.zero && !self.flags.minus && width > text.len() {
            // The sign stands before the zeros.
            self.out.push_str(&text[..1]);
            self.padding(width - text.len());
            self.out.push_str(&text[1..]);
            return;
        }
        self.pad(&text);
    }
}

impl Printer {
    /// `%x` and `%b`, which show the bits of a float.
    fn float_bits(&mut self, v: f64, verb: char) {
        let text = if verb == 'b' { binary(v) } else { hexadecimal(v, self.flags.precision) };
        let text = if verb == 'X' { text.to_uppercase() } else { text };
        let signed = match (v.is_finite(), v < 0.0) {
            (_, true) => text,
            (false, false) if v.is_nan() => "NaN".to_owned(),
            _ if self.flags.plus || !v.is_finite() => format!("+{text}"),
            _ if self.flags.space => format!(" {text}"),
            _ => text,
        };
        self.pad_with_blanks(&signed);
    }
}

/// Sign, mantissa with its leading one, and exponent.
fn parts(v: f64) -> (&'static str, u64, i32) {
    let bits = v.to_bits();
    let (raw, mantissa) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let sign = if bits >> 63 == 1 { "-" } else { "" };
    if raw == 0 { (sign, mantissa, -1022) } else { (sign, mantissa | 1 << 52, raw - 1023) }
}

fn binary(v: f64) -> String {
    if !v.is_finite() {
        return if v < 0.0 { "-Inf" } else { "Inf" }.to_owned();
    }
    let (sign, mantissa, exponent) = parts(v);
    format!("{sign}{mantissa}p{:+}", exponent - 52)
}

fn hexadecimal(v: f64, precision: Option<usize>) -> String {
    if !v.is_finite() {
        return if v < 0.0 { "-Inf" } else { "Inf" }.to_owned();
    }
    let (sign, mut mantissa, mut exponent) = parts(v);
    if mantissa == 0 {
        exponent = 0;
    } else {
        let shift = mantissa.leading_zeros() as i32 - 11;
        mantissa <<= shift;
        exponent -= shift;
    }
    if let Some(precision) = precision.filter(|&precision| precision < 13) {
        // Half to even.
        let dropped = 52 - 4 * precision as u32;
        let (half, rest) = (1u64 << (dropped - 1), mantissa & ((1 << dropped) - 1));
        mantissa >>= dropped;
        mantissa += u64::from(rest > half || (rest == half && mantissa & 1 == 1));
        mantissa <<= dropped;
        if mantissa >= 1 << 53 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let all = format!("{:013x}", mantissa & ((1 << 52) - 1));
    let digits = match precision {
        Some(precision) => format!("{all:0<precision$}")[..precision].to_owned(),
        None => all.trim_end_matches('0').to_owned(),
    };
    let point = if digits.is_empty() { "" } else { "." };
    let (exponent_sign, magnitude) = (if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs());
    format!("{sign}0x{}{point}{digits}p{exponent_sign}{magnitude:02}", mantissa >> 52)
}

/// The character of that number, or U+FFFD.
fn character(code: u64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

/// `%#g` and the like: there is always a point, and zeros at the end stay. `text` has its sign.
fn with_point(text: &str, significant: Option<usize>) -> String {
    let (number, tail) = match text.find(['e', 'E']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut number = number.to_owned();
    let mut missing = significant.unwrap_or(0) as i64;
    missing -= number[1..].bytes().filter(u8::is_ascii_digit).skip_while(|&b| b == b'0').count() as i64;
    if !number.contains('.') {
        missing -= i64::from(&number[1..] == "0");
        number.push('.');
    }
    number.extend(std::iter::repeat_n('0', usize::try_from(missing).unwrap_or(0)));
    number + tail
}
