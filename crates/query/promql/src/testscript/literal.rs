//! Histograms as scripts write them: `{{schema:1 count:2 buckets:[1 1]}}`, and runs of them.

use std::sync::Arc;

use firesteel_model::{CounterReset, FloatHistogram, Span};
use firesteel_promql_syntax::{CounterResetHint, HistogramChange, HistogramLiteral, HistogramRun};

use super::Point;

/// Returns the points of a run. Error: histograms that cannot be combined.
pub(super) fn points(run: &HistogramRun) -> Result<Vec<Point>, String> {
    let mut current = histogram(&run.base);
    let (change, hint) = match &run.change {
        Some((how, by)) => (Some((*how, histogram(by))), by.counter_reset_hint.is_some()),
        None => (None, run.base.counter_reset_hint.is_some()),
    };
    let mut points = Vec::new();
    for i in 0..run.count {
        if i > 0
            && let Some((how, by)) = &change
        {
            let done = match how {
                HistogramChange::Add => current.add(by),
                HistogramChange::Subtract => current.sub(by),
            };
            done.map_err(|e| format!("error combining histograms: {e}"))?;
        }
        points.push(Point::Histogram { h: Arc::new(current.clone()), hint });
    }
    Ok(points)
}

fn histogram(literal: &HistogramLiteral) -> FloatHistogram {
    let spans = |offset: i32, buckets: &[f64]| match buckets.len() {
        0 => Vec::new(),
        n => vec![Span { offset, length: n as u32 }],
    };
    FloatHistogram {
        counter_reset: match literal.counter_reset_hint {
            None | Some(CounterResetHint::Unknown) => CounterReset::Unknown,
            Some(CounterResetHint::Reset) => CounterReset::Reset,
            Some(CounterResetHint::NotReset) => CounterReset::NotReset,
            Some(CounterResetHint::Gauge) => CounterReset::Gauge,
        },
        schema: literal.schema,
        zero_threshold: literal.zero_threshold,
        zero_count: literal.zero_count,
        count: literal.count,
        sum: literal.sum,
        positive_spans: spans(literal.offset, &literal.buckets),
        negative_spans: spans(literal.negative_offset, &literal.negative_buckets),
        positive_buckets: literal.buckets.clone(),
        negative_buckets: literal.negative_buckets.clone(),
        custom_values: literal.custom_values.clone(),
    }
}
