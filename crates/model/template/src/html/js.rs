//! JavaScript: where literals begin and end, and how values are written into it.

use super::context::{Context, Fault, JsCtx, State};
use super::stringify;
use super::transition::{find_any, shown, shown_32};
use crate::gojson;
use crate::value::Value;

/// Words after which a `/` begins a regular expression.
const BEFORE_REGEXP: [&[u8]; 14] = [
    b"break",
    b"case",
    b"continue",
    b"delete",
    b"do",
    b"else",
    b"finally",
    b"in",
    b"instanceof",
    b"return",
    b"throw",
    b"try",
    b"typeof",
    b"void",
];

pub(super) fn script(mut c: Context, s: &[u8]) -> (Context, usize) {
    let Some(i) = find_any(s, b"\"`'/{}<-#") else {
        c.js_ctx = next_ctx(s, c.js_ctx);
        return (c, s.len());
    };
    c.js_ctx = next_ctx(&s[..i], c.js_ctx);
    let rest = &s[i..];
    let literal = |state: State, c: Context| Context { state, js_ctx: JsCtx::Regexp, ..c };
    match s[i] {
        b'"' => (literal(State::JSDqStr, c), i + 1),
        b'\'' => (literal(State::JSSqStr, c), i + 1),
        b'`' => (literal(State::JSTmplLit, c), i + 1),
        b'/' if rest.starts_with(b"//") => (Context { state: State::JSLineCmt, ..c }, i + 2),
        b'/' if rest.starts_with(b"/*") => (Context { state: State::JSBlockCmt, ..c }, i + 2),
        b'/' => match c.js_ctx {
            JsCtx::Regexp => (Context { state: State::JSRegexp, ..c }, i + 1),
            JsCtx::DivOp => (Context { js_ctx: JsCtx::Regexp, ..c }, i + 1),
            JsCtx::Unknown => {
                let words = format!("'/' could start a division or regexp: {}", shown_32(rest));
                (Context::failed(Fault::new(words)), s.len())
            }
        },
        b'<' if rest.starts_with(b"<!--") => (Context { state: State::JSHTMLOpenCmt, ..c }, i + 4),
        b'-' if rest.starts_with(b"-->") => (Context { state: State::JSHTMLCloseCmt, ..c }, i + 3),
        b'#' if rest.starts_with(b"#!") => (Context { state: State::JSLineCmt, ..c }, i + 2),
        brace @ (b'{' | b'}') => {
            let after = next_ctx(&s[i..=i], c.js_ctx);
            if let Some(open) = c.js_braces.last_mut() {
                *open += if brace == b'{' { 1 } else { -1 };
                if *open < 0 {
                    c.js_braces.pop();
                    return (Context { state: State::JSTmplLit, ..c }, i + 1);
                }
            }
            (Context { js_ctx: after, ..c }, i + 1)
        }
        _ => (c, i + 1),
    }
}

/// What a `/` begins behind these words.
fn next_ctx(s: &[u8], before: JsCtx) -> JsCtx {
    let end = s.iter().rposition(|b| !matches!(b, b'\t' | b'\n' | b'\x0c' | b'\r' | b' '));
    let Some(last) = end else { return before };
    // U+2028 and U+2029 are blank, too.
    let s = &s[..=last];
    if let Some(rest) = s.strip_suffix("\u{2028}".as_bytes()).or_else(|| s.strip_suffix("\u{2029}".as_bytes())) {
        return next_ctx(rest, before);
    }
    match s[last] {
        sign @ (b'+' | b'-') => {
            // `x++ / y` divides, `x + /y/` does not.
            let run = s.iter().rev().take_while(|b| **b == sign).count();
            if run % 2 == 1 { JsCtx::Regexp } else { JsCtx::DivOp }
        }
        b'.' if last > 0 && s[last - 1].is_ascii_digit() => JsCtx::DivOp,
        b'.' | b',' | b'<' | b'>' | b'=' | b'*' | b'%' | b'&' | b'|' | b'^' | b'?' | b'!' | b'~' | b'(' | b'['
        | b':' | b';' | b'{' | b'}' => JsCtx::Regexp,
        _ => {
            let begin = s.iter().rposition(|b| !is_name_part(*b)).map_or(0, |at| at + 1);
            if BEFORE_REGEXP.contains(&&s[begin..]) { JsCtx::Regexp } else { JsCtx::DivOp }
        }
    }
}

fn is_name_part(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'$' | b'_')
}

fn unfinished(s: &[u8]) -> (Context, usize) {
    let words = format!("unfinished escape sequence in JS string: {}", shown(s));
    (Context::failed(Fault::new(words)), s.len())
}

pub(super) fn template_literal(mut c: Context, s: &[u8]) -> (Context, usize) {
    let mut from = 0;
    while let Some(at) = find_any(&s[from..], b"`\\$") {
        let mut i = from + at;
        match s[i] {
            b'\\' => {
                i += 1;
                if i == s.len() {
                    return unfinished(s);
                }
            }
            b'$' if s.get(i + 1) == Some(&b'{') => {
                c.js_braces.push(0);
                return (Context { state: State::JS, ..c }, i + 2);
            }
            b'`' => return (Context { state: State::JS, ..c }, i + 1),
            _ => {}
        }
        from = i + 1;
    }
    (c, s.len())
}

/// Strings and regular expressions.
pub(super) fn delimited(c: Context, s: &[u8]) -> (Context, usize) {
    let specials: &[u8] = match c.state {
        State::JSSqStr => b"\\'",
        State::JSRegexp => b"\\/[]",
        _ => b"\\\"",
    };
    let (mut from, mut in_charset) = (0, false);
    while let Some(at) = find_any(&s[from..], specials) {
        let mut i = from + at;
        match s[i] {
            b'\\' => {
                i += 1;
                if i == s.len() {
                    return unfinished(s);
                }
            }
            b'[' => in_charset = true,
            b']' => in_charset = false,
            b'/' if i > 0 && s.get(i - 1..i + 7).is_some_and(|tag| tag.eq_ignore_ascii_case(b"</script")) => i += 1,
            _ if !in_charset => return (Context { state: State::JS, js_ctx: JsCtx::DivOp, ..c }, i + 1),
            _ => {}
        }
        from = i + 1;
    }
    if in_charset {
        let words = format!("unfinished JS regexp charset: {}", shown(s));
        return (Context::failed(Fault::new(words)), s.len());
    }
    (c, s.len())
}

/// Whether a `type` of a `<script>` says that it is JavaScript.
pub(super) fn is_js_type(mime: &str) -> bool {
    let mime = mime.split(';').next().unwrap_or_default().to_lowercase();
    matches!(
        mime.trim(),
        "" | "application/ecmascript"
            | "application/javascript"
            | "application/json"
            | "application/ld+json"
            | "application/x-ecmascript"
            | "application/x-javascript"
            | "module"
            | "text/ecmascript"
            | "text/javascript"
            | "text/javascript1.0"
            | "text/javascript1.1"
            | "text/javascript1.2"
            | "text/javascript1.3"
            | "text/javascript1.4"
            | "text/javascript1.5"
            | "text/jscript"
            | "text/livescript"
            | "text/x-ecmascript"
            | "text/x-javascript"
    )
}

/// A value as an expression.
pub(super) fn value(args: &[Value]) -> String {
    let written = match args {
        [one] => match one.printable() {
            Value::String(text, type_) if type_.name == "template.JS" => return text.to_string(),
            Value::String(text, type_) if type_.name == "template.JSStr" => return format!("\"{text}\""),
            other => gojson::marshal_or_text(other),
        },
        more => gojson::marshal(&Value::from(crate::gofmt::sprint(more))),
    };
    match written {
        Err(error) => {
            let error = error.replace("*/", "* /").replace("<!--", "\\x3C!--");
            format!(" /* {error} */null ")
        }
        Ok(json) => {
            let json = json.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
            let touches = |b: Option<&u8>| b.is_some_and(|b| is_name_part(*b));
            let bytes = json.as_bytes();
            if touches(bytes.first()) || touches(bytes.last()) { format!(" {json} ") } else { json }
        }
    }
}

fn replaced(text: &str, special: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => match special(c) {
                Some(by) => out.push_str(by),
                None => out.push(c),
            },
        }
    }
    out
}

fn in_string(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "\\u0022",
        '`' => "\\u0060",
        '&' => "\\u0026",
        '\'' => "\\u0027",
        '+' => "\\u002b",
        '/' => "\\/",
        '<' => "\\u003c",
        '>' => "\\u003e",
        '\\' => "\\\\",
        _ => return None,
    })
}

pub(super) fn string_part(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    let is_escaped = type_ == "template.JSStr";
    replaced(&text, |c| in_string(c).filter(|_| !(is_escaped && c == '\\')))
}

pub(super) fn template_literal_part(args: &[Value]) -> String {
    replaced(&stringify(args).0, |c| match c {
        '$' => Some("\\u0024"),
        '{' => Some("\\u007b"),
        '}' => Some("\\u007d"),
        c => in_string(c),
    })
}

pub(super) fn regexp_part(args: &[Value]) -> String {
    let out = replaced(&stringify(args).0, |c| {
        Some(match c {
            '$' => "\\$",
            '(' => "\\(",
            ')' => "\\)",
            '*' => "\\*",
            '-' => "\\-",
            '.' => "\\.",
            '?' => "\\?",
            '[' => "\\[",
            ']' => "\\]",
            '^' => "\\^",
            '{' => "\\{",
            '|' => "\\|",
            '}' => "\\}",
            '`' => return None,
            c => return in_string(c),
        })
    });
    if out.is_empty() { "(?:)".to_owned() } else { out }
}
