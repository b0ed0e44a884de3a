//! How text moves on from context to context: tags, attributes, comments.

use firesteel_go_compat::quote;

use super::attribute::{Content, content_of};
use super::context::{Attr, Context, Delim, Element, Fault, State, UrlPart};
use super::{css, js};

/// Moves over a part of `s`; returns how much was read. Not called with an empty text.
pub(super) fn step(c: Context, s: &[u8]) -> (Context, usize) {
    match c.state {
        State::Text => text(c, s),
        State::Tag => tag(c, s),
        State::AttrName => match attr_name_end(s, 0) {
            Err(fault) => (Context::failed(fault), s.len()),
            Ok(i) => {
                let state = if i == s.len() { State::AttrName } else { State::AfterName };
                (Context { state, ..c }, i)
            }
        },
        State::AfterName => match skip_space(s, 0) {
            i if i == s.len() => (c, i),
            i if s[i] == b'=' => (Context { state: State::BeforeValue, ..c }, i + 1),
            i => (Context { state: State::Tag, ..c }, i),
        },
        State::BeforeValue => before_value(c, s),
        State::HTMLCmt => match find(s, b"-->") {
            Some(i) => (Context::default(), i + 3),
            None => (c, s.len()),
        },
        State::RCDATA => special_tag_end(c, s),
        State::Attr | State::Error | State::Dead => (c, s.len()),
        State::URL | State::Srcset => url(c, s),
        State::MetaContent => meta_content(c, s),
        State::MetaContentURL => match s.iter().position(|&b| b == b';') {
            Some(i) => (Context { state: State::MetaContent, ..c }, i + 1),
            None => (c, s.len()),
        },
        State::JS => js::script(c, s),
        State::JSDqStr | State::JSSqStr | State::JSRegexp => js::delimited(c, s),
        State::JSTmplLit => js::template_literal(c, s),
        State::JSBlockCmt => block_comment(c, s, State::JS),
        State::CSSBlockCmt => block_comment(c, s, State::CSS),
        State::JSLineCmt | State::JSHTMLOpenCmt | State::JSHTMLCloseCmt => {
            line_comment(c, s, &["\n", "\r", "\u{2028}", "\u{2029}"], State::JS)
        }
        State::CSSLineCmt => line_comment(c, s, &["\n", "\x0c", "\r"], State::CSS),
        State::CSS => css::sheet(c, s),
        State::CSSDqStr | State::CSSSqStr | State::CSSDqURL | State::CSSSqURL | State::CSSURL => css::string(c, s),
    }
}

pub(super) fn find(s: &[u8], what: &[u8]) -> Option<usize> {
    s.windows(what.len()).position(|window| window == what)
}

pub(super) fn find_any(s: &[u8], any: &[u8]) -> Option<usize> {
    s.iter().position(|b| any.contains(b))
}

pub(super) fn shown(s: &[u8]) -> String {
    quote(s).to_string()
}

/// `%.32q`
pub(super) fn shown_32(s: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(s).chars().take(32).collect();
    quote(&text).to_string()
}

pub(super) fn skip_space(s: &[u8], from: usize) -> usize {
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r');
    s.iter().skip(from).position(|b| !blank(b)).map_or(s.len(), |i| from + i)
}

fn text(c: Context, s: &[u8]) -> (Context, usize) {
    let mut from = 0;
    loop {
        let Some(mut i) = s[from..].iter().position(|&b| b == b'<').map(|at| from + at) else { return (c, s.len()) };
        if i + 1 == s.len() {
            return (c, s.len());
        }
        if s[i..].starts_with(b"<!--") {
            return (Context::of(State::HTMLCmt), i + 4);
        }
        i += 1;
        let is_end = s[i] == b'/';
        if is_end {
            i += 1;
            if i == s.len() {
                return (c, s.len());
            }
        }
        let (end, element) = tag_name(s, i);
        if end != i {
            return (Context::tag(if is_end { Element::None } else { element }), end);
        }
        from = end;
    }
}

fn tag_name(s: &[u8], from: usize) -> (usize, Element) {
    if !s.get(from).is_some_and(u8::is_ascii_alphabetic) {
        return (from, Element::None);
    }
    let mut end = from + 1;
    while let Some(&b) = s.get(end) {
        if b.is_ascii_alphanumeric() {
            end += 1;
        } else if matches!(b, b':' | b'-') && s.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) {
            end += 2;
        } else {
            break;
        }
    }
    let element = match s[from..end].to_ascii_lowercase().as_slice() {
        b"script" => Element::Script,
        b"style" => Element::Style,
        b"textarea" => Element::Textarea,
        b"title" => Element::Title,
        b"meta" => Element::Meta,
        _ => Element::None,
    };
    (end, element)
}

fn tag(c: Context, s: &[u8]) -> (Context, usize) {
    let i = skip_space(s, 0);
    if i == s.len() {
        return (c, i);
    }
    if s[i] == b'>' {
        let element = if c.element == Element::Meta { Element::None } else { c.element };
        return (Context { state: element.content(), element, ..Context::default() }, i + 1);
    }
    let end = match attr_name_end(s, i) {
        Err(fault) => return (Context::failed(fault), s.len()),
        Ok(end) => end,
    };
    if end == i {
        let words = format!("expected space, attr name, or end of tag, but got {}", shown(&s[i..]));
        return (Context::failed(Fault::new(words)), s.len());
    }
    let name = String::from_utf8_lossy(&s[i..end]).to_lowercase();
    let attr = match (c.element, name.as_str()) {
        (Element::Script, "type") => Attr::ScriptType,
        (Element::Meta, "content") => Attr::MetaContent,
        _ => match content_of(&name) {
            Content::Url => Attr::URL,
            Content::Css => Attr::Style,
            Content::Js => Attr::Script,
            Content::Srcset => Attr::Srcset,
            Content::Plain | Content::Html | Content::Unsafe => Attr::None,
        },
    };
    let state = if end == s.len() { State::AttrName } else { State::AfterName };
    (Context { state, element: c.element, attr, ..Context::default() }, end)
}

fn attr_name_end(s: &[u8], from: usize) -> Result<usize, Box<Fault>> {
    for (i, b) in s.iter().enumerate().skip(from) {
        match b {
            b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'=' | b'>' => return Ok(i),
            b'\'' | b'"' | b'<' => {
                let words = format!("{} in attribute name: {}", shown(&s[i..=i]), shown_32(s));
                return Err(Fault::new(words));
            }
            _ => {}
        }
    }
    Ok(s.len())
}

fn before_value(c: Context, s: &[u8]) -> (Context, usize) {
    let i = skip_space(s, 0);
    if i == s.len() {
        return (c, i);
    }
    let (delim, i) = match s[i] {
        b'\'' => (Delim::SingleQuote, i + 1),
        b'"' => (Delim::DoubleQuote, i + 1),
        _ => (Delim::SpaceOrTagEnd, i),
    };
    (Context { state: c.attr.start(), delim, ..c }, i)
}

/// The end of an element whose content is no markup; nothing is read if it begins here.
pub(super) fn special_tag_end(c: Context, s: &[u8]) -> (Context, usize) {
    if c.element != Element::None {
        if c.element == Element::Script && (c.state.is_in_script_literal() || c.state.is_comment()) {
            return (c, s.len());
        }
        if let Some(i) = tag_end(s, c.element.name().as_bytes()) {
            return (Context::default(), i);
        }
    }
    (c, s.len())
}

/// Where `</tag` begins.
fn tag_end(s: &[u8], tag: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = find(&s[from..], b"</") {
        let (begin, name) = (from + at, from + at + 2);
        from = name;
        if s[name..].get(..tag.len()).is_some_and(|found| found.eq_ignore_ascii_case(tag)) {
            from += tag.len();
            if s.get(from).is_some_and(|b| b"> \t\n\x0c/".contains(b)) {
                return Some(begin);
            }
        }
    }
    None
}

/// What a part of a URL makes of the rest.
pub(super) fn url(mut c: Context, s: &[u8]) -> (Context, usize) {
    if find_any(s, b"#?").is_some() {
        c.url_part = UrlPart::QueryOrFrag;
    } else if s.len() != skip_space(s, 0) && c.url_part == UrlPart::None {
        c.url_part = UrlPart::PreQuery;
    }
    (c, s.len())
}

fn meta_content(c: Context, s: &[u8]) -> (Context, usize) {
    for i in 0..s.len().saturating_sub(3) {
        if s[i..i + 3].eq_ignore_ascii_case(b"url") {
            let j = skip_space(s, i + 3);
            if s.get(j) == Some(&b'=') {
                return (Context { state: State::MetaContentURL, ..c }, j + 1);
            }
        }
    }
    (c, s.len())
}

fn block_comment(c: Context, s: &[u8], then: State) -> (Context, usize) {
    match find(s, b"*/") {
        Some(i) => (Context { state: then, ..c }, i + 2),
        None => (c, s.len()),
    }
}

fn line_comment(c: Context, s: &[u8], ends: &[&str], then: State) -> (Context, usize) {
    match ends.iter().filter_map(|end| find(s, end.as_bytes())).min() {
        Some(i) => (Context { state: then, ..c }, i),
        None => (c, s.len()),
    }
}
