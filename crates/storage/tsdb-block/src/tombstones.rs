//! What was deleted in a block: ranges of time by series. Format: `docs/format/tombstones.md`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use firesteel_base::bytes::{ByteCursor, put_uvarint, put_varint};
use firesteel_base::vfs::Vfs;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::SeriesRef;
use firesteel_storage::TimeRanges;

use crate::BlockError;

/// The file's name within a block.
pub const TOMBSTONES_FILE: &str = "tombstones";
const MAGIC: u32 = 0x0130_BA30;
const VERSION: u8 = 1;

/// Deleted ranges by series.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tombstones {
    by_series: BTreeMap<SeriesRef, TimeRanges>,
}

impl Tombstones {
    /// Notes that samples of a series are deleted.
    pub fn add(&mut self, series: SeriesRef, range: TimeRange) {
        self.by_series.entry(series).or_default().add(range);
    }

    /// Returns what is deleted of a series, if anything is.
    pub fn of(&self, series: SeriesRef) -> Option<&TimeRanges> {
        self.by_series.get(&series)
    }

    /// Returns the number of ranges.
    pub fn len(&self) -> usize {
        self.by_series.values().map(TimeRanges::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.by_series.is_empty()
    }

    /// Returns all ranges, by series.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesRef, TimeRange)> {
        self.by_series.iter().flat_map(|(&series, ranges)| ranges.iter().map(move |range| (series, range)))
    }

    /// Parses the file's bytes, `path` being only for errors.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, BlockError> {
        let bad = |offset: usize, what: &str| BlockError::corrupt(path, offset as u64, what);
        let mut cursor = ByteCursor::new(bytes);
        let (Ok(magic), Ok(version)) = (cursor.be32(), cursor.u8()) else {
            return Err(bad(0, "tombstones header: invalid size"));
        };
        if magic != MAGIC {
            return Err(bad(0, &format!("invalid magic number {magic:x}")));
        }
        let Some((stones, sum)) = cursor.rest().split_last_chunk::<4>() else {
            return Err(bad(0, "tombstones header: invalid size"));
        };
        if crc32c::crc32c(stones) != u32::from_be_bytes(*sum) {
            return Err(bad(5, "checksum did not match"));
        }
        if version != VERSION {
            return Err(bad(4, &format!("invalid tombstone format {version:x}")));
        }
        let mut tombstones = Self::default();
        let mut cursor = ByteCursor::new(stones);
        while !cursor.is_empty() {
            let at = 5 + cursor.position();
            let (Ok(series), Ok(min), Ok(max)) = (cursor.uvarint(), cursor.varint(), cursor.varint()) else {
                return Err(bad(at, "tombstone is cut"));
            };
            // One that ends before it begins deletes nothing.
            if min <= max {
                tombstones.add(SeriesRef(series), TimeRange { min: TimestampMs(min), max: TimestampMs(max) });
            }
        }
        Ok(tombstones)
    }

    /// Returns the file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(9 + self.len() * 16);
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.push(VERSION);
        for (series, range) in self.iter() {
            put_uvarint(&mut out, series.0);
            put_varint(&mut out, range.min.0);
            put_varint(&mut out, range.max.0);
        }
        // Neither magic nor version is covered (`tsdb/tombstones/tombstones.go`); kept.
        let sum = crc32c::crc32c(&out[5..]);
        out.extend_from_slice(&sum.to_be_bytes());
        out
    }

    /// Reads a block's tombstones and the file's length; a missing file holds none.
    pub fn read(vfs: &dyn Vfs, dir: &Path) -> Result<(Self, u64), BlockError> {
        let path = dir.join(TOMBSTONES_FILE);
        match vfs.read(&path) {
            Ok(bytes) => Ok((Self::parse(&bytes, &path)?, bytes.len() as u64)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok((Self::default(), 0)),
            Err(e) => Err(BlockError::io("read", &path)(e)),
        }
    }

    /// Puts the file in the place of the one before, in one step; returns its length.
    pub fn write(&self, vfs: &dyn Vfs, dir: &Path) -> Result<u64, BlockError> {
        let path = dir.join(TOMBSTONES_FILE);
        let bytes = self.encode();
        vfs.replace(&path, &bytes).map_err(BlockError::io("write", &path))?;
        Ok(bytes.len() as u64)
    }
}
