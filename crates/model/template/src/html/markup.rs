//! Text, attributes and names of markup.

use std::fmt::Write as _;

use super::attribute::{Content, content_of};
use super::context::{Context, Delim, Element, State};
use super::transition::{find_any, step};
use super::{FAILSAFE, stringify};
use crate::value::Value;

const HTML: &str = "template.HTML";

/// Writes characters that mean something as references. `&` stays if the text was markup before.
fn replaced(text: &str, was_markup: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '&' if !was_markup => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '+' => out.push_str("&#43;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn text(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    if type_ == HTML { text } else { replaced(&text, false) }
}

pub(super) fn raw_text(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    replaced(&text, type_ == HTML)
}

pub(super) fn attribute(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    if type_ == HTML { replaced(&without_tags(&text), true) } else { replaced(&text, false) }
}

/// An attribute without quotes.
pub(super) fn unquoted(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    if text.is_empty() {
        return FAILSAFE.to_owned();
    }
    let was_markup = type_ == HTML;
    let text = if was_markup { without_tags(&text) } else { text };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push_str("&#xfffd;"),
            '&' if !was_markup => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t'..='\r' | ' ' | '"' | '\'' | '+' | '=' | '`' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' => {
                let _ = write!(out, "&#x{:x};", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

/// A name of an attribute that data may choose.
pub(super) fn name(args: &[Value]) -> String {
    let (text, type_) = stringify(args);
    if type_ == "template.HTMLAttr" {
        return text;
    }
    let text = text.to_lowercase();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if text.is_empty() || content_of(&text) != Content::Plain || !text.chars().all(plain) {
        return FAILSAFE.to_owned();
    }
    text
}

fn without_tags(markup: &str) -> String {
    let s = markup.as_bytes();
    let (mut out, mut c, mut i, mut all_text) = (Vec::with_capacity(s.len()), Context::default(), 0, true);
    while i < s.len() {
        if c.delim == Delim::None {
            let state = if c.element != Element::None && !c.state.is_in_tag() { State::RCDATA } else { c.state };
            let (next, read) = step(Context { state, ..c.clone() }, &s[i..]);
            let end = i + read;
            if matches!(c.state, State::Text | State::RCDATA) {
                let tag = s[i..end].iter().rposition(|b| *b == b'<').filter(|_| next.state != c.state);
                out.extend_from_slice(&s[i..tag.map_or(end, |at| i + at)]);
            } else {
                all_text = false;
            }
            // At an end tag nothing is read, but the context is another.
            c = next;
            i = end;
            continue;
        }
        let Some(at) = find_any(&s[i..], c.delim.ends()) else { break };
        i += at + usize::from(c.delim != Delim::SpaceOrTagEnd);
        c = Context::tag(c.element);
    }
    if all_text {
        return markup.to_owned();
    }
    if matches!(c.state, State::Text | State::RCDATA) {
        out.extend_from_slice(s.get(i..).unwrap_or_default());
    }
    String::from_utf8_lossy(&out).into_owned()
}
