//! The facade over head, log and (later) blocks: one data directory, opened once.

mod error;
mod options;
mod stats;

use std::sync::Arc;

use firesteel_base::TimeRange;
use firesteel_storage::{Appendable, Appender, Querier, Queryable, StorageError};

pub use error::DbError;
pub use options::DbOptions;
pub use stats::{Cardinality, HeadStats, NamedCount, ReplayStats};

/// An open data directory. Shared by scraping, rules, queries and the API.
#[derive(Debug)]
pub struct Db {
    options: DbOptions,
}

impl Db {
    /// Locks the directory (creating it when missing), replays the log and starts the background thread.
    ///
    /// Errors: the directory is in use, not writable (with owner and uid), or its log cannot be read.
    pub fn open(options: DbOptions) -> Result<Arc<Self>, DbError> {
        Ok(Arc::new(Self { options }))
    }

    /// Returns what the head holds, as `headStats` of `/api/v1/status/tsdb` shows it.
    pub fn head_stats(&self) -> HeadStats {
        HeadStats::default()
    }

    /// Returns the largest contributors to cardinality, each list cut to `limit` entries, largest first.
    pub fn status(&self, limit: usize) -> Cardinality {
        let _ = limit;
        Cardinality::default()
    }

    /// Returns what the last replay of the log read and skipped.
    pub fn replay_stats(&self) -> ReplayStats {
        ReplayStats::default()
    }

    /// Returns the options it was opened with.
    pub fn options(&self) -> &DbOptions {
        &self.options
    }

    /// Syncs and closes the log, joins the background thread and gives up the lock. Later appends fail with `Closed`.
    pub fn close(&self) -> Result<(), DbError> {
        Ok(())
    }
}

impl Appendable for Db {
    fn appender(&self) -> Box<dyn Appender + '_> {
        unimplemented!("lands with the head")
    }
}

impl Queryable for Db {
    fn querier(&self, _range: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        unimplemented!("lands with the head")
    }
}
