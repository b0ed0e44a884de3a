//! The newest exemplars, naively: all that were ever taken, of which the last few count.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use firesteel_model::Labels;

pub(super) type Answer = BTreeMap<Labels, Vec<(i64, u64)>>;

/// Exemplars in order of arrival; each series' come in order of time.
#[derive(Debug, Default)]
pub(super) struct Exemplars {
    arrived: Vec<(Labels, i64, u64)>,
    /// Series that left the head once, or may have.
    pub(super) left: BTreeSet<Labels>,
    max: usize,
}

impl Exemplars {
    pub(super) fn new(max: usize) -> Self {
        Self { arrived: Vec::new(), left: BTreeSet::new(), max }
    }

    /// Takes one that is newer than the series' newest; returns whether it is.
    pub(super) fn add(&mut self, labels: &Labels, t: i64, v: f64) -> bool {
        let newest = self.held().iter().filter(|e| e.0 == *labels).map(|e| e.1).max();
        let newer = newest.is_none_or(|newest| newest < t);
        if newer {
            self.arrived.push((labels.clone(), t, v.to_bits()));
        }
        newer
    }

    fn held(&self) -> &[(Labels, i64, u64)] {
        &self.arrived[self.arrived.len().saturating_sub(self.max)..]
    }

    /// What blocks hold the log has no more, and with it its exemplars: those before some time in `may_be_cut` are gone, and
    /// those of series that left the head may be.
    pub(super) fn restart(&mut self, may_be_cut: Range<i64>, held: &Answer) {
        let cut =
            held.values().flatten().map(|e| e.0).min().unwrap_or(i64::MAX).min(may_be_cut.end).max(may_be_cut.start);
        let is_held = |(labels, t, v): &(Labels, i64, u64)| held.get(labels).is_some_and(|of| of.contains(&(*t, *v)));
        let stays = |e: &&(Labels, i64, u64)| e.1 >= cut && (!self.left.contains(&e.0) || is_held(e));
        self.arrived = self.held().iter().filter(stays).cloned().collect();
    }

    pub(super) fn answer(&self) -> Answer {
        let mut out = Answer::new();
        for (labels, t, v) in self.held() {
            out.entry(labels.clone()).or_default().push((*t, *v));
        }
        out
    }
}
