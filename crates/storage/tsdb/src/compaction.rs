//! From the head to blocks, and from blocks to larger ones: what is due, in which order, so that a crash loses nothing.
//!
//! The order of a cut: the block is written, synced and named; then it is loaded, so that queries find it; then the head
//! gives its part back, and last the log. A crash between two of them leaves samples twice, never none: replay skips what
//! blocks hold. A compacted block names its parents, which are deleted after it is loaded, or at the next start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use firesteel_base::vfs::Vfs;
use firesteel_base::{FastHashMap, TimeRange, TimestampMs};
use firesteel_model::SeriesRef;
use firesteel_storage::{ChunkView, Encoding};
use firesteel_tsdb_block::{
    Block, BlockError, BlockMeta, BlockSpec, Candidate, Hint, PlanOptions, SeriesSource, Ulid, WriteOptions,
    block_ranges, compact, plan, write_block,
};
use firesteel_tsdb_head::{Head, OutOfOrderCut, count, give_back};
use firesteel_tsdb_wal::{self as wal, Wal};
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::blocks::{Blocks, Policy};
use crate::instruments::Instruments;
use crate::uploads::Uploads;
use crate::{DbError, DbOptions, Retention, disk, head_begin};

/// Compaction, reload, deletion and snapshots of one database; one at a time.
#[derive(Debug)]
pub(crate) struct Compaction {
    pub(crate) head: Arc<Head>,
    pub(crate) blocks: Arc<Blocks>,
    pub(crate) instruments: Instruments,
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    /// Ranges of blocks, ascending; the first is the head's.
    pub(crate) ranges: Vec<i64>,
    segment_bytes: u64,
    overlapping: bool,
    delay: Duration,
    head_bytes_max: u64,
    uploads: Option<Uploads>,
    retention: RwLock<Retention>,
    /// Whatever changes blocks or gives parts of the head back.
    pub(crate) lock: Mutex<State>,
    pub(crate) stale_threshold: RwLock<f64>,
    begin: Mutex<Begin>,
    /// A stop is wanted: what is being written is given up.
    pub(crate) stop: AtomicBool,
}

/// Where the head begins: before it are blocks, or what they were.
#[derive(Debug)]
struct Begin {
    at: i64,
    /// What the next start will know without blocks.
    written: i64,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// When a head that is due was first put off.
    delayed_since: Option<Instant>,
    /// Series that are gone, with the segment that was written when they went: samples of theirs may stand in segments up
    /// to it, so checkpoints keep their records until that segment is removed.
    pub(crate) gone: FastHashMap<SeriesRef, u64>,
    /// The segment that was written when a start from a snapshot was done, while it or an older one is there: which series
    /// of theirs are gone is not known, so checkpoints keep the records of all.
    unread_to: Option<u64>,
    /// The log was told of series that are gone early, and may lose that with the power.
    pub(crate) dropped_unsynced: bool,
    /// When a range of the head was last made a block.
    pub(crate) last_cut: Option<Instant>,
    /// The log was cut up to here.
    log_cut_at: Option<i64>,
}

impl Compaction {
    pub(crate) fn new(head: Arc<Head>, blocks: Arc<Blocks>, options: &DbOptions) -> Self {
        let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX).max(1);
        let min_ms = ms(options.min_block_duration);
        let max_ms = ms(options.max_block_duration).max(min_ms);
        let new = Self {
            head,
            blocks,
            instruments: Instruments::new(),
            vfs: Arc::clone(&options.vfs),
            dir: options.dir.clone(),
            ranges: block_ranges(min_ms, max_ms),
            segment_bytes: options.block_segment_bytes,
            overlapping: options.overlapping_compaction,
            delay: options.compaction_delay,
            head_bytes_max: options.head_bytes_max,
            uploads: options.delay_compact_file.clone().map(Uploads::new),
            retention: RwLock::new(options.retention),
            lock: Mutex::default(),
            stale_threshold: RwLock::default(),
            begin: Mutex::new(Begin { at: i64::MIN, written: i64::MIN }),
            stop: AtomicBool::new(false),
        };
        new.set_retention(options.retention);
        new
    }

    /// Changes what is kept, from the next reload on.
    pub(crate) fn set_retention(&self, retention: Retention) {
        *self.retention.write() = retention;
        self.instruments.limit_seconds.set(retention.time.as_secs_f64());
        self.instruments.limit_bytes.set(retention.size_bytes as f64);
        self.instruments.limit_percentage.set(retention.percentage);
    }

    pub(crate) fn retention(&self) -> Retention {
        *self.retention.read()
    }

    /// Keeps the records of these references in checkpoints until one covers `segment`.
    pub(crate) fn keep_until_checkpoint(&self, series: Vec<SeriesRef>, segment: u64) {
        self.lock.lock().gone.extend(series.into_iter().map(|s| (s, segment)));
    }

    /// Keeps all records of series in checkpoints until one covers `segment`.
    pub(crate) fn keep_all_until_checkpoint(&self, segment: u64) {
        self.lock.lock().unread_to = Some(segment);
    }

    /// Returns where the head begins when the database opens.
    pub(crate) fn open_begin(&self) -> Result<i64, DbError> {
        let written = head_begin::read(self.vfs(), &self.dir)?.unwrap_or(i64::MIN);
        let at = self.blocks.in_order_end().unwrap_or(i64::MIN).max(written);
        *self.begin.lock() = Begin { at, written };
        Ok(at)
    }

    /// Makes the next start know where the head begins, whatever becomes of the blocks.
    pub(crate) fn write_begin(&self) -> Result<(), DbError> {
        let mut begin = self.begin.lock();
        if begin.written < begin.at
            && let Some(wal) = self.head.log.wal()
        {
            // The segment before this one is safe on disk.
            head_begin::write(self.vfs(), &self.dir, begin.at, wal.current_segment().saturating_sub(1))?;
            begin.written = begin.at;
        }
        Ok(())
    }

    /// Notes that the head is cut up to `end`; error: no block tells and it cannot be written.
    fn begin_at(&self, end: i64, by_block: bool) -> Result<(), DbError> {
        {
            let mut begin = self.begin.lock();
            begin.at = begin.at.max(end);
        }
        match self.write_begin() {
            Err(e) if by_block => {
                tracing::warn!(component = "tsdb", err = %e, "Writing where the head begins failed; trying again later");
                Ok(())
            }
            done => done,
        }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn vfs(&self) -> &dyn Vfs {
        self.vfs.as_ref()
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps everybody else from changing blocks or the head's range.
    pub(crate) fn exclusive(&self) -> MutexGuard<'_, State> {
        self.lock.lock()
    }

    /// Reads the directory again.
    pub(crate) fn reload(&self) -> Result<(), DbError> {
        let _one = self.lock.lock();
        self.reload_locked()
    }

    pub(crate) fn reload_locked(&self) -> Result<(), DbError> {
        let retention = self.retention();
        let bounded = retention.size_bytes > 0 || retention.percentage > 0.0;
        let policy = Policy {
            retention,
            disk_bytes: if retention.percentage > 0.0 { disk::size_bytes(&self.dir) } else { 0 },
            head_bytes: if bounded { self.log_and_chunk_bytes() } else { 0 },
            warn_of_overlaps: self.overlapping,
        };
        if retention.percentage > 0.0 && policy.disk_bytes == 0 {
            tracing::warn!(
                component = "tsdb", dir = %self.dir.display(),
                "Unable to retrieve filesystem size of database directory, skip percentage limitation and default to fixed size limitation"
            );
        }
        self.blocks.reload(&policy, &self.instruments)
    }

    fn log_and_chunk_bytes(&self) -> u64 {
        ["wal", "wbl", "chunks_head"].iter().map(|sub| disk::used_bytes(self.vfs.as_ref(), &self.dir.join(sub))).sum()
    }

    /// Does all that is due: cuts the head while it is long enough, then compacts blocks.
    pub(crate) fn run(&self) -> Result<(), DbError> {
        let mut state = self.lock.lock();
        let done = self.run_locked(&mut state);
        if let Err(e) = &done {
            if matches!(e, DbError::Block(BlockError::Cancelled)) {
                return Ok(());
            }
            self.instruments.failed.inc();
            self.drop_what_is_too_much(&mut state);
        }
        done
    }

    fn run_locked(&self, state: &mut State) -> Result<(), DbError> {
        let began = Instant::now();
        // What cannot be mapped stays in memory, under the head's bound; the mapper has said so.
        let _mapped = self.head.map_chunks();
        let mut cut_to = None;
        while !self.stopping() {
            if !self.head.compactable() {
                state.delayed_since = None;
                break;
            }
            if state.delayed_since.get_or_insert_with(Instant::now).elapsed() < self.delay {
                break;
            }
            match self.cut(state) {
                Ok(to) => cut_to = Some(to),
                Err(e) => {
                    // What was cut before is in blocks: the log need not keep it.
                    if let Some(to) = cut_to {
                        self.truncate_log(state, to)?;
                    }
                    return Err(e);
                }
            }
        }
        if let Some(to) = cut_to {
            // Before blocks are compacted, which takes space.
            self.truncate_log(state, to)?;
            if began.elapsed().as_millis() as i64 > self.ranges[0] {
                tracing::warn!(
                    component = "tsdb", duration = ?began.elapsed(), block_range = self.ranges[0],
                    "Head compaction took longer than the block time range, compactions are falling behind and won't be able to catch up"
                );
            }
            self.cut_late_samples()?;
            // Only now: the log of late samples named them, too.
            self.forget_gone(state)?;
        }
        let done = self.compact_blocks(state);
        if cut_to.is_some() {
            give_back();
        }
        done
    }

    /// Writes the oldest range of the head as a block and gives it back; returns where the head begins now.
    fn cut(&self, state: &mut State) -> Result<i64, DbError> {
        state.last_cut = Some(Instant::now());
        let Some((min, _)) = self.head.time_range() else { return Ok(i64::MIN) };
        let range = self.ranges[0];
        // Rounded towards zero, as upstream's division is.
        let end = (min / range).saturating_mul(range).saturating_add(range);
        let spec = BlockSpec::of_head(Ulid::generate(), min, end);
        let within = TimeRange { min: TimestampMs(min), max: TimestampMs(end - 1) };
        let mut source = self.head.source(within);
        let written = self.write(spec, &mut source)?;
        drop(source);
        if let Some(meta) = &written {
            self.load_written(meta.ulid)?;
        }
        self.begin_at(end, written.is_some())?;
        let done = self.head.truncate(end);
        tracing::info!(
            component = "tsdb",
            mint = end,
            series = done.dead.len(),
            chunks = done.chunks,
            "Head GC completed"
        );
        if let Some(wal) = self.head.log.wal() {
            let segment = wal.current_segment();
            state.gone.extend(done.dead.into_iter().map(|series| (series, segment)));
        }
        Ok(end)
    }

    /// Writes blocks of the samples that came late, one for each range that has any, and gives them back.
    pub(crate) fn cut_late_samples(&self) -> Result<(), DbError> {
        let Some(cut) = self.head.begin_out_of_order_cut()? else { return Ok(()) };
        let mut written = Vec::new();
        let outcome = self.write_late_samples(&cut, &mut written);
        if let Err(e) = outcome {
            self.head.cancel_out_of_order_cut(&cut);
            // The next attempt writes all of them again.
            for ulid in written {
                self.blocks.discard(ulid);
            }
            return Err(e);
        }
        self.head.end_out_of_order_cut(&cut)?;
        Ok(())
    }

    fn write_late_samples(&self, cut: &OutOfOrderCut, written: &mut Vec<Ulid>) -> Result<(), DbError> {
        self.write_late_blocks(cut, &self.dir, written)?;
        if written.is_empty() { Ok(()) } else { self.load_all(written) }
    }

    /// Writes a block into `dir` for each range that `cut` touches.
    pub(crate) fn write_late_blocks(
        &self,
        cut: &OutOfOrderCut,
        dir: &Path,
        written: &mut Vec<Ulid>,
    ) -> Result<(), DbError> {
        let size = self.ranges[0];
        for min in self.head.out_of_order_blocks(cut, size) {
            let end = min.saturating_add(size);
            let within = TimeRange { min: TimestampMs(min), max: TimestampMs(end - 1) };
            let mut source = self.head.out_of_order_source(cut, within);
            let spec = BlockSpec::of_out_of_order_head(Ulid::generate(), min, end);
            written.extend(self.write_to(dir, spec, &mut source)?.map(|meta| meta.ulid));
        }
        Ok(())
    }

    /// Writes one block of level 1.
    pub(crate) fn write(&self, spec: BlockSpec, source: &mut dyn SeriesSource) -> Result<Option<BlockMeta>, DbError> {
        self.write_to(&self.dir, spec, source)
    }

    pub(crate) fn write_to(
        &self,
        dir: &Path,
        spec: BlockSpec,
        source: &mut dyn SeriesSource,
    ) -> Result<Option<BlockMeta>, DbError> {
        let (ulid, min, max) = (spec.ulid, spec.min_time, spec.max_time);
        tracing::info!(component = "tsdb", mint = min, maxt = max, %ulid, "write block started");
        let began = Instant::now();
        let instruments = &self.instruments;
        let mut observe = |chunk: &ChunkView| {
            instruments.chunk_bytes.observe(chunk.bytes.as_slice().len() as f64);
            instruments.chunk_samples.observe(f64::from(chunk.samples));
            instruments.chunk_range.observe((chunk.max.0 - chunk.min.0) as f64 / 1000.0);
        };
        let mut options = WriteOptions {
            segment_bytes: self.segment_bytes,
            cancelled: Some(&self.stop),
            observe: Some(&mut observe),
            float_encoding: self.float_encoding(),
        };
        instruments.populating.set(1.0);
        let written = write_block(self.vfs(), dir, &spec, source, &mut options);
        instruments.populating.set(0.0);
        instruments.ran.inc();
        instruments.duration.observe_duration(began.elapsed());
        let written = written?;
        match &written {
            Some(_) => tracing::info!(
                component = "tsdb", mint = min, maxt = max, %ulid, duration = ?began.elapsed(), "write block completed"
            ),
            None => tracing::info!(
                component = "tsdb", mint = min, maxt = max, duration = ?began.elapsed(), "write block resulted in empty block"
            ),
        }
        Ok(written)
    }

    /// Loads a block that was just written; if that fails it does not stay, for those it was made of still serve.
    pub(crate) fn load_written(&self, ulid: Ulid) -> Result<(), DbError> {
        let loaded = self.load_all(&[ulid]);
        if loaded.is_err() {
            self.blocks.discard(ulid);
        }
        loaded
    }

    /// Loads blocks that were just written. Once they serve there is no way back, whatever else fails: parents of theirs
    /// may be gone already. Those that could not be deleted are out of sight, and the next reload tries again.
    ///
    /// Error: one of them does not serve.
    pub(crate) fn load_all(&self, written: &[Ulid]) -> Result<(), DbError> {
        match self.reload_locked() {
            Ok(()) => match written.iter().find_map(|ulid| Some((*ulid, self.blocks.why_set_aside(*ulid)?))) {
                Some((block, why)) => Err(DbError::NotLoaded { block, why }),
                None => Ok(()),
            },
            Err(e) if written.iter().all(|ulid| self.blocks.is_open(*ulid)) => {
                tracing::error!(component = "tsdb", err = %e, "Deleting obsolete blocks failed; trying again later");
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    fn compact_blocks(&self, state: &State) -> Result<(), DbError> {
        loop {
            let waits = state.delayed_since.is_some_and(|since| since.elapsed() < self.delay);
            if self.head.compactable() && !waits {
                tracing::warn!(component = "tsdb", "aborting block compactions to persist the head block");
                return Ok(());
            }
            if self.stopping() {
                return Ok(());
            }
            let blocks = self.blocks.list();
            // Late samples of a time whose other samples are still in the head: merged with what came in order, the block
            // would tell the next start that the log is not needed up to its end. Upstream's planner does not look. Stale
            // series wait, too: their block would be written twice.
            let end = self.blocks.in_order_end().unwrap_or(i64::MIN);
            let is_early =
                |meta: &BlockMeta| meta.compaction.has(Hint::OutOfOrder) || meta.compaction.has(Hint::StaleSeries);
            let waits_for_head = |meta: &BlockMeta| is_early(meta) && meta.max_time > end;
            let blocks: Vec<&Arc<Block>> = blocks.iter().filter(|b| !waits_for_head(&b.meta())).collect();
            let candidates: Vec<Candidate> = blocks
                .iter()
                .map(|b| Ok(Candidate { meta: b.meta(), marks: b.marks(self.vfs())? }))
                .collect::<Result<_, BlockError>>()?;
            let hold_back = |meta: &BlockMeta| self.uploads.as_ref().is_some_and(|u| !u.may_compact(meta));
            let options = PlanOptions { ranges: &self.ranges, overlapping: self.overlapping, hold_back: &hold_back };
            let chosen: Vec<Arc<Block>> =
                plan(&candidates, &options).into_iter().map(|i| Arc::clone(blocks[i])).collect();
            if chosen.is_empty() {
                return Ok(());
            }
            self.compact_one(&chosen)?;
        }
    }

    /// Returns how floats are encoded that are encoded anew.
    fn float_encoding(&self) -> Encoding {
        if self.head.is_xor2() { Encoding::Xor2 } else { Encoding::Xor }
    }

    fn compact_one(&self, parents: &[Arc<Block>]) -> Result<(), DbError> {
        let began = Instant::now();
        let instruments = &self.instruments;
        let vertical = parents.windows(2).any(|pair| pair[1].meta().min_time < pair[0].meta().max_time);
        instruments.vertical.inc_by(u64::from(vertical));
        instruments.populating.set(1.0);
        let mut options = WriteOptions {
            segment_bytes: self.segment_bytes,
            cancelled: Some(&self.stop),
            float_encoding: self.float_encoding(),
            ..WriteOptions::default()
        };
        let written = compact(self.vfs(), &self.dir, parents, Ulid::generate(), &mut options);
        instruments.populating.set(0.0);
        instruments.ran.inc();
        instruments.duration.observe_duration(began.elapsed());
        let sources: Vec<String> = parents.iter().map(|p| p.meta().ulid.to_string()).collect();
        match written? {
            Some(meta) => {
                tracing::info!(
                    component = "tsdb", count = parents.len(), mint = meta.min_time, maxt = meta.max_time,
                    ulid = %meta.ulid, sources = ?sources, duration = ?began.elapsed(), "compact blocks"
                );
                self.load_written(meta.ulid)
            }
            None => {
                tracing::info!(
                    component = "tsdb", count = parents.len(), sources = ?sources, duration = ?began.elapsed(),
                    "compact blocks resulted in empty block"
                );
                self.reload_locked()
            }
        }
    }

    /// Gives back the part of the log that blocks hold.
    fn truncate_log(&self, state: &mut State, min_t: i64) -> Result<(), DbError> {
        let Some(wal) = self.head.log.wal() else { return Ok(()) };
        if state.log_cut_at.is_some_and(|at| min_t <= at) {
            return Ok(());
        }
        self.checkpoint(state, wal, min_t)?;
        state.log_cut_at = Some(min_t);
        Ok(())
    }

    fn checkpoint(&self, state: &mut State, wal: &Wal, min_t: i64) -> Result<(), DbError> {
        let began = Instant::now();
        count(&self.head.counts.checkpoints, 1);
        let keeps_all = state.unread_to.is_some();
        let mut keep = |series| keeps_all || self.head.is_live(series) || state.gone.contains_key(&series);
        if let Err(e) = wal.checkpoint(&mut keep, TimestampMs(min_t)) {
            count(&self.head.counts.checkpoints_failed, 1);
            return Err(e.into());
        }
        self.instruments.log_truncation.observe_duration(began.elapsed());
        Ok(())
    }

    /// Forgets the series that are gone and that no segment of the log names any more.
    fn forget_gone(&self, state: &mut State) -> Result<(), DbError> {
        let Some(wal) = self.head.log.wal() else { return Ok(()) };
        if let Some(first) = wal::list_segments(self.vfs.as_ref(), wal.dir())?.first() {
            state.gone.retain(|_, segment| *segment >= first.index);
            state.unread_to = state.unread_to.filter(|segment| *segment >= first.index);
            if state.gone.capacity() > 4 * state.gone.len() {
                state.gone.shrink_to_fit();
            }
        }
        Ok(())
    }

    /// Keeps memory within its bound while no block can be written: drops a quarter of the time held, the oldest, but
    /// never what is still open for appends.
    fn drop_what_is_too_much(&self, state: &mut State) {
        let bytes = self.head.stats().chunk_bytes;
        let Some((min, max)) = self.head.time_range().filter(|_| bytes > self.head_bytes_max) else { return };
        let step = max.saturating_sub(min) / 4;
        let cut = min.saturating_add(step).min(max.saturating_sub(self.ranges[0]));
        if cut > min {
            tracing::warn!(
                component = "tsdb",
                bytes,
                limit = self.head_bytes_max,
                mint = cut,
                "No block can be written and the head exceeds its bound on memory; dropping the oldest samples"
            );
            let done = self.head.truncate(cut);
            if let Some(wal) = self.head.log.wal() {
                let segment = wal.current_segment();
                state.gone.extend(done.dead.into_iter().map(|series| (series, segment)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_cannot_be_read_is_an_error_and_does_not_stay() {
        let dir = tempfile::tempdir().expect("a directory");
        let options = DbOptions::new(dir.path());
        let head = Head::new(options.head_options(), firesteel_tsdb_head::Log::default());
        let blocks = Blocks::new(Arc::clone(&options.vfs), dir.path()).expect("lists");
        let compaction = Compaction::new(head, Arc::new(blocks), &options);
        let (ulid, other) = (Ulid::from(7), Ulid::from(8));
        for block in [ulid, other] {
            std::fs::create_dir(dir.path().join(block.to_string())).expect("creates");
        }
        let loaded = compaction.load_written(ulid);
        assert!(matches!(loaded, Err(DbError::NotLoaded { block, .. }) if block == ulid), "{loaded:?}");
        assert!(!dir.path().join(ulid.to_string()).exists());
        // Another block is nobody's fault.
        assert!(dir.path().join(other.to_string()).exists());
        compaction.load_all(&[]).expect("loads");
    }
}
