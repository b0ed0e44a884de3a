//! From a content type to the format of a page.

use firesteel_expfmt::{Format, MediaType, choose};

use crate::ingest::PageFormat;

/// Remembers the last content type that was understood, with the fallback at the time.
#[derive(Debug, Default)]
pub(crate) struct Formats {
    last: Option<(String, Option<MediaType>, PageFormat)>,
}

impl Formats {
    /// Returns the format that `content_type` says, or `fallback` where it says none. Errors in upstream's words.
    pub(crate) fn of(&mut self, content_type: &str, fallback: Option<MediaType>) -> Result<PageFormat, String> {
        if let Some((known, with, format)) = &self.last
            && known == content_type
            && *with == fallback
        {
            return Ok(*format);
        }
        let format = match choose(content_type, fallback) {
            Ok(MediaType::Text) => PageFormat::Lines(Format::Text),
            Ok(MediaType::OpenMetrics) => PageFormat::Lines(Format::OpenMetrics),
            Ok(MediaType::Protobuf) => PageFormat::Protobuf,
            Err(e) => return Err(e.to_string()),
        };
        self.last = Some((content_type.to_owned(), fallback, format));
        Ok(format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_counts_for_itself() {
        let mut formats = Formats::default();
        for _twice in 0..2 {
            assert_eq!(formats.of("text/plain; version=0.0.4", None), Ok(PageFormat::Lines(Format::Text)));
            assert_eq!(formats.of("text/plain; version=0.0.4", None), Ok(PageFormat::Lines(Format::Text)));
            assert_eq!(
                formats.of("application/openmetrics-text; version=1.0.0", None),
                Ok(PageFormat::Lines(Format::OpenMetrics))
            );
            assert!(formats.of("", None).is_err());
            assert_eq!(formats.of("", Some(MediaType::OpenMetrics)), Ok(PageFormat::Lines(Format::OpenMetrics)));
            assert!(formats.of("", None).is_err());
        }
    }
}
