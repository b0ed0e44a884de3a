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
    reader
        .error(*span, "FS0142", format!("{owner} has {}", names.join(" and ")))
        .label("keep one")
        .upstream(upstream);
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
