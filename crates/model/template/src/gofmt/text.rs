//! Strings.

use std::fmt::Write as _;

use firesteel_go_compat::{is_print, quote};

use super::printer::Printer;
use crate::value::Value;

impl Printer {
    pub(super) fn text(&mut self, text: &str, verb: char, value: &Value) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => {
                let text = self.shortened(text);
                self.pad(text);
            }
            'x' | 'X' => self.hex(text, verb == 'X'),
            'q' => self.quoted(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn shortened<'t>(&self, text: &'t str) -> &'t str {
        match self.flags.precision {
            Some(precision) => match text.char_indices().nth(precision) {
                Some((at, _)) => &text[..at],
                None => text,
            },
            None => text,
        }
    }

    fn quoted(&mut self, text: &str) {
        let text = self.shortened(text);
        let plain = |c: char| c == '\t' || !(c < ' ' || matches!(c, '`' | '\u{7f}' | '\u{feff}'));
        if self.flags.sharp && text.chars().all(plain) {
            return self.pad(&format!("`{text}`"));
        }
        let mut shown = quote(text).to_string();
        if self.flags.plus {
            shown = ascii(&shown);
        }
        self.pad(&shown);
    }

    fn hex(&mut self, text: &str, upper: bool) {
        let bytes = text.as_bytes();
        let bytes = &bytes[..self.flags.precision.map_or(bytes.len(), |precision| precision.min(bytes.len()))];
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut shown = String::with_capacity(bytes.len() * 2);
        for (at, byte) in bytes.iter().enumerate() {
            if self.flags.space && at > 0 {
                shown.push(' ');
            }
            if at == 0 || self.flags.space {
                shown.push_str(prefix);
            }
            // Writing to memory cannot fail.
            let _ = if upper { write!(shown, "{byte:02X}") } else { write!(shown, "{byte:02x}") };
        }
        self.pad(&shown);
    }
}

/// What `%+q` leaves: characters beyond ASCII are escaped.
fn ascii(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            push_escape(&mut out, c);
        }
    }
    out
}

fn push_escape(out: &mut String, c: char) {
    // Writing to memory cannot fail.
    let _ = if (c as u32) < 0x10000 { write!(out, "\\u{:04x}", c as u32) } else { write!(out, "\\U{:08x}", c as u32) };
}

/// `strconv.QuoteRune`
pub(super) fn quoted_char(c: char, ascii_only: bool) -> String {
    let mut out = String::from("'");
    match c {
        '\'' => out.push_str("\\'"),
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if c < ' ' || c == '\x7f' => {
            let _ = write!(out, "\\x{:02x}", c as u32);
        }
        c if !is_print(c) || (ascii_only && !c.is_ascii()) => push_escape(&mut out, c),
        c => out.push(c),
    }
    out.push('\'');
    out
}
