//! Expositions of targets: the text format and OpenMetrics.

use firesteel_expfmt::{Format, Parser, ParserOptions, SampleLabels};

/// The bytes are a body in the text format.
pub fn text(data: &[u8]) {
    parse(Format::Text, data);
}

/// The bytes are a body in OpenMetrics.
pub fn openmetrics(data: &[u8]) {
    parse(Format::OpenMetrics, data);
}

fn parse(format: Format, data: &[u8]) {
    let mut parser = Parser::new(format, data, ParserOptions { type_and_unit_labels: data.len() % 2 == 1 });
    let mut labels = SampleLabels::default();
    let mut events = 0;
    while let Ok(Some(_)) = parser.next() {
        let _ = parser.labels(&mut labels);
        let _ = parser.exemplar(&mut labels);
        events += 1;
        assert!(events <= data.len(), "more events than bytes");
    }
}
