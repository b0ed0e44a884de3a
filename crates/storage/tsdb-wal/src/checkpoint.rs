//! Checkpoints: what is still needed of old segments, written once more so that they can go.
//!
//! `checkpoint.N` is a directory of segments that stands for all segments up to N. It is written beside, synced, renamed,
//! and only after the rename is safe may anything be removed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_base::vfs::Vfs;
use firesteel_model::{MetricType, SeriesRef};

use super::batch::Batch;
use super::records::{
    ExemplarsRecord, HistogramsRecord, MetadataEntry, MetadataRecord, RecordError, RecordType, SamplesRecord,
    SamplesV2Record, SeriesRecord, TombstonesRecord,
};
use super::segment_writer::SegmentWriter;
use super::stats::Counters;
use super::{Compression, DEFAULT_SEGMENT_BYTES, Segment, WalError, WalReader, list_segments};

const PREFIX: &str = "checkpoint.";
const TMP_SUFFIX: &str = ".tmp";
/// Records are written in batches of about this size, as upstream does.
pub(super) const BATCH_BYTES: usize = 1024 * 1024;

/// How many entries a checkpoint read, and how many of them it left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CheckpointStats {
    pub series: u64,
    pub series_dropped: u64,
    /// Floats and histograms.
    pub samples: u64,
    pub samples_dropped: u64,
    pub tombstones: u64,
    pub tombstones_dropped: u64,
    pub exemplars: u64,
    pub exemplars_dropped: u64,
    pub metadata: u64,
    pub metadata_dropped: u64,
}

/// Returns the newest checkpoint of a log's directory, as number and directory.
pub fn last_checkpoint(vfs: &dyn Vfs, dir: &Path) -> Result<Option<Segment>, WalError> {
    Ok(list_checkpoints(vfs, dir)?.pop())
}

fn list_checkpoints(vfs: &dyn Vfs, dir: &Path) -> Result<Vec<Segment>, WalError> {
    let mut found: Vec<Segment> = list_dirs(vfs, dir)?
        .into_iter()
        .filter_map(|name| Some(Segment { index: name.strip_prefix(PREFIX)?.parse().ok()?, path: dir.join(&name) }))
        .collect();
    found.sort_by_key(|checkpoint| checkpoint.index);
    Ok(found)
}

fn list_dirs(vfs: &dyn Vfs, dir: &Path) -> Result<Vec<String>, WalError> {
    match vfs.list(dir) {
        Ok(entries) => Ok(entries.into_iter().filter(|e| e.is_dir).map(|e| e.name).collect()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(WalError::io("list checkpoints of", dir)(e)),
    }
}

/// Removes the checkpoints below `index`, and what is left of unfinished ones.
pub fn delete_checkpoints(vfs: &dyn Vfs, dir: &Path, index: u64) -> Result<(), WalError> {
    let old = list_checkpoints(vfs, dir)?.into_iter().filter(|c| c.index < index).map(|c| c.path);
    for path in old.chain(unfinished(vfs, dir)?) {
        vfs.remove_dir_all(&path).map_err(WalError::io("remove checkpoint", &path))?;
    }
    Ok(())
}

fn unfinished(vfs: &dyn Vfs, dir: &Path) -> Result<Vec<PathBuf>, WalError> {
    let names = list_dirs(vfs, dir)?.into_iter().filter(|n| n.starts_with(PREFIX) && n.ends_with(TMP_SUFFIX));
    Ok(names.map(|name| dir.join(name)).collect())
}

/// Writes a checkpoint of the newest checkpoint and all segments up to `to`.
///
/// `keep` says of which series anything is still needed: samples and exemplars without the record of their series, which
/// upstream keeps, say nothing to a replay. Those before `min_t` are left out, too. Segments and checkpoints that it makes needless stay: [`super::Wal::truncate`] and [`delete_checkpoints`]
/// remove them. Any corruption ends it with an error and without a checkpoint.
pub fn write_checkpoint(
    vfs: &Arc<dyn Vfs>,
    dir: &Path,
    to: u64,
    compression: Compression,
    keep: &mut dyn FnMut(SeriesRef) -> bool,
    min_t: TimestampMs,
) -> Result<CheckpointStats, WalError> {
    for path in unfinished(vfs.as_ref(), dir)? {
        vfs.remove_dir_all(&path).map_err(WalError::io("remove checkpoint", &path))?;
    }
    let mut segments = Vec::new();
    let mut from = 0;
    if let Some(checkpoint) = last_checkpoint(vfs.as_ref(), dir)? {
        from = checkpoint.index + 1;
        segments = list_segments(vfs.as_ref(), &checkpoint.path)?;
    }
    // Segments that somebody removed are lost either way. Were they to end this, as they do upstream, the log would grow
    // for ever.
    segments.extend(list_segments(vfs.as_ref(), dir)?.into_iter().filter(|s| from <= s.index && s.index <= to));

    let path = dir.join(format!("{PREFIX}{to:08}"));
    let tmp = dir.join(format!("{PREFIX}{to:08}{TMP_SUFFIX}"));
    let written = fill(vfs, &tmp, segments, compression, keep, min_t);
    let finished = written.and_then(|stats| {
        vfs.rename(&tmp, &path).map_err(WalError::io("rename checkpoint", &tmp))?;
        vfs.sync_dir(dir).map_err(WalError::io("sync directory", dir))?;
        Ok(stats)
    });
    if finished.is_err() {
        // If this fails as well, the next checkpoint or the next start removes it.
        let _ = vfs.remove_dir_all(&tmp);
    }
    finished
}

fn fill(
    vfs: &Arc<dyn Vfs>,
    tmp: &Path,
    segments: Vec<Segment>,
    compression: Compression,
    keep: &mut dyn FnMut(SeriesRef) -> bool,
    min_t: TimestampMs,
) -> Result<CheckpointStats, WalError> {
    let counters = Arc::new(Counters::default());
    let mut out = SegmentWriter::open(Arc::clone(vfs), tmp, DEFAULT_SEGMENT_BYTES, Arc::clone(&counters))?;
    let mut sieve = Sieve { keep, min_t, stats: CheckpointStats::default(), newest_metadata: BTreeMap::new() };
    let mut pending = Pending::default();
    let mut reader = WalReader::over(Arc::clone(vfs), segments);
    while let Some(record) = reader.next_record()? {
        let offset = record.offset;
        if let Err(source) = sieve.pass(record.bytes, &mut pending.bytes) {
            return Err(WalError::Record { path: reader.path().to_owned(), offset, source });
        }
        pending.end_record();
        if pending.bytes.len() >= BATCH_BYTES {
            pending.write(&mut out, compression)?;
        }
    }
    sieve.write_metadata(&mut pending.bytes);
    pending.end_record();
    pending.write(&mut out, compression)?;
    out.pad()?;
    out.unsynced().sync(vfs.as_ref(), tmp, &counters)?;
    Ok(sieve.stats)
}

/// Records on their way to the checkpoint.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) bytes: Vec<u8>,
    ends: Vec<usize>,
    batch: [Batch; 1],
}

impl Pending {
    pub(super) fn end_record(&mut self) {
        if self.bytes.len() > self.ends.last().copied().unwrap_or(0) {
            self.ends.push(self.bytes.len());
        }
    }

    pub(super) fn write(&mut self, out: &mut SegmentWriter, compression: Compression) -> Result<(), WalError> {
        let mut start = 0;
        let mut records = Vec::with_capacity(self.ends.len());
        for &end in &self.ends {
            records.push(self.bytes.get(start..end).unwrap_or(&[]));
            start = end;
        }
        self.batch[0].fill(&records, compression);
        self.bytes.clear();
        self.ends.clear();
        out.write(&self.batch).1
    }
}

/// Decides what is still needed.
struct Sieve<'a> {
    keep: &'a mut dyn FnMut(SeriesRef) -> bool,
    min_t: TimestampMs,
    stats: CheckpointStats,
    /// Only the newest metadata of a series counts; by reference, so that the same log makes the same checkpoint.
    newest_metadata: BTreeMap<SeriesRef, (MetricType, Vec<u8>, Vec<u8>)>,
}

impl Sieve<'_> {
    /// Appends what is needed of a record. Records of unknown types are left out, as upstream does.
    fn pass(&mut self, record: &[u8], out: &mut Vec<u8>) -> Result<(), RecordError> {
        let Some(kind) = RecordType::of(record) else { return Ok(()) };
        let Self { keep, min_t, stats, .. } = self;
        let min_t = *min_t;
        match kind {
            RecordType::Series => {
                let all = SeriesRecord::decode(record)?;
                let kept = sift(all, &mut stats.series, &mut stats.series_dropped, |e| keep(e.series))?;
                SeriesRecord::encode_raw(kept, out);
            }
            RecordType::Samples => {
                let all = SamplesRecord::decode(record)?;
                let kept =
                    sift(all, &mut stats.samples, &mut stats.samples_dropped, |e| e.t >= min_t && keep(e.series))?;
                SamplesRecord::encode(kept.into_iter().map(|s| (s.series, s.t, s.v)), out);
            }
            RecordType::SamplesV2 => {
                let all = SamplesV2Record::decode(record)?;
                let kept =
                    sift(all, &mut stats.samples, &mut stats.samples_dropped, |e| e.t >= min_t && keep(e.series))?;
                SamplesV2Record::encode(kept, out);
            }
            RecordType::Tombstones => {
                let all = TombstonesRecord::decode(record)?;
                let kept = sift(all, &mut stats.tombstones, &mut stats.tombstones_dropped, |e| {
                    e.range.max >= min_t && keep(e.series)
                })?;
                TombstonesRecord::encode(kept, out);
            }
            RecordType::Exemplars => {
                let all = ExemplarsRecord::decode(record)?;
                let kept =
                    sift(all, &mut stats.exemplars, &mut stats.exemplars_dropped, |e| e.t >= min_t && keep(e.series))?;
                ExemplarsRecord::encode_raw(kept, out);
            }
            RecordType::Metadata => self.note_metadata(record)?,
            // Belongs to the out-of-order log, which has no checkpoints.
            RecordType::MmapMarkers => {}
            RecordType::HistogramSamples
            | RecordType::FloatHistogramSamples
            | RecordType::CustomBucketsHistogramSamples
            | RecordType::CustomBucketsFloatHistogramSamples
            | RecordType::HistogramSamplesV2
            | RecordType::FloatHistogramSamplesV2 => {
                let all = HistogramsRecord::decode(record)?;
                let kept =
                    sift(all, &mut stats.samples, &mut stats.samples_dropped, |e| e.t >= min_t && keep(e.series))?;
                HistogramsRecord::encode_raw(kind, kept, out);
            }
        }
        Ok(())
    }

    fn note_metadata(&mut self, record: &[u8]) -> Result<(), RecordError> {
        for entry in MetadataRecord::decode(record)? {
            let MetadataEntry { series, metric_type, unit, help } = entry?;
            self.stats.metadata += 1;
            let newer = (metric_type, unit.to_vec(), help.to_vec());
            if !(self.keep)(series) || self.newest_metadata.insert(series, newer).is_some() {
                self.stats.metadata_dropped += 1;
            }
        }
        Ok(())
    }

    fn write_metadata(&self, out: &mut Vec<u8>) {
        let entries = self.newest_metadata.iter().map(|(series, (metric_type, unit, help))| MetadataEntry {
            series: *series,
            metric_type: *metric_type,
            unit,
            help,
        });
        MetadataRecord::encode(entries, out);
    }
}

/// Returns the entries that satisfy `needed`, and counts.
fn sift<T>(
    all: impl Iterator<Item = Result<T, RecordError>>,
    seen: &mut u64,
    dropped: &mut u64,
    mut needed: impl FnMut(&T) -> bool,
) -> Result<Vec<T>, RecordError> {
    let mut kept = Vec::new();
    for entry in all {
        let entry = entry?;
        *seen += 1;
        if needed(&entry) { kept.push(entry) } else { *dropped += 1 }
    }
    Ok(kept)
}
