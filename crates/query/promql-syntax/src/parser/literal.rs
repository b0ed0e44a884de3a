//! What numbers, durations and strings are worth.

use firesteel_go_compat::{parse_duration, parse_float, quote, unquote};

use super::Parser;
use crate::{
    expr::{NumberLiteral, StringLiteral},
    token::{Kind, Token},
};

impl Parser<'_> {
    /// Takes a number or a duration, which must be next.
    pub(super) fn number_or_duration_literal(&mut self) -> NumberLiteral {
        let token = self.take();
        let is_duration = token.kind == Kind::Duration;
        NumberLiteral { value: self.number_value(token), is_duration, span: token.span }
    }

    /// Returns what a number or a duration is worth; a duration counts seconds.
    pub(super) fn number_value(&mut self, token: Token) -> f64 {
        let text = self.text(token);
        let parsed = if token.kind == Kind::Duration {
            // Whole seconds and their fraction apart, as Go's Duration.Seconds adds them.
            parse_duration(text)
                .map(|duration| duration.as_secs() as f64 + f64::from(duration.subsec_nanos()) / 1e9)
                .map_err(|error| error.to_string())
        } else if let Some(integer) = prefixed_integer(text) {
            Ok(integer as f64)
        } else {
            parse_float(text).map_err(|error| format!("error parsing number: {error}"))
        };
        parsed.unwrap_or_else(|message| {
            self.fault(token.span, message);
            0.0
        })
    }

    pub(super) fn string_literal(&mut self) -> StringLiteral {
        let token = self.take();
        StringLiteral { value: self.unquoted(token), span: token.span }
    }

    fn unquoted(&mut self, token: Token) -> Vec<u8> {
        let text = self.text(token);
        unquote_promql(text).unwrap_or_else(|| {
            self.fault(token.span, format!("error unquoting string {}: invalid syntax", quote(text)));
            Vec::new()
        })
    }

    /// Returns a string as text, in which bytes that are not UTF-8 become U+FFFD.
    pub(super) fn unquoted_text(&mut self, token: Token) -> String {
        match String::from_utf8(self.unquoted(token)) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }
}

/// Reads an integer as Go does with base 0: `0x` hexadecimal, a leading `0` octal, underscores between digits.
fn prefixed_integer(text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix, prefixed) = if let Some(digits) = lower.strip_prefix("0x") {
        (digits, 16, true)
    } else if let Some(digits) = lower.strip_prefix('0').filter(|digits| !digits.is_empty()) {
        (digits, 8, true)
    } else {
        (lower.as_str(), 10, false)
    };
    let digits = if prefixed { digits.strip_prefix('_').unwrap_or(digits) } else { digits };
    let misplaced = digits.starts_with(['_', '+', '-']) || digits.ends_with('_') || digits.contains("__");
    if misplaced {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// Unquotes a string of the query language: as Go, but single quotes are like double ones.
fn unquote_promql(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let Some(inner) = inner else {
        return unquote_fast(text);
    };
    // In Go's double quotes the other quote must be escaped, and this one must not.
    let mut swapped = String::with_capacity(text.len() + 2);
    swapped.push('"');
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            '"' => swapped.push_str("\\\""),
            '\'' if escaped => {
                swapped.pop();
                swapped.push('\'');
            }
            c => swapped.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    swapped.push('"');
    unquote_fast(&swapped)
}

/// Most strings hold no escape.
fn unquote_fast(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = inner.filter(|inner| !inner.contains(['\\', '"'])) {
        return Some(inner.as_bytes().to_vec());
    }
    if let Some(inner) = text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        // Go's raw strings lose carriage returns; those of the query language keep them.
        return Some(inner.as_bytes().to_vec());
    }
    unquote(text.as_bytes()).ok()
}
