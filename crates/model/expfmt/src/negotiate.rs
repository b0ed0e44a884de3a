//! Which format, and which escaping of names, an `Accept` header asks for (`common/expfmt/encode.go`, `Negotiate`).

use firesteel_model::MetricFamily;

use crate::write_openmetrics::write_openmetrics_without_created;
use crate::{Escaping, write_protobuf, write_text};

/// What families can be written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exposition {
    Text,
    OpenMetrics,
    /// Delimited messages.
    Protobuf,
}

impl Exposition {
    /// Returns the content type of an answer.
    pub fn content_type(self, escaping: Escaping) -> String {
        let format = match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        };
        format!("{format}; escaping={}", escaping.as_str())
    }

    /// Appends the families as a page of metrics has them: only protobuf tells when they began.
    pub fn write(self, families: &[MetricFamily], escaping: Escaping, out: &mut Vec<u8>) {
        let families = escaping.families(families);
        match self {
            Self::Text => write_text(&families, out),
            Self::OpenMetrics => write_openmetrics_without_created(&families, out),
            Self::Protobuf => write_protobuf(&families, out),
        }
    }
}

/// Returns the format that suits an `Accept` header best, and its escaping. `offered` are those beside text, which is what
/// everybody gets who asks for nothing that is there.
pub fn negotiate(accept: &str, offered: &[Exposition]) -> (Exposition, Escaping) {
    let mut escaping = Escaping::default();
    for range in ranges(accept) {
        escaping = range.escaping.unwrap_or(escaping);
        let suits = match range.media_type {
            "text/plain" if matches!(range.version, "" | "0.0.4") => return (Exposition::Text, escaping),
            "application/openmetrics-text" if matches!(range.version, "" | "0.0.1" | "1.0.0") => {
                Exposition::OpenMetrics
            }
            "application/vnd.google.protobuf"
                if range.proto == "io.prometheus.client.MetricFamily" && range.encoding == "delimited" =>
            {
                Exposition::Protobuf
            }
            _ => continue,
        };
        if offered.contains(&suits) {
            return (suits, escaping);
        }
    }
    (Exposition::Text, escaping)
}

/// Returns the content type of the text format that suits an `Accept` header best, and its escaping, as
/// `expfmt.Negotiate` does: who wants text 1.0.0 or protobuf gets 0.0.4.
pub fn negotiate_text(accept: &str) -> (String, Escaping) {
    let mut escaping = Escaping::default();
    for range in ranges(accept) {
        escaping = range.escaping.unwrap_or(escaping);
        if range.media_type == "text/plain" && matches!(range.version, "" | "0.0.4" | "1.0.0") {
            break;
        }
    }
    (Exposition::Text.content_type(escaping), escaping)
}

/// One alternative of the header.
#[derive(Default)]
struct Range<'a> {
    quality: f64,
    media_type: &'a str,
    version: &'a str,
    proto: &'a str,
    encoding: &'a str,
    escaping: Option<Escaping>,
}

/// Returns the alternatives, the most wanted first.
fn ranges(accept: &str) -> Vec<Range<'_>> {
    let read = |text| {
        let mut range = Range { quality: 1.0, ..Range::default() };
        let mut parts = str::split(text, ';').map(str::trim);
        range.media_type = parts.next().unwrap_or_default();
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "escaping" => range.escaping = Escaping::named(value).or(range.escaping),
                "version" => range.version = value,
                "proto" => range.proto = value,
                "encoding" => range.encoding = value,
                "q" => range.quality = value.trim().parse().unwrap_or(1.0),
                _ => {}
            }
        }
        range
    };
    let mut ranges: Vec<Range<'_>> = accept.split(',').map(read).collect();
    ranges.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_offer_wins() {
        const PROTOBUF: &str =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let all = [Exposition::OpenMetrics, Exposition::Protobuf];
        let scraper = format!(
            "{PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        );
        let cases: [(&str, &[Exposition], Exposition, Escaping); 6] = [
            (&scraper, &all, Exposition::Protobuf, Escaping::Underscores),
            (&scraper, &[Exposition::OpenMetrics], Exposition::OpenMetrics, Escaping::AllowUtf8),
            (&scraper, &[], Exposition::Text, Escaping::AllowUtf8),
            ("", &all, Exposition::Text, Escaping::Underscores),
            ("application/openmetrics-text;version=9", &all, Exposition::Text, Escaping::Underscores),
            ("text/plain;escaping=values,application/openmetrics-text", &all, Exposition::Text, Escaping::Values),
        ];
        for (accept, offered, format, escaping) in cases {
            assert_eq!(negotiate(accept, offered), (format, escaping), "{accept}");
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
