//! Functions over texts.

use std::net::IpAddr;

use firesteel_go_compat::quote;
use firesteel_re2::Regex;

use crate::value::Value;

type Answer = Result<Value, String>;

pub(crate) fn text(args: &[Value], at: usize) -> &str {
    args.get(at).and_then(Value::as_str).unwrap_or_default()
}

/// `reReplaceAll PATTERN REPLACEMENT TEXT`. A bad pattern panics in Go, with this text.
pub(crate) fn replace_all(args: &[Value]) -> Answer {
    let pattern = text(args, 0);
    let plain = |c: char| c == '\t' || !(c < ' ' || matches!(c, '`' | '\u{7f}' | '\u{feff}'));
    let shown = || if pattern.chars().all(plain) { format!("`{pattern}`") } else { quote(pattern).to_string() };
    let regex = Regex::new(pattern).map_err(|error| format!("regexp: Compile({}): {error}", shown()))?;
    Ok(regex.replace_all(text(args, 2), text(args, 1)).into())
}

/// `match PATTERN TEXT`, not anchored.
pub(crate) fn matches(args: &[Value]) -> Answer {
    let regex = Regex::new(text(args, 0)).map_err(|error| error.to_string())?;
    Ok(Value::Bool(regex.is_match(text(args, 1))))
}

/// `net.SplitHostPort`
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let colon = text.rfind(':')?;
    let port = &text[colon + 1..];
    let host = if let Some(inner) = text.strip_prefix('[') {
        let end = inner.find(']')?;
        if end + 2 != colon {
            return None;
        }
        &inner[..end]
    } else {
        let host = &text[..colon];
        if host.contains([':', '[', ']']) {
            return None;
        }
        host
    };
    (!host.contains('[') && !port.contains(['[', ']']) && !host.contains(']')).then_some((host, port))
}

pub(super) fn strip_port(args: &[Value]) -> Answer {
    let all = text(args, 0);
    Ok(split_host_port(all).map_or(all, |(host, _)| host).into())
}

pub(super) fn strip_domain(args: &[Value]) -> Answer {
    let all = text(args, 0);
    let (host, port) = split_host_port(all).unwrap_or((all, ""));
    if host.parse::<IpAddr>().is_ok() {
        return Ok(all.into());
    }
    let first = host.split('.').next().unwrap_or_default();
    Ok(match (port, first.contains(':')) {
        ("", _) => first.to_owned(),
        (port, true) => format!("[{first}]:{port}"),
        (port, false) => format!("{first}:{port}"),
    }
    .into())
}

/// Whether a character goes on in a word (UAX 29, as far as words of metrics and labels need it).
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || matches!(c, '\u{300}'..='\u{36f}' | '\u{200d}')
}

/// `cases.Title`: the first letter of each word in upper case; with `lower` the others in lower case.
pub(crate) fn title(text: &str, lower: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    let mut has_letter = false;
    for (at, &c) in chars.iter().enumerate() {
        if is_word(c) {
            if !in_word {
                has_letter = false;
            }
            in_word = true;
            let cased = c.is_lowercase() || c.is_uppercase();
            if cased && !has_letter {
                out.extend(c.to_uppercase());
                has_letter = true;
            } else if cased && lower {
                out.extend(c.to_lowercase());
            } else {
                out.push(c);
            }
            continue;
        }
        // Some marks hold two letters, or two digits, together.
        let (before, after) = (at.checked_sub(1).map(|at| chars[at]), chars.get(at + 1).copied());
        let both = |test: fn(char) -> bool| before.is_some_and(test) && after.is_some_and(test);
        let holds = match c {
            '\'' | '.' | '\u{2019}' | '\u{2018}' | '\u{2024}' => both(char::is_alphabetic) || both(char::is_numeric),
            ':' | '\u{b7}' => both(char::is_alphabetic),
            ',' | ';' => both(char::is_numeric),
            _ => false,
        };
        in_word &= holds;
        out.push(c);
    }
    out
}
