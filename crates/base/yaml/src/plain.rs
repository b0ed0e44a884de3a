//! What an unquoted scalar means to Go's `yaml.v2`: `yes` is a bool, `1_000` and `0777` are ints, `12:30` is text.

use crate::{Kind, Node};

/// A scalar's meaning.
#[derive(Clone, PartialEq, Debug)]
pub enum Plain {
    Null,
    Bool(bool),
    Int(i64),
    /// Only what does not fit `Int`.
    Uint(u64),
    Float(f64),
    Timestamp,
    Str,
}

impl Plain {
    /// Returns the last part of the YAML tag.
    pub fn go_tag(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Uint(_) => "int",
            Self::Float(_) => "float",
            Self::Timestamp => "timestamp",
            Self::Str => "str",
        }
    }
}

/// Returns what a scalar node means; anything that is no scalar, and any quoted text, is `Str`.
pub fn resolve_plain(node: &Node) -> Plain {
    let Kind::Scalar { text, plain } = &node.kind else { return Plain::Str };
    match node.tag.as_deref().map(|tag| tag.strip_prefix("tag:yaml.org,2002:").unwrap_or(tag)) {
        None if *plain => resolve(text),
        Some("bool" | "int" | "timestamp" | "null") => resolve(text),
        Some("float") => match resolve(text) {
            Plain::Int(v) => Plain::Float(v as f64),
            other => other,
        },
        _ => Plain::Str,
    }
}

/// Returns what an untagged, unquoted text means.
pub(crate) fn resolve(text: &str) -> Plain {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Plain::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Plain::Bool(false),
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        ".nan" | ".NaN" | ".NAN" => Plain::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Plain::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Plain::Float(f64::NEG_INFINITY),
        _ => match text.as_bytes().first() {
            Some(b'.') if is_float(text) => text.parse().map_or(Plain::Str, Plain::Float),
            Some(b'0'..=b'9' | b'+' | b'-') => number(text),
            _ => Plain::Str,
        },
    }
}

fn number(text: &str) -> Plain {
    if is_timestamp(text) {
        return Plain::Timestamp;
    }
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    if let Some(v) = go_int(&plain) {
        return v;
    }
    if is_float(&plain) { plain.parse().map_or(Plain::Str, Plain::Float) } else { Plain::Str }
}

/// As Go's `strconv.ParseInt(s, 0, 64)`: a prefix names the base, and a bare leading zero means octal.
fn go_int(text: &str) -> Option<Plain> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.as_str() {
        "0" => (10, "0"),
        d if d.starts_with("0x") => (16, &d[2..]),
        d if d.starts_with("0b") => (2, &d[2..]),
        d if d.starts_with("0o") => (8, &d[2..]),
        d if d.starts_with('0') => (8, &d[1..]),
        d => (10, d),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = u64::from_str_radix(digits, base).ok()?;
    match (negative, i64::try_from(value)) {
        (false, Ok(v)) => Some(Plain::Int(v)),
        (false, Err(_)) => Some(Plain::Uint(value)),
        (true, Ok(v)) => Some(Plain::Int(-v)),
        (true, Err(_)) => (value == 1 << 63).then_some(Plain::Int(i64::MIN)),
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['-', '+']).unwrap_or(e))),
        None => (body, None),
    };
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_ok && exponent.is_none_or(digits)
}

/// Dates as Go's decoder knows them: `2006-1-2`, with a time behind `T`, `t` (then with a zone) or a blank (without).
pub(crate) fn is_timestamp(text: &str) -> bool {
    let all_digits = |s: &str, most: usize| (1..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    let in_range = |s: &str, low: u32, high: u32| s.parse::<u32>().is_ok_and(|v| (low..=high).contains(&v));
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((&text[at..=at], &text[at + 1..]))),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (Some(y), Some(m), Some(d), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    if y.len() != 4 || !all_digits(y, 4) || !all_digits(m, 2) || !all_digits(d, 2) {
        return false;
    }
    let leap = y.parse::<u32>().is_ok_and(|y| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
    let days = match m.parse::<u32>() {
        Ok(2) => 28 + u32::from(leap),
        Ok(4 | 6 | 9 | 11) => 30,
        _ => 31,
    };
    if !in_range(m, 1, 12) || !in_range(d, 1, days) {
        return false;
    }
    let Some((mark, clock)) = rest else { return true };
    let (clock, zone) = match clock.find(['Z', '+', '-']) {
        Some(at) => (&clock[..at], &clock[at..]),
        None => (clock, ""),
    };
    let zone_ok = match zone.as_bytes() {
        [] => mark == " ",
        [b'Z'] => mark != " ",
        [b'+' | b'-', a, b, b':', c, d] => mark != " " && [a, b, c, d].iter().all(|x| x.is_ascii_digit()),
        _ => false,
    };
    let mut hms = clock.splitn(3, ':');
    let (Some(h), Some(min), Some(s)) = (hms.next(), hms.next(), hms.next()) else { return false };
    let (s, fraction) = s.split_once(['.', ',']).map_or((s, None), |(s, f)| (s, Some(f)));
    zone_ok
        && all_digits(h, 2)
        && in_range(h, 0, 23)
        && all_digits(min, 2)
        && in_range(min, 0, 59)
        && all_digits(s, 2)
        && in_range(s, 0, 59)
        && fraction.is_none_or(|f| all_digits(f, 64))
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`: what YAML 1.1 takes for a number of base 60, so it is quoted.
pub(crate) fn is_base60(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (body, fraction) = body.split_once('.').map_or((body, ""), |(body, fraction)| (body, fraction));
    let mut parts = body.split(':');
    let first = parts.next().unwrap_or("");
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let sixty = |s: &str| match s.as_bytes() {
        [d] => d.is_ascii_digit(),
        [t, d] => (b'0'..=b'5').contains(t) && d.is_ascii_digit(),
        _ => false,
    };
    let mut rest = parts.peekable();
    first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && digits(fraction)
        && rest.peek().is_some()
        && rest.all(sixty)
}
