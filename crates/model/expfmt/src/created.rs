//! Start timestamps of OpenMetrics: `_created` lines, found for a sample by looking ahead as upstream does
//! (`StartTimestamp` in `model/textparse/openmetricsparse.go`, 3.14).
//!
//! A sample of a counter, summary or histogram has the time of the first `_created` line that follows it before any other
//! kind of line, if that is of the same name and labels but for `le` and `quantile`. Once found it also holds for samples of
//! the same labels behind that line, until one without a start timestamp was looked at. What lies ahead is read once for all
//! samples of a run; upstream reads it anew for each.

use firesteel_base::TimestampMs;
use firesteel_model::{BUCKET_LABEL, MetricType};

use crate::event::Event;
use crate::parser::{Format, Parser};

const SUFFIX: &[u8] = b"_created";

/// Returns whether samples of the type have start timestamps.
fn has_start(metric_type: MetricType) -> bool {
    matches!(metric_type, MetricType::Counter | MetricType::Summary | MetricType::Histogram)
}

/// Writes what samples of one start have in common: raw labels but the ones that tell their parts apart, then the name.
fn push_key(parser: &Parser<'_>, name: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let own = match parser.metric_type {
        MetricType::Summary => "quantile",
        MetricType::Histogram => BUCKET_LABEL,
        _ => "",
    };
    for (label, value) in parser.raw_labels().filter(|(label, _)| *label != own.as_bytes()) {
        out.extend_from_slice(label);
        out.extend_from_slice(value);
    }
    out.extend_from_slice(name);
}

/// Finds start timestamps while a body is read.
#[derive(Clone, Debug)]
pub(crate) struct Starts<'a> {
    /// Reads ahead, once over the body at most.
    scout: Parser<'a>,
    /// Samples that begin before this byte of the body are followed by what `ahead` says.
    until: usize,
    /// Whether a `_created` line comes next, and its value.
    ahead: Option<f64>,
    ahead_key: Vec<u8>,
    /// The last start timestamp that was found, while it holds.
    found: Option<i64>,
    found_key: Vec<u8>,
    key: Vec<u8>,
}

impl<'a> Starts<'a> {
    /// Begins at the front of what `parser` reads.
    pub(crate) fn new(parser: &Parser<'a>) -> Self {
        Self {
            scout: parser.clone(),
            until: 0,
            ahead: None,
            ahead_key: Vec::new(),
            found: None,
            found_key: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Returns whether the present sample of `parser` says when others began, and is none itself.
    pub(crate) fn is_created(parser: &Parser<'_>) -> bool {
        parser.format() == Format::OpenMetrics && has_start(parser.metric_type) && parser.raw_name().ends_with(SUFFIX)
    }

    /// Returns whether a line under this type needs to be looked at.
    pub(crate) fn concerns(metric_type: MetricType) -> bool {
        has_start(metric_type)
    }

    /// Forgets what was found: a sample without a start timestamp was stepped over.
    pub(crate) fn step_over(&mut self) {
        self.found = None;
    }

    /// Returns the start timestamp of the present sample of `parser`; 0 when it has none.
    pub(crate) fn of(&mut self, parser: &Parser<'a>) -> TimestampMs {
        if parser.format() != Format::OpenMetrics || !has_start(parser.metric_type) {
            self.found = None;
            return TimestampMs(0);
        }
        let Some(family) = parser.family_in_series() else {
            self.found = None;
            return TimestampMs(0);
        };
        push_key(parser, family, &mut self.key);
        if let Some(start) = self.found
            && start > 0
            && self.key == self.found_key
        {
            return TimestampMs(start);
        }
        if parser.line_start() >= self.until {
            self.look_ahead(parser);
        }
        self.found = None;
        if let Some(seconds) = self.ahead
            && self.key == self.ahead_key
        {
            let start = go_int(seconds * 1000.0);
            self.found = Some(start);
            self.found_key.clone_from(&self.key);
            return TimestampMs(start);
        }
        TimestampMs(0)
    }

    /// Reads on from the present sample to the next `_created` line or the end of the samples.
    fn look_ahead(&mut self, parser: &Parser<'a>) {
        let scout = &mut self.scout;
        scout.move_to(parser);
        self.ahead = None;
        // Another line ends the run; so does a fault, which the parser will come upon.
        while let Ok(Some(Event::Sample(sample))) = scout.next() {
            if let Some(name) = scout.raw_name().strip_suffix(SUFFIX) {
                self.ahead = Some(sample.value);
                push_key(scout, name, &mut self.ahead_key);
                break;
            }
        }
        self.until = scout.line_start();
    }
}

/// Go's conversion on amd64: what does not fit is the smallest number.
fn go_int(v: f64) -> i64 {
    if v >= i64::MIN as f64 && v < i64::MAX as f64 { v as i64 } else { i64::MIN }
}
