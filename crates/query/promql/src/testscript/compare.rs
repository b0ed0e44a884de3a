//! Comparing an answer with what a script expects.

use firesteel_base::TimestampMs;
use firesteel_model::{FloatHistogram, Labels};

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
            let got = sample.histogram.as_ref().map_or(sample.v.to_string(), |h| h.test_expression());
            return Err(format!("unexpected metric {:?} in result, has value {got}", sample.labels));
        };
        if eval.ordered && place != at {
            return Err(format!("expected metric {:?} at position {} but was at {}", sample.labels, place + 1, at + 1));
        }
        let equal = match (expected.points.first(), &sample.histogram) {
            (Some(Point::Float(v)), None) => almost_equal(*v, sample.v),
            (Some(Point::Histogram { h, hint }), Some(got)) => same_histogram(h, got, *hint),
            _ => false,
        };
        if !equal {
            let got = sample.histogram.as_ref().map_or(sample.v.to_string(), |h| h.test_expression());
            let expected = expected.points.first().map_or("nothing".to_owned(), shown);
            return Err(format!("expected {expected} for {:?} but got {got}", sample.labels));
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
            let n = series.histograms.len();
            return Err(format!(
                "unexpected metric {:?} in result, has {:?} and {n} histograms",
                series.labels, series.v
            ));
        };
        compare_points(series, &expected.points, steps)?;
    }
    all_found(eval, |labels| matrix.iter().any(|series| series.labels == *labels))
}

fn compare_points(series: &MatrixSeries, expected: &[Point], steps: Steps) -> Result<(), String> {
    let (mut floats, mut histograms) = (Vec::new(), Vec::new());
    for (i, point) in expected.iter().enumerate() {
        let t = TimestampMs(steps.start.0 + i as i64 * steps.step_ms);
        if t > steps.end {
            return Err(format!("expected {} points for {:?}, more than the range has", expected.len(), series.labels));
        }
        match point {
            Point::Float(v) => floats.push((t, *v)),
            Point::Histogram { h, hint } => histograms.push((t, h, *hint)),
            Point::Omitted => {}
        }
    }
    let same =
        series.histograms.len() == histograms.len()
            && series.histograms.iter().zip(&histograms).all(|((t, got), (expected_t, expected, hint))| {
                t == expected_t && same_histogram(expected, got, *hint)
            });
    if !same {
        let expected: Vec<_> = histograms.iter().map(|(t, h, _)| format!("{} @{}", h.test_expression(), t.0)).collect();
        let got: Vec<_> = series.histograms.iter().map(|(t, h)| format!("{} @{}", h.test_expression(), t.0)).collect();
        return Err(format!("expected histograms {expected:?} for {:?} but got {got:?}", series.labels));
    }
    let got: Vec<_> = series.t.iter().copied().zip(series.v.iter().copied()).collect();
    let equal = got.len() == floats.len()
        && got
            .iter()
            .zip(&floats)
            .all(|((t, v), (expected_t, expected))| t == expected_t && almost_equal(*expected, *v));
    if equal { Ok(()) } else { Err(format!("expected {floats:?} for {:?} but got {got:?}", series.labels)) }
}

fn shown(point: &Point) -> String {
    match point {
        Point::Omitted => "_".to_owned(),
        Point::Float(v) => v.to_string(),
        Point::Histogram { h, .. } => h.test_expression(),
    }
}

/// Compares histograms without empty buckets, counts up to the tolerance of floats, the hint only if it was written out.
fn same_histogram(expected: &FloatHistogram, got: &FloatHistogram, hint: bool) -> bool {
    let (mut a, mut b) = (expected.clone(), got.clone());
    a.compact(0);
    b.compact(0);
    let buckets = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| almost_equal(*a, *b));
    a.schema == b.schema
        && almost_equal(a.count, b.count)
        && almost_equal(a.sum, b.sum)
        && (!a.uses_custom_buckets() || a.custom_values == b.custom_values)
        && a.zero_threshold == b.zero_threshold
        && almost_equal(a.zero_count, b.zero_count)
        && a.negative_spans == b.negative_spans
        && buckets(&a.negative_buckets, &b.negative_buckets)
        && a.positive_spans == b.positive_spans
        && buckets(&a.positive_buckets, &b.positive_buckets)
        && (!hint || a.counter_reset == b.counter_reset)
}
