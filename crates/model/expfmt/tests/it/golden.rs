//! Bodies of ours with what Prometheus 3.14's parsers made of them: entries, labels, error texts.
//!
//! `testdata/parse.golden` holds, after each `== FORMAT "body"`, one line an entry.

use std::fmt::Write as _;

use firesteel_expfmt::{Event, Format, Parser, ParserOptions, SampleLabels};
use firesteel_go_compat::{FloatForm, format_float_as, quote, unquote};

const GOLDEN: &str = include_str!("../../testdata/parse.golden");

/// Renders a body's entries as the golden file does.
pub(crate) fn render(format: Format, body: &[u8]) -> String {
    let mut parser = Parser::new(format, body, ParserOptions::default());
    let (mut out, mut labels) = (String::new(), SampleLabels::default());
    loop {
        let line = match parser.next() {
            Ok(None) => {
                out.push_str("eof\n");
                return out;
            }
            Err(e) => {
                writeln!(out, "error {}", quote(&e.to_string())).expect("a string takes all");
                return out;
            }
            Ok(Some(Event::Help { name, text })) => format!("help {} {}", quote(name), quote(text.as_bytes())),
            Ok(Some(Event::Type { name, metric_type })) => format!("type {} {}", quote(name), metric_type.as_str()),
            Ok(Some(Event::Unit { name, unit })) => format!("unit {} {}", quote(name), quote(unit)),
            Ok(Some(Event::Comment(text))) => format!("comment {}", quote(text)),
            Ok(Some(Event::Sample(sample))) => {
                let value = format_float_as(sample.value, FloatForm::General);
                let mut line = format!("sample {} {value}", quote(sample.series));
                if let Some(t) = sample.timestamp {
                    write!(line, " {}", t.0).expect("a string takes all");
                }
                match parser.labels(&mut labels) {
                    Ok(()) => line.push_str(&braced(&labels)),
                    Err(e) => write!(line, " <{e}>").expect("a string takes all"),
                }
                if let Some(exemplar) = parser.exemplar(&mut labels) {
                    let value = format_float_as(exemplar.value, FloatForm::General);
                    let t = exemplar.timestamp.map_or(0, |t| t.0);
                    write!(line, " #{} {value} {t}", braced(&labels)).expect("a string takes all");
                }
                line
            }
        };
        out.push_str(&line);
        out.push('\n');
    }
}

/// Writes a set as upstream's `Labels.String()`; empty values stay, as in upstream's set before relabelling.
pub(crate) fn braced(labels: &SampleLabels) -> String {
    let mut pairs: Vec<(&str, &str)> = labels.iter().collect();
    pairs.sort_by_key(|&(name, _)| name);
    let shown: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            let plain = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
            if plain { format!("{name}={}", quote(value)) } else { format!("{}={}", quote(name), quote(value)) }
        })
        .collect();
    format!(" {{{}}}", shown.join(", "))
}

#[test]
fn bodies_parse_as_upstream() {
    let mut cases = 0;
    for case in GOLDEN.split("== ").skip(1) {
        let (head, want) = case.split_once('\n').expect("a line break after the body");
        let (format, body) = head.split_at(2);
        let body = unquote(body.as_bytes()).expect("a quoted body");
        let format = if format == "T " { Format::Text } else { Format::OpenMetrics };
        assert_eq!(render(format, &body), want, "{head}");
        cases += 1;
    }
    assert!(cases > 100, "{cases} cases");
}
