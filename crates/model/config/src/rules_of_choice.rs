//! Checks that many blocks share: one of several words, at most one of several keys.

use firesteel_yaml::{Diagnostic, Fix, Node, Reader, Span, nearest};

/// Returns the span of the value under `key`, or of the block's first line when it is absent.
pub(crate) fn value_span(node: &Node, key: &str) -> Span {
    node.get(key).map_or(node.span, |value| value.span)
}

/// Returns the span of the key itself, or of the block when it is absent.
pub(crate) fn key_span(node: &Node, key: &str) -> Span {
    node.entry(key).map_or(first_key_span(node), |(key, _)| key.span)
}

/// Returns the span of a block's first key, which is where a person looks for the block.
pub(crate) fn first_key_span(node: &Node) -> Span {
    node.pairs().first().map_or(Span { end: node.span.start + 1, ..node.span }, |(key, _)| key.span)
}

/// Notes that a word is none of those legal there, and which of them was meant.
pub(crate) fn not_a_choice<'r>(
    reader: &'r mut Reader<'_>,
    span: Span,
    what: &str,
    word: &str,
    legal: &[&str],
    upstream: impl Into<String>,
) -> &'r mut Diagnostic {
    let found = reader
        .error(span, "FS0151", format!("`{word}` is not {what}"))
        .upstream(upstream)
        .note(format!("one of: {}", legal.join(", ")));
    match nearest(word, legal.iter().copied()) {
        Some(meant) => found.label(format!("did you mean `{meant}`?")).fix(Fix::replace(span, meant)),
        None => found,
    }
}

/// Notes when more than one of the keys is given with a value. Returns whether so.
pub(crate) fn at_most_one(node: &Node, reader: &mut Reader<'_>, keys: &[&str], upstream: &str) -> bool {
    let given: Vec<(&str, Span)> = keys
        .iter()
        .filter_map(|name| node.entry(name).map(|(key, value)| (*name, key, value)))
        .filter(|(_, _, value)| !value.is_null() && value.text() != Some(""))
        .map(|(name, key, _)| (name, key.span))
        .collect();
    let [(first, span), rest @ ..] = given.as_slice() else { return false };
    if rest.is_empty() {
        return false;
    }
    let owner = node
        .get("job_name")
        .and_then(Node::text)
        .map_or_else(|| "this block".to_owned(), |job| format!("job \"{job}\""));
    let names: Vec<String> =
        given.iter().map(|(name, span)| format!("`{name}` ({}:{})", span.line, span.column)).collect();
    let _ = first;
    reader.error(*span, "FS0142", format!("{owner} has {}", names.join(" and "))).label("keep one").upstream(upstream);
    true
}

/// Notes that a key without which the block has no meaning is absent or empty.
pub(crate) fn missing(node: &Node, reader: &mut Reader<'_>, key: &str, upstream: impl Into<String>) {
    let owner = reader.key().to_owned();
    let (span, message) = match node.entry(key) {
        Some((_, value)) if value.span.end > value.span.start => (value.span, format!("`{key}` of `{owner}` is empty")),
        Some((name, _)) => (name.span, format!("`{key}` of `{owner}` is empty")),
        None => (first_key_span(node), format!("`{owner}` lacks `{key}`")),
    };
    reader.error(span, "FS0117", message).label(format!("give `{key}: …`")).upstream(upstream);
}

/// Notes any other fault of a value, at that value, or at the block when it is absent.
pub(crate) fn wrong<'r>(
    node: &Node,
    reader: &'r mut Reader<'_>,
    key: &str,
    code: &'static str,
    message: impl Into<String>,
    upstream: impl Into<String>,
) -> &'r mut Diagnostic {
    let span = match node.entry(key) {
        Some((_, value)) if value.text().is_some() && value.span.end > value.span.start => value.span,
        Some((name, _)) => name.span,
        None => first_key_span(node),
    };
    reader.error(span, code, message).upstream(upstream)
}

/// Notes a word that must be one of a few: `absent` is upstream's text when it is not given, `unknown` when it is another.
pub(crate) fn one_of(
    node: &Node,
    reader: &mut Reader<'_>,
    key: &str,
    word: &str,
    legal: &[&str],
    absent: &str,
    unknown: impl FnOnce(&str) -> String,
) {
    if legal.contains(&word) {
        return;
    }
    if word.is_empty() {
        missing(node, reader, key, if absent.is_empty() { unknown(word) } else { absent.to_owned() });
        return;
    }
    not_a_choice(reader, value_span(node, key), &format!("a {key}"), word, legal, unknown(word));
}

/// Notes that a key is missing, when it is.
pub(crate) fn require(node: &Node, reader: &mut Reader<'_>, key: &str, given: bool, upstream: &str) {
    if !given {
        missing(node, reader, key, upstream);
    }
}

/// Notes a text that is no URL.
pub(crate) fn check_url(node: &Node, reader: &mut Reader<'_>, key: &str, text: &str) -> bool {
    let Some(upstream) = crate::url::fault(text) else { return true };
    wrong(node, reader, key, "FS0132", format!("`{key}` is not a URL"), upstream)
        .label("write it as http://host:port/path");
    false
}

/// Notes a URL that is not `http://host…` or `https://host…`.
pub(crate) fn check_http_url(node: &Node, reader: &mut Reader<'_>, key: &str, text: &str) {
    if text.is_empty() {
        missing(node, reader, key, "URL is missing");
        return;
    }
    if !check_url(node, reader, key, text) {
        return;
    }
    let rest = text.split_once(':').filter(|(s, _)| ["http", "https"].contains(&s.to_lowercase().as_str()));
    match rest {
        None => {
            let upstream = "URL scheme must be 'http' or 'https'";
            wrong(node, reader, key, "FS0132", format!("`{key}` must begin with http:// or https://"), upstream);
        }
        Some((_, rest)) if crate::url::host_of(rest).is_empty() => {
            wrong(node, reader, key, "FS0132", format!("`{key}` names no host"), "host is missing in URL");
        }
        Some(_) => {}
    }
}
