//! Queries on the head alone.

use std::sync::Arc;

use firesteel_base::{FastHashSet, TimeRange, TimestampMs};
use firesteel_storage::{LabelsWanted, Order, Querier, Selected, Selection, SeriesEntry, StorageError, TimeRanges};

use super::Head;
use super::label_reader::LabelReader;
use super::pairs::PairId;
use super::plan::Plan;
use super::selected::{HeadSelected, Note};
use super::series::Slot;
use super::shard::Shard;
use super::visibility::{Extent, Snapshot};

/// A view of the head as it was when the querier was made.
#[derive(Debug)]
pub struct HeadQuerier {
    head: Arc<Head>,
    range: TimeRange,
    /// Kept by selections too: a truncation waits for them.
    snapshot: Arc<Snapshot>,
}

impl HeadQuerier {
    pub fn new(head: Arc<Head>, range: TimeRange) -> Self {
        let snapshot = Arc::new(head.visibility.snapshot(range.min.0));
        Self { head, range, snapshot }
    }

    fn overlaps_head(&self) -> bool {
        let overlaps = |(min, max): (i64, i64)| min <= self.range.max.0 && self.range.min.0 <= max;
        self.head.time_range().is_some_and(overlaps) || self.head.out_of_order.range().is_some_and(overlaps)
    }

    /// Calls `visit` with each shard, locked, and the slots that fit there. Stops when `visit` says false.
    fn each_shard(
        &self,
        what: &Selection<'_>,
        mut visit: impl FnMut(&super::pairs::Pairs, usize, &Shard, &[Slot]) -> bool,
    ) {
        let mut plan = Plan::new(&self.head.pairs.read(), what.matchers);
        let mut slots = Vec::new();
        for (i, shard) in self.head.shards.iter().enumerate() {
            // Taken for one shard at a time, so that a new label value need not wait for the whole selection.
            let pairs = self.head.pairs.read();
            if pairs.sweeps() != plan.sweeps {
                plan = Plan::new(&pairs, what.matchers);
            }
            let shard = shard.lock();
            slots.clear();
            plan.run(&shard, &mut slots);
            if !visit(&pairs, i, &shard, &slots) {
                return;
            }
        }
    }

    /// Returns the pairs that matching series use.
    fn used_pairs(&self, what: &Selection<'_>) -> FastHashSet<PairId> {
        let mut used = FastHashSet::default();
        self.each_shard(what, |_, _, shard, slots| {
            for &slot in slots {
                used.extend(shard.ids(slot).iter().map(|&id| PairId(id)));
            }
            true
        });
        used
    }
}

/// Returns whether all chunks of the series that overlap the range are deleted as a whole. Late ones never are.
fn is_deleted(shard: &Shard, slot: Slot, deleted: &TimeRanges, range: TimeRange) -> bool {
    let mut left = shard.has_late(slot, range);
    shard.each_range(slot, |min, max| {
        let chunk = TimeRange { min: TimestampMs(min), max: TimestampMs(max) };
        left |= chunk.overlaps(range) && !deleted.covers(chunk);
    });
    !left
}

/// Returns whether the series may have a visible sample in the range.
fn may_have_samples(shard: &Shard, slot: Slot, extent: Extent, range: TimeRange) -> bool {
    let mut sealed = shard.sealed.newest_first(shard.chain(slot));
    if extent.samples == 0 && sealed.next().is_none() {
        return false;
    }
    if shard.newest_t(slot).is_none_or(|newest| newest < range.min.0) {
        return false;
    }
    if shard.open_range(slot).is_some_and(|(min, _)| min <= range.max.0) {
        return true;
    }
    shard.sealed.newest_first(shard.chain(slot)).any(|chunk| chunk.min_t <= range.max.0 && range.min.0 <= chunk.max_t)
}

impl Querier for HeadQuerier {
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError> {
        let mut found: Vec<(SeriesEntry, Note)> = Vec::new();
        let mut reader = LabelReader::of(if what.sorted { LabelsWanted::All } else { what.labels });
        let mut visible: Vec<(Slot, Extent)> = Vec::new();
        if self.overlaps_head() {
            self.each_shard(what, |pairs, shard_at, shard, slots| {
                reader.begin(pairs);
                let hidden = shard.open_batches.hidden_from(&self.snapshot);
                visible.clear();
                for &slot in slots {
                    let hide = hidden.as_ref().and_then(|h| h.get(&slot));
                    let extent = hide.copied().unwrap_or_else(|| shard.extent(slot));
                    if !may_have_samples(shard, slot, extent, self.range) && !shard.has_late(slot, self.range) {
                        continue;
                    }
                    let deleted = self.head.stones.get(shard.hot(slot).series());
                    if !deleted.is_some_and(|deleted| is_deleted(shard, slot, &deleted, self.range)) {
                        visible.push((slot, extent));
                    }
                }
                found.reserve(visible.len());
                for &(slot, extent) in &visible {
                    let series = shard.hot(slot).series();
                    let entry = SeriesEntry { series, labels: reader.read(pairs, shard.ids(slot)) };
                    found.push((entry, Note { shard: shard_at as u32, slot, extent }));
                }
                true
            });
        }
        let order = if what.sorted {
            found.sort_by(|a, b| a.0.labels.cmp(&b.0.labels));
            Order::Labels
        } else {
            found.sort_by_key(|f| f.0.series);
            Order::Ref
        };
        if what.limit > 0 {
            found.truncate(what.limit);
        }
        Ok(Box::new(HeadSelected::new(Arc::clone(&self.head), Arc::clone(&self.snapshot), self.range, order, found)))
    }

    fn label_values(&self, name: &str, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        if !self.overlaps_head() {
            return Ok(Vec::new());
        }
        let mut values: Vec<Arc<str>> = if what.matchers.is_empty() {
            let pairs = self.head.pairs.read();
            let name = pairs.name(name);
            name.into_iter().flat_map(|n| pairs.pairs_of(n)).map(|id| Arc::from(pairs.text(id).1)).collect()
        } else {
            let used = self.used_pairs(what);
            let pairs = self.head.pairs.read();
            let name = pairs.name(name);
            name.into_iter()
                .flat_map(|n| pairs.pairs_of(n))
                .filter(|id| used.contains(id))
                .map(|id| Arc::from(pairs.text(id).1))
                .collect()
        };
        values.sort_unstable();
        if what.limit > 0 {
            values.truncate(what.limit);
        }
        Ok(values)
    }

    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        if !self.overlaps_head() {
            return Ok(Vec::new());
        }
        let used = (!what.matchers.is_empty()).then(|| self.used_pairs(what));
        let pairs = self.head.pairs.read();
        let mut names: Vec<Arc<str>> = pairs
            .names()
            .filter(|&name| pairs.pairs_of(name).any(|id| used.as_ref().is_none_or(|used| used.contains(&id))))
            .map(|name| Arc::from(pairs.name_text(name)))
            .collect();
        names.sort_unstable();
        if what.limit > 0 {
            names.truncate(what.limit);
        }
        Ok(names)
    }
}
