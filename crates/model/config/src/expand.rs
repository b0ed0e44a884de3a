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

#[cfg(test)]
mod tests {
    use super::*;

    /// Go's `os.Expand`, with what upstream makes of names that are not set (config/config.go, `Load`).
    #[test]
    fn values_are_expanded_as_go_does() {
        let lookup = |name: &str| match name {
            "REGION" => Some("eu".to_owned()),
            "A_1" => Some("$REGION".to_owned()),
            "1" => Some("one".to_owned()),
            _ => None,
        };
        for (text, want) in [
            ("plain", "plain"),
            ("$REGION", "eu"),
            ("${REGION}-1", "eu-1"),
            ("x-$REGION.y", "x-eu.y"),
            ("$REGIONAL", ""),
            ("${UNSET}", ""),
            ("$A_1", "$REGION"),
            ("$1$$", "one$"),
            ("100$", "100$"),
            ("$ $-x", "$ x"),
            ("${}x", "x"),
            ("${REGION", "REGION"),
        ] {
            let mut labels = LabelSet([("l".to_owned(), text.to_owned())].into());
            expand_labels(&mut labels, lookup);
            assert_eq!(labels.0["l"], want, "{text}");
        }
    }
}
