//! Series whose newest sample is a staleness marker, taken out of the head before their time: whoever moves their samples to
//! blocks lists them, reads them as a source, and drops those that are still as they were.

use std::sync::atomic::Ordering;

use firesteel_base::{FastHashMap, TimeRange, TimestampMs};
use firesteel_model::SeriesRef;
use firesteel_storage::StorageError;
use firesteel_tsdb_wal::OnFailure;
use firesteel_tsdb_wal::records::{TombstoneEntry, TombstonesRecord};

use super::Head;
use super::log::LogOutcome;
use super::refs::Place;
use super::series::Slot;
use super::shard::Shard;
use super::truncate::Truncated;

/// Series looked at under one hold of a shard's lock.
const SLICE: usize = 2048;

/// Series that were stale at one time. See [`Head::stale_series`].
#[derive(Clone, PartialEq, Debug)]
pub struct StaleSeries {
    /// When the marker of each was taken.
    of: FastHashMap<SeriesRef, i64>,
    range: TimeRange,
}

impl StaleSeries {
    /// Returns the times of their samples, ends included.
    pub fn range(&self) -> TimeRange {
        self.range
    }

    pub fn len(&self) -> usize {
        self.of.len()
    }

    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub(crate) fn contains(&self, series: SeriesRef) -> bool {
        self.of.contains_key(&series)
    }

    /// Returns whether a series of the list has got nothing since: in order, the same newest time is the same newest sample.
    pub(crate) fn is_still(&self, shard: &Shard, slot: Slot) -> bool {
        let marker = shard.hot.get(slot.0 as usize).and_then(|hot| self.of.get(&hot.series()));
        marker.is_some() && shard.stale_range(slot).map(|range| range.1) == marker.copied()
    }
}

impl Shard {
    /// Returns the times of a series that nothing but its staleness marker keeps here: neither late samples nor a batch that
    /// is about to bring more.
    fn stale_range(&self, slot: Slot) -> Option<(i64, i64)> {
        let hot = self.hot.get(slot.0 as usize)?;
        let moves = hot.is_live() && !hot.is_pending() && !self.late.has(hot.series()) && self.is_stale(slot);
        if moves { self.time_range(slot) } else { None }
    }
}

impl Head {
    /// Lists the series whose newest sample is a staleness marker and that have no late samples; `None`: there are none.
    pub fn stale_series(&self) -> Option<StaleSeries> {
        let mut of = FastHashMap::default();
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for lock in &self.shards {
            let mut slots = lock.lock().slots().peekable();
            while slots.peek().is_some() {
                let shard = lock.lock();
                for slot in slots.by_ref().take(SLICE) {
                    if let Some((from, to)) = shard.stale_range(slot) {
                        of.insert(shard.hot(slot).series(), to);
                        (min, max) = (min.min(from), max.max(to));
                    }
                }
            }
        }
        let range = TimeRange { min: TimestampMs(min), max: TimestampMs(max) };
        (!of.is_empty()).then_some(StaleSeries { of, range })
    }

    /// Drops the listed series that got no sample since; what they had is in blocks that readers find already. The log is
    /// told, so that a replay leaves them out: to be synced by the caller. A log that cannot be written now takes it along
    /// before anything that comes later, as it does with samples.
    ///
    /// Waits for the queries that are at work and may read them, as [`Head::truncate`] does. Beside what went comes an error
    /// if the log is closed or did not take all: then the others stay.
    pub fn drop_stale(&self, listed: &StaleSeries) -> (Truncated, Result<(), StorageError>) {
        self.take_away(listed.range.max.0.saturating_add(1), Some(listed))
    }

    pub(crate) fn log_dropped(&self, dropped: impl Iterator<Item = SeriesRef>) -> Result<(), StorageError> {
        let mut stones = dropped.map(|series| TombstoneEntry { series, range: TimeRange::ALL }).peekable();
        if stones.peek().is_none() {
            return Ok(());
        }
        let mut record = Vec::new();
        TombstonesRecord::encode(stones, &mut record);
        match self.log.write(&[&record], OnFailure::Keep) {
            LogOutcome::Closed => Err(StorageError::Closed),
            LogOutcome::Refused(why) => Err(StorageError::NotDurable { why }),
            LogOutcome::Lost => Err(StorageError::NotDurable { why: "the log cannot be written".to_owned() }),
            LogOutcome::Written | LogOutcome::Kept => Ok(()),
        }
    }

    /// Drops a series that a replay finds dropped. What it had is in blocks.
    pub(crate) fn drop_replayed(&self, series: SeriesRef, place: Place) {
        let (mut ids, mut dead) = (Vec::new(), Vec::new());
        {
            let mut shard = self.shards[place.shard as usize].lock();
            // Without a chunk it gets a round of grace.
            for _round in 0..2 {
                if dead.is_empty() && shard.series(place.slot, series).is_some() {
                    shard.truncate(place.slot, i64::MAX, &mut i64::MAX.clone(), &mut ids, &mut dead);
                }
            }
        }
        self.refs.forget(&dead);
        self.metadata.write().forget(&dead);
        self.stones.truncate(&dead, i64::MIN);
        self.pairs.write().release(&ids);
        self.counts.series.fetch_sub(dead.len() as u64, Ordering::Relaxed);
    }
}
