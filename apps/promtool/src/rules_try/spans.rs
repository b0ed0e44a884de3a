//! Spans of time in which alerts fired.

use std::collections::BTreeMap;

use firesteel_model::{Labels, LabelsBuilder};
use firesteel_promql::MatrixSeries;

/// From the first evaluation that saw an alert fire to the last one, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    fn overlaps(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

/// Spans of alerts by their labels, in order of time.
pub(super) type Spans = BTreeMap<Labels, Vec<Span>>;

/// Notes that an alert fires at `at`; after a gap longer than `bridge` it is another time.
pub(super) fn note(spans: &mut Spans, labels: &Labels, at: i64, bridge: i64) {
    let known = spans.entry(labels.clone()).or_default();
    match known.last_mut() {
        Some(last) if at - last.to <= bridge => last.to = at,
        _ => known.push(Span { from: at, to: at }),
    }
}

/// Spans of the series of `ALERTS` that were stored, looked at every `step` milliseconds.
pub(super) fn of_stored(series: &[MatrixSeries], step: i64) -> Spans {
    let mut spans = Spans::new();
    let mut builder = LabelsBuilder::new();
    for one in series {
        builder.reset(&one.labels);
        builder.del("__name__");
        builder.del("alertstate");
        let labels = builder.build();
        for t in one.t.iter() {
            note(&mut spans, &labels, t.0, step);
        }
    }
    spans
}

/// How a span of the new rules and one of the stored alerts compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compared {
    Same(Span),
    /// Both, but one begins or ends more than two evaluations from the other.
    Shifted {
        new: Span,
        old: Span,
    },
    Added(Span),
    Gone(Span),
}

impl Compared {
    pub(super) fn from(self) -> i64 {
        match self {
            Self::Same(span) | Self::Added(span) | Self::Gone(span) => span.from,
            Self::Shifted { new, old } => new.from.min(old.from),
        }
    }
}

/// Pairs spans of one alert that overlap, the first with the first.
pub(super) fn compare(new: &[Span], old: &[Span], tolerance: i64) -> Vec<Compared> {
    let mut out = Vec::with_capacity(new.len().max(old.len()));
    let mut left: Vec<Span> = old.to_vec();
    for &new in new {
        match left.iter().position(|old| old.overlaps(new)) {
            None => out.push(Compared::Added(new)),
            Some(at) => {
                let old = left.remove(at);
                let is_near = (new.from - old.from).abs() <= tolerance && (new.to - old.to).abs() <= tolerance;
                out.push(if is_near { Compared::Same(new) } else { Compared::Shifted { new, old } });
            }
        }
    }
    out.extend(left.into_iter().map(Compared::Gone));
    out.sort_by_key(|one| one.from());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_paired_where_they_overlap() {
        let span = |from, to| Span { from, to };
        let cases: [(&[Span], &[Span], &[Compared]); 5] = [
            (&[], &[], &[]),
            (&[span(10, 20)], &[span(12, 19)], &[Compared::Same(span(10, 20))]),
            (&[span(10, 20)], &[span(15, 40)], &[Compared::Shifted { new: span(10, 20), old: span(15, 40) }]),
            (&[span(10, 20)], &[span(30, 40)], &[Compared::Added(span(10, 20)), Compared::Gone(span(30, 40))]),
            (
                &[span(10, 20), span(25, 30)],
                &[span(10, 30)],
                &[Compared::Shifted { new: span(10, 20), old: span(10, 30) }, Compared::Added(span(25, 30))],
            ),
        ];
        for (new, old, want) in cases {
            assert_eq!(compare(new, old, 2), want, "{new:?} {old:?}");
        }
    }

    #[test]
    fn a_gap_begins_another_span() {
        let (mut spans, labels) = (Spans::new(), Labels::from_pairs([("a", "b")]));
        for at in [0, 10, 20, 40, 50] {
            note(&mut spans, &labels, at, 10);
        }
        assert_eq!(spans[&labels], [Span { from: 0, to: 20 }, Span { from: 40, to: 50 }]);
    }
}
