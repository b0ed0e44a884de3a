//! Plans that make each row of their answer of one series, so that a part of the answer needs a part of the series.

use firesteel_model::{METRIC_NAME, MatchType};

use super::{Plan, RangeSource, SelectorPlan};

impl Plan {
    /// Returns whether each row of the answer comes of one series of a selector, in the same order, and no two rows can become
    /// one. Series of one metric stay different when they lose its name.
    pub(crate) fn is_by_rows(&self) -> bool {
        match self {
            Self::Selector(_) => true,
            Self::At(_, input) | Self::StepInvariant(input) if matches!(input.place().1, Self::Selector(_)) => true,
            _ => self.source().is_some_and(SelectorPlan::is_one_metric),
        }
    }

    /// Returns the selector of whose series the rows are made one by one.
    fn source(&self) -> Option<&SelectorPlan> {
        match self {
            Self::Selector(selector) | Self::Timestamp(selector) | Self::StartTimestamp(selector) => Some(selector),
            Self::RangeCall { source: RangeSource::Series { selector, .. }, .. } => Some(selector),
            Self::Map { input, .. }
            | Self::OfHistogram { input, .. }
            | Self::Negate(input)
            | Self::At(_, input)
            | Self::StepInvariant(input)
            | Self::VectorScalar { vector: input, .. } => input.source(),
            _ => None,
        }
    }
}

impl SelectorPlan {
    /// Returns whether it names its metric.
    pub(crate) fn is_one_metric(&self) -> bool {
        let names_it = |matcher: &&firesteel_model::Matcher| {
            matcher.name() == METRIC_NAME && matcher.match_type() == MatchType::Equal && !matcher.value().is_empty()
        };
        self.matchers.iter().any(|matcher| names_it(&matcher))
    }
}
