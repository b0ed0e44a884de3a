//! How the elements of two vectors find each other: signatures, computed once for all steps.

use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME};
use firesteel_promql_syntax::VectorMatching;

use crate::series::{Grouping, LabelChoice, OutputSeries};

/// Returns which labels make two elements match.
fn choice(matching: &VectorMatching) -> LabelChoice {
    if matching.on { LabelChoice::only(&matching.labels) } else { LabelChoice::all_but(&matching.labels) }
}

/// Signatures of both sides, numbered together.
#[derive(Debug)]
pub(crate) struct Signatures {
    pub(crate) lhs: Vec<usize>,
    pub(crate) rhs: Vec<usize>,
    pub(crate) n: usize,
}

impl Signatures {
    pub(crate) fn new(matching: &VectorMatching, lhs: &[OutputSeries], rhs: &[OutputSeries]) -> Self {
        let mut grouping = Grouping::new(choice(matching));
        let mut number =
            |side: &[OutputSeries]| -> Vec<usize> { side.iter().map(|one| grouping.number(&one.labels).0).collect() };
        let (lhs, rhs) = (number(lhs), number(rhs));
        Self { lhs, rhs, n: grouping.len() }
    }
}

/// Returns the labels that an element matches by, as upstream's `MatchLabels` gives them.
pub(crate) fn match_labels(matching: &VectorMatching, labels: &Labels) -> Labels {
    let mut builder = LabelsBuilder::from_labels(labels);
    let named = |name: &str| matching.labels.iter().any(|known| known == name);
    builder.retain(|name, _| if matching.on { named(name) } else { name != METRIC_NAME && !named(name) });
    builder.build()
}
