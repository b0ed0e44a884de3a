//! Whether what is appended becomes durable, and if not, why: for readiness, metrics and pushes.

use std::sync::Arc;

use firesteel_tsdb_head::{Head, Log};
use firesteel_tsdb_wal::Wal;
use parking_lot::Mutex;

use crate::disk::Space;

/// Of a disk so small that the bound on free space is more, this part is the bound.
const SMALL_DISK_SHARE: u64 = 20;

/// The state of the disk under a database.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// Writing the log, or that of late samples, failed and has not worked since: samples are in memory only, and pushes are
    /// refused.
    pub log_failing: bool,
    /// What is written to a log cannot be synced: a loss of power would take it, and pushes are refused.
    pub sync_failing: bool,
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
        } else if self.sync_failing {
            Some("the write-ahead log cannot be synced")
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

    /// Asks the logs how they are, and notes how much space there is; `None` changes nothing.
    pub(crate) fn look(&self, space: Option<Space>) {
        self.look_for_harm();
        let log = &self.0.head.log;
        for log in self.logs() {
            log.look_at_syncs();
            if log.is_failing() && space.is_none_or(|space| space.free > 0) && log.wal().is_some_and(Wal::works) {
                log.works_again();
            }
        }
        self.store_what_is_lost();
        let Some(Space { free, size }) = space.filter(|_| self.0.low_bytes > 0) else { return };
        // A small disk is not low all its life.
        let limit = self.0.low_bytes.min(size / SMALL_DISK_SHARE);
        // Some way back, so that the state does not flap.
        let enough = if log.is_space_low() { limit / 4 * 5 } else { limit };
        let low = free < enough;
        if low != log.is_space_low() {
            log.set_space_low(low);
            if low {
                tracing::error!(
                    component = "tsdb",
                    free_bytes = free,
                    limit,
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

    /// Somebody may make room by removing files of the log that is written. Memory has what they held: it is stored once more.
    fn look_for_harm(&self) {
        for log in self.logs() {
            match log.wal().map(Wal::leave_if_harmed) {
                None | Some(Ok(None)) => continue,
                Some(Ok(Some(file))) => tracing::error!(
                    component = "tsdb", file = %file.display(),
                    "Somebody removed or cut the segment that was being written; going on in a new one, and storing what it held"
                ),
                // Who writes says so.
                Some(Err(_)) => continue,
            }
            log.set_lost();
        }
    }

    /// Stores what the logs do not have, once they work.
    fn store_what_is_lost(&self) {
        let head = &self.0.head;
        if head.log.take_lost() {
            head.roll_soon();
        }
        if head.late_log().take_lost()
            && let Err(e) = head.settle_lost_markers()
        {
            head.late_log().set_lost();
            tracing::debug!(component = "tsdb", err = %e, "Logging late samples anew failed; trying again");
        }
    }

    fn logs(&self) -> impl Iterator<Item = &Log> {
        [&self.0.head.log, self.0.head.late_log()].into_iter()
    }

    /// Notes how the last compaction ended.
    pub(crate) fn compacted(&self, failed: Option<String>) {
        *self.0.compaction_failed.lock() = failed;
    }

    /// Returns the state.
    pub(crate) fn health(&self) -> Health {
        self.logs().for_each(Log::look_at_syncs);
        Health {
            log_failing: self.logs().any(Log::is_failing),
            sync_failing: self.logs().any(Log::is_sync_failing),
            space_low: self.0.head.log.is_space_low(),
            compaction_failed: self.0.compaction_failed.lock().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use firesteel_tsdb_head::HeadOptions;

    use super::*;

    #[test]
    fn space_is_low_by_the_size_of_the_disk() {
        const MIB: u64 = 1 << 20;
        let watch = DiskWatch::new(Head::new(HeadOptions::default(), Log::default()), 64 * MIB);
        let low = |free, size| {
            watch.look(Some(Space { free: free * MIB, size: size * MIB }));
            watch.health().space_low
        };
        assert!(!low(65, 1_000_000) && low(63, 1_000_000) && low(70, 1_000_000) && !low(81, 1_000_000));
        // A disk that is hardly larger than the bound is not low for ever.
        assert!(!low(30, 40) && !low(2, 40) && low(1, 40) && !low(3, 40));
        watch.look(None);
        assert!(!watch.health().space_low);
    }
}
