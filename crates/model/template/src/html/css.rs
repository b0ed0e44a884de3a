//! Style sheets: where strings and URLs begin and end, and how values are written into them.

use super::context::{Context, Fault, State};
use super::transition::{find_any, shown, url};
use super::{FAILSAFE, stringify};
use crate::value::Value;

pub(super) fn sheet(c: Context, s: &[u8]) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = find_any(&s[from..], b"(\"'/") {
        let i = from + at;
        let to = |state: State| Context { state, ..c.clone() };
        match (s[i], s.get(i + 1)) {
            (b'(', _) if ends_with_url(&s[..i]) => {
                let j = s[i + 1..].iter().position(|b| !is_space(*b)).map_or(s.len(), |at| i + 1 + at);
                return match s.get(j) {
                    Some(b'"') => (to(State::CSSDqURL), j + 1),
                    Some(b'\'') => (to(State::CSSSqURL), j + 1),
                    _ => (to(State::CSSURL), j),
                };
            }
            (b'/', Some(b'/')) => return (to(State::CSSLineCmt), i + 2),
            (b'/', Some(b'*')) => return (to(State::CSSBlockCmt), i + 2),
            (b'"', _) => return (to(State::CSSDqStr), i + 1),
            (b'\'', _) => return (to(State::CSSSqStr), i + 1),
            _ => {}
        }
        from = i + 1;
    }
    (c, s.len())
}

fn is_space(b: u8) -> bool {
    matches!(b, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

fn ends_with_url(s: &[u8]) -> bool {
    let end = s.iter().rposition(|b| !is_space(*b)).map_or(0, |at| at + 1);
    let Some(begin) = end.checked_sub(3) else { return false };
    let before = s[..begin].last();
    let joined = before.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | 0x80..));
    !joined && s[begin..end].eq_ignore_ascii_case(b"url")
}

pub(super) fn string(c: Context, s: &[u8]) -> (Context, usize) {
    let ends: &[u8] = match c.state {
        State::CSSDqStr | State::CSSDqURL => b"\\\"",
        State::CSSSqStr | State::CSSSqURL => b"\\'",
        _ => b"\\\t\n\x0c\r )",
    };
    let (mut c, mut from) = (c, 0);
    while let Some(at) = find_any(&s[from..], ends) {
        let mut i = from + at;
        if s[i] != b'\\' {
            return (Context { state: State::CSS, ..c }, i + 1);
        }
        i += 1;
        if i == s.len() {
            let words = format!("unfinished escape sequence in CSS string: {}", shown(s));
            return (Context::failed(Fault::new(words)), s.len());
        }
        c = url(c, &decoded(&s[..=i])).0;
        from = i + 1;
    }
    // What is left is read whole; upstream counts what it decoded.
    (url(c, &decoded(&s[from..])).0, s.len())
}

/// Takes escapes away.
fn decoded(s: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(s.len()), s);
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let Some(next) = rest.get(1) else { return out };
        if next.is_ascii_hexdigit() {
            let mut end = rest.iter().skip(1).take(6).take_while(|b| b.is_ascii_hexdigit()).count() + 1;
            let number =
                |end: usize| rest[1..end].iter().fold(0, |n, b| n * 16 + char::from(*b).to_digit(16).unwrap_or(0));
            let mut code = number(end);
            if code > 0x10_ffff {
                end -= 1;
                code = number(end);
            }
            let c = char::from_u32(code).unwrap_or('\u{fffd}');
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[end..];
            rest = match rest {
                [b'\r', b'\n', after @ ..] | [b'\t' | b'\n' | b'\x0c' | b' ' | b'\r', after @ ..] => after,
                other => other,
            };
        } else {
            let length = match next {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            let end = (1 + length).min(rest.len());
            out.extend_from_slice(&rest[1..end]);
            rest = &rest[end..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// A part of a string.
pub(super) fn string_part(args: &[Value]) -> String {
    let (text, _) = stringify(args);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\0' | '\t' | '\n' | '\x0c' | '\r' | '"' | '&' | '\'' | '(' | ')' | '+' | '/' | ':' | ';' | '<' | '>'
            | '{' | '}' => {
                out.push_str(&format!("\\{:x}", c as u32));
                if chars.peek().is_none_or(|next| next.is_ascii_hexdigit() || is_space(*next as u8) && next.is_ascii())
                {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// A value that can do no harm, or something harmless.
pub(super) fn value(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    if type_ == "template.CSS" {
        return text;
    }
    let bytes = decoded(text.as_bytes());
    let mut name = String::new();
    for (i, b) in bytes.iter().enumerate() {
        match b {
            0 | b'"' | b'\'' | b'(' | b')' | b'/' | b';' | b'@' | b'[' | b'\\' | b']' | b'`' | b'{' | b'}' | b'<'
            | b'>' => return FAILSAFE.to_owned(),
            b'-' if i > 0 && bytes[i - 1] == b'-' => return FAILSAFE.to_owned(),
            b'_' => name.push('_'),
            b if b.is_ascii_alphanumeric() => name.push(char::from(b.to_ascii_lowercase())),
            _ => {}
        }
    }
    if name.contains("expression") || name.contains("mozbinding") {
        return FAILSAFE.to_owned();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
