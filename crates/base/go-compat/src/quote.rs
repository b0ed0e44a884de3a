//! Go's quoted strings: `strconv.Quote` and `strconv.Unquote`, exact to the byte.

use std::fmt::{self, Write as _};

use crate::printable::is_print;

/// Returns a value that displays `text` as `strconv.Quote` (`%q`): in double quotes, with Go's escapes; bytes that are
/// not UTF-8 as `\xhh`.
pub fn quote<T: AsRef<[u8]> + ?Sized>(text: &T) -> Quoted<'_> {
    Quoted(text.as_ref())
}

/// A text to be displayed in Go's quotes.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            write_escaped(f, chunk.valid(), '"')?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}

/// Writes runs that need no escape at once.
fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    let mut plain_from = 0;
    for (at, c) in text.char_indices() {
        if c != quote && c != '\\' && is_print(c) {
            continue;
        }
        f.write_str(&text[plain_from..at])?;
        plain_from = at + c.len_utf8();
        match c {
            '\\' => f.write_str("\\\\")?,
            '\x07' => f.write_str("\\a")?,
            '\x08' => f.write_str("\\b")?,
            '\x0c' => f.write_str("\\f")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\x0b' => f.write_str("\\v")?,
            _ if c == quote => write!(f, "\\{c}")?,
            _ if c < ' ' || c == '\x7f' => write!(f, "\\x{:02x}", c as u32)?,
            _ if c < '\u{10000}' => write!(f, "\\u{:04x}", c as u32)?,
            _ => write!(f, "\\U{:08x}", c as u32)?,
        }
    }
    f.write_str(&text[plain_from..])
}

/// The text is no quoted Go string.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid syntax")]
pub struct UnquoteError;

/// Reads a Go string in double quotes, back quotes, or a character in single quotes: `strconv.Unquote`.
///
/// The result is bytes, because `\xff` and `\377` stand for one byte each.
pub fn unquote(text: &[u8]) -> Result<Vec<u8>, UnquoteError> {
    let (&quote, rest) = text.split_first().ok_or(UnquoteError)?;
    let inner = rest.strip_suffix(&[quote]).ok_or(UnquoteError)?;
    match quote {
        b'`' if inner.contains(&b'`') => Err(UnquoteError),
        // Go drops carriage returns from raw strings.
        b'`' => Ok(inner.iter().copied().filter(|&b| b != b'\r').collect()),
        b'"' | b'\'' => unescape(inner, quote),
        _ => Err(UnquoteError),
    }
}

fn unescape(inner: &[u8], quote: u8) -> Result<Vec<u8>, UnquoteError> {
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    let mut characters = 0;
    while let Some((&byte, tail)) = rest.split_first() {
        characters += 1;
        rest = match byte {
            b'\n' => return Err(UnquoteError),
            _ if byte == quote => return Err(UnquoteError),
            b'\\' => unescape_one(tail, quote, &mut out)?,
            ..=0x7f => {
                out.push(byte);
                tail
            }
            _ => copy_character(rest, &mut out),
        };
    }
    // upstream: '' is taken as an empty text.
    if quote == b'\'' && characters > 1 {
        return Err(UnquoteError);
    }
    Ok(out)
}

/// Copies one character beyond ASCII; a byte that is not UTF-8 becomes U+FFFD, as in Go.
fn copy_character<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let head = &text[..text.len().min(4)];
    let valid = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    if let Some(c) = valid.chars().next() {
        out.extend_from_slice(&text[..c.len_utf8()]);
        &text[c.len_utf8()..]
    } else {
        out.extend_from_slice("\u{fffd}".as_bytes());
        &text[1..]
    }
}

/// Reads what follows a backslash; returns what is left.
fn unescape_one<'a>(text: &'a [u8], quote: u8, out: &mut Vec<u8>) -> Result<&'a [u8], UnquoteError> {
    let (&kind, rest) = text.split_first().ok_or(UnquoteError)?;
    let byte = match kind {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        b'\'' | b'"' if kind == quote => quote,
        b'x' => {
            let (v, rest) = digits(rest, 2, 16)?;
            out.push(v as u8);
            return Ok(rest);
        }
        b'u' | b'U' => {
            let (v, rest) = digits(rest, if kind == b'u' { 4 } else { 8 }, 16)?;
            let c = char::from_u32(v).ok_or(UnquoteError)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(rest);
        }
        b'0'..=b'7' => {
            let (v, rest) = digits(text, 3, 8)?;
            out.push(u8::try_from(v).map_err(|_| UnquoteError)?);
            return Ok(rest);
        }
        _ => return Err(UnquoteError),
    };
    out.push(byte);
    Ok(rest)
}

fn digits(text: &[u8], count: usize, radix: u32) -> Result<(u32, &[u8]), UnquoteError> {
    let (digits, rest) = text.split_at_checked(count).ok_or(UnquoteError)?;
    let v =
        digits.iter().try_fold(0u32, |v, &b| Some(v.wrapping_mul(radix).wrapping_add((b as char).to_digit(radix)?)));
    Ok((v.ok_or(UnquoteError)?, rest))
}

#[cfg(test)]
mod tests;
