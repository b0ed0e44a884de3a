//! Chunk segments: files of chunks, one behind the other. Format: `docs/format/chunks.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use firesteel_base::TimestampMs;
use firesteel_base::bytes::ByteCursor;
use firesteel_base::vfs::{Mapped, Vfs};
use firesteel_storage::{BorrowedChunk, ChunkBytes, ChunkView, Encoding};

use crate::BlockError;
use crate::index::ChunkMeta;

/// The folder of segments within a block.
pub(crate) const CHUNKS_DIR: &str = "chunks";
pub(crate) const SEGMENT_MAGIC: u32 = 0x85BD_40DD;
pub(crate) const SEGMENT_VERSION: u8 = 1;
pub(crate) const SEGMENT_HEADER_BYTES: usize = 8;
/// A length may take so many bytes, and that many must be there, whatever it takes.
pub(crate) const LENGTH_BYTES_MAX: usize = 5;

/// A block's segments, mapped.
#[derive(Debug)]
pub(crate) struct Segments {
    files: Vec<(PathBuf, Arc<Mapped>)>,
    /// Bytes read by queries since the pages were last given back. A count only: relaxed.
    read: AtomicUsize,
}

/// Queries may touch so many bytes of a block before its pages are given back.
const RELEASE_AFTER_BYTES: usize = 8 << 20;

impl Segments {
    pub(crate) fn open(vfs: &dyn Vfs, dir: &Path) -> Result<Self, BlockError> {
        let entries = vfs.list(dir).map_err(BlockError::io("list", dir))?;
        let mut names: Vec<String> =
            entries.into_iter().map(|e| e.name).filter(|name| name.bytes().all(|b| b.is_ascii_digit())).collect();
        // By name, as upstream: the place in this order is the segment's number in references.
        names.sort_unstable();
        let mut files = Vec::with_capacity(names.len());
        for name in names {
            let path = dir.join(name);
            let bytes = vfs.map(&path).map_err(BlockError::io("open", &path))?;
            check_header(&path, &bytes)?;
            files.push((path, Arc::new(bytes)));
        }
        Ok(Self { files, read: AtomicUsize::new(0) })
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// Returns a chunk, its checksum verified.
    pub(crate) fn chunk(&self, meta: &ChunkMeta) -> Result<ChunkView, BlockError> {
        let (bytes, record) = self.record(meta)?;
        Ok(ChunkView {
            min: TimestampMs(meta.min),
            max: TimestampMs(meta.max),
            encoding: record.encoding,
            samples: record.samples,
            bytes: ChunkBytes::Mapped(Arc::clone(bytes), record.from..record.to),
        })
    }

    /// Returns a chunk without a handle, its checksum verified.
    pub(crate) fn borrowed(&self, meta: &ChunkMeta) -> Result<BorrowedChunk<'_>, BlockError> {
        let (bytes, record) = self.record(meta)?;
        Ok(BorrowedChunk {
            min: TimestampMs(meta.min),
            max: TimestampMs(meta.max),
            encoding: record.encoding,
            samples: record.samples,
            bytes: bytes.get(record.from..record.to).unwrap_or(&[]),
        })
    }

    fn record(&self, meta: &ChunkMeta) -> Result<(&Arc<Mapped>, Record), BlockError> {
        let (segment, at) = split(meta.reference);
        let Some((path, bytes)) = self.files.get(segment) else {
            let dir = self.files.first().and_then(|(path, _)| path.parent()).unwrap_or(Path::new(CHUNKS_DIR));
            return Err(BlockError::corrupt(dir, meta.reference, format!("segment index {segment} out of range")));
        };
        Ok((bytes, Record::read(path, bytes, at)?))
    }

    /// Counts bytes that a query has read; gives all pages back when they have become many.
    ///
    /// They stay in the system's cache, where the next reader finds them, but are no longer counted as this process'.
    pub(crate) fn note_read(&self, bytes: usize) {
        if self.read.fetch_add(bytes, Ordering::Relaxed) + bytes < RELEASE_AFTER_BYTES {
            return;
        }
        self.read.store(0, Ordering::Relaxed);
        for (_, bytes) in &self.files {
            bytes.release(0..bytes.len());
        }
    }

    /// Gives back the memory of what lies before a chunk, once a reader in order has passed it.
    pub(crate) fn release(&self, from: u64, to: u64) {
        let ((first, from), (last, to)) = (split(from), split(to));
        for (segment, (_, bytes)) in self.files.iter().enumerate().take(last + 1).skip(first) {
            let start = if segment == first { from } else { 0 };
            let end = if segment == last { to } else { bytes.len() };
            bytes.release(start..end);
        }
    }
}

/// Returns segment and place of a reference.
fn split(reference: u64) -> (usize, usize) {
    ((reference >> 32) as usize, (reference & 0xffff_ffff) as usize)
}

fn check_header(path: &Path, bytes: &[u8]) -> Result<(), BlockError> {
    let Some((header, _)) = bytes.split_first_chunk::<SEGMENT_HEADER_BYTES>() else {
        return Err(BlockError::corrupt(path, 0, "invalid segment header: invalid size"));
    };
    let magic = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    if magic != SEGMENT_MAGIC {
        return Err(BlockError::corrupt(path, 0, format!("invalid magic number {magic:x}")));
    }
    if header[4] != SEGMENT_VERSION {
        return Err(BlockError::corrupt(path, 4, format!("invalid chunk format version {}", header[4])));
    }
    Ok(())
}

/// Where a chunk's data lie in a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) encoding: Encoding,
    pub(crate) samples: u32,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Record {
    /// Reads the record at `at`: length, encoding, data, checksum over encoding and data.
    pub(crate) fn read(path: &Path, segment: &[u8], at: usize) -> Result<Self, BlockError> {
        let bad = |what: String| BlockError::corrupt(path, at as u64, what);
        let rest = segment.get(at..).unwrap_or(&[]);
        if rest.len() < LENGTH_BYTES_MAX {
            return Err(bad(format!(
                "segment doesn't include enough bytes to read the chunk size data field - required:{}, available:{}",
                at.saturating_add(LENGTH_BYTES_MAX),
                segment.len()
            )));
        }
        let mut length = ByteCursor::new(&rest[..LENGTH_BYTES_MAX]);
        let len = length.uvarint().map_err(|e| bad(format!("reading chunk length failed with {e}")))?;
        let encoded = at + length.position();
        let mut cursor = ByteCursor::new(rest);
        let cut = || {
            bad(format!(
                "segment doesn't include enough bytes to read the chunk - required:{}, available:{}",
                (encoded as u64).saturating_add(len).saturating_add(5),
                segment.len()
            ))
        };
        cursor.take(length.position()).map_err(|_| cut())?;
        let covered = usize::try_from(len).ok().and_then(|len| len.checked_add(1)).ok_or_else(cut)?;
        let data = cursor.take(covered).map_err(|_| cut())?;
        let sum = cursor.be32().map_err(|_| cut())?;
        let actual = crc32c::crc32c(data);
        if actual != sum {
            return Err(bad(format!("checksum mismatch expected:{sum:x}, actual:{actual:x}")));
        }
        let [number, data @ ..] = data else { return Err(cut()) };
        let encoding = encoding(*number).ok_or_else(|| bad(format!("invalid chunk encoding {number:#04x}")))?;
        let samples = match data.first_chunk::<2>() {
            Some(&count) => sample_count(encoding, count),
            None => return Err(bad("chunk is shorter than its header".to_owned())),
        };
        Ok(Self { encoding, samples, from: encoded + 1, to: encoded + 1 + data.len() })
    }
}

/// Returns how many samples a chunk's first two bytes promise.
pub(crate) fn sample_count(encoding: Encoding, head: [u8; 2]) -> u32 {
    let count = u32::from(u16::from_be_bytes(head));
    match encoding {
        // The two top bits tell whether a counter was reset.
        Encoding::HistogramSt | Encoding::FloatHistogramSt => count & 0x3fff,
        _ => count,
    }
}

pub(crate) fn encoding(number: u8) -> Option<Encoding> {
    Some(match number {
        1 => Encoding::Xor,
        2 => Encoding::Histogram,
        3 => Encoding::FloatHistogram,
        4 => Encoding::Xor2,
        5 => Encoding::HistogramSt,
        6 => Encoding::FloatHistogramSt,
        _ => return None,
    })
}
