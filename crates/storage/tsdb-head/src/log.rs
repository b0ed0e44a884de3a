//! Between the head and the write-ahead log.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use firesteel_tsdb_wal::{Logged, OnFailure, Wal, WalError};

/// What became of a batch's records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogOutcome {
    /// With the operating system.
    Written,
    /// In memory, to be written before anything new.
    Kept,
    /// Neither: the series of the batch count as not logged.
    Lost,
    /// Neither, and the batch is to be refused, for this reason.
    Refused(String),
    /// The database is closed: the batch is refused.
    Closed,
}

/// The log as the head sees it: attached once the replay is through, or never in a head that keeps nothing.
#[derive(Debug, Default)]
pub struct Log {
    wal: OnceLock<Wal>,
    /// Writing failed and has not worked since: said once.
    failing: AtomicBool,
    /// Records were forgotten for want of memory to keep them in, and nothing has stored anew what they held.
    lost: AtomicBool,
    /// Space runs out: what must be durable is refused before writing fails.
    space_low: AtomicBool,
    /// The last sync failed: said once.
    sync_failing: AtomicBool,
}

impl Log {
    /// Logs to `wal` from now on.
    pub fn attach(&self, wal: Wal) -> &Wal {
        self.wal.get_or_init(|| wal)
    }

    /// Returns the log that is attached.
    pub fn wal(&self) -> Option<&Wal> {
        self.wal.get()
    }

    /// Returns whether the last write failed.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Says that writing works again, which nobody would find out while nothing is written.
    pub fn works_again(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(component = "tsdb", "Writing the WAL works again; what was kept in memory is logged");
        }
    }

    /// Returns whether records were forgotten that memory may still have, once the log works again; answers so once.
    pub fn take_lost(&self) -> bool {
        !self.is_failing() && self.lost.load(Ordering::Relaxed) && self.lost.swap(false, Ordering::Relaxed)
    }

    /// Notes that records are not in the log which memory may have.
    pub fn set_lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Returns whether what is written does not reach the disk: batches that must be durable are refused.
    pub fn is_sync_failing(&self) -> bool {
        self.sync_failing.load(Ordering::Relaxed)
    }

    /// Asks the log whether it can be synced, and says so when that changed.
    pub fn look_at_syncs(&self) {
        let Some(fault) = self.wal.get().map(Wal::sync_fault) else { return };
        if self.sync_failing.swap(fault.is_some(), Ordering::Relaxed) == fault.is_some() {
            return;
        }
        match fault {
            Some(e) => tracing::error!(
                component = "tsdb", err = %e,
                "Syncing the WAL failed; a loss of power would take the newest samples. Pushed samples are refused"
            ),
            None => tracing::info!(component = "tsdb", "Syncing the WAL works again"),
        }
    }

    /// Returns whether batches that must be durable are refused for want of space.
    pub fn is_space_low(&self) -> bool {
        self.space_low.load(Ordering::Relaxed)
    }

    /// Refuses batches that must be durable, or takes them again.
    pub fn set_space_low(&self, low: bool) {
        self.space_low.store(low, Ordering::Relaxed);
    }

    /// Writes a batch's records, in their order; empty ones are none.
    pub fn write(&self, records: &[&[u8]], on_failure: OnFailure) -> LogOutcome {
        let Some(wal) = self.wal.get() else { return LogOutcome::Written };
        if on_failure == OnFailure::Refuse && self.is_space_low() {
            return LogOutcome::Refused("disk space is low".to_owned());
        }
        if on_failure == OnFailure::Refuse && self.is_sync_failing() {
            return LogOutcome::Refused("the log cannot be synced".to_owned());
        }
        // Nearly every batch has few, so that they are gathered without memory of their own.
        let (mut some, mut n) = ([&[][..]; 16], 0);
        let all: Vec<&[u8]>;
        let some = if records.len() <= some.len() {
            for record in records.iter().filter(|r| !r.is_empty()) {
                some[n] = record;
                n += 1;
            }
            &some[..n]
        } else {
            all = records.iter().copied().filter(|r| !r.is_empty()).collect();
            &all[..]
        };
        let outcome = if some.is_empty() { Ok(Logged::Written) } else { wal.log(some, on_failure) };
        match outcome {
            Ok(Logged::Written) => {
                if self.failing.load(Ordering::Relaxed) {
                    self.works_again();
                }
                LogOutcome::Written
            }
            Ok(Logged::Kept) => {
                self.failed(None);
                LogOutcome::Kept
            }
            Err(WalError::Closed) => LogOutcome::Closed,
            Err(e) if on_failure == OnFailure::Refuse => {
                self.failed(Some(&e));
                LogOutcome::Refused(e.to_string())
            }
            Err(e) => {
                self.failed(Some(&e));
                if !self.lost.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        component = "tsdb", err = %e,
                        "No more records are kept for the log; samples stay in memory, and are stored when it works again"
                    );
                }
                LogOutcome::Lost
            }
        }
    }

    #[cold]
    fn failed(&self, error: Option<&WalError>) {
        if self.failing.swap(true, Ordering::Relaxed) {
            return;
        }
        match error {
            Some(e) => {
                tracing::error!(component = "tsdb", err = %e, "Writing the WAL failed; samples are in memory only");
            }
            None => {
                let err = self.wal.get().and_then(Wal::write_fault).map(|e| e.to_string()).unwrap_or_default();
                tracing::error!(
                    component = "tsdb",
                    err,
                    "Writing the WAL failed; samples are kept in memory and logged later"
                );
            }
        }
    }
}
