//! Writing segments: frames records, switches files, and takes back what a failed write left behind.
//!
//! The invariant: `good_len` bytes of the current file are whole records, and nothing else is behind them unless `torn` is
//! set. While it is set the first thing any write does is to cut the file there. So a write that failed in the middle of a
//! record leaves no trace between records that were written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use firesteel_base::vfs::{Vfs, VfsFile};

use super::batch::Batch;
use super::frame::{append_record, fits, page_end};
use super::segment_reader::ZEROS;
use super::stats::{Counters, count, set};
use super::{PAGE_BYTES, Segment, SegmentReader, WalError, last_checkpoint, list_segments, segment_path};

/// Frames are handed to the system in runs of about this size, always between records.
const RUN_BYTES: usize = 1024 * 1024;

/// So many bytes tell whether a file is still what was written.
const WITNESS_BYTES: usize = 16;

/// The one writer of a directory. Used under a lock by whoever leads a group.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    segment_bytes: u64,
    index: u64,
    file: Arc<dyn VfsFile>,
    good_len: u64,
    torn: bool,
    /// The current file is full, and the next one could not be made yet.
    wants_next: bool,
    /// Where the current file ended when it was looked at, and its last bytes then.
    witness: Option<(u64, [u8; WITNESS_BYTES])>,
    /// The current file's name may not survive a loss of power yet.
    name_unsynced: bool,
    unsynced_bytes: u64,
    frames: Vec<u8>,
    counters: Arc<Counters>,
}

/// What has to be synced, taken out so that syncing needs no lock.
#[derive(Debug)]
pub(super) struct Unsynced {
    file: Arc<dyn VfsFile>,
    index: u64,
    bytes: u64,
    /// How far the file went.
    end: u64,
    name: bool,
}

impl SegmentWriter {
    /// Creates the directory where missing, and in it a new segment behind the last one.
    pub(super) fn open(
        vfs: Arc<dyn Vfs>,
        dir: &Path,
        segment_bytes: u64,
        counters: Arc<Counters>,
    ) -> Result<Self, WalError> {
        vfs.create_dir_all(dir).map_err(WalError::io("create directory", dir))?;
        let last = list_segments(vfs.as_ref(), dir)?.pop();
        // Whoever removed all segments may have left the checkpoint, which stands for those up to its number.
        let checkpoint = last_checkpoint(vfs.as_ref(), dir)?;
        let index = last.into_iter().chain(checkpoint).map(|before| before.index + 1).max().unwrap_or(0);
        let path = segment_path(dir, index);
        let file = vfs.create(&path).map_err(WalError::io("create segment", &path))?;
        set(&counters.segment_current, index);
        Ok(Self {
            vfs,
            dir: dir.to_owned(),
            segment_bytes: segment_bytes.max(PAGE_BYTES as u64),
            index,
            file,
            good_len: 0,
            torn: false,
            wants_next: false,
            witness: None,
            name_unsynced: true,
            unsynced_bytes: 0,
            frames: Vec::new(),
            counters,
        })
    }

    /// Writes batches in order and hands them to the system. Returns how many were written whole, and the error that
    /// stopped it.
    pub(super) fn write(&mut self, batches: &[Batch]) -> (usize, Result<(), WalError>) {
        self.frames.clear();
        let mut framed = 0;
        let mut written = 0;
        let outcome = (|| {
            self.mend()?;
            for batch in batches {
                for (stored, flag) in batch.records() {
                    self.frame(stored, flag)?;
                }
                framed += 1;
                if self.frames.len() >= RUN_BYTES {
                    self.flush()?;
                }
                if self.frames.is_empty() {
                    written = framed;
                }
            }
            self.flush()
        })();
        if outcome.is_ok() {
            written = framed;
        } else {
            count(&self.counters.writes_failed, 1);
            self.frames.clear();
            // Best now, so that a process that ends here leaves a clean file; else before the next write.
            let _ = self.mend();
        }
        self.frames.shrink_to(2 * RUN_BYTES);
        (written, outcome)
    }

    fn frame(&mut self, stored: &[u8], flag: u8) -> Result<(), WalError> {
        let end = self.good_len + self.frames.len() as u64;
        // A record too large for any segment makes a larger one.
        if end > 0 && !fits(end, stored.len(), self.segment_bytes) {
            self.flush()?;
            self.next_segment()?;
        } else if self.frames.len() >= RUN_BYTES {
            self.flush()?;
        }
        let offset = self.good_len + self.frames.len() as u64;
        let before = self.frames.len();
        let parts = append_record(&mut self.frames, offset, stored, flag);
        count(&self.counters.record_parts, parts);
        count(&self.counters.record_part_bytes, (self.frames.len() - before) as u64);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WalError> {
        if self.frames.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all_at(&self.frames, self.good_len);
        if let Err(e) = written {
            self.torn = true;
            return Err(WalError::io("write segment", &segment_path(&self.dir, self.index))(e));
        }
        let end = self.good_len + self.frames.len() as u64;
        let page = PAGE_BYTES as u64;
        count(&self.counters.page_flushes, 1);
        count(&self.counters.completed_pages, end / page - self.good_len / page);
        self.unsynced_bytes += self.frames.len() as u64;
        set(&self.counters.unsynced_bytes, self.unsynced_bytes);
        self.good_len = end;
        self.frames.clear();
        Ok(())
    }

    /// Cuts away what a failed write left.
    fn mend(&mut self) -> Result<(), WalError> {
        if self.torn {
            let path = segment_path(&self.dir, self.index);
            self.file.set_len(self.good_len).map_err(WalError::io("cut torn end of segment", &path))?;
            self.torn = false;
        }
        Ok(())
    }

    /// Does what the next record needs, and leaves no trace: nobody is refused only because nobody tries any more.
    pub(super) fn probe(&mut self) -> Result<(), WalError> {
        self.mend()?;
        if self.wants_next {
            return self.next_segment().map(drop);
        }
        let path = segment_path(&self.dir, self.index);
        // Zeros are the unused end of a page, should the process end before they are cut.
        self.torn = true;
        self.file.write_all_at(&ZEROS, self.good_len).map_err(WalError::io("write segment", &path))?;
        self.mend()
    }

    /// Ends the current segment and begins the next; nothing happens if the current one is empty.
    ///
    /// The old segment is synced first: were it not, a loss of power could take its end and leave the next one, and the log
    /// would not be a prefix.
    pub(super) fn next_segment(&mut self) -> Result<u64, WalError> {
        self.mend()?;
        if self.good_len == 0 {
            return Ok(self.index);
        }
        // Until the next file is there, zeros at the end of this one are a torn end.
        (self.torn, self.wants_next) = (true, true);
        self.pad()?;
        self.unsynced().sync(self.vfs.as_ref(), &self.dir, &self.counters)?;
        self.begin_next()?;
        Ok(self.index)
    }

    fn begin_next(&mut self) -> Result<(), WalError> {
        let path = segment_path(&self.dir, self.index + 1);
        self.vfs.create_dir_all(&self.dir).map_err(WalError::io("create directory", &self.dir))?;
        self.file = self.vfs.create(&path).map_err(WalError::io("create segment", &path))?;
        (self.torn, self.wants_next) = (false, false);
        self.witness = None;
        self.index += 1;
        self.good_len = 0;
        self.name_unsynced = true;
        self.unsynced_bytes = 0;
        set(&self.counters.unsynced_bytes, 0);
        set(&self.counters.segment_current, self.index);
        Ok(())
    }

    /// Returns whether somebody removed the current segment, or cut it before where it ended at the last look: then there
    /// is a hole, or less than was written.
    pub(super) fn is_harmed(&mut self) -> bool {
        let path = segment_path(&self.dir, self.index);
        let file = match self.vfs.open_read(&path) {
            Ok(file) => file,
            Err(e) => return e.kind() == std::io::ErrorKind::NotFound,
        };
        let end_before = |end: u64| {
            let mut bytes = [0; WITNESS_BYTES];
            let read = file.read_at(&mut bytes, end - WITNESS_BYTES as u64);
            read.is_ok_and(|n| n == WITNESS_BYTES).then_some(bytes)
        };
        let is_other = |&(end, seen): &(u64, [u8; WITNESS_BYTES])| end_before(end) != Some(seen);
        if file.len().is_ok_and(|len| len < self.good_len) || self.witness.as_ref().is_some_and(is_other) {
            return true;
        }
        let end = self.good_len;
        self.witness = if end < WITNESS_BYTES as u64 { None } else { end_before(end).map(|seen| (end, seen)) };
        false
    }

    /// Goes on in a new segment, and cuts what is left of the current one behind its last whole record: a torn one would end
    /// the log for the next start.
    pub(super) fn leave_harmed(&mut self) -> Result<(), WalError> {
        let path = segment_path(&self.dir, self.index);
        if let Ok(rest) = self.vfs.open_write(&path) {
            let end = self.whole_records(&path)?;
            for len in [end, page_end(end)] {
                rest.set_len(len).map_err(WalError::io("cut segment", &path))?;
            }
            rest.sync_data().map_err(WalError::io("sync segment", &path))?;
        }
        self.begin_next()
    }

    /// Returns where the last record ends that is whole and has only whole ones before it.
    fn whole_records(&self, path: &Path) -> Result<u64, WalError> {
        let segment = Segment { index: self.index, path: path.to_owned() };
        let mut reader = SegmentReader::open(self.vfs.as_ref(), segment, false)?;
        loop {
            match reader.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(reader.position()),
                Err(WalError::Corrupt(fault)) => return Ok(fault.offset),
                Err(e) => return Err(e),
            }
        }
    }

    /// Fills the last page with zeros. Nothing may be written to the segment behind them.
    pub(super) fn pad(&mut self) -> Result<(), WalError> {
        let end = page_end(self.good_len);
        if end > self.good_len {
            let path = segment_path(&self.dir, self.index);
            self.file.set_len(end).map_err(WalError::io("pad segment", &path))?;
        }
        Ok(())
    }

    pub(super) fn unsynced(&self) -> Unsynced {
        Unsynced {
            file: Arc::clone(&self.file),
            index: self.index,
            bytes: self.unsynced_bytes,
            end: self.good_len,
            name: self.name_unsynced,
        }
    }

    /// Notes that what was taken out has been synced.
    pub(super) fn synced(&mut self, what: &Unsynced) {
        if what.index == self.index {
            // Two may have synced the same bytes side by side.
            self.unsynced_bytes = self.unsynced_bytes.min(self.good_len.saturating_sub(what.end));
            self.name_unsynced = false;
            set(&self.counters.unsynced_bytes, self.unsynced_bytes);
        }
    }

    pub(super) fn index(&self) -> u64 {
        self.index
    }

    pub(super) fn good_len(&self) -> u64 {
        self.good_len
    }

    pub(super) fn unsynced_bytes(&self) -> u64 {
        self.unsynced_bytes
    }
}

impl Unsynced {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0 && !self.name
    }

    pub(super) fn sync(&self, vfs: &dyn Vfs, dir: &Path, counters: &Counters) -> Result<(), WalError> {
        let begin = Instant::now();
        let path = segment_path(dir, self.index);
        let outcome = self.file.sync_data().map_err(WalError::io("sync segment", &path)).and_then(|()| {
            if self.name { vfs.sync_dir(dir).map_err(WalError::io("sync directory", dir)) } else { Ok(()) }
        });
        count(&counters.syncs, 1);
        counters.sync_durations.observe(begin.elapsed());
        count(&counters.syncs_failed, u64::from(outcome.is_err()));
        outcome
    }
}
