//! Names for readers that know letters, digits and underscores only: the escaping schemes of `common/model.EscapeName`.

use std::borrow::Cow;

use firesteel_model::{Labels, MetricFamily, push_packed};

use crate::lexer::{is_metric_char, is_metric_start};

/// How names outside the legacy set are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Escaping {
    /// As they are, quoted.
    AllowUtf8,
    /// `_` for each foreign character.
    #[default]
    Underscores,
    /// `_dot_` for a dot, `__` for others and for `_`.
    Dots,
    /// `U__` in front, `_HEX_` for each foreign character.
    Values,
}

impl Escaping {
    /// Returns the scheme of that name in a content type.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "allow-utf-8" => Self::AllowUtf8,
            "underscores" => Self::Underscores,
            "dots" => Self::Dots,
            "values" => Self::Values,
            _ => return None,
        })
    }

    /// Returns the name for a content type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    /// Returns the families with the names of their metrics and labels escaped, and untouched where that changes nothing.
    pub fn families(self, families: &[MetricFamily]) -> Cow<'_, [MetricFamily]> {
        let any = |f: &MetricFamily| {
            self.changes(&f.name) || f.metrics.iter().any(|m| m.labels.iter().any(|(name, _)| self.changes(name)))
        };
        if self == Self::AllowUtf8 || !families.iter().any(any) {
            return Cow::Borrowed(families);
        }
        let mut owned = families.to_vec();
        for family in &mut owned {
            let mut name = String::new();
            self.push_name(&mut name, &family.name);
            family.name = name;
            for metric in &mut family.metrics {
                let mut packed = Vec::new();
                for (name, value) in &metric.labels {
                    let mut escaped = String::new();
                    self.push_name(&mut escaped, name);
                    push_packed(&mut packed, &escaped);
                    push_packed(&mut packed, value);
                }
                metric.labels = Labels::from_packed(&packed);
            }
        }
        Cow::Owned(owned)
    }

    /// Returns the name that was escaped as [`Self::Values`], or `None` when the text is no such thing.
    pub fn unescape_values(text: &str) -> Option<String> {
        let mut rest = text.strip_prefix("U__")?;
        let mut out = String::new();
        while let Some(at) = rest.find('_') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix('_') {
                out.push('_');
                rest = behind;
                continue;
            }
            let (code, behind) = rest.split_once('_')?;
            // upstream takes up to six digits, in lower case or not (common/model/metric.go, UnescapeName).
            let code = (1..=6).contains(&code.len()).then(|| u32::from_str_radix(code, 16).ok())??;
            out.push(char::from_u32(code)?);
            rest = behind;
        }
        out.push_str(rest);
        Some(out)
    }

    /// Returns whether the name is written otherwise than it is.
    fn changes(self, name: &str) -> bool {
        self != Self::AllowUtf8 && (!is_legal(name) || self == Self::Dots && name.contains('_'))
    }

    /// Appends the name of a metric or a label.
    pub fn push_name(self, out: &mut String, name: &str) {
        let legal = |at: usize, c: char| {
            u8::try_from(c).is_ok_and(|b| if at == 0 { is_metric_start(b) } else { is_metric_char(b) })
        };
        if !self.changes(name) {
            out.push_str(name);
            return;
        }
        if self == Self::Values {
            out.push_str("U__");
        }
        for (at, c) in name.char_indices() {
            match (self, c) {
                (Self::Dots | Self::Values, '_') => out.push_str("__"),
                (Self::Dots, '.') => out.push_str("_dot_"),
                (_, c) if legal(at, c) => out.push(c),
                (Self::Dots, _) => out.push_str("__"),
                (Self::Values, c) => out.push_str(&format!("_{:x}_", u32::from(c))),
                _ => out.push('_'),
            }
        }
    }
}

/// Returns whether a name has letters, digits, underscores and colons only, and begins with no digit.
fn is_legal(name: &str) -> bool {
    name.bytes().enumerate().all(|(at, b)| if at == 0 { is_metric_start(b) } else { is_metric_char(b) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_values_come_back() {
        let cases = [
            ("U__foo_2e_bar", Some("foo.bar")),
            ("U__a__b", Some("a_b")),
            ("U___1F600_x", Some("\u{1f600}x")),
            ("foo_2e_bar", None),
            ("U__foo_2e", None),
            ("U__foo_zz_", None),
            ("U__foo_d800_", None),
            ("U__foo_0000061_", None),
            ("U__foo_", None),
        ];
        for (text, want) in cases {
            assert_eq!(Escaping::unescape_values(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn names_are_escaped_as_upstream() {
        let cases = [
            ("up:5m_x", ["up:5m_x", "up:5m_x", "up:5m__x", "up:5m_x"]),
            ("http.status:x", ["http.status:x", "http_status:x", "http_dot_status:x", "U__http_2e_status:x"]),
            ("9ü_é", ["9ü_é", "____", "________", "U___39__fc____e9_"]),
        ];
        for (name, want) in cases {
            let schemes = [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Dots, Escaping::Values];
            for (scheme, want) in schemes.into_iter().zip(want) {
                let mut got = String::new();
                scheme.push_name(&mut got, name);
                assert_eq!(got, want, "{name}, {scheme:?}");
            }
        }
    }
}
