//! What a query yields.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_model::{FloatHistogram, Labels};

use crate::{Explain, HeldMemory, QueryStats};

/// A query's answer with what is to be said about it.
#[derive(Clone, Debug)]
pub struct QueryResult {
    pub value: Value,
    /// `PromQL warning: …`, at most ten and a line that counts the rest.
    pub warnings: Vec<String>,
    /// `PromQL info: …`, likewise.
    pub infos: Vec<String>,
    pub stats: QueryStats,
    /// What was asked to be explained.
    pub explain: Explain,
    /// The memory of `value`: counts as the query's until the answer is dropped.
    pub held: HeldMemory,
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
    /// Means nothing when there is a histogram.
    pub v: f64,
    pub histogram: Option<Arc<FloatHistogram>>,
}

impl VectorSample {
    /// Returns a float sample.
    pub fn float(labels: Labels, t: TimestampMs, v: f64) -> Self {
        Self { labels, t, v, histogram: None }
    }
}

/// One series of a matrix: its floats as parallel columns, its histograms beside them, both ascending in time.
#[derive(Clone, PartialEq, Debug)]
pub struct MatrixSeries {
    pub labels: Labels,
    /// Shared by the series that have a float at every step.
    pub t: Arc<[TimestampMs]>,
    pub v: Vec<f64>,
    pub histograms: Vec<(TimestampMs, Arc<FloatHistogram>)>,
}

impl MatrixSeries {
    /// Returns a series of floats.
    pub fn floats(labels: Labels, t: impl Into<Arc<[TimestampMs]>>, v: Vec<f64>) -> Self {
        Self { labels, t: t.into(), v, histograms: Vec::new() }
    }
}
