//! Escapes that stand for one character: `\n`, `\.`, `\x{10FFFF}`, `\123`.

use crate::error::{ErrorCode, RegexError};

/// Reads the escape at the beginning of `text`, which is a backslash; returns the code point, which may be a surrogate,
/// and what follows.
pub(crate) fn parse_escape(text: &str) -> Result<(u32, &str), RegexError> {
    let mut rest = &text[1..];
    let Some(c) = rest.chars().next() else {
        return Err(RegexError::new(ErrorCode::TrailingBackslash, ""));
    };
    rest = &rest[c.len_utf8()..];
    let control = match c {
        'a' => Some(7),
        'f' => Some(12),
        'n' => Some(10),
        'r' => Some(13),
        't' => Some(9),
        'v' => Some(11),
        _ => None,
    };
    if let Some(code) = control {
        return Ok((code, rest));
    }
    match c {
        // One digit alone would be a back reference, which does not exist.
        '1'..='7' if !rest.starts_with(|d: char| d.is_digit(8)) => {}
        '0'..='7' => {
            let more = rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let digits = &text[1..2 + more];
            return Ok((digits.bytes().fold(0, |v, b| v * 8 + u32::from(b - b'0')), &rest[more..]));
        }
        'x' => return parse_hex(text, rest),
        _ if c.is_ascii() && !c.is_ascii_alphanumeric() => return Ok((c as u32, rest)),
        _ => {}
    }
    Err(invalid(text, rest))
}

/// Two digits, or any number of them in braces.
fn parse_hex<'a>(text: &'a str, after_x: &'a str) -> Result<(u32, &'a str), RegexError> {
    let mut rest = after_x;
    let mut next = || {
        let c = rest.chars().next();
        rest = &rest[c.map_or(0, char::len_utf8)..];
        (c, rest)
    };
    let (first, rest) = next();
    if first != Some('{') {
        let (second, rest_after) = if first.is_some() { next() } else { (None, rest) };
        let digit = |c: Option<char>| c.and_then(|c| c.to_digit(16));
        return match (digit(first), digit(second)) {
            (Some(high), Some(low)) => Ok((high * 16 + low, rest_after)),
            // upstream: when the text ends after one digit, Go blames what it has read so far.
            _ => Err(invalid(text, rest_after)),
        };
    }
    let mut v = 0;
    let mut digits = 0;
    loop {
        let (c, rest) = next();
        match c {
            Some('}') if digits > 0 => return Ok((v, rest)),
            Some(c) => match c.to_digit(16) {
                Some(digit) if v * 16 + digit <= char::MAX as u32 => v = v * 16 + digit,
                _ => return Err(invalid(text, rest)),
            },
            None => return Err(invalid(text, rest)),
        }
        digits += 1;
    }
}

fn invalid(text: &str, rest: &str) -> RegexError {
    RegexError::new(ErrorCode::InvalidEscape, &text[..text.len() - rest.len()])
}
