//! Content types: what a scraper asks for, and which parser an answer gets (`model/textparse/interface.go`,
//! `extractMediaType`; `scrape/scrape.go`, `acceptHeader`).

use firesteel_go_compat::quote;

/// The media types that are recognised.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MediaType {
    Text,
    OpenMetrics,
    Protobuf,
}

impl MediaType {
    fn recognise(media_type: &str) -> Option<Self> {
        match media_type {
            "text/plain" => Some(Self::Text),
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            "application/vnd.google.protobuf" => Some(Self::Protobuf),
            _ => None,
        }
    }

    /// Returns the media type without parameters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::OpenMetrics => "application/openmetrics-text",
            Self::Protobuf => "application/vnd.google.protobuf",
        }
    }
}

/// Why a content type is not taken as it is: upstream's texts.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentTypeError {
    #[error(
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
    )]
    Blank,
    #[error("cannot parse Content-Type {0} and no fallback_scrape_protocol for target\n{1}")]
    Unparsable(String, &'static str),
    #[error("received unsupported Content-Type {0} and no fallback_scrape_protocol specified for target")]
    Unsupported(String),
}

/// Chooses the parser for an answer: by its content type, else by the fallback of the configuration.
pub fn choose(content_type: &str, fallback: Option<MediaType>) -> Result<MediaType, ContentTypeError> {
    let refused = if content_type.is_empty() {
        ContentTypeError::Blank
    } else {
        match parse_media_type(content_type) {
            Ok(media_type) => match MediaType::recognise(&media_type) {
                Some(known) => return Ok(known),
                None => ContentTypeError::Unsupported(quote(content_type).to_string()),
            },
            Err(why) => ContentTypeError::Unparsable(quote(content_type).to_string(), why),
        }
    };
    fallback.ok_or(refused)
}

/// Returns the lower-cased media type of a header value, by the rules and with the error texts of Go's
/// `mime.ParseMediaType`.
fn parse_media_type(value: &str) -> Result<String, &'static str> {
    let (base, mut rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    let media_type = base.trim().to_ascii_lowercase();
    let (kind, sub) = media_type.split_once('/').map_or((media_type.as_str(), None), |(k, s)| (k, Some(s)));
    if kind.is_empty() {
        return Err("mime: no media type");
    }
    if !kind.bytes().all(is_token_char) {
        let slash_missing = kind.bytes().next().is_some_and(is_token_char);
        return Err(if slash_missing { "mime: expected slash after first token" } else { "mime: no media type" });
    }
    if let Some(sub) = sub {
        if sub.is_empty() || !sub.bytes().next().is_some_and(is_token_char) {
            return Err("mime: expected token after slash");
        }
        if !sub.bytes().all(is_token_char) {
            return Err("mime: unexpected content after media subtype");
        }
    }
    let mut seen: Vec<String> = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(parameter) = rest.strip_prefix(';') else {
            return if rest.is_empty() { Ok(media_type) } else { Err("mime: invalid media parameter") };
        };
        let parameter = parameter.trim_start();
        // A semicolon at the end is forgiven.
        if parameter.is_empty() {
            return Ok(media_type);
        }
        let name_len = parameter.bytes().take_while(|&c| is_token_char(c)).count();
        let (name, after) = parameter.split_at(name_len);
        let after = after.trim_start().strip_prefix('=').ok_or("mime: invalid media parameter")?.trim_start();
        if name.is_empty() {
            return Err("mime: invalid media parameter");
        }
        let value_len = match after.as_bytes().first() {
            Some(b'"') => quoted_len(after).ok_or("mime: invalid media parameter")?,
            _ => after.bytes().take_while(|&c| is_token_char(c)).count(),
        };
        if value_len == 0 {
            return Err("mime: invalid media parameter");
        }
        let name = name.to_ascii_lowercase();
        if seen.contains(&name) {
            return Err("mime: duplicate parameter name");
        }
        seen.push(name);
        rest = after.split_at(value_len).1;
    }
}

/// Returns the length of the quoted string at the front, its quotes included.
fn quoted_len(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.bytes().enumerate().skip(1) {
        match c {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            b'\r' | b'\n' => return None,
            _ => {}
        }
    }
    None
}

fn is_token_char(c: u8) -> bool {
    c.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_choose_parsers() {
        let cases: &[(&str, Option<MediaType>, Result<MediaType, &str>)] = &[
            ("text/plain; version=0.0.4; charset=utf-8", None, Ok(MediaType::Text)),
            ("text/plain", None, Ok(MediaType::Text)),
            ("TEXT/Plain ;", None, Ok(MediaType::Text)),
            ("application/openmetrics-text; version=1.0.0", None, Ok(MediaType::OpenMetrics)),
            (
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
                None,
                Ok(MediaType::Protobuf),
            ),
            (
                "",
                None,
                Err(
                    "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target",
                ),
            ),
            ("", Some(MediaType::Text), Ok(MediaType::Text)),
            (
                "text/html; charset=utf-8",
                None,
                Err(
                    "received unsupported Content-Type \"text/html; charset=utf-8\" and no fallback_scrape_protocol specified for target",
                ),
            ),
            ("text/html", Some(MediaType::OpenMetrics), Ok(MediaType::OpenMetrics)),
            (
                "text/plain; a",
                None,
                Err(
                    "cannot parse Content-Type \"text/plain; a\" and no fallback_scrape_protocol for target\nmime: invalid media parameter",
                ),
            ),
            (
                "text plain",
                None,
                Err(
                    "cannot parse Content-Type \"text plain\" and no fallback_scrape_protocol for target\nmime: expected slash after first token",
                ),
            ),
            (
                "text/plain; a=1; A=2",
                None,
                Err(
                    "cannot parse Content-Type \"text/plain; a=1; A=2\" and no fallback_scrape_protocol for target\nmime: duplicate parameter name",
                ),
            ),
        ];
        for (header, fallback, want) in cases {
            let got = choose(header, *fallback).map_err(|e| e.to_string());
            assert_eq!(got, want.map_err(str::to_owned), "{header}");
        }
    }
}
