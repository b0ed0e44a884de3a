//! Series as test scripts describe them: `metric{a="b"} 1+2x3 _ stale {{schema:1 count:2}}`.
//!
//! The notation is shared by test scripts and rule unit tests. Repetitions stay folded, so that a large count costs
//! nothing here.

use firesteel_model::Labels;

/// A series and its values, one position each.
#[derive(Clone, PartialEq, Debug)]
pub struct SeriesDescription {
    pub labels: Labels,
    pub items: Vec<SeriesItem>,
}

/// One word of a series' values; `count` is the number of positions that it fills.
#[derive(Clone, PartialEq, Debug)]
pub enum SeriesItem {
    /// `_`, `_x4`: positions without a sample.
    Omitted { count: u64 },
    /// `1`, `1x3`, `1+2x3`, `stale`: the i-th position holds `value` plus i times `increment`, summed up one by one.
    Float { value: f64, increment: f64, count: u64 },
    /// `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3`.
    Histogram(Box<HistogramRun>),
}

/// Histograms at neighbouring positions.
#[derive(Clone, PartialEq, Debug)]
pub struct HistogramRun {
    pub base: HistogramLiteral,
    /// What is added to, or subtracted from, the histogram before. Its schema is not below that of `base`.
    pub change: Option<(HistogramChange, HistogramLiteral)>,
    pub count: u64,
}

/// How a histogram changes from one position to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HistogramChange {
    Add,
    Subtract,
}

/// `{{schema:1 sum:2 …}}` as written: nothing is derived or checked.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HistogramLiteral {
    pub schema: i32,
    pub sum: f64,
    pub count: f64,
    /// `z_bucket`.
    pub zero_count: f64,
    /// `z_bucket_w`.
    pub zero_threshold: f64,
    pub custom_values: Vec<f64>,
    /// `buckets`: absolute counts of neighbouring buckets from `offset` on.
    pub buckets: Vec<f64>,
    pub offset: i32,
    /// `n_buckets`.
    pub negative_buckets: Vec<f64>,
    /// `n_offset`.
    pub negative_offset: i32,
    /// `None` when the literal does not name one: then a test does not compare it.
    pub counter_reset_hint: Option<CounterResetHint>,
}

/// What is known of a counter reset before a histogram sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CounterResetHint {
    Unknown,
    Reset,
    NotReset,
    Gauge,
}
