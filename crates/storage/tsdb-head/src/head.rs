//! The head: shards, the table of references, and what all of them share.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, Matcher, Metadata, SeriesRef};
use firesteel_storage::{AppendError, Exemplar, ExemplarQueryable, SeriesExemplars};
use parking_lot::{Mutex, RwLock};

use crate::appender::{AppendBuffers, HeadAppender};
use crate::chunks_head::{ChunkFiles, Loaded};
use crate::deletion::Stones;
use crate::exemplars::{ExemplarRing, ExemplarStats};
use crate::growth::Growth;
use crate::late_by::LateBy;
use crate::log::Log;
use crate::mapping::MappingState;
use crate::metadata::MetadataTable;
use crate::out_of_order::OutOfOrder;
use crate::pairs::Pairs;
use crate::refs::{Place, RefTable};
use crate::series::SERIES_REF_MAX;
use crate::shard::{ChunkRules, Shard};
use crate::snapshot::Alias;
use crate::stats::{Cardinality, HeadStats, NamedCount};
use crate::visibility::Visibility;

/// How a head is laid out and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct HeadOptions {
    /// Chunks end at its multiples; samples older than the newest by half of it are out of bounds.
    pub chunk_range_ms: i64,
    pub samples_per_chunk: u16,
    /// Refuse new series beyond this many; 0 = no limit.
    pub series_limit: u64,
    /// A power of two.
    pub shards: usize,
    /// How long a truncation waits for queries that may read what goes.
    pub reader_patience: Duration,
    /// How far behind the head's newest sample an out-of-order one may be; 0 takes none.
    pub out_of_order_window_ms: i64,
    /// How many out-of-order samples of a series are gathered before they become a chunk.
    pub out_of_order_cap: u16,
    /// How many exemplars are kept over all series; 0 keeps none.
    pub exemplars_max: usize,
    /// Keep metadata with the series and in the log (feature `metadata-wal-records`).
    pub metadata_records: bool,
    /// Write new chunks of floats as XOR2 (feature `xor2-encoding`, `storage.tsdb.chunk_encoding.floats`).
    pub xor2: bool,
    /// Write histogram chunks with room for start timestamps (feature `histograms-st-encoding`).
    pub histogram_starts: bool,
    /// Log start timestamps, and end XOR chunks where XOR2 is to be written (feature `st-storage`).
    pub starts: bool,
    /// Append a zero at each start timestamp that is new (feature `created-timestamp-zero-ingestion`).
    pub zero_at_start: bool,
}

impl Default for HeadOptions {
    fn default() -> Self {
        Self {
            chunk_range_ms: 7_200_000,
            samples_per_chunk: 120,
            series_limit: 0,
            shards: 4,
            reader_patience: Duration::from_secs(300),
            out_of_order_window_ms: 0,
            out_of_order_cap: 32,
            exemplars_max: 0,
            metadata_records: false,
            xor2: false,
            histogram_starts: false,
            starts: false,
            zero_at_start: false,
        }
    }
}

/// All series that are in memory.
#[derive(Debug)]
pub struct Head {
    pub options: HeadOptions,
    rules: ChunkRules,
    /// Whether new chunks of floats are XOR2; a reload may change it.
    xor2: AtomicBool,
    pub(crate) shards: Box<[Mutex<Shard>]>,
    pub(crate) pairs: RwLock<Pairs>,
    pub(crate) refs: RefTable,
    /// The last reference given out.
    pub(crate) last_ref: AtomicU64,
    /// Times of the oldest and the newest sample; `i64::MAX` and `i64::MIN` while there is none.
    pub(crate) min_time: AtomicI64,
    pub(crate) max_time: AtomicI64,
    /// Samples before this are out of bounds: they were truncated.
    pub(crate) min_valid: AtomicI64,
    pub(crate) visibility: Arc<Visibility>,
    pub log: Log,
    /// Out-of-order samples are logged here, too.
    pub(crate) late_log: Log,
    pub(crate) out_of_order: OutOfOrder,
    pub(crate) stones: Stones,
    pub growth: Growth,
    pub(crate) metadata: RwLock<MetadataTable>,
    pub(crate) exemplars: Mutex<ExemplarRing>,
    pub(crate) buffers: Mutex<Vec<AppendBuffers>>,
    /// Files of sealed chunks; none in a head that keeps nothing.
    pub(crate) chunks_head: OnceLock<ChunkFiles>,
    /// What was found in them, until the replay is through.
    pub(crate) loaded: Mutex<Loaded>,
    pub(crate) mapping: MappingState,
    /// References of the log that stand for a series of another one.
    pub(crate) aliases: Mutex<Vec<Alias>>,
    /// Mapping, truncation and snapshots, one at a time.
    pub(crate) upkeep: Mutex<()>,
    /// Held for reading from before a batch is logged until it is written to the shards. Who takes it for writing knows
    /// that what is in the log is in memory.
    pub(crate) gate: RwLock<()>,
    /// Changes before slots or pairs do.
    pub(crate) generation: AtomicU64,
    pub counts: Counts,
}

/// What happened to histograms since the start.
#[derive(Debug, Default)]
pub struct HistogramCounts {
    pub appended: AtomicU64,
    pub out_of_order: AtomicU64,
    pub out_of_bounds: AtomicU64,
    pub too_old: AtomicU64,
    pub late_appended: AtomicU64,
}

/// What happened since the start.
#[derive(Debug, Default)]
pub struct Counts {
    pub series: AtomicU64,
    pub series_created: AtomicU64,
    pub series_removed: AtomicU64,
    pub series_not_found: AtomicU64,
    pub chunks_created: AtomicU64,
    pub chunks_removed: AtomicU64,
    pub samples_appended: AtomicU64,
    pub out_of_order: AtomicU64,
    pub out_of_bounds: AtomicU64,
    /// Of histograms; floats are counted above and below.
    pub histograms: HistogramCounts,
    pub too_old: AtomicU64,
    /// Out-of-order samples that were taken.
    pub late_appended: AtomicU64,
    /// How far all out-of-order samples were behind, taken or not.
    pub late_by: LateBy,
    pub appenders_created: AtomicU64,
    pub appenders_active: AtomicU64,
    pub truncations: AtomicU64,
    pub truncations_failed: AtomicU64,
    /// What truncations took once no query held them back.
    pub gc_nanos: AtomicU64,
    pub not_durable: AtomicU64,
    pub checkpoints: AtomicU64,
    pub checkpoints_failed: AtomicU64,
    pub mmap_chunks: AtomicU64,
    pub mmap_chunk_corruptions: AtomicU64,
}

#[inline]
pub fn count(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Head {
    pub fn new(options: HeadOptions, log: Log) -> Arc<Self> {
        let shards = options.shards.next_power_of_two();
        let growth = Growth::default();
        growth.set_limit(options.series_limit);
        Arc::new(Self {
            options,
            rules: ChunkRules {
                range_ms: options.chunk_range_ms.max(1),
                samples: options.samples_per_chunk.clamp(4, 8192),
                histogram_starts: options.histogram_starts,
                xor2: options.xor2,
                starts: options.starts,
            },
            xor2: AtomicBool::new(options.xor2),
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            pairs: RwLock::default(),
            refs: RefTable::default(),
            last_ref: AtomicU64::new(0),
            min_time: AtomicI64::new(i64::MAX),
            max_time: AtomicI64::new(i64::MIN),
            min_valid: AtomicI64::new(i64::MIN),
            visibility: Arc::default(),
            log,
            late_log: Log::default(),
            out_of_order: OutOfOrder::new(options.out_of_order_window_ms),
            stones: Stones::default(),
            growth,
            metadata: RwLock::default(),
            exemplars: Mutex::new(ExemplarRing::new(options.exemplars_max, options.out_of_order_window_ms)),
            buffers: Mutex::default(),
            chunks_head: OnceLock::new(),
            loaded: Mutex::default(),
            mapping: MappingState::default(),
            aliases: Mutex::default(),
            upkeep: Mutex::default(),
            gate: RwLock::default(),
            generation: AtomicU64::new(0),
            counts: Counts::default(),
        })
    }

    /// Returns the number of shards for this machine: twice the cores, 4 to 64.
    pub fn shards_for_machine() -> usize {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        (cores * 2).next_power_of_two().clamp(4, 64)
    }

    /// Returns when chunks end and how they are written, as of now.
    #[inline]
    pub(crate) fn rules(&self) -> ChunkRules {
        ChunkRules { xor2: self.xor2.load(Ordering::Relaxed), ..self.rules }
    }

    /// Changes whether new chunks of floats are XOR2.
    pub fn set_xor2(&self, xor2: bool) {
        self.xor2.store(xor2, Ordering::Relaxed);
    }

    /// Returns whether new chunks of floats are XOR2.
    pub fn is_xor2(&self) -> bool {
        self.xor2.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn shard_of(&self, hash: u64) -> usize {
        hash as usize & (self.shards.len() - 1)
    }

    /// Finds a series and whether its record is in the log.
    pub(crate) fn find(&self, labels: &Labels) -> Option<(SeriesRef, bool)> {
        let hash = labels.hash64();
        let pairs = self.pairs.read();
        let shard = self.shards[self.shard_of(hash)].lock();
        let slot = shard.find(&pairs, hash, labels)?;
        let hot = shard.hot(slot);
        Some((hot.series(), hot.is_logged()))
    }

    /// As [`Self::find`], for who is about to append.
    fn find_to_append(&self, labels: &Labels, hash: u64) -> Option<(SeriesRef, bool)> {
        let pairs = self.pairs.read();
        let mut shard = self.shards[self.shard_of(hash)].lock();
        let slot = shard.find(&pairs, hash, labels)?;
        let hot = shard.hot_mut(slot);
        hot.set_pending();
        Some((hot.series(), hot.is_logged()))
    }

    /// Finds or creates a series; returns also whether its record is in the log. `number` asks for that reference;
    /// `job` is who grows.
    pub(crate) fn find_or_create(
        &self,
        labels: &Labels,
        number: Option<SeriesRef>,
        job: &str,
    ) -> Result<(SeriesRef, bool), AppendError> {
        let hash = labels.hash64();
        // A replay appends nothing behind a truncation's back.
        let found = if number.is_some() { self.find(labels) } else { self.find_to_append(labels, hash) };
        if let Some(found) = found {
            return Ok(found);
        }
        if labels.is_empty() || labels.as_packed().len() > u16::MAX as usize {
            return Err(AppendError::InvalidSample);
        }
        if number.is_none() && !self.growth.admits(job, self.counts.series.load(Ordering::Relaxed)) {
            return Err(AppendError::SeriesLimit);
        }
        let shard_at = self.shard_of(hash);
        let mut ids = Vec::with_capacity(16);
        self.pairs.write().intern(labels, &mut ids);
        let pairs = self.pairs.read();
        let mut shard = self.shards[shard_at].lock();
        if let Some(slot) = shard.find(&pairs, hash, labels) {
            let found = (shard.hot(slot).series(), shard.hot(slot).is_logged());
            drop((shard, pairs));
            self.pairs.write().release(&ids);
            return Ok(found);
        }
        let series = match number {
            Some(number) => {
                self.last_ref.fetch_max(number.0, Ordering::Relaxed);
                number
            }
            None => SeriesRef(self.last_ref.fetch_add(1, Ordering::Relaxed) + 1),
        };
        if series.0 > SERIES_REF_MAX || shard.is_full() {
            drop((shard, pairs));
            self.pairs.write().release(&ids);
            return Err(AppendError::SeriesLimit);
        }
        let slot = shard.create(series, hash, &ids);
        self.refs.set(series, Place { shard: shard_at as u32, slot });
        count(&self.counts.series, 1);
        count(&self.counts.series_created, 1);
        Ok((series, false))
    }

    /// Returns an appender for one batch.
    pub fn appender(&self) -> HeadAppender<'_> {
        HeadAppender::new(self)
    }

    /// Returns the times of the oldest and the newest sample, `None` while there is none.
    pub fn time_range(&self) -> Option<(i64, i64)> {
        let (min, max) = (self.min_time.load(Ordering::Relaxed), self.max_time.load(Ordering::Relaxed));
        (min <= max).then_some((min, max))
    }

    pub(crate) fn widen(&self, min: i64, max: i64) {
        self.min_time.fetch_min(min, Ordering::Relaxed);
        self.max_time.fetch_max(max, Ordering::Relaxed);
    }

    /// Returns the oldest time that is in bounds, given the head's newest sample.
    pub(crate) fn min_acceptable(&self) -> i64 {
        let max = self.max_time.load(Ordering::Relaxed);
        let window = max.saturating_sub(self.options.chunk_range_ms / 2);
        window.max(self.min_valid.load(Ordering::Relaxed))
    }

    /// Returns whether the head has a range of chunks that is complete: its samples span more than 1.5 of them, and the half
    /// is what appends may still reach back.
    pub fn compactable(&self) -> bool {
        self.time_range().is_some_and(|(min, max)| max.saturating_sub(min) > self.options.chunk_range_ms / 2 * 3)
    }

    /// Waits until the batches that are on their way are in memory, and refuses samples before `t` to later ones.
    pub(crate) fn freeze(&self, t: i64) {
        let _no_batch = self.gate.write();
        self.min_valid.fetch_max(t, Ordering::Relaxed);
    }

    /// Returns the oldest and the newest batch number that readers see.
    pub fn watermarks(&self) -> (u64, u64) {
        self.visibility.watermarks()
    }

    /// Returns the head in numbers.
    pub fn stats(&self) -> HeadStats {
        let mut out = HeadStats::default();
        let label_pairs = self.pairs.read().len() as u64;
        for shard in &self.shards {
            let shard = shard.lock().stats();
            out.series += shard.series as u64;
            out.stale_series += shard.stale as u64;
            out.chunks += shard.chunks as u64;
            out.chunk_bytes += shard.sealed_bytes as u64;
            out.histogram_series += shard.histogram_series as u64;
            out.histogram_buckets += shard.histogram_buckets as u64;
        }
        let range = self.time_range();
        out.label_pairs = label_pairs;
        out.min_time = range.map(|r| TimestampMs(r.0));
        out.max_time = range.map(|r| TimestampMs(r.1));
        out
    }

    /// Returns the bytes allocated for series, chunks and postings, about.
    pub fn heap_bytes(&self) -> usize {
        let pairs = self.pairs.read().heap_bytes();
        let shards: usize = self.shards.iter().map(|s| s.lock().stats().heap_bytes).sum();
        pairs + self.refs.heap_bytes() + shards + self.exemplars.lock().heap_bytes()
    }

    /// Returns the largest contributors to cardinality.
    pub fn cardinality(&self, limit: usize) -> Cardinality {
        let mut out = Cardinality::default();
        let pairs = self.pairs.read();
        for name in pairs.names() {
            let text = pairs.name_text(name);
            let (mut values, mut bytes) = (0, 0);
            for id in pairs.pairs_of(name) {
                let series = pairs.count(id) as u64;
                let value = pairs.text(id).1;
                values += 1;
                bytes += labels_bytes(text, value) * series;
                if text == firesteel_model::METRIC_NAME {
                    note(&mut out.series_by_metric_name, limit, series, || value.to_owned());
                }
                note(&mut out.series_by_label_pair, limit, series, || format!("{text}={value}"));
            }
            if values > 0 {
                note(&mut out.values_by_label_name, limit, values, || text.to_owned());
                note(&mut out.memory_bytes_by_label_name, limit, bytes, || text.to_owned());
            }
        }
        out
    }

    /// Returns the newest metadata of a series, if it is kept ([`HeadOptions::metadata_records`]).
    pub fn metadata_of(&self, series: SeriesRef) -> Option<Arc<Metadata>> {
        self.metadata.read().get(series).cloned()
    }

    /// Changes how many exemplars are kept; the ones that came last stay. Returns how many moved.
    pub fn resize_exemplars(&self, max: usize) -> usize {
        self.exemplars.lock().resize(max)
    }

    /// Calls `each` with all exemplars and their series' labels, in order of arrival.
    pub fn each_exemplar(&self, each: impl FnMut(&Labels, &Exemplar)) {
        self.exemplars.lock().each(each);
    }

    /// Returns all exemplars in order of arrival, each under the reference that its series has now: one that left and came
    /// back has another. Those of series that the log does not know are left out: a start could not tell whose they are.
    pub(crate) fn exemplars_of_live(&self) -> Vec<Exemplar> {
        let mut held = Vec::new();
        self.exemplars.lock().each(|labels, e| {
            let moved = (!self.is_live(e.series)).then(|| labels.clone());
            held.push((e.clone(), moved));
        });
        let as_now = |(mut e, moved): (Exemplar, Option<Labels>)| {
            if let Some(labels) = moved {
                e.series = self.find(&labels).filter(|(_, is_logged)| *is_logged)?.0;
            }
            Some(e)
        };
        held.into_iter().filter_map(as_now).collect()
    }

    /// Returns what the exemplars' storage counts.
    pub fn exemplar_stats(&self) -> ExemplarStats {
        self.exemplars.lock().stats()
    }

    pub(crate) fn place_of(&self, series: SeriesRef) -> Option<Place> {
        self.refs.read().get(series)
    }

    /// Returns the labels of a series.
    pub(crate) fn labels_of(&self, series: SeriesRef) -> Option<Labels> {
        let pairs = self.pairs.read();
        let place = self.place_of(series)?;
        let mut shard = self.shards[place.shard as usize].lock();
        shard.series(place.slot, series)?;
        Some(shard.labels(&pairs, place.slot))
    }
}

impl ExemplarQueryable for Head {
    fn exemplars(&self, range: TimeRange, matchers: &[&[Matcher]]) -> Vec<SeriesExemplars> {
        self.exemplars.lock().select(range, matchers)
    }
}

/// Keeps the `limit` largest entries, largest first and in order of arrival among equals.
fn note(list: &mut Vec<NamedCount>, limit: usize, n: u64, name: impl FnOnce() -> String) {
    let at = list.partition_point(|entry| entry.count >= n);
    if at < limit {
        list.truncate(limit.saturating_sub(1));
        list.insert(at.min(list.len()), NamedCount { name: name(), count: n });
    }
}

/// What a label takes in upstream's memory (`labels_stringlabels.go`, `labelSize`): both texts, each behind its length in
/// one byte, or in four from 255 up.
fn labels_bytes(name: &str, value: &str) -> u64 {
    [name, value].iter().map(|text| text.len() as u64 + if text.len() < 255 { 1 } else { 4 }).sum()
}
