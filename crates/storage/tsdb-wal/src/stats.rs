//! What the log counts. The names of upstream's metrics stand beside the fields.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firesteel_client::Summary;
use firesteel_model::Summary as Reading;

/// Counters since the log was opened, and a few states. All of them are `prometheus_tsdb_wal_<…>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WalStats {
    /// Syncs attempted, `fsync_duration_seconds_count`.
    pub syncs: u64,
    /// Syncs that failed; upstream only logs them.
    pub syncs_failed: u64,
    /// `page_flushes_total`: writes handed to the system.
    pub page_flushes: u64,
    /// `completed_pages_total`.
    pub completed_pages: u64,
    /// `truncations_total`.
    pub truncations: u64,
    /// `truncations_failed_total`.
    pub truncations_failed: u64,
    /// `prometheus_tsdb_checkpoint_deletions_total`.
    pub checkpoint_deletions: u64,
    /// `prometheus_tsdb_checkpoint_deletions_failed_total`.
    pub checkpoint_deletions_failed: u64,
    /// `writes_failed_total`.
    pub writes_failed: u64,
    /// `segment_current`.
    pub segment_current: u64,
    /// `record_part_writes_total`.
    pub record_parts: u64,
    /// `record_parts_bytes_written_total`.
    pub record_part_bytes: u64,
    /// `record_bytes_saved_total`.
    pub record_bytes_saved: u64,
    /// Bytes of records that are in memory only and wait until the log can be written.
    pub backlog_bytes: u64,
    /// Bytes given to the system that no sync has covered yet.
    pub unsynced_bytes: u64,
}

/// How long syncs took: `fsync_duration_seconds`.
#[derive(Debug)]
pub(super) struct SyncDurations(Summary);

impl Default for SyncDurations {
    fn default() -> Self {
        Self(Summary::new(&[0.5, 0.9, 0.99]))
    }
}

impl SyncDurations {
    pub(super) fn observe(&self, took: Duration) {
        self.0.observe_duration(took);
    }

    pub(super) fn read(&self) -> Reading {
        self.0.snapshot()
    }
}

macro_rules! counters {
    ($($name:ident),*) => {
        /// The counters while they count. Each stands for itself, so relaxed order is enough.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            pub(super) sync_durations: SyncDurations,
            $(pub(super) $name: AtomicU64),*
        }

        impl Counters {
            pub(super) fn snapshot(&self) -> WalStats {
                WalStats { $($name: self.$name.load(Ordering::Relaxed)),* }
            }
        }
    };
}

counters!(
    syncs,
    syncs_failed,
    page_flushes,
    completed_pages,
    truncations,
    truncations_failed,
    checkpoint_deletions,
    checkpoint_deletions_failed,
    writes_failed,
    segment_current,
    record_parts,
    record_part_bytes,
    record_bytes_saved,
    backlog_bytes,
    unsynced_bytes
);

/// Adds to a counter.
pub(super) fn count(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// Sets a state.
pub(super) fn set(gauge: &AtomicU64, n: u64) {
    gauge.store(n, Ordering::Relaxed);
}
