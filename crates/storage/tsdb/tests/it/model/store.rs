//! A store in a few maps, by upstream's rules: which samples are taken, and what is answered.

use std::collections::{BTreeMap, BTreeSet};

use firesteel_model::Labels;
use firesteel_storage::AppendError;

use super::values::Value;

/// The values that a time may have: late samples may bring a second one, and readers may take either.
pub(super) type Samples = BTreeMap<i64, Vec<Value>>;

#[derive(Debug, Default)]
pub(super) struct OfSeries {
    /// The newest sample that came in order, deleted or not.
    last: Option<(i64, Value)>,
    pub(super) samples: Samples,
}

/// The whole store.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) block_ms: i64,
    pub(super) window_ms: i64,
    /// The newest sample that came in order.
    pub(super) newest: Option<i64>,
    /// Blocks hold what is before; nothing in order is taken there.
    pub(super) min_valid: i64,
    pub(super) series: BTreeMap<Labels, OfSeries>,
    /// Series that may have left the head while they were stale: whether a sample before their newest one comes late or in
    /// order is not known here.
    pub(super) maybe_gone: BTreeSet<Labels>,
    /// What retention took with a block; the log may still have it, and a restart bring it until the head is cut.
    forgotten: BTreeSet<(Labels, i64)>,
}

/// A row with the store's verdict when it came, before its batch was committed.
pub(super) struct Judged {
    pub(super) labels: Labels,
    pub(super) t: i64,
    pub(super) value: Value,
    pub(super) verdict: Result<(), AppendError>,
}

/// How many rows a commit takes. Whether a late sample repeats one of an open chunk is not known here.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) at_least: usize,
    pub(super) at_most: usize,
    pub(super) rejected: usize,
}

/// The bounds of a batch, as of its first row.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    oldest_in_order: i64,
    oldest_late: Option<i64>,
}

impl Store {
    pub(super) fn new(block_ms: i64) -> Self {
        Self {
            block_ms,
            window_ms: 0,
            newest: None,
            min_valid: i64::MIN,
            series: BTreeMap::new(),
            maybe_gone: BTreeSet::new(),
            forgotten: BTreeSet::new(),
        }
    }

    /// Notes that the series that are stale may leave the head.
    pub(super) fn stale_may_go(&mut self) {
        let is_stale = |of: &OfSeries| matches!(of.last, Some((_, Value::Stale)));
        self.maybe_gone.extend(self.series.iter().filter(|(_, of)| is_stale(of)).map(|(labels, _)| labels.clone()));
    }

    /// Returns whether it is known how a sample would come.
    pub(super) fn can_judge(&self, labels: &Labels, t: i64) -> bool {
        let last = || self.series.get(labels).and_then(|of| of.last.as_ref());
        !self.maybe_gone.contains(labels) || last().is_none_or(|(last, _)| t > *last)
    }

    /// Returns the bounds for a batch that begins at `t`; the very first sets them.
    pub(super) fn bounds(&mut self, t: i64) -> Bounds {
        let newest = *self.newest.get_or_insert(t);
        Bounds {
            oldest_in_order: self.min_valid.max(newest - self.block_ms / 2),
            oldest_late: (self.window_ms > 0).then(|| newest - self.window_ms),
        }
    }

    /// Judges a row before anything of its batch is taken.
    pub(super) fn judge(&self, bounds: Bounds, labels: &Labels, t: i64, value: &Value) -> Result<(), AppendError> {
        if t < bounds.oldest_in_order && bounds.oldest_late.is_none() {
            return Err(AppendError::OutOfBounds);
        }
        match (self.in_order(bounds, labels, t, value), bounds.oldest_late) {
            (Err(AppendError::OutOfOrder), Some(oldest)) if t < oldest => Err(AppendError::TooOld),
            (Err(AppendError::OutOfOrder), Some(_)) => Ok(()),
            (Err(why), _) => Err(why),
            (Ok(_), _) => Ok(()),
        }
    }

    /// Returns whether a sample follows in order; false: it is the last one again.
    fn in_order(&self, bounds: Bounds, labels: &Labels, t: i64, value: &Value) -> Result<bool, AppendError> {
        if t < bounds.oldest_in_order {
            return Err(AppendError::OutOfOrder);
        }
        match self.series.get(labels).and_then(|of| of.last.as_ref()) {
            Some((last, _)) if t < *last => Err(AppendError::OutOfOrder),
            Some((last, known)) if t == *last => {
                if known == value {
                    Ok(false)
                } else {
                    Err(AppendError::Duplicate)
                }
            }
            _ => Ok(true),
        }
    }

    /// Takes a batch whose rows were judged, in order.
    pub(super) fn commit(&mut self, bounds: Bounds, rows: Vec<Judged>) -> Taken {
        let mut taken = Taken::default();
        for row in rows.into_iter().filter(|row| row.verdict.is_ok()) {
            let Judged { labels, t, value, .. } = row;
            match self.in_order(bounds, &labels, t, &value) {
                Ok(false) => {}
                Ok(true) => {
                    taken.at_least += 1;
                    taken.at_most += 1;
                    self.newest = self.newest.max(Some(t));
                    self.maybe_gone.remove(&labels);
                    let of = self.series.entry(labels).or_default();
                    of.last = Some((t, value.clone()));
                    of.samples.entry(t).or_default().push(value);
                }
                Err(AppendError::OutOfOrder) if bounds.oldest_late.is_some_and(|oldest| t >= oldest) => {
                    taken.at_most += 1;
                    let of = self.series.entry(labels).or_default();
                    taken.at_least += usize::from(!of.samples.contains_key(&t));
                    of.samples.entry(t).or_default().push(value);
                }
                Err(_) => taken.rejected += 1,
            }
        }
        taken
    }

    /// Deletes what is there.
    pub(super) fn delete(&mut self, range: (i64, i64), matches: impl Fn(&Labels) -> bool) {
        for (_, of) in self.series.iter_mut().filter(|(labels, _)| matches(labels)) {
            of.samples.retain(|t, _| !(range.0..=range.1).contains(t));
        }
        self.forgotten.retain(|(labels, t)| !(matches(labels) && (range.0..=range.1).contains(t)));
    }

    /// Forgets a series' samples that do not satisfy `stays`, as retention does.
    pub(super) fn forget(&mut self, stays: impl Fn(&Labels, i64) -> bool) {
        for (labels, of) in &mut self.series {
            let gone = of.samples.keys().filter(|&&t| !stays(labels, t)).map(|&t| (labels.clone(), t));
            self.forgotten.extend(gone);
            of.samples.retain(|t, _| stays(labels, *t));
        }
    }

    /// Returns whether a sample may be there although retention took it.
    pub(super) fn may_be_back(&self, labels: &Labels, t: i64) -> bool {
        self.forgotten.contains(&(labels.clone(), t))
    }

    /// Returns what is to be answered.
    pub(super) fn answer(
        &self,
        range: (i64, i64),
        matches: impl Fn(&Labels) -> bool,
    ) -> BTreeMap<Labels, Vec<(i64, &[Value])>> {
        let mut out = BTreeMap::new();
        for (labels, of) in self.series.iter().filter(|(labels, _)| matches(labels)) {
            let samples: Vec<_> = of.samples.range(range.0..=range.1).map(|(t, of)| (*t, of.as_slice())).collect();
            if !samples.is_empty() {
                out.insert(labels.clone(), samples);
            }
        }
        out
    }
}
