//! Selectors: what names series, and when they are looked at.

use firesteel_base::TimestampMs;
use firesteel_model::Matcher;

use crate::{duration_expr::TimeSpec, span::Span};

/// The `@` modifier: the time at which a selector is evaluated instead of the query's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtModifier {
    /// `@ 1234.567`.
    Timestamp(TimestampMs),
    /// `@ start()`: the first time of the query.
    Start,
    /// `@ end()`: the last time of the query.
    End,
}

/// How the edges of a range are treated (feature `promql-extended-range-selectors`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RangeMode {
    #[default]
    Plain,
    /// `anchored`: the sample before the range stands at its left edge.
    Anchored,
    /// `smoothed`: values at both edges are interpolated.
    Smoothed,
}

/// `name{label="value"} @ t offset d`: the newest sample of each matching series.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorSelector {
    /// The metric name written in front of the braces; empty when there was none.
    pub name: String,
    /// Every condition, in the order written; the one for `name`, if it is set, comes last.
    pub matchers: Vec<Matcher>,
    pub offset: TimeSpec,
    pub at: Option<AtModifier>,
    pub mode: RangeMode,
    /// Set on the second argument of `info`, which may match everything.
    pub may_match_all: bool,
    pub span: Span,
}

/// `selector[range]`: the samples of each matching series within a range of time.
///
/// The modifiers written after the bracket are those of `selector`.
#[derive(Clone, PartialEq, Debug)]
pub struct MatrixSelector {
    pub selector: VectorSelector,
    pub range: TimeSpec,
    pub span: Span,
}
