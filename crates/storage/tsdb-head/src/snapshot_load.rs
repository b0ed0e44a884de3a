//! Reading a rolling snapshot: whether it still belongs to the log, and what is in it.

use std::path::Path;

use firesteel_base::bytes::{ByteCursor, ByteError};
use firesteel_base::vfs::{Mapped, Vfs};
use firesteel_model::{SeriesRef, push_packed};
use firesteel_storage::Encoding;
use firesteel_tsdb_wal::last_checkpoint;

use super::Head;
use super::chunks_head::{ChunkRef, known_encoding};
use super::snapshot::{END, HEADER, MAGIC, OPEN, snapshot_path, tail_checksum};

/// A snapshot that belongs to the log as it is.
#[derive(Debug)]
pub struct Snapshot {
    file: Mapped,
    header: Header,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    segment: u64,
    offset: u64,
    /// Number of the newest checkpoint and one, 0 without any.
    checkpoint: u64,
    chunks_end: ChunkRef,
    last_ref: u64,
    tail: u32,
}

/// A chunk of a series' record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptChunk<'a> {
    pub(crate) encoding: Encoding,
    pub(crate) range: (i64, i64),
    /// Where the chunk that takes more samples is to end; `None` for full ones.
    pub(crate) next_at: Option<i64>,
    pub(crate) data: &'a [u8],
}

impl Snapshot {
    /// Opens the snapshot of `dir` if there is one and it belongs to the log in `wal` and to the head's files of chunks,
    /// which must be open. Whatever is wrong with it, the log has everything: then the answer is `None`, and why is logged.
    pub fn open(vfs: &dyn Vfs, dir: &Path, wal: &Path, head: &Head) -> Option<Self> {
        let path = snapshot_path(dir);
        let file = match vfs.map(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
            Err(e) => {
                tracing::warn!(component = "tsdb", file = %path.display(), err = %e, "Cannot read the head snapshot");
                return None;
            }
        };
        match Self::check(file, vfs, wal, head) {
            Ok(snapshot) => Some(snapshot),
            Err(why) => {
                tracing::info!(
                    component = "tsdb",
                    why,
                    "The head snapshot does not fit the log; reading all of the log"
                );
                None
            }
        }
    }

    fn check(file: Mapped, vfs: &dyn Vfs, wal: &Path, head: &Head) -> Result<Self, &'static str> {
        let mut blocks = Blocks::new(&file).ok_or("no snapshot of this version")?;
        let (mut first, mut last) = (None, None);
        while let Some(block) = blocks.next().map_err(|_| "a block is broken")? {
            let mut records = ByteCursor::new(block);
            while !records.is_empty() {
                let record = records.uvarint_bytes().map_err(|_| "a record is broken")?;
                first = first.or(Some(record));
                last = Some(record);
            }
        }
        if last.and_then(<[u8]>::first) != Some(&END) {
            return Err("it ends early");
        }
        let header = first.and_then(|r| Header::read(r).ok()).ok_or("its header is broken")?;
        let checkpoint = last_checkpoint(vfs, wal).map_err(|_| "checkpoints cannot be listed")?;
        if checkpoint.map_or(0, |c| c.index + 1) != header.checkpoint {
            return Err("a checkpoint was written since");
        }
        if tail_checksum(vfs, wal, header.segment, header.offset).ok() != Some(header.tail) {
            return Err("the log is another one");
        }
        let loaded = head.loaded.lock();
        let complete = match header.chunks_end.offset() {
            // Between two files.
            u32::MAX => loaded.end.file() >= header.chunks_end.file(),
            _ => loaded.end >= header.chunks_end,
        };
        if loaded.cut || !complete {
            return Err("head chunks are missing");
        }
        drop(loaded);
        Ok(Self { file, header })
    }

    /// Returns the segment and the offset from where on the log is to be read.
    pub fn position(&self) -> (u64, u64) {
        (self.header.segment, self.header.offset)
    }

    /// Returns the last reference that was given out.
    pub(crate) fn last_ref(&self) -> u64 {
        self.header.last_ref
    }

    /// Returns the records, checksums verified.
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut blocks = Blocks::new(&self.file);
        let mut block = ByteCursor::new(&[]);
        std::iter::from_fn(move || {
            loop {
                if let Ok(record) = block.uvarint_bytes() {
                    return Some(record);
                }
                block = ByteCursor::new(blocks.as_mut()?.next().ok()??);
            }
        })
    }
}

impl Header {
    fn read(record: &[u8]) -> Result<Self, ByteError> {
        let mut cursor = ByteCursor::new(record);
        let kind = cursor.u8()?;
        let mut word = || cursor.be64();
        let (segment, offset, checkpoint) = (word()?, word()?, word()?);
        let (chunks_end, last_ref) = (ChunkRef(word()?), word()?);
        let tail = cursor.be32()?;
        if kind != HEADER {
            return Err(ByteError::Truncated { at: 0, need: 1 });
        }
        Ok(Self { segment, offset, checkpoint, chunks_end, last_ref, tail })
    }
}

/// Walks over the blocks of a file.
struct Blocks<'a>(ByteCursor<'a>);

impl<'a> Blocks<'a> {
    fn new(file: &'a [u8]) -> Option<Self> {
        file.strip_prefix(&MAGIC).map(|blocks| Self(ByteCursor::new(blocks)))
    }

    fn next(&mut self) -> Result<Option<&'a [u8]>, ByteError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (len, crc) = (self.0.be32()?, self.0.be32()?);
        let at = self.0.position();
        let block = self.0.take(len as usize)?;
        if crc32c::crc32c(block) != crc {
            return Err(ByteError::Truncated { at, need: 0 });
        }
        Ok(Some(block))
    }
}

/// The pairs met so far, packed as label sets are.
#[derive(Debug, Default)]
pub(crate) struct PairTexts {
    arena: Vec<u8>,
    ends: Vec<usize>,
}

/// Reads a series' record: puts its packed labels into `labels`, its chunks into `chunks`. `None`: it does not make sense.
pub(crate) fn read_series<'a>(
    record: &'a [u8],
    texts: &mut PairTexts,
    labels: &mut Vec<u8>,
    chunks: &mut Vec<KeptChunk<'a>>,
) -> Option<SeriesRef> {
    let mut cursor = ByteCursor::new(record.get(1..)?);
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let series = SeriesRef(cursor.uvarint().ok()?);
    labels.clear();
    chunks.clear();
    for _ in 0..cursor.uvarint().ok()? {
        let mut number = cursor.uvarint().ok()? as usize;
        if number == 0 {
            push_packed(&mut texts.arena, text(cursor.uvarint_bytes().ok()?)?);
            push_packed(&mut texts.arena, text(cursor.uvarint_bytes().ok()?)?);
            texts.ends.push(texts.arena.len());
            number = texts.ends.len();
        }
        let from = number.checked_sub(2).map_or(Some(0), |before| texts.ends.get(before).copied())?;
        labels.extend_from_slice(texts.arena.get(from..*texts.ends.get(number - 1)?)?);
    }
    while !cursor.is_empty() {
        let kind = cursor.u8().ok()?;
        let range = (cursor.varint().ok()?, cursor.varint().ok()?);
        let data = cursor.uvarint_bytes().ok()?;
        let next_at = if kind & OPEN == 0 { None } else { Some(cursor.varint().ok()?) };
        chunks.push(KeptChunk { encoding: known_encoding(kind & !OPEN)?, range, next_at, data });
    }
    Some(series)
}
