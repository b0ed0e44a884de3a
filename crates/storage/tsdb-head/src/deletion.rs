//! Deleting samples: what is deleted is noted beside the series, in the log too, and left out of every answer; it goes for
//! good when the head is truncated.
//!
//! That is about samples that came in order. Late ones cannot be deleted by such a note: it would hide what comes late after
//! the deletion, and it is forgotten when the head is truncated, which late samples outlive. Whoever deletes moves them to
//! blocks first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use firesteel_base::{FastHashMap, FastHashSet, TimeRange, TimestampMs};
use firesteel_model::{Matcher, SeriesRef};
use firesteel_storage::{StorageError, TimeRanges};
use firesteel_tsdb_wal::OnFailure;
use firesteel_tsdb_wal::records::{TombstoneEntry, TombstonesRecord};
use parking_lot::RwLock;

use super::Head;
use super::log::LogOutcome;
use super::plan::Plan;
use super::series::Slot;
use super::shard::Shard;

/// The deleted times of series that have any.
#[derive(Debug, Default)]
pub(crate) struct Stones {
    of: RwLock<FastHashMap<SeriesRef, Arc<TimeRanges>>>,
    /// Whether there are any: asked by every reader.
    any: AtomicBool,
}

impl Stones {
    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, series: SeriesRef) -> Option<Arc<TimeRanges>> {
        if self.is_empty() {
            return None;
        }
        self.of.read().get(&series).cloned()
    }

    pub(crate) fn add(&self, stones: impl IntoIterator<Item = TombstoneEntry>) {
        let mut of = self.of.write();
        for stone in stones {
            Arc::make_mut(of.entry(stone.series).or_default()).add(stone.range);
        }
        self.any.store(!of.is_empty(), Ordering::Release);
    }

    /// Forgets series that are gone, and times before `min_t`.
    pub(crate) fn truncate(&self, dead: &[SeriesRef], min_t: i64) {
        if self.is_empty() {
            return;
        }
        let mut of = self.of.write();
        for series in dead {
            of.remove(series);
        }
        of.retain(|_, ranges| {
            Arc::make_mut(ranges).truncate_before(TimestampMs(min_t));
            !ranges.is_empty()
        });
        self.any.store(!of.is_empty(), Ordering::Release);
    }

    /// Returns all that is deleted.
    pub(crate) fn all(&self) -> Vec<TombstoneEntry> {
        let of = self.of.read();
        let entries =
            of.iter().flat_map(|(&series, ranges)| ranges.iter().map(move |range| TombstoneEntry { series, range }));
        entries.collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.of.read().values().map(|ranges| ranges.len()).sum()
    }
}

impl Head {
    /// Calls `each` with the series that satisfy all matchers.
    fn each_matching(&self, matchers: &[Matcher], mut each: impl FnMut(&Shard, Slot)) {
        let mut plan = Plan::new(&self.pairs.read(), matchers);
        let mut slots = Vec::new();
        for shard in &self.shards {
            let pairs = self.pairs.read();
            if pairs.sweeps() != plan.sweeps {
                plan = Plan::new(&pairs, matchers);
            }
            let shard = shard.lock();
            slots.clear();
            plan.run(&shard, &mut slots);
            for &slot in &slots {
                each(&shard, slot);
            }
        }
    }

    /// Returns the series that satisfy all matchers and may have late samples within `range`, ends included.
    pub fn late_within(&self, range: TimeRange, matchers: &[Matcher]) -> FastHashSet<SeriesRef> {
        let mut found = FastHashSet::default();
        if self.out_of_order_range().is_some_and(|late| late.overlaps(range)) {
            self.each_matching(matchers, |shard, slot| {
                if shard.has_late(slot, range) {
                    found.insert(shard.hot(slot).series());
                }
            });
        }
        found
    }

    /// Deletes the samples that came in order and lie within `range`, ends included, of the series that satisfy all
    /// matchers; returns of how many series. Only what is there is deleted: later samples are taken as ever.
    ///
    /// `late` are series that had late samples within the range: the log has them among those that came in order, and a
    /// replay may take one before the first of those for such.
    ///
    /// Error: the log does not take it; then nothing is deleted.
    pub fn delete(
        &self,
        range: TimeRange,
        matchers: &[Matcher],
        late: &FastHashSet<SeriesRef>,
    ) -> Result<usize, StorageError> {
        let (mut stones, mut n) = (Vec::new(), 0);
        let oldest_in_order = self.min_acceptable();
        self.each_matching(matchers, |shard, slot| {
            let series = shard.hot(slot).series();
            let there = shard.time_range(slot);
            let (min, max) = there.unwrap_or((oldest_in_order, oldest_in_order.saturating_sub(1)));
            let min = if late.contains(&series) { range.min } else { range.min.max(TimestampMs(min)) };
            let range = TimeRange { min, max: range.max.min(TimestampMs(max)) };
            if range.min <= range.max {
                stones.push(TombstoneEntry { series, range });
                n += usize::from(there.is_some_and(|there| there.0 <= range.max.0));
            }
        });
        if stones.is_empty() {
            return Ok(0);
        }
        stones.sort_unstable_by_key(|stone| stone.series);
        let mut record = Vec::new();
        TombstonesRecord::encode(stones.iter().copied(), &mut record);
        match self.log.write(&[&record], OnFailure::Refuse) {
            LogOutcome::Closed => return Err(StorageError::Closed),
            LogOutcome::Refused(why) => return Err(StorageError::NotDurable { why }),
            LogOutcome::Written | LogOutcome::Kept | LogOutcome::Lost => {}
        }
        self.stones.add(stones);
        Ok(n)
    }

    /// Returns the deleted times of a series.
    pub fn deleted_of(&self, series: SeriesRef) -> Option<Arc<TimeRanges>> {
        self.stones.get(series)
    }

    /// Returns how many deleted ranges there are.
    pub fn tombstones(&self) -> usize {
        self.stones.len()
    }
}
