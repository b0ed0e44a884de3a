//! Sealed chunks on their way to files: gathered under a shard's lock for moments, written without it, noted under it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use firesteel_base::vfs::Vfs;
use parking_lot::{Condvar, Mutex};

use super::chunks_head::{ChunkFiles, ChunkRef, ChunksHeadError};
use super::freed::give_back;
use super::series::SERIES_REF_MAX;
use super::{Head, count};

/// Gathered under one hold of a shard's lock: well below a millisecond.
pub(crate) const SLICE_BYTES: usize = 512 << 10;
/// The mapper does not wait for its time when this much is sealed.
const HURRY_BYTES: usize = 4 << 20;
const EVERY: Duration = Duration::from_secs(60);
/// After a start that read a log: who waits for the first answers has the disk and the cores first.
const AFTER_START: Duration = Duration::from_secs(15);

/// What mapping shares between committers and the mapper.
#[derive(Debug, Default)]
pub(crate) struct MappingState {
    /// Sealed bytes that are in memory, about.
    waiting_bytes: AtomicUsize,
    /// Bytes of records that came to the log, those of a replay included; and how many make a snapshot due.
    logged_bytes: AtomicU64,
    roll_at_bytes: AtomicU64,
    /// A snapshot is wanted whatever was logged.
    roll_now: AtomicBool,
    /// The mapper was told not to wait, and has not begun since.
    hurried: AtomicBool,
    wanted: Mutex<Wanted>,
    wake: Condvar,
    /// Writing failed and has not worked since: said once.
    failing: AtomicBool,
}

#[derive(Debug, Default)]
struct Wanted {
    now: bool,
    stop: bool,
}

impl MappingState {
    #[inline]
    fn hurry(&self) {
        if !self.hurried.load(Ordering::Relaxed) && !self.hurried.swap(true, Ordering::Relaxed) {
            self.wanted.lock().now = true;
            self.wake.notify_all();
        }
    }
}

impl Head {
    /// Keeps sealed chunks in files of `dir` from now on, and finds those that are there: a replay puts them where they
    /// belong. To be called before the replay, with the time that blocks reach to as `min_valid`, and up to where a snapshot
    /// tells of the chunks ([`crate::Snapshot::chunks_end`]).
    pub fn open_chunks_head(
        &self,
        vfs: Arc<dyn Vfs>,
        dir: &Path,
        min_valid: i64,
        told: Option<ChunkRef>,
    ) -> Result<(), ChunksHeadError> {
        self.min_valid.fetch_max(min_valid, Ordering::Relaxed);
        let (files, loaded) = ChunkFiles::open(vfs, dir, min_valid, told.unwrap_or_default())?;
        count(&self.counts.mmap_chunk_corruptions, u64::from(loaded.cut));
        if self.chunks_head.set(files).is_ok() {
            self.last_ref.fetch_max(loaded.last_ref().min(SERIES_REF_MAX), Ordering::Relaxed);
            *self.loaded.lock() = loaded;
            for shard in &self.shards {
                let mut shard = shard.lock();
                shard.sealed.await_mapping();
                shard.late.sealed.await_mapping();
            }
        }
        Ok(())
    }

    /// Finds also those chunks in files that a snapshot was to tell of.
    pub fn list_all_chunks(&self) {
        let mut loaded = self.loaded.lock();
        if loaded.from > ChunkRef::default()
            && let Some(files) = self.chunks_head()
        {
            *loaded = files.list(self.min_valid.load(Ordering::Relaxed), &loaded);
        }
    }

    /// Returns whether files of chunks were broken when they were opened, so that only the log has it all.
    pub fn lacks_chunks(&self) -> bool {
        self.loaded.lock().cut
    }

    pub(crate) fn chunks_head(&self) -> Option<&ChunkFiles> {
        self.chunks_head.get()
    }

    /// Returns the bytes of the files of sealed chunks (`prometheus_tsdb_head_chunks_storage_size_bytes`).
    pub fn chunks_head_bytes(&self) -> u64 {
        self.chunks_head().map_or(0, ChunkFiles::size_bytes)
    }

    /// Writes the sealed chunks that are in memory to files, and gives their memory back; returns how many. Appends and
    /// queries go on meanwhile. After an error what was not written stays in memory and is tried again by the next call.
    pub fn map_chunks(&self) -> Result<usize, ChunksHeadError> {
        let Some(files) = self.chunks_head() else { return Ok(0) };
        let _upkeep = self.upkeep.lock();
        let (mut chunks, mut bytes, mut written) = (Vec::new(), Vec::new(), Vec::new());
        let mut mapped = 0;
        let waiting: Vec<usize> = self.shards.iter().map(|shard| shard.lock().sealed.n_waiting()).collect();
        // A loss of power must not leave more here than in the log, or a batch would come back in part.
        if waiting.iter().any(|&n| n > 0)
            && let Some(wal) = self.log.wal()
            && let Err(e) = wal.sync()
        {
            return Err(ChunksHeadError::Unsynced(e.to_string()));
        }
        for (lock, mut most) in self.shards.iter().zip(waiting) {
            loop {
                chunks.clear();
                bytes.clear();
                written.clear();
                let places = lock.lock().sealed.gather(0..most, SLICE_BYTES, false, &mut chunks, &mut bytes);
                if places == 0 {
                    break;
                }
                most -= places;
                let outcome = files.append(&chunks, &bytes, &mut written);
                let freed = lock.lock().sealed.mapped(places, &written);
                mapped += written.len();
                self.note_mapped(freed);
                count(&self.counts.mmap_chunks, written.len() as u64);
                outcome?;
            }
        }
        Ok(mapped + self.map_late_chunks(files)?)
    }

    /// Notes that so many sealed bytes are no longer in memory.
    pub(crate) fn note_mapped(&self, bytes: usize) {
        let less = |waiting: usize| Some(waiting.saturating_sub(bytes));
        let _always = self.mapping.waiting_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// As [`Self::map_chunks`]; says in the log when it begins to fail, and when it works again.
    pub(crate) fn map_chunks_or_say(&self) {
        match self.map_chunks() {
            Ok(_) => {
                if self.mapping.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(component = "tsdb", "Writing head chunks works again");
                }
            }
            Err(e) => {
                if !self.mapping.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        component = "tsdb", err = %e,
                        "Writing head chunks failed; full chunks stay in memory until it works"
                    );
                }
            }
        }
    }

    /// Returns whether sealed chunks could not be written lately.
    pub fn is_mapping_failing(&self) -> bool {
        self.mapping.failing.load(Ordering::Relaxed)
    }

    /// Notes that a batch sealed chunks.
    #[inline]
    pub(crate) fn note_sealed(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let before = self.mapping.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes >= HURRY_BYTES {
            self.mapping.hurry();
        }
    }

    /// Notes that so many bytes of records went to the log.
    #[inline]
    pub(crate) fn note_logged(&self, bytes: usize) {
        let before = self.mapping.logged_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if before + bytes as u64 >= self.mapping.roll_at_bytes.load(Ordering::Relaxed) {
            self.mapping.hurry();
        }
    }

    /// Lets the rolling snapshot be written soon: the log lost something that memory still has.
    pub fn roll_soon(&self) {
        self.mapping.roll_now.store(true, Ordering::Relaxed);
        self.mapping.hurry();
    }

    /// Counts the sealed bytes in memory again, after some were dropped.
    pub(crate) fn waiting_bytes_anew(&self) {
        let bytes = self.shards.iter().map(|shard| shard.lock().sealed_bytes()).sum();
        self.mapping.waiting_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes of sealed chunks in memory, about.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.mapping.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Returns whether mapping is worth it during a replay, where nobody else does it.
    pub(crate) fn wants_mapping(&self) -> bool {
        self.chunks_head().is_some() && self.waiting_bytes() >= HURRY_BYTES
    }
}

/// When the rolling snapshot is due: after this much of log, or as much as the last one took.
const ROLL_BYTES: u64 = 8 << 20;
/// At a stop: what is less is read as fast as a snapshot.
const LAST_BYTES: u64 = 4 << 20;

/// Where the rolling snapshot is kept, and what it covers.
#[derive(Clone, Debug)]
struct Rolling {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    state: Arc<Mutex<Rolled>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rolled {
    /// Bytes of records in the log when it was written, its own bytes, and the checkpoints by then.
    logged: u64,
    bytes: u64,
    checkpoints: u64,
}

impl Rolling {
    fn new(vfs: Arc<dyn Vfs>, dir: PathBuf) -> Self {
        Self { vfs, dir, state: Arc::default() }
    }

    fn write_if_due(&mut self, head: &Head, least: u64) {
        if head.log.wal().is_none() {
            return;
        }
        let mut last = self.state.lock();
        let logged = head.mapping.logged_bytes.load(Ordering::Relaxed);
        let checkpoints = head.counts.checkpoints.load(Ordering::Relaxed);
        let due = logged.saturating_sub(last.logged) >= least.max(last.bytes.min(logged / 2));
        let asked = head.mapping.roll_now.swap(false, Ordering::Relaxed);
        if !due && !asked && (checkpoints == last.checkpoints || last.bytes == 0) {
            return;
        }
        match head.write_snapshot(&self.vfs, &self.dir) {
            Ok(bytes) => {
                *last = Rolled { logged, bytes, checkpoints };
                head.mapping.roll_at_bytes.store(logged + ROLL_BYTES.max(bytes), Ordering::Relaxed);
            }
            // The one before stays, or the whole log is read: nothing is lost but time.
            Err(e) => {
                tracing::warn!(component = "tsdb", err = %e, "Writing the head snapshot failed");
                head.mapping.roll_now.fetch_or(asked, Ordering::Relaxed);
                head.mapping.roll_at_bytes.store(logged + ROLL_BYTES, Ordering::Relaxed);
            }
        }
    }
}

/// The thread that maps sealed chunks once a minute, and sooner when there are many.
#[derive(Debug)]
pub struct Mapper {
    head: Arc<Head>,
    thread: Option<JoinHandle<()>>,
    rolling: Option<Rolling>,
}

impl Mapper {
    /// Starts it. It ends with [`Self::stop`] or when dropped. With a directory it also keeps a snapshot there, and writes
    /// it anew when as much was logged as one takes, or a checkpoint was written.
    pub fn start(head: &Arc<Head>, snapshots: Option<(Arc<dyn Vfs>, PathBuf)>) -> io::Result<Self> {
        head.mapping.wanted.lock().stop = false;
        let roll_at = if snapshots.is_some() { ROLL_BYTES } else { u64::MAX };
        let replayed = head.mapping.logged_bytes.load(Ordering::Relaxed) > 0;
        let quiet_until = Instant::now() + if replayed { AFTER_START } else { Duration::ZERO };
        head.mapping.roll_at_bytes.store(if replayed { u64::MAX } else { roll_at }, Ordering::Relaxed);
        let of_thread = Arc::clone(head);
        let mut rolling = snapshots.map(|(vfs, dir)| Rolling::new(vfs, dir));
        let kept = rolling.clone();
        let thread = std::thread::Builder::new().name("fs-mapper".to_owned()).spawn(move || {
            let mut quiet = replayed;
            loop {
                {
                    let mut wanted = of_thread.mapping.wanted.lock();
                    if !wanted.now && !wanted.stop {
                        let every = if quiet { AFTER_START } else { EVERY };
                        of_thread.mapping.wake.wait_for(&mut wanted, every);
                    }
                    if wanted.stop {
                        return;
                    }
                    wanted.now = false;
                    of_thread.mapping.hurried.store(false, Ordering::Relaxed);
                }
                of_thread.map_chunks_or_say();
                if quiet && Instant::now() < quiet_until {
                    continue;
                }
                if std::mem::take(&mut quiet) {
                    of_thread.mapping.roll_at_bytes.store(roll_at, Ordering::Relaxed);
                }
                if let Some(rolling) = &mut rolling {
                    rolling.write_if_due(&of_thread, ROLL_BYTES);
                    give_back();
                }
            }
        })?;
        Ok(Self { head: Arc::clone(head), thread: Some(thread), rolling: kept })
    }

    /// Ends the thread, maps what is left, and makes it survive a loss of power. `roll`: write a last snapshot.
    pub fn stop(mut self, roll: bool) -> Result<(), ChunksHeadError> {
        self.join();
        self.head.map_chunks()?;
        self.head.chunks_head().map_or(Ok(()), ChunkFiles::sync)?;
        if let (Some(rolling), true) = (&mut self.rolling, roll) {
            rolling.write_if_due(&self.head, LAST_BYTES);
        }
        Ok(())
    }

    fn join(&mut self) {
        self.head.mapping.wanted.lock().stop = true;
        self.head.mapping.wake.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(component = "tsdb", "The mapping thread panicked");
        }
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        self.join();
    }
}
