//! URLs, and the lists of them in `srcset`.

use std::fmt::Write as _;

use super::{FAILSAFE, stringify};
use crate::value::Value;

fn is_safe(url: &str) -> bool {
    match url.split_once(':') {
        Some((protocol, _)) if !protocol.contains('/') => {
            ["http", "https", "mailto"].iter().any(|known| protocol.eq_ignore_ascii_case(known))
        }
        _ => true,
    }
}

/// Lets a URL through unless its protocol could run code.
pub(super) fn filter(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    if type_ == "template.URL" || is_safe(&text) { text } else { format!("#{FAILSAFE}") }
}

/// Escapes what cannot stand in a URL; unless `is_whole` also what has a meaning there.
fn processed(text: &str, is_whole: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 16);
    for (i, &b) in bytes.iter().enumerate() {
        let keeps = match b {
            b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'[' | b']' => {
                is_whole
            }
            b'-' | b'.' | b'_' | b'~' => true,
            b'%' => is_whole && bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            b => b.is_ascii_alphanumeric(),
        };
        if keeps {
            out.push(char::from(b));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(out, "%{b:02x}");
        }
    }
    out
}

pub(super) fn escaped(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    processed(&text, type_ == "template.URL")
}

pub(super) fn normalized(args: &[Value]) -> String {
    processed(&stringify(args).0, true)
}

/// Each URL of a list, with what describes the picture.
pub(super) fn srcset(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    match type_ {
        "template.Srcset" => return text,
        "template.URL" => return processed(&text, true).replace(',', "%2c"),
        _ => {}
    }
    let space = |c: char| matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let one = |part: &str| {
        let trimmed = part.trim_start_matches(space);
        let (url, rest) = trimmed.split_at(trimmed.find(space).unwrap_or(trimmed.len()));
        if is_safe(url) && rest.chars().all(|c| space(c) || c.is_ascii_alphanumeric()) {
            format!("{}{}{rest}", &part[..part.len() - trimmed.len()], processed(url, true))
        } else {
            format!("#{FAILSAFE}")
        }
    };
    text.split(',').map(one).collect::<Vec<_>>().join(",")
}
