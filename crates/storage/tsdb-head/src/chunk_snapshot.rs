//! Upstream's snapshot of the head at a shutdown (`chunk_snapshot.NNNNNN.OOOOOOOOOO`, feature `memory-snapshot-on-shutdown`):
//! every series with its open chunk. Format: `docs/format/memory_snapshot.md`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_base::bytes::{put_uvarint, put_uvarint_bytes, put_varint};
use firesteel_base::vfs::Vfs;
use firesteel_storage::Encoding;
use firesteel_tsdb_wal::records::{ExemplarsRecord, HistogramsRecord, SeriesRecord};
use firesteel_tsdb_wal::{Compression, RecordWriter, list_segments};

use super::Head;
use super::chunks_head::ChunkFiles;
use super::pairs::Pairs;
use super::series::Slot;
use super::shard::Shard;
use super::snapshot::{SnapshotError, open_count};

pub(crate) const PREFIX: &str = "chunk_snapshot.";
/// Kinds of records.
pub(crate) const SERIES: u8 = 1;
pub(crate) const TOMBSTONES: u8 = 2;
pub(crate) const EXEMPLARS: u8 = 3;
/// The format of tombstones within their record.
pub(crate) const STONES_FORMAT: u8 = 1;
/// Exemplars of one record, as upstream's.
const EXEMPLARS_MAX: usize = 10_000;
/// Series written under one hold of a shard's lock.
const SLICE: usize = 512;

/// A snapshot's directory, and the place in the log that it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkSnapshot {
    pub path: PathBuf,
    pub segment: u64,
    pub offset: u64,
}

/// Returns the newest snapshot of a data directory.
///
/// Errors: the directory cannot be listed, or a file bears a snapshot's name.
pub fn last_chunk_snapshot(vfs: &dyn Vfs, dir: &Path) -> io::Result<Option<ChunkSnapshot>> {
    let mut newest: Option<ChunkSnapshot> = None;
    for entry in vfs.list(dir)? {
        let Some((segment, offset)) = place(&entry.name) else { continue };
        if !entry.is_dir {
            return Err(io::Error::other(format!("chunk snapshot {} is not a directory", entry.name)));
        }
        if newest.as_ref().is_none_or(|n| (n.segment, n.offset) < (segment, offset)) {
            newest = Some(ChunkSnapshot { path: dir.join(&entry.name), segment, offset });
        }
    }
    Ok(newest)
}

/// Removes the snapshots of a data directory that stand for a place before this one.
fn delete_chunk_snapshots(vfs: &dyn Vfs, dir: &Path, before: (u64, u64)) -> io::Result<()> {
    for entry in vfs.list(dir)? {
        if place(&entry.name).is_some_and(|at| at < before) {
            vfs.remove_dir_all(&dir.join(&entry.name))?;
        }
    }
    Ok(())
}

/// Removes the snapshots of a data directory but for `used`, so that none of them is there after a loss of power; to be
/// called before anything is written that a start without them reads.
///
/// A start that passes a snapshot over may name series by other references than it does, and drop files of chunks that it
/// needs: one that reads it later finds less than there is.
pub fn drop_passed_over(vfs: &dyn Vfs, dir: &Path, used: Option<&ChunkSnapshot>) -> io::Result<()> {
    let mut dropped = Vec::new();
    for entry in vfs.list(dir)? {
        let path = dir.join(&entry.name);
        if entry.is_dir && place(&entry.name).is_some() && used.is_none_or(|used| used.path != path) {
            // In one step: half a snapshot must not pass for one. What remains of it, the next start removes.
            let gone = dir.join(entry.name + ".tmp");
            vfs.rename(&path, &gone)?;
            dropped.push(gone);
        }
    }
    if !dropped.is_empty() {
        vfs.sync_dir(dir)?;
    }
    for gone in dropped {
        if let Err(e) = vfs.remove_dir_all(&gone) {
            tracing::error!(component = "tsdb", err = %e, "Error while deleting snapshot directories");
        }
    }
    Ok(())
}

fn place(name: &str) -> Option<(u64, u64)> {
    let (segment, offset) = name.strip_prefix(PREFIX)?.split_once('.')?;
    Some((segment.parse().ok()?, offset.parse().ok()?))
}

impl Head {
    /// Writes a snapshot to the data directory `dir` in place of those before; returns it with the number of series, or
    /// `None` where there is nothing new. The log in `wal` is closed and nobody appends; full chunks are in files.
    pub fn write_chunk_snapshot(
        &self,
        vfs: &Arc<dyn Vfs>,
        dir: &Path,
        wal: &Path,
        compression: Compression,
    ) -> Result<Option<(ChunkSnapshot, u64)>, SnapshotError> {
        let _upkeep = self.upkeep.lock();
        let Some(last) = list_segments(vfs.as_ref(), wal)?.pop() else { return Ok(None) };
        let offset =
            vfs.open_read(&last.path).and_then(|f| f.len()).map_err(SnapshotError::io("stat segment", &last.path))?;
        let before = last_chunk_snapshot(vfs.as_ref(), dir).map_err(SnapshotError::io("list", dir))?;
        if before.is_some_and(|before| (before.segment, before.offset) == (last.index, offset)) {
            return Ok(None);
        }
        let path = dir.join(format!("{PREFIX}{:06}.{offset:010}", last.index));
        let tmp = path.with_extension(format!("{offset:010}.tmp"));
        if let Err(e) = vfs.remove_dir_all(&tmp)
            && e.kind() != io::ErrorKind::NotFound
        {
            return Err(SnapshotError::io("remove", &tmp)(e));
        }
        let written = self.fill_chunk_snapshot(vfs, &tmp, compression).and_then(|series| {
            self.chunks_head().map_or(Ok(()), ChunkFiles::sync)?;
            vfs.rename(&tmp, &path).map_err(SnapshotError::io("rename", &tmp))?;
            vfs.sync_dir(dir).map_err(SnapshotError::io("sync directory", dir))?;
            Ok(series)
        });
        if written.is_err() {
            // If this fails as well, the next attempt removes it.
            let _ = vfs.remove_dir_all(&tmp);
        }
        let series = written?;
        if let Err(e) = delete_chunk_snapshots(vfs.as_ref(), dir, (last.index, offset)) {
            // The newest one counts.
            tracing::error!(component = "tsdb", err = %e, "delete old chunk snapshots");
        }
        Ok(Some((ChunkSnapshot { path, segment: last.index, offset }, series)))
    }

    fn fill_chunk_snapshot(
        &self,
        vfs: &Arc<dyn Vfs>,
        dir: &Path,
        compression: Compression,
    ) -> Result<u64, SnapshotError> {
        let mut out = RecordWriter::create(vfs, dir, compression)?;
        let mut series = 0;
        for lock in &self.shards {
            let mut slots = lock.lock().slots().peekable();
            while slots.peek().is_some() {
                let pairs = self.pairs.read();
                let mut shard = lock.lock();
                for slot in slots.by_ref().take(SLICE) {
                    if shard.is_live(slot) && shard.hot(slot).is_logged() {
                        series += 1;
                        out.record(|record| put_series(&pairs, &mut shard, slot, record))?;
                    }
                }
            }
        }
        let stones = self.stones.all();
        out.record(|record| {
            let mut encoded = vec![STONES_FORMAT];
            for stone in stones {
                put_uvarint(&mut encoded, stone.series.0);
                put_varint(&mut encoded, stone.range.min.0);
                put_varint(&mut encoded, stone.range.max.0);
            }
            record.push(TOMBSTONES);
            put_uvarint_bytes(record, &encoded);
        })?;
        for run in self.exemplars_of_live().chunks(EXEMPLARS_MAX) {
            out.record(|record| {
                let from = record.len();
                ExemplarsRecord::encode(run, record);
                // But for the first byte a log's record.
                record[from] = EXEMPLARS;
            })?;
        }
        out.finish()?;
        Ok(series)
    }
}

/// Adds a series' record.
fn put_series(pairs: &Pairs, shard: &mut Shard, slot: Slot, out: &mut Vec<u8>) {
    let labels = shard.labels(pairs, slot);
    // As in the log: the kind has the same number there.
    SeriesRecord::encode([(shard.hot(slot).series(), &labels)], out);
    // The range of chunks once; upstream writes zero.
    out.extend_from_slice(&0u64.to_be_bytes());
    let (Some(open), Some((min, max))) = (shard.open_chunk(slot), shard.open_range(slot)) else {
        return put_uvarint(out, 0);
    };
    put_uvarint(out, 1);
    out.extend_from_slice(&min.to_be_bytes());
    out.extend_from_slice(&max.to_be_bytes());
    out.push(open.encoding as u8);
    put_uvarint(out, open.bytes.len() as u64);
    out.extend_from_slice(&open_count(shard, slot, open.encoding, open.bytes));
    out.extend_from_slice(open.bytes.get(2..).unwrap_or(&[]));
    match open.encoding {
        Encoding::Xor | Encoding::Xor2 => {
            // Room for four samples, of which upstream fills in one value.
            out.resize(out.len() + 3 * 16 + 8, 0);
            out.extend_from_slice(&shard.last_value(slot).to_bits().to_be_bytes());
        }
        _ => {
            if let Some(open) = shard.open_histograms(slot) {
                HistogramsRecord::encode_value(&open.last, out);
            }
        }
    }
}
