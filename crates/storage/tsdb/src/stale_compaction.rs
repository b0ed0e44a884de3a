//! Stale series leave the head early: when too many of its series are stale, their samples become blocks and they are
//! dropped, long before the range of the head is due (`storage.tsdb.stale_series_compaction_threshold`).
//!
//! As with a cut, blocks are written, then loaded, then the head gives the series back and tells the log. A crash in
//! between leaves samples twice, never none.

use std::time::{Duration, Instant};

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_tsdb_block::{BlockSpec, Ulid};
use firesteel_tsdb_head::StaleSeries;

use crate::DbError;
use crate::compaction::{Compaction, State};

/// The head that is due soon takes them along (`tsdb/db.go`, 3.14).
const SOON: Duration = Duration::from_secs(10 * 60);

impl Compaction {
    /// Sets which share of stale series, 0 to 1, is too much; 0 is off.
    pub(crate) fn set_stale_threshold(&self, share: f64) {
        *self.stale_threshold.write() = share;
    }

    /// Moves stale series to blocks if there are too many and the head is not due soon.
    pub(crate) fn compact_stale_if_due(&self) -> Result<(), DbError> {
        let threshold = *self.stale_threshold.read();
        let stats = self.head.stats();
        let share = stats.stale_series as f64 / stats.series.max(1) as f64;
        if threshold <= 0.0 || stats.series == 0 || share < threshold {
            return Ok(());
        }
        let mut state = self.lock.lock();
        let range = Duration::from_millis(u64::try_from(self.ranges[0]).unwrap_or(0));
        if state.last_cut.is_some_and(|at| at.elapsed() + SOON >= range) {
            return Ok(());
        }
        self.compact_stale(&mut state)
    }

    /// Moves stale series to blocks now.
    pub(crate) fn compact_stale_now(&self) -> Result<(), DbError> {
        self.compact_stale(&mut self.lock.lock())
    }

    fn compact_stale(&self, state: &mut State) -> Result<(), DbError> {
        let began = Instant::now();
        self.instruments.stale_triggered.inc();
        tracing::info!(component = "tsdb", "Starting stale series compaction");
        let done = self.sync_dropped(state).and_then(|()| self.move_stale(state));
        match done {
            Ok(series) => {
                self.instruments.stale_duration.observe_duration(began.elapsed());
                let duration = began.elapsed();
                tracing::info!(component = "tsdb", num_series = series, ?duration, "Ending stale series compaction");
                Ok(())
            }
            Err(e) => {
                self.instruments.stale_failed.inc();
                Err(e)
            }
        }
    }

    /// Returns how many series were moved.
    fn move_stale(&self, state: &mut State) -> Result<usize, DbError> {
        let Some(listed) = self.head.stale_series() else { return Ok(0) };
        let mut written = Vec::new();
        let outcome = self.write_stale(&listed, &mut written);
        if let Err(e) = outcome {
            // The next attempt writes all of them again.
            for ulid in written {
                self.blocks.discard(ulid);
            }
            return Err(e);
        }
        let (dropped, told) = self.head.drop_stale(&listed);
        let series = dropped.dead.len();
        if let Some(wal) = self.head.log.wal() {
            let segment = wal.current_segment();
            state.gone.extend(dropped.dead.into_iter().map(|series| (series, segment)));
            state.dropped_unsynced |= series > 0;
        }
        told?;
        self.sync_dropped(state)?;
        Ok(series)
    }

    /// Writes a block for each range that the listed series have samples in, and loads them.
    fn write_stale(&self, listed: &StaleSeries, written: &mut Vec<Ulid>) -> Result<(), DbError> {
        let (size, range) = (self.ranges[0], listed.range());
        let mut min = (range.min.0 / size).saturating_mul(size);
        if min > range.min.0 {
            min = min.saturating_sub(size);
        }
        while min <= range.max.0 {
            let end = min.saturating_add(size);
            let within = TimeRange { min: TimestampMs(min), max: TimestampMs(end - 1) };
            let spec = BlockSpec::of_stale_series(Ulid::generate(), min, end);
            written.extend(self.write(spec, &mut self.head.stale_source(listed, within))?.map(|meta| meta.ulid));
            min = end;
        }
        if written.is_empty() { Ok(()) } else { self.load_all(written) }
    }

    /// Makes sure that the log knows of dropped series: what is deleted in the blocks that have their samples now must not come
    /// back from there.
    pub(crate) fn sync_dropped(&self, state: &mut State) -> Result<(), DbError> {
        if state.dropped_unsynced
            && let Some(wal) = self.head.log.wal()
        {
            wal.sync()?;
            state.dropped_unsynced = false;
        }
        Ok(())
    }
}
