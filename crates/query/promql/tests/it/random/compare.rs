//! Whether two answers are the same.

use std::collections::BTreeSet;

use firesteel_model::{FloatHistogram, Labels};
use firesteel_promql::{QueryError, QueryResult, Value};
use firesteel_promql_syntax::{AggregateOp, Expr};

use crate::naive::{Answer, Datum, Error, Histogram};

/// What the naive evaluator gave.
pub(crate) type Naive = Result<(Answer, BTreeSet<&'static str>), Error>;

/// What a comparison came to.
pub(crate) enum Verdict {
    Same,
    /// Alike, but with nothing in them.
    Empty,
    /// Alike refused.
    Refused,
    /// The answer goes by an order that upstream leaves to chance.
    OrderDecides,
    Differs(String),
}

/// The largest distance of two floats, in units of the last place.
const ULP: u64 = 4;

fn same(a: f64, b: f64, ulp: u64) -> bool {
    let order = |v: f64| {
        let bits = v.to_bits() as i64;
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    };
    a.is_nan() && b.is_nan() || a == b || a.is_finite() && b.is_finite() && order(a).abs_diff(order(b)) <= ulp
}

fn same_histogram(a: &Histogram, b: &Histogram, ulp: u64) -> bool {
    let (a, b) = (a.clone().compacted(), b.clone().compacted());
    let buckets = |a: &std::collections::BTreeMap<i32, f64>, b: &std::collections::BTreeMap<i32, f64>| {
        a.len() == b.len() && a.iter().zip(b).all(|((i, a), (j, b))| i == j && same(*a, *b, ulp))
    };
    a.schema == b.schema
        && a.hint == b.hint
        && a.custom == b.custom
        && same(a.zero_threshold, b.zero_threshold, ulp)
        && same(a.zero_count, b.zero_count, ulp)
        && same(a.count, b.count, ulp)
        && same(a.sum, b.sum, ulp)
        && buckets(&a.positive, &b.positive)
        && buckets(&a.negative, &b.negative)
}

fn same_datum(a: &Datum, b: &Datum, ulp: u64) -> bool {
    match (a, b) {
        (Datum::Float(a), Datum::Float(b)) => same(*a, *b, ulp),
        (Datum::Histogram(a), Datum::Histogram(b)) => same_histogram(a, b, ulp),
        _ => false,
    }
}

fn shown(datum: &Datum) -> String {
    match datum {
        Datum::Float(v) => format!("{v:?}"),
        Datum::Histogram(h) => format!("{} {:?}", h.to_model(), h.hint),
    }
}

fn datum(v: f64, h: Option<&FloatHistogram>) -> Datum {
    h.map_or(Datum::Float(v), |h| Datum::Histogram(Histogram::from(h).into()))
}

/// Brings the engine's value into the form of the naive one.
fn answer(value: &Value) -> Answer {
    match value {
        Value::Scalar { v, .. } => Answer::Scalar(*v),
        Value::String { s, .. } => Answer::Text(s.clone()),
        Value::Vector(vector) => {
            let element = |s: &firesteel_promql::VectorSample| (s.labels.clone(), datum(s.v, s.histogram.as_deref()));
            Answer::Vector(vector.iter().map(element).collect())
        }
        Value::Matrix(matrix) => {
            let series = |s: &firesteel_promql::MatrixSeries| {
                let floats = s.t.iter().zip(&s.v).map(|(t, v)| (t.0, Datum::Float(*v)));
                let mut points: Vec<_> =
                    floats.chain(s.histograms.iter().map(|(t, h)| (t.0, datum(0.0, Some(h.as_ref()))))).collect();
                points.sort_by_key(|(t, _)| *t);
                (s.labels.clone(), points)
            };
            Answer::Matrix(matrix.iter().map(series).collect())
        }
    }
}

fn same_points(labels: &Labels, a: &[(i64, Datum)], b: &[(i64, Datum)], ulp: u64) -> Result<(), String> {
    for (t, a) in a {
        match b.iter().find(|(other, _)| other == t) {
            None => return Err(format!("{labels} lacks a point at {t}: {}", shown(a))),
            Some((_, b)) if !same_datum(a, b, ulp) => {
                return Err(format!("{labels} at {t}: {} or {}", shown(a), shown(b)));
            }
            Some(_) => {}
        }
    }
    match b.iter().find(|(t, _)| !a.iter().any(|(other, _)| other == t)) {
        Some((t, b)) => Err(format!("{labels} has a point too many at {t}: {}", shown(b))),
        None => Ok(()),
    }
}

/// Compares values; vectors and matrices as sets of series.
fn same_values(want: &Answer, got: &Answer, ulp: u64) -> Result<(), String> {
    let as_series = |answer: &Answer| match answer {
        Answer::Vector(vector) => {
            Some(vector.iter().map(|(labels, datum)| (labels.clone(), vec![(0, datum.clone())])).collect::<Vec<_>>())
        }
        Answer::Matrix(matrix) => Some(matrix.clone()),
        _ => None,
    };
    match (want, got) {
        (Answer::Scalar(a), Answer::Scalar(b)) if same(*a, *b, ulp) => return Ok(()),
        (Answer::Text(a), Answer::Text(b)) if a == b => return Ok(()),
        (Answer::Vector(_), Answer::Vector(_)) | (Answer::Matrix(_), Answer::Matrix(_)) => {}
        _ => return Err(format!("{want:?} or {got:?}")),
    }
    let (want, got) = (as_series(want).unwrap_or_default(), as_series(got).unwrap_or_default());
    for (labels, points) in &want {
        match got.iter().find(|(other, _)| other == labels) {
            Some((_, others)) => same_points(labels, points, others, ulp)?,
            None => return Err(format!("series {labels} lacks, with {}", shown(&points[0].1))),
        }
    }
    match got.iter().find(|(labels, _)| !want.iter().any(|(other, _)| other == labels)) {
        Some((labels, points)) => Err(format!("series {labels} too many, with {}", shown(&points[0].1))),
        None if got.len() != want.len() => Err(format!("{} series or {}", want.len(), got.len())),
        None => Ok(()),
    }
}

/// Compares two answers of the naive evaluator, bit for bit: rounding goes by the order, too.
pub(crate) fn same_answers(a: &Naive, b: &Naive) -> Result<(), String> {
    match (a, b) {
        (Ok((_, a)), Ok((_, b))) if a != b => Err("other remarks".to_owned()),
        (Ok((a, _)), Ok((b, _))) => same_values(a, b, 0),
        (Err(a), Err(b)) if a == b => Ok(()),
        (Err(_), Err(_)) => Err("other words".to_owned()),
        _ => Err("one is refused".to_owned()),
    }
}

/// Whether the order of an instant answer is asked for.
fn is_ordered(expr: &Expr) -> bool {
    match expr.unwrap_parens() {
        Expr::Call(call) => call.function.name.starts_with("sort"),
        Expr::Aggregate(aggregate) => matches!(aggregate.op, AggregateOp::TopK | AggregateOp::BottomK),
        _ => false,
    }
}

fn same_remarks(want: &BTreeSet<&'static str>, got: &QueryResult) -> Result<(), String> {
    let all: Vec<&String> = got.warnings.iter().chain(&got.infos).collect();
    if all.iter().any(|text| text.ends_with("omitted")) {
        return Ok(());
    }
    if let Some(missing) = want.iter().find(|kind| !all.iter().any(|text| text.starts_with(**kind))) {
        return Err(format!("the engine does not remark: {missing}"));
    }
    match all.iter().find(|text| !want.iter().any(|kind| text.starts_with(kind))) {
        Some(text) => Err(format!("the engine remarks: {text}")),
        None => Ok(()),
    }
}

/// Compares messages. Which of several pairs or values they name is left to chance, and where elements clash on both sides,
/// at different steps, either side may be told of.
pub(crate) fn same_words(a: &str, b: &str) -> bool {
    let head = |text: &str| text.split(['{', ':']).next().unwrap_or_default().to_owned();
    let clash =
        |text: &str| text.starts_with("found duplicate series for the match") || text.starts_with("multiple match");
    head(a) == head(b) || clash(a) && clash(b)
}

/// Compares the engine's answer with the naive one.
pub(crate) fn judge(want: &Naive, got: &Result<QueryResult, QueryError>, expr: &Expr) -> Verdict {
    let (value, remarks, got) = match (want, got) {
        (Err(want), Err(got)) => {
            let (want, got) = (want.0.clone(), got.to_string());
            // A parameter may be looked at before or after what is aggregated.
            let of_parameter = want.starts_with("Scalar value") || got.ends_with("value is NaN");
            return if same_words(&want, &got) || of_parameter {
                Verdict::Refused
            } else {
                Verdict::Differs(format!("refused as \"{want}\" or \"{got}\""))
            };
        }
        (Err(want), Ok(_)) => return Verdict::Differs(format!("refused as \"{}\" by the naive one only", want.0)),
        (Ok(_), Err(got)) => return Verdict::Differs(format!("refused as \"{got}\" by the engine only")),
        (Ok((value, remarks)), Ok(got)) => (value, remarks, got),
    };
    let engines = answer(&got.value);
    if let Err(difference) = same_values(value, &engines, ULP) {
        return Verdict::Differs(format!("naive or engine: {difference}"));
    }
    if let Err(difference) = same_remarks(remarks, got) {
        return Verdict::Differs(difference);
    }
    if let (Answer::Vector(want), Answer::Vector(got), true) = (value, &engines, is_ordered(expr)) {
        let pairs = want.iter().zip(got);
        if let Some(((a, _), (b, _))) = pairs.into_iter().find(|((_, a), (_, b))| !same_datum(a, b, ULP)) {
            return Verdict::Differs(format!("the order differs: {a} or {b}"));
        }
    }
    match value {
        Answer::Vector(vector) if vector.is_empty() => Verdict::Empty,
        Answer::Matrix(matrix) if matrix.is_empty() => Verdict::Empty,
        _ => Verdict::Same,
    }
}
