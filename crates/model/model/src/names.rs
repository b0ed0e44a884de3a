//! Which names metrics and labels may have.

/// The scheme by which names are checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ValidationScheme {
    /// Not given: the outer block decides. After loading nothing is unset.
    #[default]
    Unset,
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    Legacy,
    /// Any UTF-8 text that is not empty.
    Utf8,
}

impl ValidationScheme {
    /// Returns whether a label may have this name.
    pub fn is_valid_label_name(self, name: &str) -> bool {
        match self {
            Self::Legacy => is_legacy_label_name(name),
            Self::Unset | Self::Utf8 => !name.is_empty(),
        }
    }

    /// Returns whether a metric may have this name.
    pub fn is_valid_metric_name(self, name: &str) -> bool {
        match self {
            Self::Legacy => is_legacy_metric_name(name),
            Self::Unset | Self::Utf8 => !name.is_empty(),
        }
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
pub fn is_legacy_label_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`
pub fn is_legacy_metric_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let cases = [
            ("a", true, true, true),
            ("_a9", true, true, true),
            ("a:b", false, true, true),
            (":a", false, true, true),
            ("9a", false, false, true),
            ("a.b", false, false, true),
            ("\u{e9}", false, false, true),
            ("", false, false, false),
        ];
        for (name, label, metric, utf8) in cases {
            assert_eq!(ValidationScheme::Legacy.is_valid_label_name(name), label, "{name}");
            assert_eq!(ValidationScheme::Legacy.is_valid_metric_name(name), metric, "{name}");
            assert_eq!(ValidationScheme::Utf8.is_valid_label_name(name), utf8, "{name}");
        }
    }
}
