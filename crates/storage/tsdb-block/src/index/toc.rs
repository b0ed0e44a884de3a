//! The table of contents in the last 52 bytes of an index.

use firesteel_base::bytes::ByteCursor;

use super::{HEADER_BYTES, IndexFile, MAGIC};
use crate::BlockError;

pub(crate) const TOC_BYTES: usize = 6 * 8 + 4;

/// Offsets of the sections. Readers use three of them: the legacy tables of label values are not looked at, and where the
/// series end, nobody needs to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Toc {
    pub(crate) symbols: u64,
    pub(crate) series: u64,
    /// Legacy; in what is written since 3.x the end of the series.
    pub(crate) label_indices: u64,
    /// Legacy; in what is written since 3.x the same as `postings_table`.
    pub(crate) label_indices_table: u64,
    pub(crate) postings: u64,
    pub(crate) postings_table: u64,
}

impl Toc {
    /// Reads header and table of contents; returns the version as well.
    pub(super) fn read(file: &IndexFile) -> Result<(u8, Self), BlockError> {
        let bytes = file.bytes();
        let mut header = ByteCursor::new(bytes);
        let magic = header.be32().map_err(|e| file.bad_field(0, e))?;
        if magic != MAGIC {
            return Err(file.bad(0, format!("invalid magic number {magic:x}")));
        }
        let version = header.u8().map_err(|e| file.bad_field(4, e))?;
        if !(1..=3).contains(&version) {
            return Err(file.bad(4, format!("unknown index file version {version}")));
        }
        let at = match bytes.len().checked_sub(TOC_BYTES) {
            Some(at) if at >= HEADER_BYTES => at,
            _ => return Err(file.bad(bytes.len(), "file is shorter than its table of contents")),
        };
        let (offsets, sum) = file.at(at..bytes.len()).split_at(TOC_BYTES - 4);
        let mut cursor = ByteCursor::new(sum);
        if cursor.be32().map_err(|e| file.bad_field(at, e))? != crc32c::crc32c(offsets) {
            return Err(file.bad(at, "table of contents: invalid checksum"));
        }
        let mut cursor = ByteCursor::new(offsets);
        let mut next = || cursor.be64().map_err(|e| file.bad_field(at, e));
        let toc = Self {
            symbols: next()?,
            series: next()?,
            label_indices: next()?,
            label_indices_table: next()?,
            postings: next()?,
            postings_table: next()?,
        };
        Ok((version, toc))
    }

    pub(crate) fn encode(&self) -> [u8; TOC_BYTES] {
        let mut out = [0; TOC_BYTES];
        let fields = [
            self.symbols,
            self.series,
            self.label_indices,
            self.label_indices_table,
            self.postings,
            self.postings_table,
        ];
        for (place, field) in out.chunks_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        let sum = crc32c::crc32c(&out[..TOC_BYTES - 4]);
        out[TOC_BYTES - 4..].copy_from_slice(&sum.to_be_bytes());
        out
    }
}
