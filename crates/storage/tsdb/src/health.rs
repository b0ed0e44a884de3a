//! Whether what is appended becomes durable, and if not, why: for readiness, metrics and pushes.

use std::sync::Arc;

use firesteel_tsdb_head::Head;
use firesteel_tsdb_wal::Wal;
use parking_lot::Mutex;

/// The state of the disk under a database.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// Writing the log, or that of late samples, failed and has not worked since: samples are in memory only, and pushes are
    /// refused.
    pub log_failing: bool,
    /// There is less free space than the database wants to work with: pushes are refused before the log fails.
    pub space_low: bool,
    /// Why the last compaction failed; `None` if it did not.
    pub compaction_failed: Option<String>,
}

impl Health {
    /// Returns why samples that must be durable are refused; `None` if they are taken.
    pub fn refuses_pushes(&self) -> Option<&'static str> {
        if self.log_failing {
            Some("the write-ahead log cannot be written")
        } else if self.space_low {
            Some("disk space is low")
        } else {
            None
        }
    }
}

/// Looks at the disk and remembers; shared between the maintenance thread, which looks, and everybody who asks.
#[derive(Clone, Debug)]
pub(crate) struct DiskWatch(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    head: Arc<Head>,
    low_bytes: u64,
    compaction_failed: Mutex<Option<String>>,
}

impl DiskWatch {
    pub(crate) fn new(head: Arc<Head>, low_bytes: u64) -> Self {
        Self(Arc::new(Watched { head, low_bytes, compaction_failed: Mutex::default() }))
    }

    /// Notes how much space is free; `None` changes nothing.
    pub(crate) fn look(&self, free_bytes: Option<u64>) {
        let log = &self.0.head.log;
        for log in [log, self.0.head.late_log()] {
            if log.is_failing() && free_bytes.is_none_or(|free| free > 0) && log.wal().is_some_and(Wal::retry_kept) {
                log.works_again();
            }
        }
        let Some(free) = free_bytes.filter(|_| self.0.low_bytes > 0) else { return };
        // Some way back, so that the state does not flap.
        let enough = if log.is_space_low() { self.0.low_bytes / 4 * 5 } else { self.0.low_bytes };
        let low = free < enough;
        if low != log.is_space_low() {
            log.set_space_low(low);
            if low {
                tracing::error!(
                    component = "tsdb",
                    free_bytes = free,
                    limit = self.0.low_bytes,
                    "Disk space is low; pushed samples are refused, scraping and rules go on"
                );
            } else {
                tracing::info!(
                    component = "tsdb",
                    free_bytes = free,
                    "There is disk space again; pushed samples are taken"
                );
            }
        }
    }

    /// Notes how the last compaction ended.
    pub(crate) fn compacted(&self, failed: Option<String>) {
        *self.0.compaction_failed.lock() = failed;
    }

    /// Returns the state.
    pub(crate) fn health(&self) -> Health {
        Health {
            log_failing: self.0.head.log.is_failing() || self.0.head.late_log().is_failing(),
            space_low: self.0.head.log.is_space_low(),
            compaction_failed: self.0.compaction_failed.lock().clone(),
        }
    }
}
