//! Names of labels out of names that others chose.

/// Returns the name with every character that a label may not have as `_` (upstream: `strutil.SanitizeLabelName`).
pub fn sanitize_label_name(name: &str) -> String {
    // Upstream replaces bytes of a match of `[^a-zA-Z0-9_]`, which is a character each.
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_upstream() {
        for (name, want) in [("a.b/c-d", "a_b_c_d"), ("Ab_9", "Ab_9"), ("ä", "_"), ("", "")] {
            assert_eq!(sanitize_label_name(name), want);
        }
    }
}
