//! The newest exemplars, naively: all that were ever taken, and the last few, which count.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use firesteel_model::Labels;

pub(super) type Answer = BTreeMap<Labels, Vec<(i64, u64)>>;

/// One with its series.
type OfSeries = (Labels, i64, u64);

/// Exemplars in order of arrival, which is that of time.
#[derive(Debug, Default)]
pub(super) struct Exemplars {
    /// All that ever came: the log may have them still.
    arrived: Vec<OfSeries>,
    held: Vec<OfSeries>,
    /// Series that left the head once, or may have.
    pub(super) left: BTreeSet<Labels>,
    max: usize,
}

impl Exemplars {
    pub(super) fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    /// Takes one that is newer than the series' newest; returns whether it is.
    pub(super) fn add(&mut self, labels: &Labels, t: i64, v: f64) -> bool {
        let newest = self.held.iter().filter(|e| e.0 == *labels).map(|e| e.1).max();
        let newer = newest.is_none_or(|newest| newest < t);
        if newer {
            self.arrived.push((labels.clone(), t, v.to_bits()));
            self.held.push((labels.clone(), t, v.to_bits()));
            self.keep_newest();
        }
        newer
    }

    fn keep_newest(&mut self) {
        self.held.drain(..self.held.len().saturating_sub(self.max));
    }

    /// What blocks hold the log has no more, and with it its exemplars: those before some time in `may_be_cut` are gone.
    ///
    /// Those of series that left the head may be gone as well: snapshots and checkpoints leave them out, as upstream's do.
    /// What a snapshot left out a later start may bring back: one that reads the log instead, because snapshots are off
    /// or none fits the log. There they are in their order of arrival, and push older ones out again, or had pushed out some
    /// that are among the newest without them.
    pub(super) fn restart(&mut self, may_be_cut: Range<i64>, found: &Answer) {
        let oldest = found.values().flatten().map(|e| e.0).min().unwrap_or(i64::MAX);
        let cut = oldest.min(may_be_cut.end).max(may_be_cut.start);
        let is_found = |(labels, t, v): &OfSeries| found.get(labels).is_some_and(|of| of.contains(&(*t, *v)));
        let must_be = |e: &OfSeries| !self.left.contains(&e.0) && (e.1 >= oldest || self.held.contains(e));
        let known = if self.left.is_empty() { &self.held } else { &self.arrived };
        self.held = known.iter().filter(|e| e.1 >= cut && (is_found(e) || must_be(e))).cloned().collect();
        self.keep_newest();
    }

    pub(super) fn answer(&self) -> Answer {
        let mut out = Answer::new();
        for (labels, t, v) in &self.held {
            out.entry(labels.clone()).or_default().push((*t, *v));
        }
        out
    }
}
