//! Reading format strings.

use super::printer::{Flags, Printer};
use crate::value::Value;

/// Widths and precisions beyond this are refused.
const TOO_LARGE: i64 = 1_000_000;

struct Reader<'a> {
    format: &'a str,
    at: usize,
    args: &'a [Value],
    arg: usize,
    reordered: bool,
    good_arg: bool,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.format.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, wanted: u8) -> bool {
        let found = self.byte() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Reads digits. A number that is too large ends the format, as in Go.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit @ b'0'..=b'9') = self.byte() {
            let so_far = number.unwrap_or(0);
            if so_far > TOO_LARGE as usize {
                self.at = self.format.len();
                return None;
            }
            number = Some(so_far * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    /// Reads `[3]`. Returns whether there was one, good or bad.
    fn arg_index(&mut self) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let inside = &self.format[self.at + 1..];
        let Some(length) = inside.find(']') else {
            self.good_arg = false;
            self.at += 1;
            return false;
        };
        self.at += length + 2;
        let number = &inside[..length];
        let valid = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        match number.parse::<usize>() {
            Ok(index @ 1..) if valid && index <= self.args.len() => {
                self.arg = index - 1;
                true
            }
            _ => {
                self.good_arg = false;
                valid
            }
        }
    }

    /// The next argument as a width or precision.
    fn int_arg(&mut self) -> Option<i64> {
        let arg = self.args.get(self.arg)?;
        self.arg += 1;
        let number = match arg {
            Value::Int(v, _) => *v,
            Value::Uint(v, _) => i64::try_from(*v).ok()?,
            _ => return None,
        };
        (-TOO_LARGE..=TOO_LARGE).contains(&number).then_some(number)
    }
}

pub(super) fn sprintf(format: &str, args: &[Value]) -> String {
    let mut p = Printer::new(String::with_capacity(format.len() + 16));
    let mut r = Reader { format, at: 0, args, arg: 0, reordered: false, good_arg: true };
    while r.at < format.len() {
        r.good_arg = true;
        let rest = &format[r.at..];
        let plain = rest.find('%').unwrap_or(rest.len());
        p.out.push_str(&rest[..plain]);
        r.at += plain;
        if r.at >= format.len() {
            break;
        }
        r.at += 1;
        p.flags = Flags::default();
        while let Some(flag) = r.byte() {
            match flag {
                b'#' => p.flags.sharp = true,
                b'0' => p.flags.zero = true,
                b'+' => p.flags.plus = true,
                b'-' => p.flags.minus = true,
                b' ' => p.flags.space = true,
                _ => break,
            }
            r.at += 1;
        }
        let mut after_index = r.arg_index();
        after_index = width(&mut p, &mut r, after_index);
        after_index = precision(&mut p, &mut r, after_index);
        if !after_index {
            r.arg_index();
        }
        let Some(verb) = format[r.at..].chars().next() else {
            p.out.push_str("%!(NOVERB)");
            break;
        };
        r.at += verb.len_utf8();
        match r.args.get(r.arg) {
            _ if verb == '%' => p.out.push('%'),
            _ if !r.good_arg => p.out.push_str(&format!("%!{verb}(BADINDEX)")),
            None => p.out.push_str(&format!("%!{verb}(MISSING)")),
            Some(arg) => {
                if matches!(verb, 'v' | 'w') {
                    p.flags.sharp_v = std::mem::take(&mut p.flags.sharp);
                    p.flags.plus_v = std::mem::take(&mut p.flags.plus);
                }
                p.arg(arg, verb);
                r.arg += 1;
            }
        }
    }
    if !r.reordered && r.arg < args.len() {
        extra(&mut p, &args[r.arg..]);
    }
    p.out
}

fn width(p: &mut Printer, r: &mut Reader<'_>, after_index: bool) -> bool {
    if r.takes(b'*') {
        match r.int_arg() {
            Some(width) => {
                p.flags.width = Some(width.unsigned_abs() as usize);
                if width < 0 {
                    p.flags.minus = true;
                    p.flags.zero = false;
                }
            }
            None => p.out.push_str("%!(BADWIDTH)"),
        }
        return false;
    }
    p.flags.width = r.number();
    if after_index && p.flags.width.is_some() {
        r.good_arg = false;
    }
    after_index
}

fn precision(p: &mut Printer, r: &mut Reader<'_>, mut after_index: bool) -> bool {
    if r.at + 1 >= r.format.len() || !r.takes(b'.') {
        return after_index;
    }
    if after_index {
        r.good_arg = false;
    }
    after_index = r.arg_index();
    if !r.takes(b'*') {
        p.flags.precision = Some(r.number().unwrap_or(0));
        return after_index;
    }
    p.flags.precision = r.int_arg().and_then(|precision| usize::try_from(precision).ok());
    if p.flags.precision.is_none() {
        p.out.push_str("%!(BADPREC)");
    }
    false
}

fn extra(p: &mut Printer, args: &[Value]) {
    p.flags = Flags::default();
    p.out.push_str("%!(EXTRA ");
    for (at, arg) in args.iter().enumerate() {
        if at > 0 {
            p.out.push_str(", ");
        }
        p.out.push_str(arg.type_name());
        if !arg.is_nil() {
            p.out.push('=');
            p.arg(arg, 'v');
        }
    }
    p.out.push(')');
}
