//! Character classes: `[a-z]`, `\d`, `[[:alpha:]]`, `\p{Greek}`.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use crate::error::{ErrorCode, RegexError};
use crate::escape::parse_escape;
use crate::unicode_names::unicode_class;

type Parsed<'a, T> = Result<Option<(T, &'a str)>, RegexError>;

/// Reads the bracketed class at the beginning of `text`.
pub(crate) fn parse_class(text: &str, fold_case: bool) -> Result<(ClassUnicode, &str), RegexError> {
    let mut rest = &text[1..];
    let mut class = ClassUnicode::empty();
    let negated = rest.starts_with('^');
    if negated {
        rest = &rest[1..];
    }
    let mut first = true;
    while first || !rest.starts_with(']') {
        // A bracket or dash in the first place stands for itself.
        first = false;
        let group = match parse_posix_group(rest, fold_case)? {
            Some(group) => Some(group),
            None => parse_named(rest, fold_case)?,
        };
        if let Some((group, after)) = group {
            class.union(&group);
            rest = after;
            continue;
        }
        let range = rest;
        let (low, after) = class_char(rest, text)?;
        rest = after;
        let mut high = low;
        if rest.len() >= 2 && rest.starts_with('-') && !rest[1..].starts_with(']') {
            (high, rest) = class_char(&rest[1..], text)?;
            if high < low {
                return Err(RegexError::new(ErrorCode::InvalidCharRange, &range[..range.len() - rest.len()]));
            }
        }
        class.union(&range_class(low, high, fold_case));
    }
    if negated {
        class.negate();
    }
    Ok((class, &rest[1..]))
}

fn class_char<'a>(text: &'a str, whole: &str) -> Result<(u32, &'a str), RegexError> {
    match text.chars().next() {
        None => Err(RegexError::new(ErrorCode::MissingBracket, whole)),
        Some('\\') => parse_escape(text),
        Some(c) => Ok((c as u32, &text[c.len_utf8()..])),
    }
}

/// Reads `\d`, `\pL`, `\p{Greek}` and their like at the beginning of `text`; `None` when there is something else.
pub(crate) fn parse_named(text: &str, fold_case: bool) -> Parsed<'_, ClassUnicode> {
    let ranges: &[(char, char)] = match text.as_bytes() {
        [b'\\', b'p' | b'P', ..] => return parse_unicode_group(text, fold_case),
        [b'\\', b'd' | b'D', ..] => &[('0', '9')],
        [b'\\', b's' | b'S', ..] => &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')],
        [b'\\', b'w' | b'W', ..] => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => return Ok(None),
    };
    let negated = text.as_bytes()[1].is_ascii_uppercase();
    Ok(Some((group_class(ranges, fold_case, negated), &text[2..])))
}

fn parse_unicode_group(text: &str, fold_case: bool) -> Parsed<'_, ClassUnicode> {
    let fault = |expr: &str| Err(RegexError::new(ErrorCode::InvalidCharRange, expr));
    let Some(c) = text[2..].chars().next() else { return fault(text) };
    let (name, end) = if c == '{' {
        let Some(close) = text.find('}') else { return fault(text) };
        (&text[3..close], close + 1)
    } else {
        (&text[2..2 + c.len_utf8()], 2 + c.len_utf8())
    };
    let (name, negated) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
    let Some(mut class) = unicode_class(name) else { return fault(&text[..end]) };
    if fold_case {
        fold(&mut class);
    }
    if negated != text[1..].starts_with('P') {
        class.negate();
    }
    Ok(Some((class, &text[end..])))
}

/// Reads `[:alpha:]` and its like inside of a bracketed class.
fn parse_posix_group(text: &str, fold_case: bool) -> Parsed<'_, ClassUnicode> {
    let Some(name) = text.strip_prefix("[:") else { return Ok(None) };
    let Some(end) = name.find(":]") else { return Ok(None) };
    let (name, rest) = (&name[..end], &name[end + 2..]);
    let (name, negated) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return Err(RegexError::new(ErrorCode::InvalidCharRange, &text[..text.len() - rest.len()])),
    };
    Ok(Some((group_class(ranges, fold_case, negated), rest)))
}

fn group_class(ranges: &[(char, char)], fold_case: bool, negated: bool) -> ClassUnicode {
    let mut class = ClassUnicode::new(ranges.iter().map(|&(low, high)| ClassUnicodeRange::new(low, high)));
    if fold_case {
        fold(&mut class);
    }
    if negated {
        class.negate();
    }
    class
}

/// The code points from `low` to `high`, without surrogates, which no text holds.
pub(crate) fn range_class(low: u32, high: u32, fold_case: bool) -> ClassUnicode {
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    if low > high {
        return ClassUnicode::empty();
    }
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(low, high)]);
    if fold_case {
        fold(&mut class);
    }
    class
}

fn fold(class: &mut ClassUnicode) {
    // Fails only without the tables, which the manifest asks for; then only what is written matches.
    let folded = class.try_case_fold_simple();
    debug_assert!(folded.is_ok(), "the tables of letter cases are compiled in");
}
