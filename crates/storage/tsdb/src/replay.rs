//! Opening the log: reading all of it into the head, and cutting it where it is torn.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use firesteel_base::vfs::Vfs;
use firesteel_model::SeriesRef;

use crate::{DbError, ReplayProgress, late_log};
use firesteel_tsdb_head::ReplayStats;
use firesteel_tsdb_head::{ChunkSnapshot, Head, Replay, Snapshot, drop_passed_over, last_chunk_snapshot};
use firesteel_tsdb_wal::records::RecordType;
use firesteel_tsdb_wal::{self as wal, Segment, WalError, WalReader};

/// What a replay brought beside the series in memory.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) stats: ReplayStats,
    /// References that the log names and that are no series of their own, as far as it was read.
    pub(super) named: Vec<SeriesRef>,
    /// A snapshot stood for the older part of the log: it may name series that are gone and that nobody knows of.
    pub(super) behind_snapshot: bool,
}

/// Reads the log of `dir` into `head`, behind the newest snapshot; upstream's (`memory-snapshot-on-shutdown`) only with
/// `chunk_snapshots`. Those of upstream's that it does not read go.
pub(super) fn replay(
    head: &Arc<Head>,
    vfs: &Arc<dyn Vfs>,
    dir: &Path,
    chunk_snapshots: bool,
    progress: &ReplayProgress,
) -> Result<Replayed, DbError> {
    let start = Instant::now();
    let snapshot = Snapshot::open(vfs.as_ref(), &dir.with_file_name("firesteel"), dir, head);
    let own = snapshot.as_ref().map(Snapshot::position);
    let theirs =
        if chunk_snapshots && !head.lacks_chunks() { newer_chunk_snapshot(vfs.as_ref(), dir, own)? } else { None };
    if theirs.is_some() {
        // Ours does not tell of chunks then.
        head.list_all_chunks();
    }
    let mut replay = Replay::new(head);
    let mut failed = false;
    let begun = theirs.filter(|theirs| {
        let taken = replay.chunk_snapshot(vfs, theirs);
        match &taken {
            Ok(series) => {
                let (dir, duration) = (theirs.path.display(), start.elapsed());
                tracing::info!(component = "tsdb", dir = %dir, num_series = series, ?duration, "chunk snapshot loaded");
            }
            Err(e) => tracing::error!(component = "tsdb", err = %e, "Failed to load chunk snapshot"),
        }
        failed = taken.is_err();
        !failed
    });
    let data_dir = dir.parent().unwrap_or(dir);
    drop_passed_over(vfs.as_ref(), data_dir, begun.as_ref()).map_err(DbError::io("drop snapshots of", data_dir))?;
    let behind_snapshot = begun.is_some() || own.is_some();
    let there = wal::list_segments(vfs.as_ref(), dir)?;
    let first = match (&begun, own) {
        (Some(theirs), _) => Some(theirs.segment),
        (None, Some((segment, _))) => Some(segment),
        (None, None) => wal::last_checkpoint(vfs.as_ref(), dir)?.or(there.first().cloned()).map(|s| s.index),
    };
    let behind_checkpoint = || Ok::<_, WalError>(wal::last_checkpoint(vfs.as_ref(), dir)?.map_or(0, |s| s.index + 1));
    let from = match (&begun, own) {
        (Some(theirs), _) => theirs.segment.max(behind_checkpoint()?),
        (None, Some((segment, _))) => segment,
        (None, None) => behind_checkpoint()?,
    };
    let has_gaps = tell_of_missing(dir, &wal::missing_segments(from, &there));
    progress.begin(first.unwrap_or(0), there.last().map(|s| s.index));
    let mut reader = match (&begun, own) {
        (Some(theirs), _) => reader_behind(vfs, dir, theirs)?,
        (None, Some((segment, offset))) => WalReader::open_at(Arc::clone(vfs), dir, segment, offset)?,
        (None, None) => WalReader::open(Arc::clone(vfs), dir)?,
    };
    let stands_for = begun.as_ref().map(|theirs| (theirs.segment, theirs.offset)).or(own);
    if let (None, Some(snapshot)) = (begun, &snapshot) {
        replay.snapshot(snapshot);
    }
    if let Some(upto) = stands_for {
        replay.with_older(move |take| {
            tracing::info!(
                component = "tsdb",
                "The log names series that the snapshot does not know; reading what is older"
            );
            if let Err(e) = series_records_before(vfs, dir, upto, take) {
                tracing::warn!(component = "tsdb", err = %e, "Reading the log before the snapshot failed");
            }
        });
    }
    let mut segments = 0;
    let mut last_segment = None;
    let mut not_understood = 0u64;
    let mut repaired = has_gaps;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                if last_segment != Some(record.segment) {
                    last_segment = Some(record.segment);
                    segments += 1;
                    progress.reached(record.segment);
                }
                if let Err(e) = replay.record(record.bytes) {
                    not_understood += 1;
                    if not_understood == 1 {
                        tracing::error!(
                            component = "tsdb", segment = record.segment, offset = record.offset, err = %e,
                            "Skipping a WAL record that cannot be decoded although its checksum holds"
                        );
                    }
                }
            }
            Ok(None) => break,
            Err(WalError::Corrupt(fault)) => {
                tracing::warn!(component = "tsdb", err = %fault, "Encountered WAL read error, attempting repair");
                wal::repair(vfs.as_ref(), dir, &fault)?;
                repaired = true;
                break;
            }
            Err(e) => return Err(e.into()),
        }
    }
    replay.end_older();
    repaired |= replay_late(&mut replay, vfs, &dir.with_file_name(late_log::DIR), progress)?;
    progress.end();
    let (mut stats, named) = replay.finish();
    stats.segments = segments;
    stats.undecodable_records = not_understood;
    stats.repaired = repaired;
    stats.chunk_snapshot_failed = failed;
    stats.duration = start.elapsed();
    if stats.unknown_refs > 0 {
        tracing::warn!(component = "tsdb", samples = stats.unknown_refs, "Unknown series references");
    }
    if stats.skipped_records > 0 {
        tracing::warn!(component = "tsdb", records = stats.skipped_records, "Skipped WAL records of unknown types");
    }
    tracing::debug!(
        component = "tsdb", series = stats.series, samples = stats.samples, segments,
        total_replay_duration = ?stats.duration, "WAL segments loaded"
    );
    Ok(Replayed { stats, named, behind_snapshot })
}

/// Hands on the series records of the checkpoint and of the log before a place.
fn series_records_before(
    vfs: &Arc<dyn Vfs>,
    dir: &Path,
    upto: (u64, u64),
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), WalError> {
    let mut from = 0;
    let mut read = |segments: Vec<Segment>, upto: (u64, u64)| {
        let mut reader = WalReader::over(Arc::clone(vfs), segments);
        while let Some(record) = reader.next_record()? {
            if (record.segment, record.offset) >= upto {
                break;
            }
            if RecordType::of(record.bytes) == Some(RecordType::Series) {
                take(record.bytes);
            }
        }
        Ok::<_, WalError>(())
    };
    if let Some(checkpoint) = wal::last_checkpoint(vfs.as_ref(), dir)? {
        from = checkpoint.index + 1;
        read(wal::list_segments(vfs.as_ref(), &checkpoint.path)?, (u64::MAX, 0))?;
    }
    let mut segments = wal::list_segments(vfs.as_ref(), dir)?;
    segments.retain(|segment| (from..=upto.0).contains(&segment.index));
    read(segments, upto)
}

/// Says which segments of a log somebody removed; upstream does not start then (`tsdb/wlog/wlog.go`, 3.14). Returns whether
/// there are any.
fn tell_of_missing(dir: &Path, missing: &[Range<u64>]) -> bool {
    for Range { start, end } in missing {
        tracing::error!(
            component = "tsdb", dir = %dir.display(), first = %format_args!("{start:08}"), last = %format_args!("{:08}", end - 1),
            "Segments are missing: what only they held is lost. The others are read"
        );
    }
    !missing.is_empty()
}

/// Returns upstream's newest snapshot if it stands for a later place in the log than ours.
fn newer_chunk_snapshot(
    vfs: &dyn Vfs,
    wal_dir: &Path,
    own: Option<(u64, u64)>,
) -> Result<Option<ChunkSnapshot>, DbError> {
    tracing::info!(component = "tsdb", "Chunk snapshot is enabled, replaying from the snapshot");
    let dir = wal_dir.parent().unwrap_or(wal_dir);
    let last = last_chunk_snapshot(vfs, dir).unwrap_or_else(|e| {
        tracing::error!(component = "tsdb", err = %e, "Could not find last snapshot");
        None
    });
    let Some(last) = last else { return Ok(None) };
    let newest_segment = wal::list_segments(vfs, wal_dir)?.pop();
    if newest_segment.is_none_or(|newest| newest.index < last.segment) {
        // It is passed over, and so removed.
        tracing::warn!(component = "tsdb", "Last WAL file is behind snapshot, removing snapshots");
        return Ok(None);
    }
    Ok(Some(last).filter(|last| own.is_none_or(|own| own < (last.segment, last.offset))))
}

/// Opens the log behind a snapshot; with a checkpoint that came later all of it, as upstream does.
fn reader_behind(vfs: &Arc<dyn Vfs>, dir: &Path, snapshot: &ChunkSnapshot) -> Result<WalReader, DbError> {
    let ChunkSnapshot { segment, offset, .. } = *snapshot;
    let checkpoint = wal::last_checkpoint(vfs.as_ref(), dir)?;
    let is_there = wal::list_segments(vfs.as_ref(), dir)?.iter().any(|s| s.index == segment);
    Ok(if is_there && checkpoint.is_none_or(|checkpoint| checkpoint.index < segment) {
        WalReader::open_at(Arc::clone(vfs), dir, segment, offset)?
    } else {
        WalReader::open(Arc::clone(vfs), dir)?
    })
}

/// Reads the log of out-of-order samples; returns whether it was cut at a fault.
fn replay_late(
    replay: &mut Replay<'_>,
    vfs: &Arc<dyn Vfs>,
    dir: &Path,
    progress: &ReplayProgress,
) -> Result<bool, DbError> {
    let there = wal::list_segments(vfs.as_ref(), dir)?;
    if let (Some(first), Some(last)) = (there.first(), there.last()) {
        progress.begin(first.index, Some(last.index));
    }
    // Its first segments go without a checkpoint.
    let has_gaps = tell_of_missing(dir, &wal::missing_segments(there.first().map_or(0, |s| s.index), &there));
    let mut reader = WalReader::open(Arc::clone(vfs), dir)?;
    let mut not_understood = false;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                progress.reached(record.segment);
                if let Err(e) = replay.late_record(record.bytes)
                    && !std::mem::replace(&mut not_understood, true)
                {
                    tracing::error!(
                        component = "tsdb", segment = record.segment, offset = record.offset, err = %e,
                        "Skipping a WBL record that cannot be decoded although its checksum holds"
                    );
                }
            }
            Ok(None) => return Ok(has_gaps),
            Err(WalError::Corrupt(fault)) => {
                tracing::warn!(component = "tsdb", err = %fault, "Encountered WBL read error, attempting repair");
                wal::repair(vfs.as_ref(), dir, &fault)?;
                return Ok(true);
            }
            Err(e) => return Err(e.into()),
        }
    }
}
