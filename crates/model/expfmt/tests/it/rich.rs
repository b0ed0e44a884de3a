//! Pages of ours with what Prometheus 3.14's parsers made of them where start timestamps and custom buckets are wanted.
//!
//! `testdata/rich.golden` holds, after each `== OPTIONS "body"`, one line an entry; `-` stands for what is no sample. Options:
//! T or O for the format, s for start timestamps, n for custom buckets, k for classic histograms beside them.

use std::fmt::Write as _;

use firesteel_expfmt::{Event, Format, NativeHistogram, Parser, ParserOptions, RichOptions, RichParser, SampleLabels};
use firesteel_go_compat::{FloatForm, format_float_as, unquote};
use firesteel_model::histogram::{CounterReset, Span};

use crate::golden::braced;

const GOLDEN: &str = include_str!("../../testdata/rich.golden");

fn go(v: f64) -> String {
    format_float_as(v, FloatForm::General).to_string()
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
}

fn spans(spans: &[Span]) -> String {
    list(spans, |s| format!("{{{} {}}}", s.offset, s.length))
}

fn hint(reset: CounterReset) -> u8 {
    match reset {
        CounterReset::Unknown => 0,
        CounterReset::Reset => 1,
        CounterReset::NotReset => 2,
        CounterReset::Gauge => 3,
    }
}

fn shown(h: &NativeHistogram, labels: &str) -> String {
    match h {
        NativeHistogram::Int(h) => format!(
            "int{labels} schema={} count={} sum={} spans={} deltas={} bounds={} hint={}",
            h.schema,
            h.count,
            go(h.sum),
            spans(&h.positive_spans),
            list(&h.positive_buckets, i64::to_string),
            list(&h.custom_values, |v| go(*v)),
            hint(h.counter_reset)
        ),
        NativeHistogram::Float(h) => format!(
            "float{labels} schema={} count={} sum={} spans={} buckets={} bounds={} hint={}",
            h.schema,
            go(h.count),
            go(h.sum),
            spans(&h.positive_spans),
            list(&h.positive_buckets, |v| go(*v)),
            list(&h.custom_values, |v| go(*v)),
            hint(h.counter_reset)
        ),
    }
}

fn render(how: &str, body: &[u8]) -> String {
    let format = if how.contains('O') { Format::OpenMetrics } else { Format::Text };
    let starts = how.contains('s');
    let options = RichOptions { starts, custom_buckets: how.contains('n'), always_classic: how.contains('k') };
    let mut parser = RichParser::new(Parser::new(format, body, ParserOptions::default()), options);
    let (mut out, mut labels) = (String::new(), SampleLabels::default());
    loop {
        let sample = match parser.next() {
            Ok(None) => {
                out.push_str("eof\n");
                return out;
            }
            Err(_) => {
                out.push_str("error\n");
                return out;
            }
            Ok(Some(Event::Sample(sample))) => sample,
            Ok(Some(_)) => {
                out.push_str("-\n");
                continue;
            }
        };
        parser.labels(&mut labels).expect("good labels");
        let set = braced(&labels);
        match parser.histogram() {
            Some(h) => out.push_str(&shown(&h, &set)),
            None => write!(out, "sample{set} {}", go(sample.value)).expect("a string takes all"),
        }
        if let Some(t) = sample.timestamp {
            write!(out, " t={}", t.0).expect("a string takes all");
        }
        let start = parser.start();
        if start.0 != 0 {
            write!(out, " st={}", start.0).expect("a string takes all");
        }
        parser.exemplars(&mut labels, |exemplar, labels| {
            write!(out, " #{} {}", braced(labels).trim_start(), go(exemplar.value)).expect("a string takes all");
            if let Some(t) = exemplar.timestamp {
                write!(out, " {}", t.0).expect("a string takes all");
            }
        });
        out.push('\n');
    }
}

#[test]
fn start_timestamps_and_custom_buckets_are_upstreams() {
    let mut cases = 0;
    for case in GOLDEN.split("== ").skip(1) {
        let (head, want) = case.split_once('\n').expect("a line break after the body");
        let (how, body) = head.split_once(' ').expect("options and a body");
        let body = unquote(body.as_bytes()).expect("a quoted body");
        assert_eq!(render(how, &body), want, "{head}");
        cases += 1;
    }
    assert!(cases > 100, "{cases} cases");
}
