//! Which labels of a selector's series anybody looks at: an aggregation `by` some labels needs no others, `absent` and
//! `scalar` need none. Stores that can leave the others out do, and series that share what is left share it in memory.
//!
//! What names whole label sets in its errors (operations between vectors), tells series apart by them (`label_replace`,
//! `histogram_quantile`, `without`, `or`) or hands them on (`topk`, the answer itself) gets them all.

use std::sync::Arc;

use firesteel_promql_syntax::{AggregateOp, BinaryOp};

use super::{Plan, RangeSource, Root, SelectorPlan};
use crate::series::METADATA_LABELS;

/// The labels of an expression that are looked at above it; `None` = all.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    names: Option<&'a [String]>,
    /// Names are taken away in between.
    renamed: bool,
}

const ALL: Wanted<'static> = Wanted { names: None, renamed: false };

impl<'a> Wanted<'a> {
    fn only(names: &'a [String]) -> Self {
        Self { names: Some(names), renamed: false }
    }

    fn renamed(self) -> Self {
        Self { renamed: true, ..self }
    }
}

/// Notes at each selector which labels of its series are looked at.
pub(crate) fn leave_labels_out(root: &mut Root) {
    match root {
        Root::Steps(plan) => plan.want(ALL),
        Root::Range(RangeSource::Subquery(subquery)) => subquery.expr.want(ALL),
        Root::Range(RangeSource::Series { .. }) | Root::String(_) => return,
    }
    // What is selected twice is selected once, with all that either place wants.
    let mut seen: Vec<SelectorPlan> = Vec::new();
    each_selector(root, &mut |one| seen.push(one.clone()));
    if seen.len() < 2 {
        return;
    }
    each_selector(root, &mut |one| {
        let others = || seen.iter().filter(|other| other.matchers == one.matchers);
        if others().any(|other| other.labels != one.labels) {
            one.labels = None;
        } else {
            one.renamed = others().any(|other| other.renamed);
        }
    });
}

fn each_selector(root: &mut Root, f: &mut dyn FnMut(&mut SelectorPlan)) {
    match root {
        Root::Steps(plan) => plan.each_selector(f),
        Root::Range(source) => source.each_selector(f),
        Root::String(_) => {}
    }
}

impl RangeSource {
    fn want(&mut self, wanted: Wanted<'_>) {
        match self {
            Self::Series { selector, .. } => selector.want(wanted),
            Self::Subquery(subquery) => subquery.expr.want(wanted),
        }
    }

    fn each_selector(&mut self, f: &mut dyn FnMut(&mut SelectorPlan)) {
        match self {
            Self::Series { selector, .. } => f(selector),
            Self::Subquery(subquery) => subquery.expr.each_selector(f),
        }
    }
}

impl SelectorPlan {
    fn want(&mut self, wanted: Wanted<'_>) {
        let Some(names) = wanted.names else { return };
        // Remarks name the metric, and what takes the name away asks whether it is the same everywhere.
        let mut names: Vec<String> = names.iter().cloned().chain(METADATA_LABELS.map(str::to_owned)).collect();
        names.sort();
        names.dedup();
        self.labels = Some(Arc::from(names));
        self.renamed = wanted.renamed;
    }
}

impl Plan {
    fn want(&mut self, wanted: Wanted<'_>) {
        match self {
            Self::Selector(selector) => selector.want(wanted),
            Self::Timestamp(selector) | Self::StartTimestamp(selector) => selector.want(wanted.renamed()),
            Self::RangeCall { source, params, .. } => {
                source.want(wanted.renamed());
                for param in params {
                    param.want(ALL);
                }
            }
            Self::Map { input, params, .. } => {
                input.want(wanted.renamed());
                for param in params {
                    param.want(ALL);
                }
            }
            Self::VectorScalar { vector, scalar, .. } => {
                vector.want(wanted.renamed());
                scalar.want(ALL);
            }
            Self::Negate(input) | Self::OfHistogram { input, .. } => input.want(wanted.renamed()),
            Self::At(_, input) | Self::StepInvariant(input) => input.want(wanted),
            Self::AbsentOverTime { source, .. } => source.want(Wanted::only(&[]).renamed()),
            Self::Absent { input, .. } | Self::Scalar(input) => input.want(Wanted::only(&[])),
            Self::Aggregate { op, param, input, grouping, without, .. } => {
                use AggregateOp as A;
                let hands_on = matches!(op, A::TopK | A::BottomK | A::LimitK | A::LimitRatio);
                input.want(if hands_on || *without { ALL } else { Wanted::only(grouping) });
                if let Some(param) = param {
                    param.want(ALL);
                }
            }
            Self::CountValues { input, grouping, without, .. } => {
                input.want(if *without { ALL } else { Wanted::only(grouping) });
            }
            // The right side only says which of the left stay.
            Self::Set { op: BinaryOp::And | BinaryOp::Unless, matching, lhs, rhs } if matching.on => {
                lhs.want(ALL);
                rhs.want(Wanted::only(&matching.labels));
            }
            _ => self.each_child(&mut |child| child.want(ALL)),
        }
    }

    fn each_selector(&mut self, f: &mut dyn FnMut(&mut SelectorPlan)) {
        match self {
            Self::Selector(selector) | Self::Timestamp(selector) | Self::StartTimestamp(selector) => f(selector),
            Self::RangeCall { source, .. } | Self::AbsentOverTime { source, .. } => source.each_selector(f),
            _ => {}
        }
        self.each_child(&mut |child| child.each_selector(f));
    }

    /// Calls `f` with the direct sub-plans, what stands in subqueries left out.
    fn each_child(&mut self, f: &mut dyn FnMut(&mut Self)) {
        match self {
            Self::Number(_)
            | Self::Time
            | Self::Selector(_)
            | Self::Timestamp(_)
            | Self::StartTimestamp(_)
            | Self::AbsentOverTime { .. } => {}
            Self::RangeCall { params, .. } => params.iter_mut().for_each(f),
            Self::Map { input, params, .. } => {
                f(input);
                params.iter_mut().for_each(f);
            }
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
            | Self::StepInvariant(input) => f(input),
            Self::HistogramQuantile { quantiles, input, .. } => {
                for (quantile, _) in quantiles {
                    f(quantile);
                }
                f(input);
            }
            Self::HistogramFraction { lower, upper, input, .. } => [lower, upper, input].into_iter().for_each(|p| f(p)),
            Self::ScalarScalar { lhs, rhs, .. } | Self::VectorVector { lhs, rhs, .. } | Self::Set { lhs, rhs, .. } => {
                f(lhs);
                f(rhs);
            }
            Self::VectorScalar { vector, scalar, .. } => {
                f(vector);
                f(scalar);
            }
            Self::Aggregate { param, input, .. } => {
                if let Some(param) = param {
                    f(param);
                }
                f(input);
            }
        }
    }
}
