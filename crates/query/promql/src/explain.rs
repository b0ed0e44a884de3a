//! What a query can tell about itself: its plan with what each operator cost, and why its answer is empty.

use std::time::Duration;

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
