//! The index file's bytes, and the one shape that most of its parts have: length, content, checksum.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use firesteel_base::bytes::ByteError;
use firesteel_base::vfs::{Mapped, Vfs};

use crate::BlockError;
use crate::error::Origin;

/// An index file, mapped.
#[derive(Clone, Debug)]
pub(crate) struct IndexFile {
    bytes: Arc<Mapped>,
    path: Origin,
}

impl IndexFile {
    pub(crate) fn open(vfs: &dyn Vfs, path: &Path) -> Result<Self, BlockError> {
        let bytes = vfs.map(path).map_err(BlockError::io("open", path))?;
        Ok(Self { bytes: Arc::new(bytes), path: Arc::from(path) })
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// See [`Mapped::release`].
    pub(crate) fn release(&self, part: Range<usize>) {
        self.bytes.release(part);
    }

    /// Returns the bytes of a range that was checked before; what is not there is empty.
    #[inline]
    pub(crate) fn at(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or(&[])
    }

    /// Returns an error about the byte at `offset`.
    #[cold]
    pub(crate) fn bad(&self, offset: usize, what: impl Into<String>) -> BlockError {
        BlockError::corrupt(&self.path, offset as u64, what)
    }

    /// Returns an error about a field of the part that begins at `offset`.
    #[cold]
    pub(crate) fn bad_field(&self, offset: usize, error: ByteError) -> BlockError {
        self.bad(offset, error.to_string())
    }

    /// Returns where the content of the section at `offset` lies: a length of four bytes, the content, its checksum.
    pub(crate) fn section(&self, offset: u64, what: &str) -> Result<Range<usize>, BlockError> {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let cut = || self.bad(at, format!("{what} reaches beyond the file"));
        let from = at.checked_add(4).ok_or_else(cut)?;
        let len = self.bytes.get(at..from).and_then(|b| b.first_chunk::<4>()).ok_or_else(cut)?;
        let to = from.checked_add(u32::from_be_bytes(*len) as usize).ok_or_else(cut)?;
        let content = self.bytes.get(from..to).ok_or_else(cut)?;
        let sum = self.bytes.get(to..).and_then(|b| b.first_chunk::<4>()).ok_or_else(cut)?;
        if crc32c::crc32c(content) != u32::from_be_bytes(*sum) {
            return Err(self.bad(at, format!("{what}: invalid checksum")));
        }
        Ok(from..to)
    }
}
