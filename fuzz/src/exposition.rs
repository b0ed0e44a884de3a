//! Expositions of targets: the text format, OpenMetrics and protobuf.

use firesteel_expfmt::{
    Event, Format, Parser, ParserOptions, ProtobufOptions, ProtobufParser, RichOptions, RichParser, SampleLabels,
};

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

/// The bytes are a body of lines, behind one that says how it is to be read.
pub fn rich_lines(data: &[u8]) {
    let Some((how, body)) = data.split_first() else { return };
    let format = if how & 1 != 0 { Format::OpenMetrics } else { Format::Text };
    let options = RichOptions { starts: how & 2 != 0, custom_buckets: how & 4 != 0, always_classic: how & 8 != 0 };
    let parser = Parser::new(format, body, ParserOptions { type_and_unit_labels: how & 16 != 0 });
    let mut parser = RichParser::new(parser, options);
    let mut labels = SampleLabels::default();
    let mut events = 0;
    while let Ok(Some(event)) = parser.next() {
        if let Event::Sample(_) = event {
            let _ = parser.labels(&mut labels);
            if let Some(histogram) = parser.histogram() {
                assert!(parser.converted().is_some(), "{histogram:?}");
            }
            let _ = parser.start();
            parser.exemplars(&mut labels, |_, _| {});
        }
        events += 1;
        assert!(events <= 2 * body.len(), "more events than bytes allow");
    }
}

/// The bytes are a body in protobuf, behind one that says how it is to be read.
pub fn protobuf(data: &[u8]) {
    let Some((how, body)) = data.split_first() else { return };
    let options = ProtobufOptions {
        native_histograms: how & 1 != 0,
        always_classic: how & 2 != 0,
        custom_buckets: how & 4 != 0,
        type_and_unit_labels: how & 8 != 0,
    };
    let mut parser = ProtobufParser::new(body, options);
    let mut labels = SampleLabels::default();
    let mut events = 0;
    while let Ok(Some(event)) = parser.next() {
        if let Event::Sample(_) = event {
            let _ = parser.labels(&mut labels);
            let _ = parser.histogram();
            parser.exemplars(&mut labels, |_, _| {});
        }
        events += 1;
        // An empty metric of two bytes may be a histogram, which is four samples, in a family that tells three things.
        assert!(events <= 4 + body.len() * 4, "more events than bytes allow");
    }
}
