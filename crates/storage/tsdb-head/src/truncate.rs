//! Giving back what is older than it need be: chunks by time, then series without chunks, then pairs without series.

use std::sync::atomic::Ordering;
use std::time::Instant;

use firesteel_model::SeriesRef;
use firesteel_storage::StorageError;

use super::series::Slot;
use super::shard::Shard;
use super::stale::StaleSeries;
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
    ///
    /// Waits for the queries that are at work and may read what goes. Queries that begin later must find it elsewhere: whoever
    /// moves samples to a block shows the block first, and its readers take the head's querier first.
    pub fn truncate(&self, min_t: i64) -> Truncated {
        self.take_away(min_t, None).0
    }

    /// Drops chunks that end before `min_t`, of the listed series only if there is a list: those go as a whole, once the log
    /// knows. Returns also why it would not know of some, which stay.
    pub(crate) fn take_away(&self, min_t: i64, listed: Option<&StaleSeries>) -> (Truncated, Result<(), StorageError>) {
        let _upkeep = self.upkeep.lock();
        if listed.is_none() {
            self.freeze(min_t);
        }
        if !self.visibility.wait_for_readers(min_t, self.options.reader_patience) {
            tracing::warn!(
                component = "tsdb",
                mint = min_t,
                "Queries hold the head back from truncation; going on without them"
            );
        }
        let began = Instant::now();
        self.generation.fetch_add(1, Ordering::AcqRel);
        let mut oldest = i64::MAX;
        let (mut done, mut told) = (Truncated::default(), Ok(()));
        let (mut ids, mut dead): (Vec<u32>, Vec<SeriesRef>) = (Vec::new(), Vec::new());
        for (shard_at, lock) in self.shards.iter().enumerate() {
            let mut slots = lock.lock().slots().peekable();
            while slots.peek().is_some() {
                let mut shard = lock.lock();
                let slice = slots.by_ref().take(SLICE);
                let (until, gone): (i64, Vec<Slot>) = match listed {
                    None => (min_t, slice.collect()),
                    Some(listed) => (i64::MAX, slice.filter(|&slot| listed.is_still(&shard, slot)).collect()),
                };
                // With the lock held: their labels cannot come again before the log knows that they were gone.
                if listed.is_some()
                    && let Err(e) = self.log_dropped(gone.iter().map(|&slot| shard.hot(slot).series()))
                {
                    told = Err(e);
                    continue;
                }
                for slot in gone {
                    done.chunks += shard.truncate(slot, until, &mut oldest, &mut ids, &mut dead);
                }
            }
            self.refs.forget(&dead);
            done.dead.append(&mut dead);
            let has_gaps = lock.lock().has_gaps();
            if has_gaps {
                self.close_gaps(shard_at);
            }
            if done.chunks > 0 || !done.dead.is_empty() {
                self.pack(shard_at);
            }
        }
        self.metadata.write().forget(&done.dead);
        self.stones.truncate(&done.dead, if listed.is_none() { min_t } else { i64::MIN });
        if !ids.is_empty() {
            let mut pairs = self.pairs.write();
            pairs.release(&ids);
            pairs.sweep();
        }
        if listed.is_none() && self.time_range().is_some() {
            // Samples may still come for any time in bounds.
            let min_time = oldest.min(self.min_acceptable()).max(min_t);
            self.min_time.fetch_max(min_time, Ordering::Relaxed);
        }
        self.waiting_bytes_anew();
        self.drop_needless_files();
        self.counts.series.fetch_sub(done.dead.len() as u64, Ordering::Relaxed);
        count(&self.counts.series_removed, done.dead.len() as u64);
        count(&self.counts.chunks_removed, done.chunks as u64);
        count(&self.counts.truncations, 1);
        count(&self.counts.gc_nanos, began.elapsed().as_nanos() as u64);
        (done, told)
    }

    /// Removes the files of chunks before the oldest one that a chunk lies in. To be called with `upkeep` held.
    pub(crate) fn drop_needless_files(&self) {
        let Some(files) = self.chunks_head() else { return };
        let of_shard = |shard: &Shard| {
            let late = shard.late.sealed.oldest_file();
            shard.sealed.oldest_file().into_iter().chain(late).min()
        };
        let oldest = self.shards.iter().filter_map(|shard| of_shard(&shard.lock())).min();
        if let Err(e) = files.truncate(oldest.unwrap_or(u32::MAX)) {
            count(&self.counts.truncations_failed, 1);
            tracing::error!(component = "tsdb", err = %e, "Truncating head chunk files failed; trying again later");
        }
    }

    /// Returns whether the log must keep a series' record.
    pub fn is_live(&self, series: SeriesRef) -> bool {
        self.place_of(series).is_some()
    }
}
