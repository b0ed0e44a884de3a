//! Aggregations: series are mapped to groups once, then whole rows are added, one series after another, vectorised over
//! steps. Upstream folds the series of a group in select order at each step; adding rows in that order does the same
//! float operations.

mod count_values;
mod fold;
mod quantile;
mod selecting;

pub(crate) use count_values::CountValues;
pub(crate) use fold::Fold;
pub(crate) use quantile::QuantileOf;
pub(crate) use selecting::{Selecting, Selection};

use crate::series::{Grouping, LabelChoice, OutputSeries};

/// Which labels make a group.
#[derive(Clone, Debug)]
pub(crate) struct GroupBy {
    choice: LabelChoice,
}

impl GroupBy {
    /// `by (…)` or `without (…)`; without a clause all is one group.
    pub(crate) fn new(labels: &[String], without: bool) -> Self {
        Self { choice: if without { LabelChoice::all_but(labels) } else { LabelChoice::only(labels) } }
    }

    /// Returns the group of each series and the groups in order of first appearance.
    pub(crate) fn groups(&self, series: &[OutputSeries]) -> (Vec<usize>, Vec<OutputSeries>) {
        let mut grouping = Grouping::new(self.choice.clone());
        let mut groups: Vec<OutputSeries> = Vec::new();
        let mut last: Option<(&OutputSeries, usize)> = None;
        let of_series = series
            .iter()
            .map(|one| {
                let known = last.filter(|(before, _)| one.labels.is_shared_with(&before.labels));
                let (number, is_new) = match known {
                    Some((_, number)) => (number, false),
                    None => grouping.number(&one.labels),
                };
                last = Some((one, number));
                if is_new {
                    groups.push(OutputSeries::plain(self.choice.apply(&one.labels)));
                }
                // A name that one member is to lose, the group is to lose.
                groups[number].drop_name |= one.drop_name;
                number
            })
            .collect();
        (of_series, groups)
    }

    /// Returns the labels of the group that `labels` belong to.
    pub(crate) fn labels(&self, labels: &firesteel_model::Labels) -> firesteel_model::Labels {
        self.choice.apply(labels)
    }
}
