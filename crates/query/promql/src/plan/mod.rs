//! The logical plan: what a query is to compute, with its times resolved.
//!
//! [`lower`](lower::lower) makes it from the syntax tree: modifiers and durations become numbers, constants are folded,
//! and what does not depend on the step is marked. Operators are built from it for a grid of steps.

mod describe;
mod extent;
mod functions;
mod labels;
mod lower;
mod rows;

use std::sync::Arc;

use firesteel_model::{Labels, Matcher};
use firesteel_promql_syntax::{AggregateOp, BinaryOp, RangeMode, Span, VectorMatching};

use crate::histograms::HistogramFunction;

pub(crate) use extent::extent;
pub(crate) use functions::{MapFunction, RangeFunction};
pub(crate) use labels::leave_labels_out;
pub(crate) use lower::{PlanContext, Root, Within, lower};

/// A selector with its modifiers resolved.
#[derive(Clone, Debug)]
pub(crate) struct SelectorPlan {
    pub(crate) matchers: Vec<Matcher>,
    /// The time that `@` names.
    pub(crate) at: Option<i64>,
    pub(crate) offset_ms: i64,
    pub(crate) mode: RangeMode,
    /// Where the selector stands.
    pub(crate) span: Span,
    /// Nothing but count and sum of histograms is looked at.
    pub(crate) stats_only: bool,
    /// The labels that anybody looks at, sorted, with those that say what the metric is; `None` = all.
    pub(crate) labels: Option<Arc<[String]>>,
    /// Something above takes the metric's name away and asks whether series have become equal.
    pub(crate) renamed: bool,
}

/// What a range function looks at.
#[derive(Clone, Debug)]
pub(crate) enum RangeSource {
    Series { selector: SelectorPlan, range_ms: i64 },
    Subquery(Box<SubqueryPlan>),
}

/// An instant expression evaluated on an absolute grid of its own.
#[derive(Clone, Debug)]
pub(crate) struct SubqueryPlan {
    pub(crate) expr: Plan,
    pub(crate) range_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) at: Option<i64>,
    pub(crate) offset_ms: i64,
}

/// A node that yields a scalar or an instant vector at each step.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Number(f64),
    /// `time()`.
    Time,
    Selector(SelectorPlan),
    /// `timestamp(selector)`: the samples' own times.
    Timestamp(SelectorPlan),
    /// `start_timestamp(selector)`: when the samples' counters began.
    StartTimestamp(SelectorPlan),
    /// `info(vector, selector)`: labels of info metrics are added.
    Info {
        input: Box<Plan>,
        /// The matchers of the second argument, `None` without one.
        matchers: Option<Vec<Matcher>>,
        at: Option<i64>,
        offset_ms: i64,
    },
    RangeCall {
        function: RangeFunction,
        source: RangeSource,
        params: Vec<Plan>,
        /// Where the first argument stands.
        arg: Span,
    },
    AbsentOverTime {
        source: RangeSource,
        labels: Labels,
    },
    Absent {
        input: Box<Plan>,
        labels: Labels,
    },
    Map {
        function: MapFunction,
        input: Box<Plan>,
        params: Vec<Plan>,
    },
    /// `scalar(vector)`.
    Scalar(Box<Plan>),
    /// `vector(scalar)`.
    Vector(Box<Plan>),
    /// Functions of native histograms: floats vanish.
    OfHistogram {
        function: HistogramFunction,
        input: Box<Plan>,
    },
    LabelReplace {
        input: Box<Plan>,
        dst: String,
        replacement: String,
        src: String,
        regex: String,
    },
    LabelJoin {
        input: Box<Plan>,
        dst: String,
        separator: String,
        src: Vec<String>,
    },
    Sort {
        input: Box<Plan>,
        key: SortKey,
        descending: bool,
        span: Span,
    },
    HistogramQuantile {
        quantiles: Vec<(Plan, Span)>,
        /// The label that tells the quantiles of `histogram_quantiles` apart.
        label: Option<String>,
        input: Box<Plan>,
        arg: Span,
    },
    HistogramFraction {
        lower: Box<Plan>,
        upper: Box<Plan>,
        input: Box<Plan>,
        arg: Span,
    },
    Negate(Box<Plan>),
    ScalarScalar {
        op: ScalarOp,
        lhs: Box<Plan>,
        rhs: Box<Plan>,
    },
    VectorScalar {
        op: BinaryOp,
        vector: Box<Plan>,
        scalar: Box<Plan>,
        scalar_is_left: bool,
        return_bool: bool,
        span: Span,
    },
    VectorVector {
        op: BinaryOp,
        matching: VectorMatching,
        return_bool: bool,
        lhs: Box<Plan>,
        rhs: Box<Plan>,
        span: Span,
    },
    Set {
        op: BinaryOp,
        matching: VectorMatching,
        lhs: Box<Plan>,
        rhs: Box<Plan>,
    },
    Aggregate {
        op: AggregateOp,
        param: Option<Box<Plan>>,
        param_span: Span,
        /// Where the whole and where its vector stands.
        span: Span,
        input_span: Span,
        input: Box<Plan>,
        grouping: Vec<String>,
        without: bool,
    },
    CountValues {
        label: String,
        input: Box<Plan>,
        grouping: Vec<String>,
        without: bool,
    },
    /// Evaluated at the first step only and copied to all.
    StepInvariant(Box<Plan>),
    /// A node and where its expression stands.
    At(Span, Box<Plan>),
}

/// What `sort*` orders by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SortKey {
    Value,
    Labels(Vec<String>),
}

/// An operation of two scalars.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ScalarOp {
    Binary(BinaryOp),
    /// `max_of`.
    MaxOf,
    /// `min_of`.
    MinOf,
}
