//! The facade over head, log and (later) blocks: one data directory, opened once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firesteel_base::TimeRange;
use firesteel_client::Registry;
use firesteel_model::{Matcher, Metadata, SeriesRef};
use firesteel_storage::{Appendable, Appender, ExemplarQueryable, Querier, Queryable, SeriesExemplars, StorageError};
use parking_lot::Mutex;

use crate::error::DbError;
use crate::options::DbOptions;
use crate::{late_log, metrics, replay};
use firesteel_tsdb_head::{Cardinality, HeadStats, ReplayStats};

use crate::lock::{self, DirLock};
use crate::maintenance::{Maintenance, MaintenanceThread};
use firesteel_tsdb_head::{Head, HeadOptions, HeadQuerier, Log, Mapper};
use firesteel_tsdb_wal::Wal;

/// An open data directory. Shared by scraping, rules, queries and the API.
#[derive(Debug)]
pub struct Db {
    options: DbOptions,
    head: Arc<Head>,
    maintenance: Arc<Maintenance>,
    thread: Mutex<Option<MaintenanceThread>>,
    mapper: Mutex<Option<Mapper>>,
    lock: Mutex<Option<DirLock>>,
    replay: ReplayStats,
    /// `None` without a lock file.
    clean_start: Option<bool>,
    closed: AtomicBool,
}

impl Db {
    /// Locks the directory (creating it when missing), replays the log, and starts the background thread.
    ///
    /// Errors: the directory is in use, not writable (with owner and uid), or its log cannot be read.
    pub fn open(options: DbOptions) -> Result<Arc<Self>, DbError> {
        lock::create_dir(&options.dir)?;
        let lock = if options.no_lockfile { None } else { Some(DirLock::take(&options.dir)?) };
        let head = Head::new(
            HeadOptions {
                chunk_range_ms: options.min_block_duration.as_millis() as i64,
                samples_per_chunk: options.samples_per_chunk,
                series_limit: options.series_limit,
                shards: Head::shards_for_machine(),
                out_of_order_window_ms: i64::try_from(options.out_of_order_window.as_millis()).unwrap_or(i64::MAX),
                out_of_order_cap: options.out_of_order_cap,
                exemplars_max: options.exemplars_max,
                metadata_records: options.metadata_records,
                ..HeadOptions::default()
            },
            Log::default(),
        );
        // What blocks reach to is set before the files are read.
        head.open_chunks_head(Arc::clone(&options.vfs), &options.dir.join("chunks_head"), i64::MIN)?;
        let wal_dir = options.dir.join("wal");
        let (replay, aliases) = replay::replay(&head, &options.vfs, &wal_dir)?;
        let wal_options = options.wal_options();
        let wal = Wal::open(Arc::clone(&options.vfs), &wal_dir, wal_options)?;
        options.vfs.sync_dir(&options.dir).map_err(|source| DbError::Io {
            what: "sync directory",
            path: options.dir.clone(),
            source,
        })?;
        let segment = wal.current_segment();
        head.log.attach(wal);
        late_log::open_if_wanted(&head, &options.vfs, &options.dir, wal_options)?;
        let clean_start = lock.as_ref().map(DirLock::was_clean);
        let maintenance = Arc::new(Maintenance::new(Arc::clone(&head), &options));
        maintenance.keep_until_checkpoint(aliases, segment);
        let mapper = Mapper::start(&head).map_err(|source| DbError::Io {
            what: "start the mapping thread of",
            path: options.dir.clone(),
            source,
        })?;
        let thread = MaintenanceThread::start(Arc::clone(&maintenance)).map_err(|source| DbError::Io {
            what: "start the maintenance thread of",
            path: options.dir.clone(),
            source,
        })?;
        Ok(Arc::new(Self {
            options,
            head,
            maintenance,
            thread: Mutex::new(Some(thread)),
            mapper: Mutex::new(Some(mapper)),
            lock: Mutex::new(lock),
            replay,
            clean_start,
            closed: AtomicBool::new(false),
        }))
    }

    /// Registers `prometheus_tsdb_*`. The registry does not keep the database alive.
    pub fn register(&self, registry: &Registry) {
        metrics::register(registry, &self.head, self.clean_start, &self.replay);
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

    /// Gives back what retention no longer wants, and the log with it. The background thread does it once a minute.
    pub fn maintain(&self) -> Result<(), DbError> {
        self.maintenance.run()
    }

    /// Changes how long samples are kept; `None` keeps them for ever. The next maintenance goes by it.
    pub fn set_retention(&self, retention: Option<Duration>) {
        self.maintenance.set_retention(retention);
    }

    /// Changes how many exemplars are kept; the ones that came last stay.
    pub fn set_exemplars_max(&self, max: usize) {
        let before = self.head.exemplar_stats().max;
        if before != max {
            let migrated = self.head.resize_exemplars(max);
            tracing::info!(component = "tsdb", from = before, to = max, migrated, "Exemplar storage resized");
        }
    }

    /// Deletes the samples within `range`, ends included, of the series that satisfy all matchers; returns of how many
    /// series.
    pub fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<usize, StorageError> {
        self.head.delete(range, matchers)
    }

    /// Returns the newest metadata of a series, when it is kept.
    pub fn metadata_of(&self, series: SeriesRef) -> Option<Arc<Metadata>> {
        self.head.metadata_of(series)
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

    /// Joins the background thread, syncs and closes the log, and gives up the lock. Later appends fail with `Closed`.
    pub fn close(&self) -> Result<(), DbError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        if let Some(thread) = self.thread.lock().take() {
            thread.stop();
        }
        let mapped = self.mapper.lock().take().map_or(Ok(()), Mapper::stop).map_err(DbError::from);
        let close = |log: &Log| log.wal().map_or(Ok(()), Wal::close).map_err(DbError::from);
        let logged = close(&self.head.log).and(close(self.head.late_log()));
        let unlocked = self.lock.lock().take().map_or(Ok(()), DirLock::release);
        mapped.and(logged).and(unlocked)
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
        Ok(Box::new(HeadQuerier::new(Arc::clone(&self.head), range)))
    }
}
