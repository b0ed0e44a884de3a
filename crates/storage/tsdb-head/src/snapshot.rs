//! The rolling snapshot: the head as of a place in the log, so that a start reads the log from there only.
//!
//! It holds what is not in `chunks_head` and not behind that place: series, chunks in memory, deletions, exemplars, metadata.
//! It may hold more than the log up to the place (samples that came while it was written); the log brings them again and they
//! are dropped as duplicates. Ours alone; other programs pass over `firesteel/`. Format: `docs/format/head_snapshot.md`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use firesteel_base::bytes::{put_uvarint, put_uvarint_bytes, put_varint};
use firesteel_base::vfs::{Vfs, VfsFile};
use firesteel_model::SeriesRef;
use firesteel_storage::Encoding;
use firesteel_tsdb_wal::records::{ExemplarsRecord, MetadataEntry, MetadataRecord, TombstonesRecord};
use firesteel_tsdb_wal::{Segment, Wal, WalError, last_checkpoint, segment_path};

use super::Head;
use super::chunks_head::{ChunkFiles, ChunksHeadError};
use super::pairs::{PairId, Pairs};
use super::sealed::{ChunkBytesAt, SealedChunk};
use super::series::Slot;
use super::shard::Shard;

pub(crate) const MAGIC: [u8; 8] = *b"FSHEAD\0\x02";
/// Kinds of records; those of the log stand for themselves.
pub(crate) const SERIES: u8 = 0x80;
pub(crate) const HEADER: u8 = 0x81;
pub(crate) const ALIASES: u8 = 0x82;
pub(crate) const END: u8 = 0xff;
/// Set in a chunk's encoding when it takes more samples.
pub(crate) const OPEN: u8 = 0x80;
/// How much of the log before the place is remembered by its checksum.
pub(crate) const TAIL_BYTES: u64 = 32 << 10;

const NAME: &str = "head_snapshot";
/// Series looked at under one hold of a shard's lock.
const SLICE: usize = 512;
const BLOCK_BYTES: usize = 1 << 20;

/// Writing a snapshot failed; the one before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    #[error("{what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Wal(#[from] WalError),
    #[error(transparent)]
    ChunksHead(#[from] ChunksHeadError),
}

impl SnapshotError {
    pub(crate) fn io<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io { what, path: path.to_owned(), source }
    }
}

/// Returns the snapshot's path below a data directory's `firesteel/`.
pub(crate) fn snapshot_path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// Blocks of records on their way to a file.
struct Blocks<'a> {
    file: &'a dyn VfsFile,
    path: &'a Path,
    at: u64,
    block: Vec<u8>,
    record: Vec<u8>,
}

impl Blocks<'_> {
    /// Adds `record` to the block, and empties it.
    fn end_record(&mut self) -> Result<(), SnapshotError> {
        put_uvarint_bytes(&mut self.block, &self.record);
        self.record.clear();
        if self.block.len() >= BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        let mut head = [0; 8];
        head[..4].copy_from_slice(&(self.block.len() as u32).to_be_bytes());
        head[4..].copy_from_slice(&crc32c::crc32c(&self.block).to_be_bytes());
        let io = |e| SnapshotError::io("write", self.path)(e);
        self.file.write_all_at(&head, self.at).map_err(io)?;
        self.file.write_all_at(&self.block, self.at + 8).map_err(io)?;
        self.at += 8 + self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

impl Head {
    /// Writes a snapshot to `dir` in place of the one before; returns its bytes. Appends and queries go on meanwhile.
    pub fn write_snapshot(&self, vfs: &Arc<dyn Vfs>, dir: &Path) -> Result<u64, SnapshotError> {
        let Some(wal) = self.log.wal() else { return Ok(0) };
        self.map_chunks()?;
        let _upkeep = self.upkeep.lock();
        vfs.create_dir_all(dir).map_err(SnapshotError::io("create", dir))?;
        let path = snapshot_path(dir);
        let tmp = path.with_extension("tmp");
        if let Err(e) = vfs.remove_file(&tmp)
            && e.kind() != io::ErrorKind::NotFound
        {
            return Err(SnapshotError::io("remove", &tmp)(e));
        }
        let file = vfs.create(&tmp).map_err(SnapshotError::io("create", &tmp))?;
        let written = self.fill_snapshot(vfs, wal, &*file, &tmp);
        let finished = written.and_then(|bytes| {
            // Nothing in it may be safer than the log, or a batch would come back in part after a loss of power.
            wal.sync()?;
            self.chunks_head().map_or(Ok(()), ChunkFiles::sync)?;
            file.sync_data().map_err(SnapshotError::io("sync", &tmp))?;
            vfs.rename(&tmp, &path).map_err(SnapshotError::io("rename", &tmp))?;
            vfs.sync_dir(dir).map_err(SnapshotError::io("sync directory", dir))?;
            Ok(bytes)
        });
        if finished.is_err() {
            // If this fails as well, the next attempt removes it.
            let _ = vfs.remove_file(&tmp);
        }
        finished
    }

    fn fill_snapshot(
        &self,
        vfs: &Arc<dyn Vfs>,
        wal: &Wal,
        file: &dyn VfsFile,
        path: &Path,
    ) -> Result<u64, SnapshotError> {
        // What is in the log before this place is in memory.
        let (segment, offset) = {
            let _no_batch = self.gate.write();
            wal.position()
        };
        file.write_all_at(&MAGIC, 0).map_err(SnapshotError::io("write", path))?;
        let mut out = Blocks { file, path, at: MAGIC.len() as u64, block: Vec::new(), record: Vec::new() };
        let tail =
            tail_checksum(vfs.as_ref(), wal.dir(), segment, offset).map_err(SnapshotError::io("read", wal.dir()))?;
        let checkpoint = last_checkpoint(vfs.as_ref(), wal.dir())?.map_or(0, |c: Segment| c.index + 1);
        let chunks_end = self.chunks_head().map_or(0, |files| files.end().0);
        out.record.push(HEADER);
        for word in [segment, offset, checkpoint, chunks_end, self.last_ref.load(Ordering::Relaxed)] {
            out.record.extend_from_slice(&word.to_be_bytes());
        }
        out.record.extend_from_slice(&tail.to_be_bytes());
        out.end_record()?;
        let mut written = WrittenSeries::default();
        let mut places: Vec<_> = self.shards.iter().map(|lock| lock.lock().slots().peekable()).collect();
        // Slice by slice from all shards in turn, so that a start can fill them beside each other.
        while places.iter_mut().any(|slots| slots.peek().is_some()) {
            for (lock, slots) in self.shards.iter().zip(&mut places) {
                let pairs = self.pairs.read();
                let shard = lock.lock();
                for slot in slots.by_ref().take(SLICE) {
                    if shard.is_live(slot) && shard.hot(slot).is_logged() {
                        put_series(&pairs, &shard, slot, &mut written, &mut out.record);
                        put_uvarint_bytes(&mut out.block, &out.record);
                        out.record.clear();
                    }
                }
                drop((shard, pairs));
                if out.block.len() >= BLOCK_BYTES {
                    out.flush()?;
                }
            }
        }
        self.put_rest(&mut out)?;
        out.record.push(END);
        out.record.extend_from_slice(&written.series.to_be_bytes());
        let maps = self.chunks_head().map(|files| files.maps().clone());
        for (file, max_t) in &written.files {
            let identity = maps.as_ref().and_then(|maps| maps.identity(*file)).unwrap_or(0);
            out.record.extend_from_slice(&file.to_be_bytes());
            out.record.extend_from_slice(&identity.to_be_bytes());
            out.record.extend_from_slice(&max_t.to_be_bytes());
        }
        out.end_record()?;
        out.flush()?;
        Ok(out.at)
    }

    /// Adds what stands beside the series.
    fn put_rest(&self, out: &mut Blocks<'_>) -> Result<(), SnapshotError> {
        TombstonesRecord::encode(self.stones.all(), &mut out.record);
        if !out.record.is_empty() {
            out.end_record()?;
        }
        for run in self.exemplars_of_live().chunks(1000) {
            ExemplarsRecord::encode(run, &mut out.record);
            out.end_record()?;
        }
        let metadata: Vec<_> = self.metadata.read().each().collect();
        for run in metadata.chunks(1000) {
            let entries = run.iter().map(|(series, about)| MetadataEntry {
                series: *series,
                metric_type: about.metric_type,
                unit: about.unit.as_bytes(),
                help: about.help.as_bytes(),
            });
            MetadataRecord::encode(entries, &mut out.record);
            out.end_record()?;
        }
        let aliases = self.aliases.lock();
        if !aliases.is_empty() {
            out.record.push(ALIASES);
            for (of, series) in aliases.iter() {
                out.record.extend_from_slice(&of.0.to_be_bytes());
                out.record.extend_from_slice(&series.0.to_be_bytes());
            }
            out.end_record()?;
        }
        Ok(())
    }
}

/// What the series so far have in common.
#[derive(Debug, Default)]
struct WrittenSeries {
    series: u64,
    /// The number of each pair that was met, by its number in memory; 0 for those that were not.
    numbers: Vec<u32>,
    known: u32,
    /// The files that chunks lie in, with the time of the newest sample there.
    files: Vec<(u16, i64)>,
}

impl WrittenSeries {
    fn note_file(&mut self, file: u16, max_t: i64) {
        match self.files.iter_mut().find(|(number, _)| *number == file) {
            Some((_, newest)) => *newest = max_t.max(*newest),
            None => self.files.push((file, max_t)),
        }
    }
}

/// Adds a series' record: reference, labels, and its chunks, oldest first: where those in files are, and those in memory.
fn put_series(pairs: &Pairs, shard: &Shard, slot: Slot, written: &mut WrittenSeries, out: &mut Vec<u8>) {
    written.series += 1;
    let hot = shard.hot(slot);
    out.push(SERIES);
    put_uvarint(out, hot.series().0);
    let ids = shard.ids(slot);
    put_uvarint(out, ids.len() as u64);
    for &id in ids {
        let WrittenSeries { numbers, known, .. } = written;
        if numbers.len() <= id as usize {
            numbers.resize(id as usize + 1, 0);
        }
        let number = &mut numbers[id as usize];
        if *number == 0 {
            // Its texts follow where a pair is met first.
            *known += 1;
            *number = *known;
            let (name, value) = pairs.text(PairId(id));
            put_uvarint(out, 0);
            put_uvarint_bytes(out, name.as_bytes());
            put_uvarint_bytes(out, value.as_bytes());
        } else {
            put_uvarint(out, u64::from(*number));
        }
    }
    let mut in_memory: Vec<(&SealedChunk, &[u8])> = Vec::new();
    let mut in_files: Vec<&SealedChunk> = Vec::new();
    for chunk in shard.sealed.newest_first(shard.chain(slot)) {
        match shard.sealed.bytes(chunk) {
            ChunkBytesAt::Memory(data) if in_files.is_empty() => in_memory.push((chunk, data)),
            ChunkBytesAt::Memory(_) => {}
            ChunkBytesAt::File { .. } => in_files.push(chunk),
        }
    }
    put_uvarint(out, in_files.len() as u64);
    for chunk in in_files.into_iter().rev() {
        if let ChunkBytesAt::File { file, data_at, len } = shard.sealed.bytes(chunk) {
            written.note_file(file, chunk.max_t);
            out.push(chunk.encoding() as u8);
            put_varint(out, chunk.min_t);
            put_varint(out, chunk.max_t.wrapping_sub(chunk.min_t));
            for number in [u32::from(file), data_at, len, u32::from(chunk.samples)] {
                put_uvarint(out, u64::from(number));
            }
        }
    }
    for (chunk, data) in in_memory.into_iter().rev() {
        put_chunk(out, chunk.encoding() as u8, (chunk.min_t, chunk.max_t), data.len());
        out.extend_from_slice(data);
    }
    if let Some(open) = shard.open_chunk(slot)
        && let (Some((min, max)), Some((_, rest))) = (shard.open_range(slot), open.bytes.split_at_checked(2))
    {
        let count = open_count(shard, slot, open.encoding, open.bytes);
        put_chunk(out, open.encoding as u8 | OPEN, (min, max), open.bytes.len());
        out.extend_from_slice(&count);
        out.extend_from_slice(rest);
        put_varint(out, shard.open_next_at(slot));
        if open.encoding == Encoding::Xor {
            let tail = hot.xor.tail();
            put_varint(out, tail.delta_ms);
            out.extend_from_slice(&tail.last_value.to_be_bytes());
            out.extend_from_slice(&[tail.spare_bits, tail.leading, tail.trailing]);
        }
    }
}

/// Returns the first two bytes of an open chunk: the count, which is written there when the chunk is sealed.
pub(crate) fn open_count(shard: &Shard, slot: Slot, encoding: Encoding, bytes: &[u8]) -> [u8; 2] {
    let mut count = shard.extent(slot).samples.to_be_bytes();
    if matches!(encoding, Encoding::HistogramSt | Encoding::FloatHistogramSt) {
        // The count shares its bytes with two flags.
        count[0] |= bytes.first().map_or(0, |flags| flags & 0xc0);
    }
    count
}

fn put_chunk(out: &mut Vec<u8>, encoding: u8, (min, max): (i64, i64), len: usize) {
    out.push(encoding);
    put_varint(out, min);
    put_varint(out, max);
    put_uvarint(out, len as u64);
}

/// Returns the checksum of the log's bytes before a place.
pub(crate) fn tail_checksum(vfs: &dyn Vfs, wal: &Path, segment: u64, offset: u64) -> io::Result<u32> {
    let file = vfs.open_read(&segment_path(wal, segment))?;
    let mut bytes = vec![0; offset.min(TAIL_BYTES) as usize];
    let from = offset - bytes.len() as u64;
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], from + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => done += n,
        }
    }
    Ok(crc32c::crc32c(&bytes))
}

/// A series that the log knows by two references.
pub(crate) type Alias = (SeriesRef, SeriesRef);
