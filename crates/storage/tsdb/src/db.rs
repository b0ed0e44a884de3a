//! The facade over head, log and blocks: one data directory, opened once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firesteel_base::TimeRange;
use firesteel_client::Registry;
use firesteel_model::{Matcher, Metadata, SeriesRef};
use firesteel_storage::{
    Appendable, Appender, ExemplarQueryable, MergeQuerier, Querier, Queryable, SeriesExemplars, StorageError,
};
use firesteel_tsdb_block::BlockMeta;
use firesteel_tsdb_head::{Cardinality, Head, HeadQuerier, HeadStats, Log, Mapper, ReplayStats, Snapshot};
use firesteel_tsdb_wal::Wal;
use parking_lot::Mutex;

use crate::blocks::Blocks;
use crate::compaction::Compaction;
use crate::error::DbError;
use crate::health::{DiskWatch, Health};
use crate::lock::{self, DirLock};
use crate::maintenance::{MaintenanceThread, Requests};
use crate::options::DbOptions;
use crate::retention::Retention;
use crate::{block_metrics, disk, late_log, metrics, replay};

/// Upstream's least interval between two looks at the directory.
const LEAST_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// An open data directory. Shared by scraping, rules, queries and the API.
#[derive(Debug)]
pub struct Db {
    options: DbOptions,
    head: Arc<Head>,
    compaction: Arc<Compaction>,
    requests: Arc<Requests>,
    watch: DiskWatch,
    thread: Mutex<Option<MaintenanceThread>>,
    mapper: Mutex<Option<Mapper>>,
    lock: Mutex<Option<DirLock>>,
    replay: ReplayStats,
    /// `None` without a lock file.
    clean_start: Option<bool>,
    closed: AtomicBool,
}

impl Db {
    /// Locks the directory (creating it when missing), opens its blocks, replays the log, and starts the background threads.
    ///
    /// Errors: the directory is in use, not writable (with owner and uid), or its log cannot be read. A block that cannot be
    /// read is no error: it is set aside.
    pub fn open(options: DbOptions) -> Result<Arc<Self>, DbError> {
        if options.starts && !options.xor2 {
            return Err(DbError::StartsNeedXor2);
        }
        let vfs = &options.vfs;
        vfs.create_dir_all(&options.dir).map_err(|e| lock::refused("create", &options.dir, e))?;
        let lock = if options.no_lockfile { None } else { Some(DirLock::take(&options.dir)?) };
        let head = Head::new(options.head_options(), Log::default());
        let blocks = Arc::new(Blocks::new(Arc::clone(vfs), &options.dir)?);
        let compaction = Arc::new(Compaction::new(Arc::clone(&head), Arc::clone(&blocks), &options));
        compaction.reload()?;
        // What blocks hold is neither replayed nor taken again.
        let min_valid = compaction.open_begin()?;
        let told = Snapshot::chunks_end(vfs.as_ref(), &options.dir.join("firesteel"));
        head.open_chunks_head(Arc::clone(vfs), &options.dir.join("chunks_head"), min_valid, told)?;
        let wal_dir = options.dir.join("wal");
        let replayed = replay::replay(&head, vfs, &wal_dir, options.memory_snapshot, &options.replay_progress)?;
        let wal_options = options.wal_options();
        let wal = Wal::open(Arc::clone(vfs), &wal_dir, wal_options)?;
        vfs.sync_dir(&options.dir).map_err(DbError::io("sync", &options.dir))?;
        let segment = wal.current_segment();
        head.log.attach(wal);
        late_log::open_if_wanted(&head, vfs, &options.dir, wal_options)?;
        if replayed.behind_snapshot {
            compaction.keep_all_until_checkpoint(segment);
        }
        compaction.keep_until_checkpoint(replayed.named, segment);
        if min_valid > i64::MIN {
            // The log names series whose samples are all in blocks; upstream keeps them in memory for two hours. The first
            // turn finds them, the second lets them go.
            for _turn in 0..2 {
                compaction.keep_until_checkpoint(head.truncate(min_valid).dead, segment);
            }
        }
        let clean_start = lock.as_ref().map(DirLock::was_clean);
        let watch = DiskWatch::new(Arc::clone(&head), options.low_space_bytes);
        let requests: Arc<Requests> = Arc::default();
        let no_thread = |source| DbError::Io { what: "start a thread for", path: options.dir.clone(), source };
        let (mut mapper, mut thread) = (None, None);
        if options.background {
            mapper =
                Some(Mapper::start(&head, Some((Arc::clone(vfs), options.dir.join("firesteel")))).map_err(no_thread)?);
            let reload_every = options.block_reload_interval.max(LEAST_RELOAD_INTERVAL);
            let (compaction, requests) = (Arc::clone(&compaction), Arc::clone(&requests));
            let started = MaintenanceThread::start(compaction, requests, watch.clone(), reload_every);
            thread = Some(started.map_err(no_thread)?);
        }
        Ok(Arc::new(Self {
            options,
            head,
            compaction,
            requests,
            watch,
            thread: Mutex::new(thread),
            mapper: Mutex::new(mapper),
            lock: Mutex::new(lock),
            replay: replayed.stats,
            clean_start,
            closed: AtomicBool::new(false),
        }))
    }

    /// Registers `prometheus_tsdb_*`. The registry does not keep the database alive.
    pub fn register(&self, registry: &Registry) {
        metrics::register(registry, &self.head, self.clean_start, &self.replay);
        block_metrics::register(registry, &self.compaction, &self.watch);
        self.compaction.instruments.register(registry);
    }

    /// Returns what the head holds, as `headStats` of `/api/v1/status/tsdb` shows it.
    pub fn head_stats(&self) -> HeadStats {
        self.head.stats()
    }

    /// Returns the largest contributors to cardinality, each list cut to `limit` entries, largest first.
    pub fn status(&self, limit: usize) -> Cardinality {
        self.head.cardinality(limit)
    }

    /// Returns what the last replay of the log read and skipped.
    pub fn replay_stats(&self) -> ReplayStats {
        self.replay
    }

    /// Returns the bytes allocated for series, chunks and postings, about.
    pub fn head_heap_bytes(&self) -> usize {
        self.head.heap_bytes()
    }

    /// Returns the options it was opened with.
    pub fn options(&self) -> &DbOptions {
        &self.options
    }

    /// Returns the directory of the log.
    pub fn wal_dir(&self) -> PathBuf {
        self.options.dir.join("wal")
    }

    /// Returns what is known of each open block, sorted by least time.
    pub fn blocks(&self) -> Vec<Arc<BlockMeta>> {
        self.compaction.blocks.list().iter().map(|block| block.meta()).collect()
    }

    /// Returns whether what is appended becomes durable.
    pub fn health(&self) -> Health {
        self.watch.health()
    }

    /// Looks at the disk and the files of the logs. The background thread does it by itself, every few seconds.
    pub fn look_at_disk(&self) {
        self.watch.look(disk::space(&self.options.dir));
    }

    /// Returns the bound on series of the head (0 = none) and the jobs that were refused new ones, with how many.
    pub fn growth(&self) -> (u64, Vec<(String, u64)>) {
        (self.head.growth.limit(), self.head.growth.refused())
    }

    /// Reads the directory for blocks that came or went, and applies retention. The background thread does it by itself.
    pub fn reload_blocks(&self) -> Result<(), DbError> {
        self.compaction.reload()
    }

    /// Cuts the head into blocks where it is long enough, and compacts blocks. The background thread does it by itself.
    pub fn compact(&self) -> Result<(), DbError> {
        self.compaction.run()
    }

    /// Writes full chunks of the head to files and gives their memory back; returns how many. A background thread does it by
    /// itself.
    pub fn map_chunks(&self) -> Result<usize, DbError> {
        Ok(self.head.map_chunks()?)
    }

    /// Deletes the samples of matching series within a range, ends included: they are hidden at once and for good. Returns
    /// of how many series, those of each block for themselves.
    pub fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<usize, DbError> {
        self.compaction.delete(range, matchers)
    }

    /// Rewrites the blocks that have deleted samples without them.
    pub fn clean_tombstones(&self) -> Result<(), DbError> {
        self.compaction.clean_tombstones()
    }

    /// Links all blocks into `dir`, which exists, and on demand writes the head there as one more.
    pub fn snapshot(&self, dir: &Path, with_head: bool) -> Result<(), DbError> {
        self.compaction.snapshot(dir, with_head)
    }

    /// Changes what is kept. The next reload goes by it.
    pub fn set_retention(&self, retention: Retention) {
        self.compaction.set_retention(retention);
    }

    /// Sets the share of stale series, 0 to 1, from which on they become blocks before their time; 0 is off.
    pub fn set_stale_series_threshold(&self, share: f64) {
        self.compaction.set_stale_threshold(share);
    }

    /// Makes blocks of the series whose newest sample is a staleness marker, and drops them from memory.
    pub fn compact_stale_series(&self) -> Result<(), DbError> {
        self.compaction.compact_stale_now()
    }

    /// Returns what is kept.
    pub fn retention(&self) -> Retention {
        self.compaction.retention()
    }

    /// Writes the rolling snapshot of the head, by which the next start is quick, now. The mapping thread does it by itself.
    pub fn roll_snapshot(&self) -> Result<(), DbError> {
        self.head.write_snapshot(&self.options.vfs, &self.options.dir.join("firesteel"))?;
        Ok(())
    }

    /// Changes how many exemplars are kept; the ones that came last stay.
    pub fn set_exemplars_max(&self, max: usize) {
        let before = self.head.exemplar_stats().max;
        if before != max {
            let migrated = self.head.resize_exemplars(max);
            tracing::info!(component = "tsdb", from = before, to = max, migrated, "Exemplar storage resized");
        }
    }

    /// Returns the newest metadata of a series, when it is kept.
    pub fn metadata_of(&self, series: SeriesRef) -> Option<Arc<Metadata>> {
        self.head.metadata_of(series)
    }

    /// Changes whether floats are written as XOR2. Error: start timestamps are kept, for which XOR has no room.
    pub fn set_xor2(&self, xor2: bool) -> Result<(), DbError> {
        if self.options.starts && !xor2 {
            return Err(DbError::StartsNeedXor2);
        }
        self.head.set_xor2(xor2);
        Ok(())
    }

    /// Changes how far behind the newest sample an out-of-order one may be; zero takes none. What is there stays.
    pub fn set_out_of_order_window(&self, window: Duration) -> Result<(), DbError> {
        self.head.set_out_of_order_window(i64::try_from(window.as_millis()).unwrap_or(i64::MAX));
        late_log::open_if_wanted(&self.head, &self.options.vfs, &self.options.dir, self.options.wal_options())
    }

    /// Makes all that was committed survive a loss of power.
    pub fn sync(&self) -> Result<(), DbError> {
        let sync = |log: &Log| log.wal().map_or(Ok(()), Wal::sync).map_err(DbError::from);
        sync(&self.head.log).and(sync(self.head.late_log()))
    }

    /// Joins the background threads, syncs and closes the log, and gives up the lock. Later appends fail with `Closed`.
    pub fn close(&self) -> Result<(), DbError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        if let Some(thread) = self.thread.lock().take() {
            thread.stop();
        }
        // One snapshot is enough.
        let (roll, mapper) = (!self.options.memory_snapshot, self.mapper.lock().take());
        let mapped = match mapper {
            Some(mapper) => mapper.stop(roll),
            None if self.options.memory_snapshot => self.head.map_chunks().map(drop),
            None => Ok(()),
        };
        let mapped = mapped.map_err(DbError::from);
        let close = |log: &Log| log.wal().map_or(Ok(()), Wal::close).map_err(DbError::from);
        let logged = close(&self.head.log).and(close(self.head.late_log()));
        if self.options.memory_snapshot && mapped.is_ok() && logged.is_ok() {
            self.write_memory_snapshot();
        }
        let unlocked = self.lock.lock().take().map_or(Ok(()), DirLock::release);
        logged.and(mapped).and(unlocked)
    }
}

impl Db {
    /// What it cannot write, the log has.
    fn write_memory_snapshot(&self) {
        let DbOptions { vfs, dir, wal_compression, .. } = &self.options;
        let begun = std::time::Instant::now();
        tracing::info!(component = "tsdb", "creating chunk snapshot");
        match self.head.write_chunk_snapshot(vfs, dir, &self.wal_dir(), *wal_compression) {
            Ok(written) => {
                let (dir, num_series) =
                    written.map_or((String::new(), 0), |(at, n)| (at.path.display().to_string(), n));
                let duration = begun.elapsed();
                tracing::info!(component = "tsdb", ?duration, num_series, dir, "chunk snapshot complete");
            }
            Err(e) => tracing::error!(component = "tsdb", err = %e, "chunk snapshot"),
        }
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        if let Err(e) = self.close() {
            tracing::error!(component = "tsdb", err = %e, "Closing the database failed");
        }
    }
}

impl Appendable for Db {
    fn appender(&self) -> Box<dyn Appender + '_> {
        // As upstream asks at each commit; two loads.
        if self.head.compactable() {
            self.requests.compact();
        }
        Box::new(self.head.appender())
    }
}

impl ExemplarQueryable for Db {
    fn exemplars(&self, range: TimeRange, matchers: &[&[Matcher]]) -> Vec<SeriesExemplars> {
        self.head.exemplars(range, matchers)
    }
}

impl Queryable for Db {
    fn querier(&self, range: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StorageError::Closed);
        }
        // The head first: what it gives back between the two steps is in the blocks that come second.
        let head = HeadQuerier::new(Arc::clone(&self.head), range);
        let late = self.head.out_of_order_range();
        let in_head = self.head.time_range().is_some_and(|(min, _)| min <= range.max.0)
            || late.is_some_and(|late| late.overlaps(range));
        let blocks = self.compaction.blocks.list();
        let of_blocks = blocks.iter().filter(|block| block.range().overlaps(range));
        if !in_head || of_blocks.clone().next().is_some() {
            let mut parts: Vec<Box<dyn Querier>> = Vec::new();
            if in_head {
                parts.push(Box::new(head));
            }
            for block in of_blocks {
                parts.push(block.querier(range)?);
            }
            return Ok(MergeQuerier::over(parts));
        }
        Ok(Box::new(head))
    }
}
