//! The log as committers see it: many threads log, the one that comes first writes for all that wait.
//!
//! A committer compresses its records by itself, puts the batch in the queue, and either finds nobody writing and becomes
//! the leader, or waits until a leader has taken its batch along. When `log` returns, the records are with the operating
//! system; a thread of the log's own syncs them to the disk a few seconds later.
//!
//! Locks: `queue` is held for moments only, `writer` while writing; never both by one thread, except that `close` takes
//! `writer` after `queue` is drained.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use firesteel_base::vfs::Vfs;
use firesteel_model::Summary;
use parking_lot::{Condvar, Mutex};

use super::batch::Batch;
use super::segment_writer::SegmentWriter;
use super::stats::{Counters, count, set};
use super::{Compression, DEFAULT_SEGMENT_BYTES, WalError, WalStats, delete_checkpoints, list_segments, segment_path};

/// How a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct WalOptions {
    /// A segment is ended before it grows beyond this; a multiple of the page.
    pub segment_bytes: u64,
    pub compression: Compression,
    /// How long written records may wait for a sync.
    pub sync_every: Duration,
    /// As soon as this much is not synced, the syncer does not wait any longer.
    pub sync_bytes: u64,
    /// How many bytes of records may wait in memory for a log that cannot be written.
    pub backlog_bytes: usize,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            compression: Compression::default(),
            // Leaves the sync itself two of the five seconds.
            sync_every: Duration::from_secs(3),
            sync_bytes: 16 * 1024 * 1024,
            backlog_bytes: 64 * 1024 * 1024,
        }
    }
}

/// What is to become of records that cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFailure {
    /// The error is returned and the records are forgotten: the sender will send them again.
    #[default]
    Refuse,
    /// They are kept in memory, within a bound, and logged before anything new when writing works again.
    Keep,
}

/// Where logged records are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Logged {
    /// With the operating system: they survive the end of the process.
    Written,
    /// In memory only, waiting for a log that can be written.
    Kept,
}

/// The write-ahead log of one directory. Shared by reference between all committers.
#[derive(Debug)]
pub struct Wal {
    shared: Arc<Shared>,
    syncer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    options: WalOptions,
    queue: Mutex<Queue>,
    /// Signalled when a group is done.
    group_done: Condvar,
    writer: Mutex<Pen>,
    /// Why the write failed that failed last.
    write_fault: Mutex<Option<WalError>>,
    /// Why the last sync failed.
    sync_fault: Mutex<Option<WalError>>,
    sync_wanted: Mutex<SyncWanted>,
    sync_wake: Condvar,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Queue {
    /// At most one batch for each committing thread.
    waiting: Vec<Batch>,
    /// The group before, empty: its memory.
    spare_group: Vec<Batch>,
    next_ticket: u64,
    /// All tickets below this are done.
    done: u64,
    /// What became of tickets that were not written; taken by their owners.
    unwritten: Vec<(u64, Result<Logged, WalError>)>,
    leading: bool,
    closed: bool,
    /// Empty batches with their buffers.
    spare: Vec<Batch>,
}

#[derive(Debug)]
struct Pen {
    segment: SegmentWriter,
    backlog: VecDeque<Batch>,
    backlog_bytes: usize,
}

#[derive(Debug, Default)]
struct SyncWanted {
    now: bool,
    stop: bool,
}

const SPARE_BATCHES: usize = 8;
/// A batch that grew beyond this is not kept as a spare one.
const SPARE_BATCH_BYTES: usize = 4 * 1024 * 1024;

impl Wal {
    /// Opens the log of `dir` for writing, in a new segment behind the last one. What is there must have been read, and
    /// repaired if need be, before.
    pub fn open(vfs: Arc<dyn Vfs>, dir: &Path, options: WalOptions) -> Result<Self, WalError> {
        let counters = Arc::new(Counters::default());
        let segment = SegmentWriter::open(Arc::clone(&vfs), dir, options.segment_bytes, Arc::clone(&counters))?;
        let shared = Arc::new(Shared {
            vfs,
            dir: dir.to_owned(),
            options,
            queue: Mutex::default(),
            group_done: Condvar::new(),
            writer: Mutex::new(Pen { segment, backlog: VecDeque::new(), backlog_bytes: 0 }),
            write_fault: Mutex::default(),
            sync_fault: Mutex::default(),
            sync_wanted: Mutex::default(),
            sync_wake: Condvar::new(),
            counters,
        });
        let of_thread = Arc::clone(&shared);
        let syncer = std::thread::Builder::new()
            .name("fs-wal-sync".to_owned())
            .spawn(move || of_thread.sync_until_stopped())
            .map_err(WalError::io("start the syncing thread of", dir))?;
        Ok(Self { shared, syncer: Mutex::new(Some(syncer)) })
    }

    /// Logs records in order and returns when they are with the operating system.
    ///
    /// Error: they could not be written and are not kept; a part of them may still be found after a restart. The log goes on
    /// working: the next call tries again from where the last good record ended.
    pub fn log(&self, records: &[&[u8]], on_failure: OnFailure) -> Result<Logged, WalError> {
        let shared = &*self.shared;
        let mut batch = shared.queue.lock().spare.pop().unwrap_or_default();
        batch.on_failure = on_failure;
        let saved = batch.fill(records, shared.options.compression);
        count(&shared.counters.record_bytes_saved, saved);

        let mut queue = shared.queue.lock();
        if queue.closed {
            return Err(WalError::Closed);
        }
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        batch.ticket = ticket;
        queue.waiting.push(batch);
        while queue.done <= ticket {
            if queue.leading {
                shared.group_done.wait(&mut queue);
                continue;
            }
            queue.leading = true;
            let next_group = std::mem::take(&mut queue.spare_group);
            let mut group = std::mem::replace(&mut queue.waiting, next_group);
            let done = queue.next_ticket;
            drop(queue);
            let unwritten = shared.write_group(&mut group);
            queue = shared.queue.lock();
            queue.leading = false;
            queue.done = done;
            queue.unwritten.extend(unwritten);
            queue.put_away(group);
            shared.group_done.notify_all();
        }
        match queue.unwritten.iter().position(|(of, _)| *of == ticket) {
            Some(i) => queue.unwritten.swap_remove(i).1,
            None => Ok(Logged::Written),
        }
    }

    /// Tries to write what waits in memory, and if nothing does, whether anything could be written. Returns whether it can.
    /// The syncer writes what waits by itself, too.
    pub fn works(&self) -> bool {
        let mut pen = self.shared.writer.lock();
        let waited = !pen.backlog.is_empty();
        pen.write_backlog(&self.shared.counters)
            .and_then(|()| if waited { Ok(()) } else { pen.segment.probe() })
            .is_ok()
    }

    /// Writes what waits in memory.
    pub fn write_kept(&self) -> Result<(), WalError> {
        self.shared.writer.lock().write_backlog(&self.shared.counters)
    }

    /// Ends the current segment and begins a new one, unless the current one is empty. Returns the number of the current.
    pub fn next_segment(&self) -> Result<u64, WalError> {
        self.shared.writer.lock().segment.next_segment()
    }

    /// Looks whether somebody removed or cut the segment that is being written, and if so goes on in a new one. Returns the
    /// file that was harmed: what it held is no longer in the log.
    pub fn leave_if_harmed(&self) -> Result<Option<PathBuf>, WalError> {
        let mut pen = self.shared.writer.lock();
        if !pen.segment.is_harmed() {
            return Ok(None);
        }
        let harmed = segment_path(&self.shared.dir, pen.segment.index());
        pen.segment.leave_harmed()?;
        Ok(Some(harmed))
    }

    /// Returns why the write failed that failed last, whatever became of those after it.
    pub fn write_fault(&self) -> Option<WalError> {
        self.shared.write_fault.lock().clone()
    }

    /// Returns why what is written does not reach the disk, if the last sync failed: a loss of power would take it.
    pub fn sync_fault(&self) -> Option<WalError> {
        self.shared.sync_fault.lock().clone()
    }

    /// Makes all that is written survive a loss of power.
    pub fn sync(&self) -> Result<(), WalError> {
        self.shared.sync()
    }

    /// Removes the segments below `index`, oldest first, so that what remains has no gap.
    pub fn truncate(&self, index: u64) -> Result<(), WalError> {
        let shared = &self.shared;
        count(&shared.counters.truncations, 1);
        let outcome = list_segments(shared.vfs.as_ref(), &shared.dir).and_then(|segments| {
            let mut old = segments.iter().filter(|s| s.index < index).peekable();
            if old.peek().is_none() {
                return Ok(());
            }
            for old in old {
                shared.vfs.remove_file(&old.path).map_err(WalError::io("remove segment", &old.path))?;
            }
            // One that comes back with the power would bring late samples again, which retention took or a deletion.
            shared.vfs.sync_dir(&shared.dir).map_err(WalError::io("sync directory", &shared.dir))
        });
        count(&shared.counters.truncations_failed, u64::from(outcome.is_err()));
        outcome
    }

    /// Returns the log's directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Returns the file system the log lives in.
    pub fn vfs(&self) -> &Arc<dyn Vfs> {
        &self.shared.vfs
    }

    /// Returns how records are compressed.
    pub fn compression(&self) -> Compression {
        self.shared.options.compression
    }

    /// Returns the segment being written and how many bytes of it are whole records with the operating system.
    pub fn position(&self) -> (u64, u64) {
        let pen = self.shared.writer.lock();
        (pen.segment.index(), pen.segment.good_len())
    }

    /// Returns the number of the segment being written.
    pub fn current_segment(&self) -> u64 {
        self.shared.writer.lock().segment.index()
    }

    /// Returns what the log counted so far.
    pub fn stats(&self) -> WalStats {
        self.shared.counters.snapshot()
    }

    /// Returns how long syncs took, in seconds.
    pub fn sync_durations(&self) -> Summary {
        self.shared.counters.sync_durations.read()
    }

    /// Removes the checkpoints below `index`.
    pub(super) fn delete_checkpoints(&self, index: u64) -> Result<(), WalError> {
        let shared = &self.shared;
        count(&shared.counters.checkpoint_deletions, 1);
        let outcome = delete_checkpoints(shared.vfs.as_ref(), &shared.dir, index);
        count(&shared.counters.checkpoint_deletions_failed, u64::from(outcome.is_err()));
        outcome
    }

    /// Writes what waits, fills the last page, syncs, and ends the syncing thread. Further calls of `log` are refused.
    pub fn close(&self) -> Result<(), WalError> {
        let shared = &*self.shared;
        {
            let mut queue = shared.queue.lock();
            if queue.closed {
                return Ok(());
            }
            queue.closed = true;
            while queue.leading || !queue.waiting.is_empty() {
                shared.group_done.wait(&mut queue);
            }
        }
        shared.sync_wanted.lock().stop = true;
        shared.sync_wake.notify_all();
        if let Some(thread) = self.syncer.lock().take()
            && thread.join().is_err()
        {
            count(&shared.counters.syncs_failed, 1);
        }
        let mut pen = shared.writer.lock();
        let written = pen.write_backlog(&shared.counters);
        let padded = pen.segment.pad();
        let synced = pen.segment.unsynced().sync(shared.vfs.as_ref(), &shared.dir, &shared.counters);
        written.and(padded).and(synced)
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        // Whoever wants to know of errors calls `close` first.
        let _ = self.close();
    }
}

impl Queue {
    fn put_away(&mut self, mut group: Vec<Batch>) {
        for batch in group.drain(..) {
            if self.spare.len() < SPARE_BATCHES && batch.held_bytes() <= SPARE_BATCH_BYTES {
                self.spare.push(batch);
            }
        }
        self.spare_group = group;
    }
}

impl Shared {
    /// Writes what waited before and then the group. Returns what became of those that were not written; kept batches leave
    /// the group.
    fn write_group(&self, group: &mut Vec<Batch>) -> Vec<(u64, Result<Logged, WalError>)> {
        let mut pen = self.writer.lock();
        let (written, outcome) = match pen.write_backlog(&self.counters) {
            Ok(()) => pen.segment.write(group),
            Err(e) => (0, Err(e)),
        };
        let hurry = pen.segment.unsynced_bytes() >= self.options.sync_bytes;
        let Err(error) = outcome else {
            drop(pen);
            if hurry {
                self.sync_wanted.lock().now = true;
                self.sync_wake.notify_all();
            }
            return Vec::new();
        };
        let mut unwritten = Vec::new();
        for batch in group.drain(written..) {
            let ticket = batch.ticket;
            unwritten.push((ticket, pen.keep(batch, &error, self.options.backlog_bytes)));
        }
        set(&self.counters.backlog_bytes, pen.backlog_bytes as u64);
        *self.write_fault.lock() = Some(error);
        unwritten
    }

    fn sync(&self) -> Result<(), WalError> {
        let what = self.writer.lock().segment.unsynced();
        if what.is_empty() {
            // The end of a segment synced it, too.
            *self.sync_fault.lock() = None;
            return Ok(());
        }
        let synced = what.sync(self.vfs.as_ref(), &self.dir, &self.counters);
        *self.sync_fault.lock() = synced.as_ref().err().cloned();
        synced?;
        self.writer.lock().segment.synced(&what);
        Ok(())
    }

    fn sync_until_stopped(&self) {
        loop {
            {
                let mut wanted = self.sync_wanted.lock();
                if !wanted.now && !wanted.stop {
                    self.sync_wake.wait_for(&mut wanted, self.options.sync_every);
                }
                if wanted.stop {
                    return;
                }
                wanted.now = false;
            }
            // Failures are counted, and all is tried again at the next turn.
            let _ = self.writer.lock().write_backlog(&self.counters);
            let _ = self.sync();
        }
    }
}

impl Pen {
    fn write_backlog(&mut self, counters: &Counters) -> Result<(), WalError> {
        if self.backlog.is_empty() {
            return Ok(());
        }
        let (written, outcome) = self.segment.write(self.backlog.make_contiguous());
        for batch in self.backlog.drain(..written) {
            self.backlog_bytes -= batch.held_bytes();
        }
        set(&counters.backlog_bytes, self.backlog_bytes as u64);
        outcome
    }

    fn keep(&mut self, batch: Batch, error: &WalError, bound: usize) -> Result<Logged, WalError> {
        match batch.on_failure {
            OnFailure::Refuse => Err(error.clone()),
            OnFailure::Keep if self.backlog_bytes + batch.held_bytes() > bound => {
                Err(WalError::BacklogFull { bytes: self.backlog_bytes, source: Box::new(error.clone()) })
            }
            OnFailure::Keep => {
                self.backlog_bytes += batch.held_bytes();
                self.backlog.push_back(batch);
                Ok(Logged::Kept)
            }
        }
    }
}
