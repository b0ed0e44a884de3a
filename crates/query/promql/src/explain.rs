//! What a query can tell about itself: its plan with what each operator cost, and why its answer is empty.

use std::sync::Arc;
use std::time::Duration;

use firesteel_model::Labels;
use firesteel_promql_syntax::Span;

/// What is to be explained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExplainWhat {
    /// The plan, with series, samples, bytes and times of each operator.
    pub plan: bool,
    /// Why there is no answer, if there is none.
    pub empty: bool,
}

/// What was asked to be explained.
#[derive(Clone, Debug, Default)]
pub struct Explain {
    pub plan: Option<ExplainPlan>,
    /// Why there is no result; `None` when there is one, or when nobody asked.
    pub empty: Option<Vec<EmptyReason>>,
}

/// The plan of a query that was evaluated.
#[derive(Clone, Debug, Default)]
pub struct ExplainPlan {
    /// The most bytes that the query held at once.
    pub peak_bytes: u64,
    /// The outermost operator; none when the query is a text or a range of raw samples.
    pub roots: Vec<ExplainNode>,
}

/// One operator.
#[derive(Clone, Debug)]
pub struct ExplainNode {
    /// What it does: `selector`, `rate`, `sum`, `*` and so on.
    pub operator: String,
    /// Its part of the query as written; empty when the query's text is not known.
    pub expression: String,
    pub span: Span,
    /// Of what reads series: the labels that anybody looks at; `None` = all.
    pub labels: Option<Arc<[String]>>,
    /// Series of its output, those without a point at any step included.
    pub series: u64,
    /// Points of its output, over all steps.
    pub points: u64,
    /// Samples looked at, as `totalQueryableSamples` counts them.
    pub samples: u64,
    /// Samples read from storage, as `samplesRead` counts them.
    pub samples_read: u64,
    /// The most bytes that it held at once.
    pub peak_bytes: u64,
    /// Time that passed, the operators below included.
    pub wall: Duration,
    /// The same without the operators below.
    pub self_wall: Duration,
    /// CPU time on all threads, the operators below included.
    pub cpu: Duration,
    pub self_cpu: Duration,
    pub children: Vec<ExplainNode>,
}

/// Why a query has no result: a part of it that has none although what it is made of has some.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EmptyReason {
    /// A stable code: `FS1031`.
    pub code: &'static str,
    /// What removed the last series, in a sentence or two.
    pub message: String,
    /// Where that part of the query stands.
    pub span: Span,
    /// The whole query as it should probably read.
    pub fix: Option<String>,
    /// The nearest names or values that exist.
    pub near: Vec<String>,
    /// The conditions of a selector, each looked at by itself.
    pub matchers: Vec<MatcherReport>,
    /// Series that show what is meant, each with the side of an operation that it is of.
    pub examples: Vec<Example>,
}

/// A condition of a selector that finds nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MatcherReport {
    /// As written: `job="node"`.
    pub matcher: String,
    /// How many series satisfy it alone, at all times that are stored; counted up to a thousand.
    pub alone: usize,
    /// How many satisfy all the others.
    pub without: usize,
    /// The nearest values among those that satisfy the others.
    pub near: Vec<String>,
}

/// A series that shows what is meant.
#[derive(Clone, PartialEq, Debug)]
pub struct Example {
    /// `left`, `right`, or empty.
    pub side: &'static str,
    pub labels: Labels,
    /// One of its values, where values matter.
    pub value: Option<f64>,
}
