//! Opening the log: reading all of it into the head, and cutting it where it is torn.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use firesteel_base::vfs::Vfs;
use firesteel_model::SeriesRef;

use crate::{DbError, late_log};
use firesteel_tsdb_head::ReplayStats;
use firesteel_tsdb_head::{Head, Replay, Snapshot};
use firesteel_tsdb_wal::{self as wal, WalError, WalReader};

/// Reads the log of `dir` into `head`. Returns also the references that stand for a series of another reference.
pub(super) fn replay(
    head: &Arc<Head>,
    vfs: &Arc<dyn Vfs>,
    dir: &Path,
) -> Result<(ReplayStats, Vec<SeriesRef>), DbError> {
    let start = Instant::now();
    let snapshot = Snapshot::open(vfs.as_ref(), &dir.with_file_name("firesteel"), dir, head);
    let mut reader = match snapshot.as_ref().map(Snapshot::position) {
        Some((segment, offset)) => WalReader::open_at(Arc::clone(vfs), dir, segment, offset)?,
        None => WalReader::open(Arc::clone(vfs), dir)?,
    };
    let mut replay = Replay::new(head);
    if let Some(snapshot) = &snapshot {
        replay.snapshot(snapshot);
    }
    let mut segments = 0;
    let mut last_segment = None;
    let mut not_understood = 0u64;
    let mut repaired = false;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                if last_segment != Some(record.segment) {
                    last_segment = Some(record.segment);
                    segments += 1;
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
    repaired |= replay_late(&mut replay, vfs, &dir.with_file_name(late_log::DIR))?;
    let (mut stats, aliases) = replay.finish();
    stats.segments = segments;
    stats.undecodable_records = not_understood;
    stats.repaired = repaired;
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
    Ok((stats, aliases))
}

/// Reads the log of out-of-order samples; returns whether it was cut at a fault.
fn replay_late(replay: &mut Replay<'_>, vfs: &Arc<dyn Vfs>, dir: &Path) -> Result<bool, DbError> {
    let mut reader = WalReader::open(Arc::clone(vfs), dir)?;
    let mut not_understood = false;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                if let Err(e) = replay.late_record(record.bytes)
                    && !std::mem::replace(&mut not_understood, true)
                {
                    tracing::error!(
                        component = "tsdb", segment = record.segment, offset = record.offset, err = %e,
                        "Skipping a WBL record that cannot be decoded although its checksum holds"
                    );
                }
            }
            Ok(None) => return Ok(false),
            Err(WalError::Corrupt(fault)) => {
                tracing::warn!(component = "tsdb", err = %fault, "Encountered WBL read error, attempting repair");
                wal::repair(vfs.as_ref(), dir, &fault)?;
                return Ok(true);
            }
            Err(e) => return Err(e.into()),
        }
    }
}
