//! A file that is written from front to back, with a few places filled in later.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_base::vfs::{Mapped, Vfs, VfsFile};

use crate::BlockError;

const BUFFER_BYTES: usize = 256 << 10;

/// A buffered writer. Nothing is safe before [`Output::finish`].
#[derive(Debug)]
pub(super) struct Output {
    file: Arc<dyn VfsFile>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes that left the buffer.
    flushed: u64,
}

impl Output {
    pub(super) fn create(vfs: &dyn Vfs, path: PathBuf) -> Result<Self, BlockError> {
        let file = vfs.create(&path).map_err(BlockError::io("create", &path))?;
        Ok(Self { file, path, buffer: Vec::with_capacity(BUFFER_BYTES), flushed: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns where the next byte goes.
    #[inline]
    pub(super) fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BlockError> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
            if bytes.len() > BUFFER_BYTES {
                return self.write_through(bytes);
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    #[cold]
    fn write_through(&mut self, bytes: &[u8]) -> Result<(), BlockError> {
        self.file.write_all_at(bytes, self.flushed).map_err(BlockError::io("write", &self.path))?;
        self.flushed += bytes.len() as u64;
        Ok(())
    }

    /// Adds zeros up to the next multiple of `align`.
    pub(super) fn pad(&mut self, align: usize) -> Result<(), BlockError> {
        const ZEROS: [u8; 16] = [0; 16];
        let over = (self.position() % align as u64) as usize;
        if over == 0 { Ok(()) } else { self.write(&ZEROS[..(align - over).min(16)]) }
    }

    pub(super) fn flush(&mut self) -> Result<(), BlockError> {
        if !self.buffer.is_empty() {
            self.file.write_all_at(&self.buffer, self.flushed).map_err(BlockError::io("write", &self.path))?;
            self.flushed += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes over what was written before.
    pub(super) fn fill_in(&mut self, at: u64, bytes: &[u8]) -> Result<(), BlockError> {
        self.flush()?;
        self.file.write_all_at(bytes, at).map_err(BlockError::io("write", &self.path))
    }

    /// Returns what was written so far, to be read.
    pub(super) fn written(&mut self) -> Result<Mapped, BlockError> {
        self.flush()?;
        self.file.map().map_err(BlockError::io("open", &self.path))
    }

    /// Writes all and makes it survive a loss of power; returns the length.
    pub(super) fn finish(mut self) -> Result<u64, BlockError> {
        self.flush()?;
        self.file.sync_data().map_err(BlockError::io("sync", &self.path))?;
        Ok(self.flushed)
    }
}
