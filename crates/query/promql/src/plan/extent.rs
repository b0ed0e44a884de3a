//! Which time range of the store a plan can look at: the querier is opened for that.

use firesteel_base::{TimeRange, TimestampMs};

use firesteel_promql_syntax::RangeMode;

use super::{Plan, RangeSource, SelectorPlan};

/// Returns the range that holds every sample which the plan may look at when evaluated from `start` to `end`.
///
/// A plan that selects nothing yields the moment zero, as upstream's `FindMinMaxTime`.
pub(crate) fn extent(sources: &[&RangeSource], plans: &[&Plan], start: i64, end: i64, lookback_ms: i64) -> TimeRange {
    let mut found = Extent { min: i64::MAX, max: i64::MIN, lookback_ms };
    for plan in plans {
        found.plan(plan, start, end);
    }
    for source in sources {
        found.source(source, start, end);
    }
    if found.min > found.max {
        return TimeRange { min: TimestampMs(0), max: TimestampMs(0) };
    }
    TimeRange { min: TimestampMs(found.min), max: TimestampMs(found.max) }
}

struct Extent {
    min: i64,
    max: i64,
    lookback_ms: i64,
}

impl Extent {
    fn selector(&mut self, selector: &SelectorPlan, start: i64, end: i64, back_ms: i64) {
        let (start, end) = selector.at.map_or((start, end), |at| (at, at));
        // Anchored and smoothed ranges look beyond their edges.
        let (more_back, ahead) = match selector.mode {
            RangeMode::Plain => (0, 0),
            RangeMode::Anchored => (self.lookback_ms, 0),
            RangeMode::Smoothed => (self.lookback_ms, self.lookback_ms),
        };
        // Windows are open on the left: the sample exactly `back_ms` ago is out.
        let first = start.saturating_sub(back_ms + more_back - 1).saturating_sub(selector.offset_ms);
        self.min = self.min.min(first);
        self.max = self.max.max(end.saturating_add(ahead).saturating_sub(selector.offset_ms));
    }

    fn source(&mut self, source: &RangeSource, start: i64, end: i64) {
        match source {
            RangeSource::Series { selector, range_ms } => self.selector(selector, start, end, *range_ms),
            RangeSource::Subquery(subquery) => {
                let (start, end) = subquery.at.map_or((start, end), |at| (at, at));
                let first = start.saturating_sub(subquery.offset_ms).saturating_sub(subquery.range_ms);
                self.plan(&subquery.expr, first, end.saturating_sub(subquery.offset_ms));
            }
        }
    }

    fn plan(&mut self, plan: &Plan, start: i64, end: i64) {
        match plan {
            Plan::Selector(selector) | Plan::Timestamp(selector) | Plan::StartTimestamp(selector) => {
                self.selector(selector, start, end, self.lookback_ms);
            }
            Plan::RangeCall { source, .. } | Plan::AbsentOverTime { source, .. } => self.source(source, start, end),
            Plan::Info { at, offset_ms, .. } => {
                let (start, end) = at.map_or((start, end), |at| (at, at));
                self.min = self.min.min(start.saturating_sub(self.lookback_ms - 1).saturating_sub(*offset_ms));
                self.max = self.max.max(end.saturating_sub(*offset_ms));
            }
            _ => {}
        }
        for child in plan.children() {
            self.plan(child, start, end);
        }
    }
}

impl Plan {
    /// Returns the direct sub-plans that are evaluated on the same steps.
    fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_)
            | Self::Time
            | Self::Selector(_)
            | Self::Timestamp(_)
            | Self::StartTimestamp(_)
            | Self::AbsentOverTime { .. } => Vec::new(),
            Self::RangeCall { params, .. } => params.iter().collect(),
            Self::Map { input, params, .. } => std::iter::once(&**input).chain(params).collect(),
            Self::Absent { input, .. }
            | Self::LabelReplace { input, .. }
            | Self::LabelJoin { input, .. }
            | Self::Sort { input, .. }
            | Self::CountValues { input, .. }
            | Self::OfHistogram { input, .. }
            | Self::Info { input, .. }
            | Self::Scalar(input)
            | Self::Vector(input)
            | Self::Negate(input)
            | Self::At(_, input)
            | Self::StepInvariant(input) => vec![input],
            Self::HistogramQuantile { quantiles, input, .. } => {
                quantiles.iter().map(|(plan, _)| plan).chain([&**input]).collect()
            }
            Self::HistogramFraction { lower, upper, input, .. } => vec![lower, upper, input],
            Self::ScalarScalar { lhs, rhs, .. } | Self::VectorVector { lhs, rhs, .. } | Self::Set { lhs, rhs, .. } => {
                vec![lhs, rhs]
            }
            Self::VectorScalar { vector, scalar, .. } => vec![vector, scalar],
            Self::Aggregate { param, input, .. } => param.as_deref().into_iter().chain([&**input]).collect(),
        }
    }
}
