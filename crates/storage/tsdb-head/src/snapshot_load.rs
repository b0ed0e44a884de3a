//! Reading a rolling snapshot: whether it still belongs to the log, and what is in it.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use firesteel_base::TimestampMs;
use firesteel_base::bytes::{ByteCursor, ByteError};
use firesteel_base::vfs::{Mapped, Vfs};
use firesteel_model::SeriesRef;
use firesteel_storage::Encoding;
use firesteel_storage::chunkenc::{XorAppender, XorTail};
use firesteel_tsdb_wal::last_checkpoint;

use super::Head;
use super::chunks_head::{ChunkRef, known_encoding};
use super::snapshot::{END, HEADER, MAGIC, OPEN, SERIES, snapshot_path, tail_checksum};

/// A snapshot that belongs to the log as it is.
#[derive(Debug)]
pub struct Snapshot {
    file: Mapped,
    /// Where the records of each block lie, checksums verified.
    blocks: Vec<Range<usize>>,
    header: Header,
    series: u64,
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

/// A chunk of a series' record that lies in a file of the head's chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FiledChunk {
    pub(crate) file: u16,
    pub(crate) data_at: u32,
    pub(crate) len: u32,
    pub(crate) samples: u16,
    pub(crate) encoding: Encoding,
    pub(crate) range: (i64, i64),
}

/// A chunk of a series' record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptChunk<'a> {
    pub(crate) encoding: Encoding,
    pub(crate) range: (i64, i64),
    /// Where the chunk that takes more samples is to end; `None` for full ones.
    pub(crate) next_at: Option<i64>,
    /// Of an open chunk of floats.
    pub(crate) tail: Option<XorTail>,
    pub(crate) data: &'a [u8],
}

impl KeptChunk<'_> {
    /// Returns the appender that goes on with an open chunk of floats.
    pub(crate) fn resumed(&self) -> Option<XorAppender> {
        match self.tail {
            Some(tail) => XorAppender::resume_with(self.data, TimestampMs(self.range.1), tail),
            None => XorAppender::resume(self.data).ok().filter(|xor| xor.samples() > 0),
        }
    }
}

impl Snapshot {
    /// Opens the snapshot of `dir` if there is one and it belongs to the log in `wal` and to the head's files of chunks,
    /// which must be open. Whatever is wrong with it, the log has everything: then the answer is `None`, and why is logged.
    pub fn open(vfs: &dyn Vfs, dir: &Path, wal: &Path, head: &Head) -> Option<Self> {
        let found = Self::find(vfs, dir, wal, head);
        if found.is_none() {
            head.list_all_chunks();
        }
        found
    }

    fn find(vfs: &dyn Vfs, dir: &Path, wal: &Path, head: &Head) -> Option<Self> {
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

    /// Returns up to where the head's files of chunks are told of by the snapshot of `dir`, as its header says; whether it
    /// can be used is [`Self::open`]'s to tell.
    pub fn chunks_end(vfs: &dyn Vfs, dir: &Path) -> Option<ChunkRef> {
        let file = vfs.map(&snapshot_path(dir)).ok()?;
        let first = find_blocks(&file)?.first()?.clone();
        let block = file.get(first)?;
        let record = ByteCursor::new(block).uvarint_bytes().ok()?;
        Some(Header::read(record).ok()?.chunks_end)
    }

    fn check(file: Mapped, vfs: &dyn Vfs, wal: &Path, head: &Head) -> Result<Self, &'static str> {
        let blocks = find_blocks(&file).ok_or("no snapshot of this version")?;
        if !sound(&file, &blocks) {
            return Err("a block is broken");
        }
        let first = records_of(&file, blocks.first()).next();
        let header = first.and_then(|r| Header::read(r).ok()).ok_or("its header is broken")?;
        let last = records_of(&file, blocks.last()).last();
        let mut end = ByteCursor::new(last.and_then(|r| r.strip_prefix(&[END])).ok_or("it ends early")?);
        let series = end.be64().map_err(|_| "it ends early")?;
        let mut files = Vec::new();
        while let (Ok(number), Ok(identity), Ok(newest)) = (end.be16(), end.be32(), end.be64()) {
            files.push((number, identity, newest as i64));
        }
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
        let min_valid = head.min_valid.load(Ordering::Relaxed);
        let maps = head.chunks_head().map(|files| files.maps());
        // Files that were removed since held nothing but what is in blocks.
        let lacks = |&(file, identity, newest): &(u16, u32, i64)| {
            newest >= min_valid && maps.as_ref().and_then(|maps| maps.identity(file)) != Some(identity)
        };
        if loaded.cut || !complete || loaded.from > header.chunks_end || files.iter().any(lacks) {
            return Err("head chunks are missing");
        }
        drop((loaded, maps));
        Ok(Self { file, blocks, header, series })
    }

    /// Returns the segment and the offset from where on the log is to be read.
    pub fn position(&self) -> (u64, u64) {
        (self.header.segment, self.header.offset)
    }

    /// Returns the last reference that was given out.
    pub(crate) fn last_ref(&self) -> u64 {
        self.header.last_ref
    }

    /// Returns how many series there are, as the snapshot says.
    pub(crate) fn series(&self) -> u64 {
        self.series
    }

    /// Returns the length of its file.
    pub(crate) fn bytes(&self) -> u64 {
        self.file.len() as u64
    }

    /// Returns the records. What was passed goes back to the system.
    pub(crate) fn records(&self) -> Records<'_> {
        Records { snapshot: self, block: ByteCursor::new(&[]), next: 0 }
    }

    /// Returns the records behind those of the series, the last of which is in `block` or before.
    pub(crate) fn records_beside(&self, block: usize) -> impl Iterator<Item = &[u8]> {
        let records = Records { next: block, ..self.records() };
        records.skip_while(|record| matches!(record.first(), Some(&(HEADER | SERIES))))
    }
}

/// The records of a snapshot, from some block on.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    snapshot: &'a Snapshot,
    block: ByteCursor<'a>,
    next: usize,
}

impl Records<'_> {
    /// Returns the block of the record that was returned last.
    pub(crate) fn block(&self) -> usize {
        self.next.saturating_sub(1)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Ok(record) = self.block.uvarint_bytes() {
                return Some(record);
            }
            let Snapshot { file, blocks, .. } = self.snapshot;
            let next = blocks.get(self.next)?;
            file.release(0..next.start.saturating_sub(RELEASE_BEHIND_BYTES));
            self.block = ByteCursor::new(file.get(next.clone())?);
            self.next += 1;
        }
    }
}

/// Who reads records may be this far behind the one that was returned last; further back they are read from the file again.
const RELEASE_BEHIND_BYTES: usize = 4 << 20;

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

/// Returns where the blocks' records lie, whole to the end of the file.
fn find_blocks(file: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut rest = ByteCursor::new(file.strip_prefix(&MAGIC)?);
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let (len, _crc) = (rest.be32().ok()?, rest.be32().ok()?);
        let from = MAGIC.len() + rest.position();
        rest.take(len as usize).ok()?;
        blocks.push(from..from + len as usize);
    }
    Some(blocks)
}

/// Verifies the blocks' checksums, on all cores.
fn sound(file: &Mapped, blocks: &[Range<usize>]) -> bool {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(SOUND_THREADS_MAX);
    let next = AtomicUsize::new(0);
    let verify = || {
        while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let crc = file.get(..block.start).and_then(<[u8]>::last_chunk);
            let whole = file.get(block.clone()).zip(crc);
            if whole.is_none_or(|(records, crc)| crc32c::crc32c(records) != u32::from_be_bytes(*crc)) {
                return false;
            }
            file.release(block.clone());
        }
        true
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(blocks.len())).map(|_| scope.spawn(verify)).collect();
        let mine = verify();
        others.into_iter().all(|other| other.join().unwrap_or(false)) && mine
    })
}

const SOUND_THREADS_MAX: usize = 8;

fn records_of<'a>(file: &'a [u8], block: Option<&Range<usize>>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let mut rest = ByteCursor::new(block.and_then(|block| file.get(block.clone())).unwrap_or(&[]));
    std::iter::from_fn(move || rest.uvarint_bytes().ok())
}

/// A series' record, as far as its labels.
#[derive(Debug)]
pub(crate) struct SeriesRecord<'a> {
    pub(crate) series: SeriesRef,
    /// Its chunks: see [`filed_chunks`].
    pub(crate) chunks: ByteCursor<'a>,
}

/// Reads a series' record up to its chunks: calls `pair` with the number of each pair, or with its texts where it is met
/// first. `None`: it does not make sense.
pub(crate) fn read_series<'a>(
    record: &'a [u8],
    mut pair: impl FnMut(Result<usize, (&'a str, &'a str)>) -> Option<()>,
) -> Option<SeriesRecord<'a>> {
    let mut cursor = ByteCursor::new(record.get(1..)?);
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let series = SeriesRef(cursor.uvarint().ok()?);
    for _ in 0..cursor.uvarint().ok()? {
        match cursor.uvarint().ok()? as usize {
            0 => pair(Err((text(cursor.uvarint_bytes().ok()?)?, text(cursor.uvarint_bytes().ok()?)?)))?,
            number => pair(Ok(number - 1))?,
        }
    }
    Some(SeriesRecord { series, chunks: cursor })
}

/// Reads how many of a series' chunks lie in files: so many times [`filed_chunk`] comes next, then [`kept_chunk`] until the
/// record ends.
pub(crate) fn filed_chunks(cursor: &mut ByteCursor<'_>) -> Option<u64> {
    cursor.uvarint().ok()
}

pub(crate) fn filed_chunk(cursor: &mut ByteCursor<'_>) -> Option<FiledChunk> {
    let encoding = known_encoding(cursor.u8().ok()?)?;
    let min = cursor.varint().ok()?;
    let max = min.wrapping_add(cursor.varint().ok()?);
    let mut number = || cursor.uvarint().ok();
    let (file, data_at, len, samples) = (number()?, number()?, number()?, number()?);
    Some(FiledChunk {
        file: u16::try_from(file).ok()?,
        data_at: u32::try_from(data_at).ok()?,
        len: u32::try_from(len).ok().filter(|len| *len < 1 << 24)?,
        samples: u16::try_from(samples).ok()?,
        encoding,
        range: (min, max),
    })
}

pub(crate) fn kept_chunk<'a>(cursor: &mut ByteCursor<'a>) -> Option<KeptChunk<'a>> {
    let kind = cursor.u8().ok()?;
    let encoding = known_encoding(kind & !OPEN)?;
    let range = (cursor.varint().ok()?, cursor.varint().ok()?);
    let data = cursor.uvarint_bytes().ok()?;
    let (mut next_at, mut tail) = (None, None);
    if kind & OPEN != 0 {
        next_at = Some(cursor.varint().ok()?);
        if encoding == Encoding::Xor {
            let (delta_ms, last_value) = (cursor.varint().ok()?, cursor.be64().ok()?);
            let (spare_bits, leading, trailing) = (cursor.u8().ok()?, cursor.u8().ok()?, cursor.u8().ok()?);
            tail = Some(XorTail { delta_ms, last_value, spare_bits, leading, trailing });
        }
    }
    Some(KeptChunk { encoding, range, next_at, tail, data })
}
