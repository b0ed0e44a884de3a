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
