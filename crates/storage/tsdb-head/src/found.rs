//! Chunks found in a shard, taken along when its lock is given up: copied from memory, or as a place in a mapped file.

use std::ops::Range;
use std::sync::Arc;

use firesteel_base::vfs::Mapped;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_storage::{BorrowedChunk, ChunkBytes, ChunkView, ChunkVisitor, Encoding, StorageError};

use super::Head;
use super::chunks_head::{entry_at, entry_start};
use super::late::{Late, LateSeries};
use super::sealed::{Chain, ChunkBytesAt, SealedChunks};
use super::series::Slot;
use super::shard::{ChunkRules, Shard};
use super::visibility::Extent;

/// Chunks of several series, each series' oldest first.
#[derive(Debug, Default)]
pub(super) struct FoundChunks {
    bytes: Vec<u8>,
    chunks: Vec<Found>,
    /// The files that chunks lie in; few.
    files: Vec<(u16, Arc<Mapped>)>,
}

#[derive(Debug)]
struct Found {
    min: i64,
    max: i64,
    samples: u32,
    encoding: Encoding,
    /// Which of `files`; `None` for those that were copied.
    file: Option<u8>,
    from: u32,
    to: u32,
}

/// What an open chunk takes, about.
const CHUNK_BYTES: usize = 64;

impl FoundChunks {
    /// Makes room for the open chunks of so many series.
    pub(super) fn with_room(series: usize) -> Self {
        let (bytes, chunks) = (Vec::with_capacity(series * CHUNK_BYTES), Vec::with_capacity(series));
        Self { bytes, chunks, files: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Returns how many bytes of files the chunks take.
    pub(super) fn file_bytes(&self) -> usize {
        self.chunks.iter().filter(|c| c.file.is_some()).map(|c| (c.to - c.from) as usize).sum()
    }

    /// Removes all and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.chunks.clear();
        self.files.clear();
    }

    /// Adds the chunks of one series that overlap the range, up to the extent, oldest first.
    pub(super) fn add_series(&mut self, head: &Head, shard: &Shard, slot: Slot, extent: Extent, range: TimeRange) {
        let first = self.chunks.len();
        let hot = shard.hot(slot);
        if hot.chunk_id == extent.chunk_id
            && let Some(open) = shard.open_chunk(slot)
        {
            let at = ChunkBytesAt::Memory(open.bytes);
            self.add(head, (open.min_t, open.max_t), extent.samples, open.encoding, at, range);
            // The count in front is written when the chunk is sealed.
            if let Some(copied) = self.chunks.last().filter(|_| self.chunks.len() > first)
                && let Some(count) = self.bytes.get_mut(copied.from as usize..copied.from as usize + 2)
            {
                let flags = match open.encoding {
                    // The count shares its bytes with two flags.
                    Encoding::HistogramSt | Encoding::FloatHistogramSt => count[0] & 0xc0,
                    _ => 0,
                };
                count.copy_from_slice(&extent.samples.to_be_bytes());
                count[0] |= flags;
            }
        }
        let mut id = hot.chunk_id;
        for chunk in shard.sealed.newest_first(shard.chain(slot)) {
            id = id.wrapping_sub(1);
            if chunk.max_t < range.min.0 {
                break;
            }
            if id > extent.chunk_id {
                continue;
            }
            let samples = if id == extent.chunk_id { extent.samples } else { chunk.samples };
            let at = shard.sealed.bytes(chunk);
            self.add(head, (chunk.min_t, chunk.max_t), samples, chunk.encoding(), at, range);
        }
        self.chunks[first..].reverse();
    }

    /// Adds the out-of-order chunks of one series that overlap the range, in order of their coming.
    pub(super) fn add_late(&mut self, head: &Head, late: &LateSeries, of: &Late, range: TimeRange, rules: &ChunkRules) {
        self.add_chain(head, &late.sealed, of.chunks(), range);
        of.encode_open(range, rules, |chunk| {
            let at = ChunkBytesAt::Memory(chunk.bytes);
            self.add(head, chunk.range, chunk.samples, chunk.encoding, at, range);
        });
    }

    /// Adds the chunks of a chain that overlap the range, oldest first.
    pub(super) fn add_chain(&mut self, head: &Head, sealed: &SealedChunks, chain: Chain, range: TimeRange) {
        let first = self.chunks.len();
        for chunk in sealed.newest_first(chain) {
            let at = sealed.bytes(chunk);
            self.add(head, (chunk.min_t, chunk.max_t), chunk.samples, chunk.encoding(), at, range);
        }
        self.chunks[first..].reverse();
    }

    fn add(
        &mut self,
        head: &Head,
        (min, max): (i64, i64),
        samples: u16,
        encoding: Encoding,
        at: ChunkBytesAt<'_>,
        range: TimeRange,
    ) {
        if samples == 0 || min > range.max.0 || range.min.0 > max {
            return;
        }
        let (file, from, to) = match at {
            ChunkBytesAt::Memory(data) => {
                let from = self.bytes.len() as u32;
                self.bytes.extend_from_slice(data);
                (None, from, self.bytes.len() as u32)
            }
            ChunkBytesAt::File { file, data_at, len } => {
                let Some(at) = self.file(head, file, data_at + len) else { return };
                (Some(at), data_at, data_at + len)
            }
        };
        self.chunks.push(Found { min, max, samples: u32::from(samples), encoding, file, from, to });
    }

    /// Returns the place of a file in the list, mapped at least up to `end`. The caller holds the shard's lock, so a file
    /// that a chunk lies in is there, and its newest map goes as far as the chunk.
    fn file(&mut self, head: &Head, file: u16, end: u32) -> Option<u8> {
        let at = self.files.iter().position(|(number, _)| *number == file);
        if let Some(at) = at.filter(|&at| self.files[at].1.len() > end as usize) {
            return u8::try_from(at).ok();
        }
        let map = Arc::clone(head.chunks_head()?.maps().get(file)?);
        let at = at.unwrap_or(self.files.len());
        match self.files.get_mut(at) {
            Some(older) => older.1 = map,
            None => self.files.push((file, map)),
        }
        u8::try_from(at).ok()
    }

    /// Takes out the bytes that were copied, for [`Self::views`].
    pub(super) fn take_bytes(&mut self) -> Arc<[u8]> {
        let bytes = Arc::from(self.bytes.as_slice());
        self.bytes.clear();
        bytes
    }

    /// Adds chunks to `out`. Error: a mapped chunk's checksum does not hold.
    pub(super) fn views(
        &self,
        which: Range<usize>,
        bytes: &Arc<[u8]>,
        head: &Head,
        out: &mut Vec<ChunkView>,
    ) -> Result<(), StorageError> {
        for c in self.chunks.get(which).unwrap_or(&[]) {
            let place = c.from as usize..c.to as usize;
            let bytes = match c.file.and_then(|at| self.files.get(usize::from(at))) {
                None => ChunkBytes::Copied(Arc::clone(bytes), place),
                Some((file, map)) => {
                    sound(head, *file, map, c)?;
                    ChunkBytes::Mapped(Arc::clone(map), place)
                }
            };
            out.push(ChunkView {
                min: TimestampMs(c.min),
                max: TimestampMs(c.max),
                encoding: c.encoding,
                samples: c.samples,
                bytes,
            });
        }
        Ok(())
    }

    /// Shows the same chunks to `visit`, one after the other. Error: a mapped chunk's checksum does not hold.
    pub(super) fn visit(
        &self,
        which: Range<usize>,
        bytes: &[u8],
        head: &Head,
        visit: &mut ChunkVisitor<'_>,
    ) -> Result<(), StorageError> {
        for c in self.chunks.get(which).unwrap_or(&[]) {
            let all = match c.file.and_then(|at| self.files.get(usize::from(at))) {
                None => bytes,
                Some((file, map)) => {
                    sound(head, *file, map, c)?;
                    &map[..]
                }
            };
            visit(BorrowedChunk {
                min: TimestampMs(c.min),
                max: TimestampMs(c.max),
                encoding: c.encoding,
                samples: c.samples,
                bytes: all.get(c.from as usize..c.to as usize).unwrap_or(&[]),
            })?;
        }
        Ok(())
    }
}

/// Errors when a mapped chunk's checksum does not hold.
fn sound(head: &Head, file: u16, map: &Mapped, c: &Found) -> Result<(), StorageError> {
    let start = entry_start(c.from, (c.to - c.from) as usize);
    entry_at(map, start).map(|_| ()).map_err(|fault| StorageError::Corrupt {
        path: head.chunks_head().map(|files| files.path_of(file)).unwrap_or_default(),
        offset: fault.offset,
        what: fault.why.to_owned(),
    })
}
