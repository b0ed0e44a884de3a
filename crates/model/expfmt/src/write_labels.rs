//! Names, label sets and their escapes as both writers put them.

use firesteel_go_compat::{FloatForm, push_float};
use firesteel_model::Labels;

use crate::lexer::{is_label_char, is_label_start, is_metric_char, is_metric_start};
use crate::normalise::push_openmetrics_float;

/// Appends name, suffix and label set. `extra` is a label with a number, set last; its form `Fixed` stands for
/// OpenMetrics' way of writing floats.
pub(crate) fn push_series<'a>(
    out: &mut Vec<u8>,
    name: &str,
    suffix: &str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    extra: Option<(&str, f64, FloatForm)>,
) {
    let legacy = is_legacy(name, is_metric_start, is_metric_char);
    let mut separator = b'{';
    if legacy {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
    } else {
        out.extend_from_slice(b"{\"");
        push_escaped(out, name, true);
        out.extend_from_slice(suffix.as_bytes());
        out.push(b'"');
        separator = b',';
    }
    for (label, value) in labels {
        out.push(separator);
        separator = b',';
        push_label_name(out, label);
        out.extend_from_slice(b"=\"");
        push_escaped(out, value, true);
        out.push(b'"');
    }
    if let Some((label, value, form)) = extra {
        out.push(separator);
        separator = b',';
        out.extend_from_slice(label.as_bytes());
        out.extend_from_slice(b"=\"");
        match form {
            FloatForm::Fixed => push_openmetrics_float(out, value),
            form => push_float(out, value, form),
        }
        out.push(b'"');
    }
    if separator == b',' {
        out.push(b'}');
    }
}

/// Appends the labels of an exemplar with their braces.
pub(crate) fn push_braced(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (at, (label, value)) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_label_name(out, label);
        out.extend_from_slice(b"=\"");
        push_escaped(out, value, true);
        out.push(b'"');
    }
    out.push(b'}');
}

/// Appends a family's name as HELP and TYPE lines show it: quoted if it is not of the legacy kind.
pub(crate) fn push_help_name(out: &mut Vec<u8>, name: &str) {
    if is_legacy(name, is_metric_start, is_metric_char) {
        out.extend_from_slice(name.as_bytes());
    } else {
        out.push(b'"');
        push_escaped(out, name, true);
        out.push(b'"');
    }
}

/// Appends a help text; OpenMetrics escapes quotes as well.
pub(crate) fn push_escaped_help(out: &mut Vec<u8>, text: &str, quotes: bool) {
    push_escaped(out, text, quotes);
}

fn push_label_name(out: &mut Vec<u8>, label: &str) {
    if is_legacy(label, is_label_start, is_label_char) {
        out.extend_from_slice(label.as_bytes());
    } else {
        out.push(b'"');
        push_escaped(out, label, true);
        out.push(b'"');
    }
}

fn push_escaped(out: &mut Vec<u8>, text: &str, quotes: bool) {
    for &c in text.as_bytes() {
        match c {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            c => out.push(c),
        }
    }
}

fn is_legacy(name: &str, start: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(start) && bytes.all(rest)
}
