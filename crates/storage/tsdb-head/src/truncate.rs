//! Giving back what is older than it need be: chunks by time, then series without chunks, then pairs without series.

use std::sync::atomic::Ordering;

use firesteel_model::SeriesRef;

use super::refs::Place;
use super::{Head, count};

/// Series looked at under one hold of a shard's lock: well below a millisecond.
const SLICE: usize = 2048;

/// What a truncation took away.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Truncated {
    /// The series that are gone.
    pub dead: Vec<SeriesRef>,
    pub chunks: usize,
}

impl Head {
    /// Drops chunks that end before `min_t` and series that have none left. Samples before `min_t` are out of bounds
    /// from now on.
    pub fn truncate(&self, min_t: i64) -> Truncated {
        self.min_valid.fetch_max(min_t, Ordering::Relaxed);
        let mut done = Truncated::default();
        let (mut ids, mut dead): (Vec<u32>, Vec<SeriesRef>) = (Vec::new(), Vec::new());
        for (shard_at, lock) in self.shards.iter().enumerate() {
            let mut slots = lock.lock().slots().peekable();
            while slots.peek().is_some() {
                let mut shard = lock.lock();
                for slot in slots.by_ref().take(SLICE) {
                    done.chunks += shard.truncate(slot, min_t, &mut ids, &mut dead);
                }
            }
            self.refs.forget(&dead);
            done.dead.append(&mut dead);
            // One hold of the lock, some milliseconds for 100,000 series of a shard; only when a fifth of them is gone.
            let mut shard = lock.lock();
            if shard.wants_compaction() {
                for (series, slot) in shard.compact() {
                    self.refs.set(series, Place { shard: shard_at as u32, slot });
                }
            }
        }
        self.metadata.write().forget(&done.dead);
        self.stones.truncate(&done.dead, min_t);
        if !ids.is_empty() {
            let mut pairs = self.pairs.write();
            pairs.release(&ids);
            pairs.sweep();
        }
        if self.time_range().is_some() {
            self.min_time.fetch_max(min_t, Ordering::Relaxed);
        }
        self.counts.series.fetch_sub(done.dead.len() as u64, Ordering::Relaxed);
        count(&self.counts.series_removed, done.dead.len() as u64);
        count(&self.counts.chunks_removed, done.chunks as u64);
        count(&self.counts.truncations, 1);
        done
    }

    /// Returns whether the log must keep a series' record.
    pub fn is_live(&self, series: SeriesRef) -> bool {
        self.place_of(series).is_some()
    }
}
