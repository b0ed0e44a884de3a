//! What a node of the plan is called, and where it stands.

use firesteel_promql_syntax::Span;

use super::{Plan, RangeSource, ScalarOp, SelectorPlan};

impl Plan {
    /// Returns where the node stands, if it is said, and the node itself.
    pub(crate) fn place(&self) -> (Option<Span>, &Self) {
        match self {
            Self::At(span, inner) => (Some(*span), inner.place().1),
            Self::Selector(selector) => (Some(selector.span), self),
            plan => (None, plan),
        }
    }

    /// Returns the selector whose series the node itself reads.
    pub(crate) fn selector(&self) -> Option<&SelectorPlan> {
        match self {
            Self::Selector(selector) | Self::Timestamp(selector) | Self::StartTimestamp(selector) => Some(selector),
            Self::RangeCall { source, .. } | Self::AbsentOverTime { source, .. } => match source {
                RangeSource::Series { selector, .. } => Some(selector),
                RangeSource::Subquery(_) => None,
            },
            _ => None,
        }
    }

    /// Returns what the node does, in a word or two of the language.
    pub(crate) fn describe(&self) -> String {
        let word = match self {
            Self::Number(_) => "number",
            Self::Time => "time",
            Self::Selector(_) => "selector",
            Self::Timestamp(_) => "timestamp",
            Self::StartTimestamp(_) => "start_timestamp",
            Self::Info { .. } => "info",
            Self::RangeCall { function, source, .. } => return format!("{}{}", snake(function), of_subquery(source)),
            Self::AbsentOverTime { source, .. } => return format!("absent_over_time{}", of_subquery(source)),
            Self::Absent { .. } => "absent",
            Self::Map { function, .. } => return snake(function),
            Self::Scalar(_) => "scalar",
            Self::Vector(_) => "vector",
            Self::OfHistogram { .. } => "histogram function",
            Self::LabelReplace { .. } => "label_replace",
            Self::LabelJoin { .. } => "label_join",
            Self::Sort { .. } => "sort",
            Self::HistogramQuantile { .. } => "histogram_quantile",
            Self::HistogramFraction { .. } => "histogram_fraction",
            Self::Negate(_) => "negate",
            Self::ScalarScalar { op: ScalarOp::MaxOf, .. } => "max_of",
            Self::ScalarScalar { op: ScalarOp::MinOf, .. } => "min_of",
            Self::ScalarScalar { op: ScalarOp::Binary(op), .. }
            | Self::VectorScalar { op, .. }
            | Self::VectorVector { op, .. }
            | Self::Set { op, .. } => op.as_str(),
            Self::Aggregate { op, .. } => op.as_str(),
            Self::CountValues { .. } => "count_values",
            Self::StepInvariant(_) => "once for all steps",
            Self::At(_, inner) => return inner.describe(),
        };
        word.to_owned()
    }
}

/// Returns a variant's name as the language spells it.
fn snake(function: &impl std::fmt::Debug) -> String {
    let mut out = String::new();
    for c in format!("{function:?}").chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn of_subquery(source: &RangeSource) -> &'static str {
    match source {
        RangeSource::Series { .. } => "",
        RangeSource::Subquery(_) => " of a subquery",
    }
}
