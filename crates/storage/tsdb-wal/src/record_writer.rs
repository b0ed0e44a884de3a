//! Records in segments of a directory of their own: what a snapshot is written as.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_base::vfs::Vfs;

use super::checkpoint::{BATCH_BYTES, Pending};
use super::segment_writer::SegmentWriter;
use super::stats::Counters;
use super::{Compression, DEFAULT_SEGMENT_BYTES, WalError};

/// Writes records to the segments of a new directory.
#[derive(Debug)]
pub struct RecordWriter {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    out: SegmentWriter,
    counters: Arc<Counters>,
    compression: Compression,
    pending: Pending,
}

impl RecordWriter {
    /// Creates the directory.
    pub fn create(vfs: &Arc<dyn Vfs>, dir: &Path, compression: Compression) -> Result<Self, WalError> {
        let counters = Arc::new(Counters::default());
        let out = SegmentWriter::open(Arc::clone(vfs), dir, DEFAULT_SEGMENT_BYTES, Arc::clone(&counters))?;
        Ok(Self { vfs: Arc::clone(vfs), dir: dir.to_owned(), out, counters, compression, pending: Pending::default() })
    }

    /// Adds the record that `fill` appends to what it is given; nothing appended is no record.
    pub fn record(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), WalError> {
        fill(&mut self.pending.bytes);
        self.pending.end_record();
        if self.pending.bytes.len() >= BATCH_BYTES {
            self.pending.write(&mut self.out, self.compression)
        } else {
            Ok(())
        }
    }

    /// Ends the last page, and makes all of it survive a loss of power.
    pub fn finish(mut self) -> Result<(), WalError> {
        self.pending.write(&mut self.out, self.compression)?;
        self.out.pad()?;
        self.out.unsynced().sync(self.vfs.as_ref(), &self.dir, &self.counters)
    }
}
