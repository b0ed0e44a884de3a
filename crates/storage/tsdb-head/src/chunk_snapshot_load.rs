//! Reading upstream's snapshot of the head: all of it is looked at before anything of it is believed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use firesteel_base::bytes::{ByteCursor, ByteError};
use firesteel_base::vfs::Vfs;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, SeriesRef};
use firesteel_storage::Encoding;
use firesteel_storage::chunkenc::SampleReader;
use firesteel_tsdb_wal::records::{ExemplarsRecord, RecordError, RecordType, SeriesRecord, TombstoneEntry};
use firesteel_tsdb_wal::{WalError, WalReader, list_segments};

use super::chunk_snapshot::{ChunkSnapshot, EXEMPLARS, SERIES, STONES_FORMAT, TOMBSTONES};
use super::chunks_head::{known_encoding, samples_of};
use super::replay::Replay;
use super::series::SERIES_REF_MAX;
use super::snapshot_load::KeptChunk;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkSnapshotFault {
    #[error("read records: {0}")]
    Records(#[from] WalError),
    #[error("decode loop: {0}")]
    Record(#[from] RecordError),
    #[error("decode loop: {0}")]
    Bytes(#[from] ByteError),
    #[error("decode loop: unsupported snapshot record type 0b{0:b}")]
    Kind(u8),
    #[error("decode loop: decode series record: {0}")]
    Series(&'static str),
    #[error("decode loop: decode tombstones: invalid tombstone format {0:x}")]
    Tombstones(u8),
}

enum Content<'a> {
    Series(SeriesRef, Labels, Option<KeptChunk<'a>>),
    Tombstones(Vec<TombstoneEntry>),
    /// As a record of the log.
    Exemplars(Vec<u8>),
}

fn read(record: &[u8]) -> Result<Content<'_>, ChunkSnapshotFault> {
    let mut cursor = ByteCursor::new(record);
    match cursor.u8()? {
        SERIES => read_series(record, cursor),
        TOMBSTONES => {
            let mut stones = ByteCursor::new(cursor.uvarint_bytes()?);
            let format = stones.u8()?;
            if format != STONES_FORMAT {
                return Err(ChunkSnapshotFault::Tombstones(format));
            }
            let mut entries = Vec::new();
            while !stones.is_empty() {
                let series = SeriesRef(stones.uvarint()?);
                let (min, max) = (TimestampMs(stones.varint()?), TimestampMs(stones.varint()?));
                entries.push(TombstoneEntry { series, range: TimeRange { min, max } });
            }
            Ok(Content::Tombstones(entries))
        }
        EXEMPLARS => {
            let mut of_log = record.to_vec();
            of_log[0] = RecordType::Exemplars as u8;
            for entry in ExemplarsRecord::decode(&of_log)? {
                let entry = entry?;
                entry.labels.to_labels(entry.series.0)?;
            }
            Ok(Content::Exemplars(of_log))
        }
        kind => Err(ChunkSnapshotFault::Kind(kind)),
    }
}

fn read_series<'a>(record: &'a [u8], mut cursor: ByteCursor<'a>) -> Result<Content<'a>, ChunkSnapshotFault> {
    let series = SeriesRef(cursor.be64()?);
    for _ in 0..cursor.uvarint()? {
        cursor.uvarint_bytes()?;
        cursor.uvarint_bytes()?;
    }
    // Up to here it is a series' record of the log.
    let of_log = record.get(..cursor.position()).unwrap_or(&[]);
    let entry = SeriesRecord::decode(of_log)?.next().ok_or(ChunkSnapshotFault::Series("no series"))??;
    let labels = entry.labels.to_labels(series.0)?;
    if series.0 == 0 || series.0 > SERIES_REF_MAX {
        return Err(ChunkSnapshotFault::Series("no series has this reference"));
    }
    cursor.be64()?;
    if cursor.uvarint()? == 0 {
        return Ok(Content::Series(series, labels, None));
    }
    let range = (cursor.be64()? as i64, cursor.be64()? as i64);
    let encoding = known_encoding(cursor.u8()?).ok_or(ChunkSnapshotFault::Series("unknown chunk encoding"))?;
    let data = cursor.uvarint_bytes()?;
    if data.len() < 2 {
        return Err(ChunkSnapshotFault::Series("chunk from data: too short"));
    }
    if matches!(encoding, Encoding::Xor | Encoding::Xor2) {
        // Times and values of four samples; the chunk has them all.
        cursor.take(4 * 16)?;
    }
    if !holds(range, encoding, data) {
        return Err(ChunkSnapshotFault::Series("chunk from data: other samples than its times say"));
    }
    // The next sample begins another chunk, as upstream's.
    Ok(Content::Series(series, labels, Some(KeptChunk { encoding, range, next_at: Some(range.1), tail: None, data })))
}

/// Returns whether all samples of a chunk can be read, and begin and end as they are said to.
fn holds((min, max): (i64, i64), encoding: Encoding, data: &[u8]) -> bool {
    let Ok(mut samples) = SampleReader::new(data, encoding, samples_of(encoding, data).into()) else { return false };
    let mut last = None;
    loop {
        match samples.advance() {
            Ok(Some((times, _))) if last.map_or(times.t.0 == min, |last| last < times.t.0) => last = Some(times.t.0),
            Ok(None) => return last == Some(max),
            _ => return false,
        }
    }
}

impl Replay<'_> {
    /// Takes a snapshot; to be called before any record, which must be those from its place in the log on. Returns the
    /// number of series.
    ///
    /// Error: something of it is broken; then nothing of it was taken.
    pub fn chunk_snapshot(&mut self, vfs: &Arc<dyn Vfs>, snapshot: &ChunkSnapshot) -> Result<u64, ChunkSnapshotFault> {
        let segments = list_segments(vfs.as_ref(), &snapshot.path)?;
        let mut records = WalReader::over(Arc::clone(vfs), segments.clone());
        while let Some(record) = records.next_record()? {
            read(record.bytes)?;
        }
        let mut records = WalReader::over(Arc::clone(vfs), segments);
        let mut series = 0;
        while let Some(record) = records.next_record()? {
            match read(record.bytes)? {
                Content::Series(of, labels, chunk) => {
                    series += 1;
                    self.kept_series(of, &labels, chunk.as_ref());
                }
                Content::Tombstones(stones) => {
                    self.head.stones.add(stones.into_iter().filter(|stone| self.head.is_live(stone.series)));
                }
                Content::Exemplars(record) => self.record(&record)?,
            }
        }
        Ok(series)
    }

    /// Takes a series with its chunks in files and its open chunk.
    fn kept_series(&mut self, series: SeriesRef, labels: &Labels, chunk: Option<&KeptChunk<'_>>) {
        let Ok((found, _)) = self.head.find_or_create(labels, Some(series), "") else { return };
        if found != series {
            self.aliases.insert(series, found);
            return;
        }
        self.stats.series += 1;
        self.mark_logged(series);
        self.attach(series, series);
        let min_valid = self.head.min_valid.load(Ordering::Relaxed);
        let Some((place, chunk)) = self.head.place_of(series).zip(chunk) else { return };
        // What was mapped since is in the files.
        let mut shard = self.head.shards[place.shard as usize].lock();
        if let Some((min, max)) = shard.take_kept(place.slot, chunk, min_valid, &self.head.rules()) {
            self.min_t = self.min_t.min(min);
            self.max_t = self.max_t.max(max);
            self.stats.snapshot_chunks += 1;
        }
    }
}
