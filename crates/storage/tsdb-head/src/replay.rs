//! Filling the head from the log's records, straight into the final structures.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use firesteel_base::bytes::ByteCursor;
use firesteel_base::{FastHashMap, FastHashSet, TimeRange};
use firesteel_model::{Labels, Metadata, SeriesRef};
use firesteel_storage::{Exemplar, HistogramSample};

use super::Head;
use super::chunks_head::{ChunkRef, Loaded};
use super::refs::{Place, RefReader};
use super::replay_older::{Older, Row};
use super::replay_workers::{ShardRows, Workers};
use super::series::SERIES_REF_MAX;
use super::snapshot;
use super::snapshot_fill::fill;
use super::snapshot_load::Snapshot;
use crate::stats::ReplayStats;
use firesteel_tsdb_wal::records::{
    ExemplarEntry, ExemplarsRecord, HistogramsRecord, MetadataEntry, MetadataRecord, RecordError, RecordType, Sample,
    SampleWithStart, SamplesRecord, SamplesV2Record, SeriesRecord, TombstonesRecord,
};

/// Takes records in the log's order.
#[derive(Debug)]
pub struct Replay<'a> {
    pub(super) head: &'a Head,
    /// References whose labels had come before under another one: a series that was dropped and created again.
    pub(super) aliases: FastHashMap<SeriesRef, SeriesRef>,
    /// By shard.
    rows: Vec<ShardRows>,
    pub(super) held: usize,
    workers: Workers,
    /// Chunks in files, until their series turn up.
    pub(super) loaded: Loaded,
    /// Out-of-order chunks in files that were named by their log.
    pub(super) named: FastHashSet<ChunkRef>,
    /// Series that the log says were dropped before their time: blocks have all they had.
    pub(super) dropped: FastHashSet<SeriesRef>,
    /// What a snapshot stands for.
    pub(super) older: Older<'a>,
    pub(super) min_t: i64,
    pub(super) max_t: i64,
    pub(super) stats: ReplayStats,
}

/// Rows gathered before the shards are visited: enough that a shard's lock and cache are taken once for many.
const ROWS_MAX: usize = 32 << 10;

/// However large the references of a log are, this many series can still be created.
const REFS_LEFT: u64 = 1 << 32;

impl<'a> Replay<'a> {
    pub fn new(head: &'a Arc<Head>) -> Self {
        Self {
            head,
            aliases: FastHashMap::default(),
            rows: head.shards.iter().map(|_| ShardRows::default()).collect(),
            held: 0,
            workers: Workers::start(head),
            loaded: std::mem::take(&mut *head.loaded.lock()),
            named: FastHashSet::default(),
            dropped: FastHashSet::default(),
            older: Older::default(),
            min_t: i64::MAX,
            max_t: i64::MIN,
            stats: ReplayStats::default(),
        }
    }

    /// Takes one record; kinds that the head does not keep yet are counted.
    pub fn record(&mut self, record: &[u8]) -> Result<(), RecordError> {
        self.head.note_logged(record.len());
        match RecordType::of(record) {
            Some(RecordType::Series) => {
                for entry in SeriesRecord::decode(record)? {
                    let entry = entry?;
                    self.series(entry.series, &entry.labels.to_labels(entry.series.0)?);
                }
            }
            Some(RecordType::Samples) => {
                let row = |sample: Sample| (sample.series, (0, sample.t.0), sample.v);
                self.samples(SamplesRecord::decode(record)?.map(|sample| sample.map(row)))?;
            }
            Some(RecordType::SamplesV2) => {
                let row = |sample: SampleWithStart| (sample.series, (sample.start.0, sample.t.0), sample.v);
                self.samples(SamplesV2Record::decode(record)?.map(|sample| sample.map(row)))?;
            }
            Some(RecordType::Tombstones) => {
                let min_valid = self.head.min_valid.load(Ordering::Relaxed);
                let mut stones = Vec::new();
                for entry in TombstonesRecord::decode(record)? {
                    let mut stone = entry?;
                    if stone.range.max.0 < min_valid {
                        continue;
                    }
                    let Some(place) = self.place(stone.series) else {
                        self.stats.unknown_tombstone_refs += 1;
                        self.keep_free(stone.series);
                        continue;
                    };
                    stone.series = self.real(stone.series);
                    if stone.range == TimeRange::ALL {
                        self.drop_series(stone.series, place);
                        continue;
                    }
                    stones.push(stone);
                }
                self.head.stones.add(stones);
            }
            Some(RecordType::Exemplars) => {
                for entry in ExemplarsRecord::decode(record)? {
                    self.exemplar(&entry?)?;
                }
            }
            Some(RecordType::Metadata) => {
                for entry in MetadataRecord::decode(record)? {
                    self.metadata(&entry?);
                }
            }
            Some(kind) if kind != RecordType::MmapMarkers => {
                for entry in HistogramsRecord::decode(record)? {
                    if let Some(sample) = entry?.sample()? {
                        self.histogram(sample);
                    }
                }
            }
            _ => self.stats.skipped_records += 1,
        }
        Ok(())
    }

    /// Takes what a record says of a series.
    pub(super) fn series(&mut self, of: SeriesRef, labels: &Labels) {
        let Ok((series, logged)) = self.head.find_or_create(labels, Some(of), "") else { return };
        if !logged || series != of {
            self.attach(of, series);
        }
        if series != of {
            self.aliases.insert(of, series);
            self.head.last_ref.fetch_max(of.0, Ordering::Relaxed);
        } else if !logged {
            self.stats.series += 1;
            self.mark_logged(series);
        }
    }

    /// Takes a snapshot; to be called before any record, which must be those from its place in the log on.
    pub fn snapshot(&mut self, snapshot: &Snapshot) {
        self.head.last_ref.fetch_max(snapshot.last_ref().min(SERIES_REF_MAX), Ordering::Relaxed);
        let filled = fill(self.head, &self.loaded, snapshot);
        self.stats.series += filled.series;
        self.stats.snapshot_chunks += filled.chunks;
        self.stats.mmap_chunks += filled.mapped_chunks;
        self.min_t = self.min_t.min(filled.min_t);
        self.max_t = self.max_t.max(filled.max_t);
        let mut broken = filled.broken;
        for record in snapshot.records_beside(filled.block) {
            let understood = match record.first() {
                Some(&snapshot::ALIASES) => {
                    for pair in record[1..].chunks_exact(16) {
                        let mut cursor = ByteCursor::new(pair);
                        if let (Ok(of), Ok(series)) = (cursor.be64(), cursor.be64()) {
                            self.aliases.insert(SeriesRef(of), SeriesRef(series));
                        }
                    }
                    true
                }
                Some(&snapshot::END) => true,
                _ => self.record(record).is_ok(),
            };
            broken += u64::from(!understood);
        }
        if broken > 0 {
            tracing::error!(component = "tsdb", records = broken, "Records of the head snapshot do not make sense");
        }
    }

    /// Gives a series the chunks that lie in files under the reference of its record.
    pub(super) fn attach(&mut self, of: SeriesRef, series: SeriesRef) {
        let Some(files) = self.head.chunks_head() else { return };
        if self.loaded.is_empty() {
            return;
        }
        if of != series {
            // Samples of the other reference come before these chunks.
            self.drain();
        }
        let maps = files.maps();
        let Some(place) = self.head.place_of(series) else { return };
        let mut shard = self.head.shards[place.shard as usize].lock();
        for chunk in self.loaded.in_order(&maps, of) {
            if of != series && shard.series(place.slot, series).is_some() && shard.open_range(place.slot).is_none() {
                shard.attach_other(place.slot, &chunk);
                self.min_t = self.min_t.min(chunk.min_t);
                self.max_t = self.max_t.max(chunk.max_t);
                self.stats.mmap_chunks += 1;
                continue;
            }
            // What overlaps is in the log as well, and comes from there.
            if shard.series(place.slot, series).is_none_or(|hot| hot.open().is_some() || hot.is_xor2())
                || !shard.attach(place.slot, &chunk)
            {
                break;
            }
            self.min_t = self.min_t.min(chunk.min_t);
            self.max_t = self.max_t.max(chunk.max_t);
            self.stats.mmap_chunks += 1;
        }
    }

    /// Returns the reference that stands for the series in memory.
    #[inline]
    pub(super) fn real(&self, series: SeriesRef) -> SeriesRef {
        if self.aliases.is_empty() { series } else { self.aliases.get(&series).copied().unwrap_or(series) }
    }

    /// Sees to it that no series gets a reference that the logs still name: a loss of power may take the end of one log, with
    /// the series' record, and leave what the other says of it. The next start would give it to another series.
    #[cold]
    pub(super) fn keep_free(&self, series: SeriesRef) {
        self.head.last_ref.fetch_max(series.0.min(SERIES_REF_MAX - REFS_LEFT), Ordering::Relaxed);
    }

    /// Returns whether the series is known.
    #[inline]
    pub(super) fn sample(&mut self, places: &RefReader<'_>, (series, (start, t), v): Row) -> bool {
        let Some(place) = places.get(self.real(series)) else { return false };
        self.rows[place.shard as usize].float(place.slot, (start, t), v);
        self.held += 1;
        if self.held >= ROWS_MAX {
            self.flush();
        }
        true
    }

    fn histogram(&mut self, sample: HistogramSample) {
        let Some(place) = self.place(sample.series) else {
            self.stats.unknown_histogram_refs += 1;
            self.keep_free(sample.series);
            return;
        };
        self.rows[place.shard as usize].histogram(place.slot, sample);
        // A histogram takes the place of some rows.
        self.held += 16;
        if self.held >= ROWS_MAX {
            self.flush();
        }
    }

    fn exemplar(&mut self, entry: &ExemplarEntry<'_>) -> Result<(), RecordError> {
        let head = self.head;
        if entry.t.0 < head.min_valid.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.place(entry.series).is_none() {
            self.stats.unknown_exemplar_refs += 1;
            self.keep_free(entry.series);
            return Ok(());
        }
        let series = self.real(entry.series);
        let labels = entry.labels.to_labels(series.0)?;
        let e = Exemplar { series, labels, t: entry.t, v: entry.v, timestamped: false };
        head.exemplars.lock().add(e, || head.labels_of(series));
        Ok(())
    }

    fn metadata(&mut self, entry: &MetadataEntry<'_>) {
        if self.place(entry.series).is_none() {
            self.stats.unknown_metadata_refs += 1;
            self.keep_free(entry.series);
            return;
        }
        let series = self.real(entry.series);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let about = Metadata { metric_type: entry.metric_type, unit: text(entry.unit), help: text(entry.help) };
        self.head.metadata.write().set(series, &about);
    }

    pub(super) fn mark_logged(&self, series: SeriesRef) {
        if let Some(place) = self.head.place_of(series)
            && let Some(hot) = self.head.shards[place.shard as usize].lock().series_mut(place.slot, series)
        {
            hot.set_logged();
        }
    }

    /// Drops a series where the log does; its labels may come again, under another reference.
    fn drop_series(&mut self, series: SeriesRef, place: Place) {
        self.drain();
        self.head.drop_replayed(series, place);
        self.dropped.insert(series);
    }

    fn flush(&mut self) {
        self.workers.send(&mut self.rows);
        self.held = 0;
    }

    /// Waits until all samples so far are in memory.
    pub(super) fn drain(&mut self) {
        self.flush();
        self.workers.drain();
    }

    /// Ends the replay. Returns also the references that the log names and that are no series of their own: they stand for
    /// one of another reference, or for one that was dropped.
    pub fn finish(mut self) -> (ReplayStats, Vec<SeriesRef>) {
        self.flush();
        let applied = self.workers.finish();
        self.stats.samples += applied.samples;
        let (min_t, max_t) = (self.min_t.min(applied.min_t), self.max_t.max(applied.max_t));
        if min_t <= max_t {
            self.head.widen(min_t, max_t);
        }
        *self.head.aliases.lock() = self.aliases.iter().map(|(of, series)| (*of, *series)).collect();
        let mut named: Vec<SeriesRef> = self.aliases.into_keys().chain(self.dropped).collect();
        named.sort_unstable();
        (self.stats, named)
    }
}
