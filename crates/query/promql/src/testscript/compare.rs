//! Comparing an answer with what a script expects.

use firesteel_base::TimestampMs;
use firesteel_model::Labels;

use super::number::almost_equal;
use super::{Eval, ExpectedSeries, Point, Steps, When};
use crate::{MatrixSeries, Value, VectorSample};

/// Compares a value; errors with what differs.
pub(super) fn compare(eval: &Eval, value: &Value) -> Result<(), String> {
    match value {
        Value::Scalar { v, .. } => match eval.expected_scalar {
            Some(expected) if almost_equal(expected, *v) => Ok(()),
            Some(expected) => Err(format!("expected scalar {expected} but got {v}")),
            None => Err(format!("expected vector or matrix result, but got scalar {v}")),
        },
        Value::String { s, .. } => {
            let expected = eval.expected_string.as_deref().unwrap_or_default();
            if s == expected { Ok(()) } else { Err(format!("expected string \"{expected}\" but got \"{s}\"")) }
        }
        Value::Vector(vector) => {
            if eval.expected_scalar.is_some() {
                return Err(format!("expected scalar result, but got a vector of {} elements", vector.len()));
            }
            compare_vector(eval, vector)
        }
        Value::Matrix(matrix) => {
            if eval.ordered {
                return Err("expected ordered result, but query returned a matrix".to_owned());
            }
            if eval.expected_scalar.is_some() {
                return Err(format!("expected scalar result, but got a matrix of {} series", matrix.len()));
            }
            match eval.when {
                When::Range(steps) | When::RangeVector(steps) => compare_matrix(eval, matrix, steps),
                When::Instant(_) => Err("expected an instant vector but got a matrix".to_owned()),
            }
        }
    }
}

fn find<'a>(eval: &'a Eval, labels: &Labels) -> Option<(usize, &'a ExpectedSeries)> {
    // Of two lines for the same series the later one counts.
    eval.expected.iter().enumerate().rev().find(|(_, expected)| expected.labels == *labels)
}

fn compare_vector(eval: &Eval, vector: &[VectorSample]) -> Result<(), String> {
    for (at, sample) in vector.iter().enumerate() {
        let Some((place, expected)) = find(eval, &sample.labels) else {
            return Err(format!("unexpected metric {:?} in result, has value {}", sample.labels, sample.v));
        };
        if eval.ordered && place != at {
            return Err(format!("expected metric {:?} at position {} but was at {}", sample.labels, place + 1, at + 1));
        }
        match expected.points.first() {
            Some(Point::Float(v)) if almost_equal(*v, sample.v) => {}
            Some(Point::Float(v)) => return Err(format!("expected {v} for {:?} but got {}", sample.labels, sample.v)),
            other => return Err(format!("expected {other:?} for {:?} but got {}", sample.labels, sample.v)),
        }
    }
    all_found(eval, |labels| vector.iter().any(|sample| sample.labels == *labels))
}

fn all_found(eval: &Eval, found: impl Fn(&Labels) -> bool) -> Result<(), String> {
    match eval.expected.iter().find(|expected| !found(&expected.labels)) {
        Some(missing) => Err(format!("expected metric {:?} with {:?} not found", missing.labels, missing.points)),
        None => Ok(()),
    }
}

fn compare_matrix(eval: &Eval, matrix: &[MatrixSeries], steps: Steps) -> Result<(), String> {
    if !matrix.is_sorted_by(|a, b| a.labels <= b.labels) {
        return Err("matrix is not sorted by labels".to_owned());
    }
    for series in matrix {
        let Some((_, expected)) = find(eval, &series.labels) else {
            return Err(format!("unexpected metric {:?} in result, has {:?}", series.labels, series.v));
        };
        compare_points(series, &expected.points, steps)?;
    }
    all_found(eval, |labels| matrix.iter().any(|series| series.labels == *labels))
}

fn compare_points(series: &MatrixSeries, expected: &[Point], steps: Steps) -> Result<(), String> {
    let mut floats = Vec::new();
    for (i, point) in expected.iter().enumerate() {
        let t = TimestampMs(steps.start.0 + i as i64 * steps.step_ms);
        if t > steps.end {
            return Err(format!("expected {} points for {:?}, more than the range has", expected.len(), series.labels));
        }
        if let Point::Float(v) = point {
            floats.push((t, *v));
        }
    }
    let got: Vec<_> = series.t.iter().copied().zip(series.v.iter().copied()).collect();
    let equal = got.len() == floats.len()
        && got
            .iter()
            .zip(&floats)
            .all(|((t, v), (expected_t, expected))| t == expected_t && almost_equal(*expected, *v));
    if equal { Ok(()) } else { Err(format!("expected {floats:?} for {:?} but got {got:?}", series.labels)) }
}
