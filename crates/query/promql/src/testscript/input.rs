//! Series in the notation of scripts, for who stores them elsewhere.

use std::sync::Arc;

use firesteel_model::{FloatHistogram, Labels};

use super::Point;
use super::parse::parse_series;

/// A value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum InputValue {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

/// Reads `name{label="value"} 1+2x3 _ stale`: the labels, and the values by position, of which some may lack.
///
/// The error is the parser's text, with the place in the line.
pub fn parse_input_series(line: &str) -> Result<(Labels, Vec<Option<InputValue>>), String> {
    let (labels, points) = parse_series(1, line).map_err(|error| error.message)?;
    let values = points.into_iter().map(|point| match point {
        Point::Omitted => None,
        Point::Float(v) => Some(InputValue::Float(v)),
        Point::Histogram { h, .. } => Some(InputValue::Histogram(h)),
    });
    Ok((labels, values.collect()))
}
