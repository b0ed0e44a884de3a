//! The facade over head, log and (later) blocks: one data directory, opened once.

mod error;
mod lock;
mod options;
mod stats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use firesteel_base::TimeRange;
use firesteel_storage::{Appendable, Appender, Querier, Queryable, StorageError};
use parking_lot::Mutex;

pub use error::DbError;
pub use options::DbOptions;
pub use stats::{Cardinality, HeadStats, NamedCount, ReplayStats};

use crate::head::{Head, HeadOptions, HeadQuerier, Log};
use lock::DirLock;

/// An open data directory. Shared by scraping, rules, queries and the API.
#[derive(Debug)]
pub struct Db {
    options: DbOptions,
    head: Arc<Head>,
    lock: Mutex<Option<DirLock>>,
    replay: ReplayStats,
    closed: AtomicBool,
}

impl Db {
    /// Locks the directory (creating it when missing), replays the log and starts the background thread.
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
            },
            Log::default(),
        );
        Ok(Arc::new(Self {
            options,
            head,
            lock: Mutex::new(lock),
            replay: ReplayStats::default(),
            closed: AtomicBool::new(false),
        }))
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

    /// Returns the options it was opened with.
    pub fn options(&self) -> &DbOptions {
        &self.options
    }

    /// Syncs and closes the log, joins the background thread and gives up the lock. Later appends fail with `Closed`.
    pub fn close(&self) -> Result<(), DbError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.lock.lock().take().map_or(Ok(()), DirLock::release)
    }
}

impl Appendable for Db {
    fn appender(&self) -> Box<dyn Appender + '_> {
        Box::new(self.head.appender())
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
