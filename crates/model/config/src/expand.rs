//! `$VAR` and `${VAR}` in the values of external labels, as Go's `os.Expand`.

use crate::LabelSet;

/// Replaces variables in all values; one that is not set, or empty, becomes nothing. `$$` stands for `$`.
pub(crate) fn expand_labels(labels: &mut LabelSet, lookup: impl Fn(&str) -> Option<String>) {
    for value in labels.0.values_mut() {
        if value.contains('$') {
            *value = expand(value, &lookup);
        }
    }
}

fn expand(text: &str, lookup: &impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if tail.is_empty() {
            out.push('$');
            return out;
        }
        let (name, width) = variable(tail);
        match name {
            "$" => out.push('$'),
            // Bad syntax such as `${}` is dropped; a `$` before anything else stays.
            "" if width == 0 => out.push('$'),
            "" => {}
            name => out.push_str(&lookup(name).unwrap_or_default()),
        }
        rest = &tail[width..];
    }
    out.push_str(rest);
    out
}

/// Returns the name behind a `$` and how many bytes it takes.
fn variable(text: &str) -> (&str, usize) {
    let special = |b: u8| b"*#$@!?-0123456789".contains(&b);
    let bytes = text.as_bytes();
    match bytes {
        [b'{', c, b'}', ..] if special(*c) => (&text[1..2], 3),
        [b'{', b'}', ..] => ("", 2),
        [b'{', ..] => text.find('}').map_or(("", 1), |end| (&text[1..end], end + 1)),
        [c, ..] if special(*c) => (&text[..1], 1),
        _ => {
            let len = bytes.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
            (&text[..len], len)
        }
    }
}
