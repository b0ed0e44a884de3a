//! Following a segment while it is written.
//!
//! Nothing that is not a whole record is kept between two looks: a write that failed halfway is cut away by the writer and
//! other bytes take its place.

use std::sync::Arc;

use firesteel_base::vfs::{Vfs, VfsFile};

use super::{PAGE_BYTES, Record, Segment, SegmentReader, WalError};

/// Yields the records of a growing segment, as far as they are whole.
#[derive(Debug)]
pub struct TailReader {
    file: Arc<dyn VfsFile>,
    reader: SegmentReader,
    /// The length at which the end was found; there is nothing new until the file has another one.
    seen_len: Option<u64>,
    known_len: u64,
}

impl TailReader {
    /// Opens a segment at its start.
    pub fn open(vfs: &dyn Vfs, segment: Segment) -> Result<Self, WalError> {
        let file = vfs.open_read(&segment.path).map_err(WalError::io("open segment", &segment.path))?;
        Ok(Self { file, reader: SegmentReader::open(vfs, segment, false)?, seen_len: None, known_len: 0 })
    }

    /// Returns the next record, or `None` when there is no whole one yet: ask again later.
    ///
    /// Error `Corrupt`: a page that is complete does not make sense. What is not whole in the last page may still become so.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, WalError> {
        let len = self.file.len().map_err(WalError::io("stat segment", self.reader.path()))?;
        if self.seen_len == Some(len) {
            return Ok(None);
        }
        let before = self.reader.position();
        if self.seen_len.take().is_some() || len != self.known_len {
            self.known_len = len;
            self.reader.look_again(before, len);
        }
        match self.reader.advance() {
            Ok(true) => return Ok(Some(self.reader.record())),
            Ok(false) => {}
            Err(e) => self.forgive(e, len)?,
        }
        self.reader.look_again(before, len);
        self.seen_len = Some(len);
        Ok(None)
    }

    /// A fault that reaches to the last page is a record in the making.
    fn forgive(&self, error: WalError, len: u64) -> Result<(), WalError> {
        let last_page = len.saturating_sub(1) / PAGE_BYTES as u64;
        match error {
            WalError::Corrupt(_) if self.reader.position() / PAGE_BYTES as u64 >= last_page => Ok(()),
            other => Err(other),
        }
    }
}
