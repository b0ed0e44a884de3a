//! What a query yields. Histogram samples join these shapes with native histograms.

use firesteel_base::TimestampMs;
use firesteel_model::Labels;

use crate::QueryStats;

/// A query's answer with what is to be said about it.
#[derive(Clone, Debug)]
pub struct QueryResult {
    pub value: Value,
    /// `PromQL warning: …`, at most ten and a line that counts the rest.
    pub warnings: Vec<String>,
    /// `PromQL info: …`, likewise.
    pub infos: Vec<String>,
    pub stats: QueryStats,
}

/// A value of one of PromQL's four types.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Scalar {
        t: TimestampMs,
        v: f64,
    },
    String {
        t: TimestampMs,
        s: String,
    },
    /// In evaluation order, which `sort`, `topk` and others determine.
    Vector(Vec<VectorSample>),
    /// Sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

/// One element of an instant vector.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorSample {
    pub labels: Labels,
    pub t: TimestampMs,
    pub v: f64,
}

/// One series of a matrix: its points as parallel columns, ascending in time.
#[derive(Clone, PartialEq, Debug)]
pub struct MatrixSeries {
    pub labels: Labels,
    pub t: Vec<TimestampMs>,
    pub v: Vec<f64>,
}
