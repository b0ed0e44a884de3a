//! Names for readers that know letters, digits and underscores only: the escaping schemes of `common/model.EscapeName`,
//! and which of them a reader asks for.

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

    /// Appends the name of a metric or a label.
    pub fn push_name(self, out: &mut String, name: &str) {
        let legal = |at: usize, c: char| {
            u8::try_from(c).is_ok_and(|b| if at == 0 { is_metric_start(b) } else { is_metric_char(b) })
        };
        let all_legal = name.char_indices().all(|(at, c)| legal(at, c));
        if self == Self::AllowUtf8 || (all_legal && self != Self::Dots) || name.is_empty() {
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

/// Returns the content type of the text format that suits an `Accept` header best, and its escaping, as
/// `expfmt.Negotiate` does: who wants text 1.0.0 or protobuf gets 0.0.4.
pub fn negotiate_text(accept: &str) -> (String, Escaping) {
    let mut ranges: Vec<(f64, &str)> = accept.split(',').map(|range| (quality(range), range)).collect();
    ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut escaping = Escaping::default();
    for (_, range) in ranges {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let mut wanted = "";
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "escaping" => escaping = Escaping::named(value).unwrap_or(escaping),
                "version" => wanted = value,
                _ => {}
            }
        }
        if media_type == "text/plain" && matches!(wanted, "" | "0.0.4" | "1.0.0") {
            break;
        }
    }
    (format!("text/plain; version=0.0.4; charset=utf-8; escaping={}", escaping.as_str()), escaping)
}

fn quality(range: &str) -> f64 {
    let q = range.split(';').skip(1).filter_map(|part| part.trim().strip_prefix("q=")).last();
    q.and_then(|q| q.trim().parse().ok()).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn text_is_negotiated() {
        let cases = [
            ("", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
            (
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
            ),
            (
                "text/plain;version=0.0.4;q=0.2, text/plain; version=1.0.0; escaping=values; q=0.1",
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            ),
            ("application/json;escaping=dots", "text/plain; version=0.0.4; charset=utf-8; escaping=dots"),
            ("text/plain;version=9", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
        ];
        for (accept, want) in cases {
            assert_eq!(negotiate_text(accept).0, want, "{accept}");
        }
    }
}
