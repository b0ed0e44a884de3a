//! What keeps a database within its bounds while it runs: truncation of the head, checkpoints of the log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use firesteel_base::vfs::Vfs;
use firesteel_base::{FastHashMap, TimestampMs};
use firesteel_model::SeriesRef;
use parking_lot::{Condvar, Mutex};

use crate::{DbError, DbOptions};
use firesteel_tsdb_head::{Head, count};
use firesteel_tsdb_wal::{self as wal, Wal};

const EVERY: Duration = Duration::from_secs(60);

fn in_ms(retention: Option<Duration>) -> i64 {
    retention.map_or(i64::MAX, |r| i64::try_from(r.as_millis()).unwrap_or(i64::MAX))
}

/// Truncation and checkpoints; one run at a time.
#[derive(Debug)]
pub(super) struct Maintenance {
    head: Arc<Head>,
    vfs: Arc<dyn Vfs>,
    /// `i64::MAX` keeps for ever.
    retention_ms: AtomicI64,
    chunk_range_ms: i64,
    head_bytes_max: u64,
    /// Series that are gone, with the segment that was written when they went: samples of theirs may stand in segments up
    /// to it, so checkpoints keep their records until that segment is removed.
    gone: Mutex<FastHashMap<SeriesRef, u64>>,
}

impl Maintenance {
    pub(super) fn new(head: Arc<Head>, options: &DbOptions) -> Self {
        Self {
            head,
            vfs: Arc::clone(&options.vfs),
            retention_ms: AtomicI64::new(in_ms(options.retention)),
            chunk_range_ms: options.min_block_duration.as_millis() as i64,
            head_bytes_max: options.head_bytes_max,
            gone: Mutex::default(),
        }
    }

    /// Keeps the records of these references in checkpoints until one covers `segment`.
    pub(super) fn keep_until_checkpoint(&self, series: Vec<SeriesRef>, segment: u64) {
        self.gone.lock().extend(series.into_iter().map(|s| (s, segment)));
    }

    /// Changes how long samples are kept, from the next run on.
    pub(super) fn set_retention(&self, retention: Option<Duration>) {
        self.retention_ms.store(in_ms(retention), Ordering::Relaxed);
    }

    /// Truncates if retention or the bound on memory asks for it.
    pub(super) fn run(&self) -> Result<(), DbError> {
        let Some((min, max)) = self.head.time_range() else { return Ok(()) };
        // What cannot be mapped stays in memory, under the bound below; the mapper has said so.
        let _mapped = self.head.map_chunks();
        let mut cut = min;
        cut = cut.max(max.saturating_sub(self.retention_ms.load(Ordering::Relaxed)));
        let bytes = self.head.stats().chunk_bytes;
        if bytes > self.head_bytes_max {
            // A quarter of the time held, but never what is still open for appends.
            let step = max.saturating_sub(min) / 4;
            let quarter = min.saturating_add(step).min(max.saturating_sub(self.chunk_range_ms));
            if quarter > cut {
                cut = quarter;
                tracing::warn!(
                    component = "tsdb",
                    bytes,
                    limit = self.head_bytes_max,
                    mint = cut,
                    "The head exceeds its bound on memory; dropping the oldest samples before retention would"
                );
            }
        }
        // Not for a trifle: a tenth of a block's range at least, or all that can be had of a short retention.
        if cut.saturating_sub(min) < self.chunk_range_ms / 10 {
            return Ok(());
        }
        let done = self.head.truncate(cut);
        tracing::info!(
            component = "tsdb",
            mint = cut,
            series = done.dead.len(),
            chunks = done.chunks,
            "Head GC completed"
        );
        match self.head.log.wal() {
            Some(wal) => {
                self.keep_until_checkpoint(done.dead, wal.current_segment());
                self.checkpoint(wal, cut)
            }
            None => Ok(()),
        }
    }

    fn checkpoint(&self, wal: &Wal, min_t: i64) -> Result<(), DbError> {
        count(&self.head.counts.checkpoints, 1);
        let mut keep = |series| self.head.is_live(series) || self.gone.lock().contains_key(&series);
        if let Err(e) = wal.checkpoint(&mut keep, TimestampMs(min_t)) {
            count(&self.head.counts.checkpoints_failed, 1);
            return Err(e.into());
        }
        if let Some(first) = wal::list_segments(self.vfs.as_ref(), wal.dir())?.first() {
            self.gone.lock().retain(|_, segment| *segment >= first.index);
        }
        Ok(())
    }
}

/// The thread that runs it.
#[derive(Debug)]
pub(super) struct MaintenanceThread {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl MaintenanceThread {
    pub(super) fn start(work: Arc<Maintenance>) -> io::Result<Self> {
        let stop: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let of_thread = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("fs-compact".to_owned()).spawn(move || {
            let (stopped, wake) = &*of_thread;
            loop {
                let mut stopped = stopped.lock();
                if !*stopped {
                    wake.wait_for(&mut stopped, EVERY);
                }
                if *stopped {
                    return;
                }
                drop(stopped);
                if let Err(e) = work.run() {
                    tracing::error!(component = "tsdb", err = %e, "Head truncation failed");
                }
            }
        })?;
        Ok(Self { stop, thread })
    }

    pub(super) fn stop(self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if self.thread.join().is_err() {
            tracing::error!(component = "tsdb", "The maintenance thread panicked");
        }
    }
}
