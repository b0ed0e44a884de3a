//! One series in the index: its labels as symbols, and where its chunks are.

use firesteel_base::bytes::ByteCursor;

use super::IndexFile;
use crate::{BlockError, LabelSymbols};

/// A chunk as the index knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChunkMeta {
    pub(crate) min: i64,
    pub(crate) max: i64,
    /// Segment number less one, in the upper half; place in the segment, in the lower half.
    pub(crate) reference: u64,
}

/// An entry whose checksum holds.
#[derive(Clone, Debug)]
pub(crate) struct SeriesEntry<'a> {
    file: &'a IndexFile,
    at: usize,
    rest: ByteCursor<'a>,
}

impl<'a> SeriesEntry<'a> {
    /// Reads the entry at an offset of the file.
    pub(super) fn read(file: &'a IndexFile, at: usize) -> Result<Self, BlockError> {
        let mut cursor = ByteCursor::new(file.at(at..file.len()));
        let body = cursor.uvarint_bytes().map_err(|e| file.bad_field(at, e))?;
        let sum = cursor.be32().map_err(|e| file.bad_field(at, e))?;
        if crc32c::crc32c(body) != sum {
            return Err(file.bad(at, "series: invalid checksum"));
        }
        Ok(Self { file, at, rest: ByteCursor::new(body) })
    }

    /// Returns the offset behind the entry at `at`, which has been read.
    pub(super) fn end(file: &IndexFile, at: usize) -> Result<usize, BlockError> {
        let mut cursor = ByteCursor::new(file.at(at..file.len()));
        cursor.uvarint_bytes().map_err(|e| file.bad_field(at, e))?;
        Ok(at + cursor.position() + 4)
    }

    /// Calls `visit` with name and value of each label. Once, and before the chunks.
    #[inline]
    pub(crate) fn labels(&mut self, mut visit: impl FnMut(LabelSymbols)) -> Result<(), BlockError> {
        let (file, at) = (self.file, self.at);
        let bad = |e| file.bad_field(at, e);
        let symbol = |n: u64| u32::try_from(n).map_err(|_| file.bad(at, format!("unknown symbol offset {n}")));
        for _ in 0..self.rest.uvarint().map_err(bad)? {
            let name = symbol(self.rest.uvarint().map_err(bad)?)?;
            visit((name, symbol(self.rest.uvarint().map_err(bad)?)?));
        }
        Ok(())
    }

    /// Calls `visit` with each chunk, after the labels.
    #[inline]
    pub(crate) fn chunks(&mut self, mut visit: impl FnMut(ChunkMeta)) -> Result<(), BlockError> {
        let (file, at) = (self.file, self.at);
        let bad = |e| file.bad_field(at, e);
        let count = self.rest.uvarint().map_err(bad)?;
        let (mut last, mut reference) = (0i64, 0i64);
        for i in 0..count {
            // Sums wrap, as upstream's do: ranges of time may span all of it.
            let min = if i == 0 {
                self.rest.varint().map_err(bad)?
            } else {
                last.wrapping_add(self.rest.uvarint().map_err(bad)? as i64)
            };
            let max = min.wrapping_add(self.rest.uvarint().map_err(bad)? as i64);
            reference = if i == 0 {
                self.rest.uvarint().map_err(bad)? as i64
            } else {
                reference.wrapping_add(self.rest.varint().map_err(bad)?)
            };
            last = max;
            visit(ChunkMeta { min, max, reference: reference as u64 });
        }
        Ok(())
    }
}
