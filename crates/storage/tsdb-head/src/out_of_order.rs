//! The head's side of out-of-order samples: the window, the log of their own, and what compaction takes away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::SeriesRef;
use firesteel_storage::{ChunkBytes, ChunkView};
use firesteel_tsdb_wal::{Wal, WalError};
use parking_lot::Mutex;

use super::chunks_head::{ChunksHeadError, NewChunk};
use super::late::{Inserted, LateSample};
use super::log::Log;
use super::{Head, count};

/// What the shards share about late samples.
#[derive(Debug)]
pub(crate) struct OutOfOrder {
    window_ms: AtomicI64,
    /// The number of the next chunk.
    next: AtomicU64,
    /// Whether there may be late samples: asked by every reader.
    any: AtomicBool,
    min_t: AtomicI64,
    max_t: AtomicI64,
    /// Held while the two are changed.
    changing: Mutex<()>,
    /// The log has markers of chunks that are not there.
    lost_markers: AtomicBool,
}

impl OutOfOrder {
    pub(crate) fn new(window_ms: i64) -> Self {
        Self {
            window_ms: AtomicI64::new(window_ms.max(0)),
            next: AtomicU64::new(1),
            any: AtomicBool::new(false),
            min_t: AtomicI64::new(i64::MAX),
            max_t: AtomicI64::new(i64::MIN),
            changing: Mutex::default(),
            lost_markers: AtomicBool::new(false),
        }
    }

    pub(crate) fn window_ms(&self) -> i64 {
        self.window_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Called after the samples are in their shards, with no shard's lock held.
    pub(crate) fn widen(&self, min: i64, max: i64) {
        let _changing = self.changing.lock();
        self.min_t.fetch_min(min, Ordering::Relaxed);
        self.max_t.fetch_max(max, Ordering::Relaxed);
        self.any.store(true, Ordering::Release);
    }

    pub(crate) fn note_lost_marker(&self) {
        self.lost_markers.store(true, Ordering::Relaxed);
    }

    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        let (min, max) = (self.min_t.load(Ordering::Relaxed), self.max_t.load(Ordering::Relaxed));
        (min <= max).then_some((min, max))
    }
}

/// What a compaction of out-of-order samples takes: all that was there when it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfOrderCut {
    /// Chunks below this number.
    below: u64,
    /// Segments of the log below this one are needless once the chunks are in blocks.
    segment: Option<u64>,
    /// From the oldest to the newest late sample.
    pub range: TimeRange,
}

impl Head {
    /// Changes how far behind the newest sample an out-of-order one may be; 0 takes none. What is there stays.
    pub fn set_out_of_order_window(&self, ms: i64) {
        self.out_of_order.window_ms.store(ms.max(0), Ordering::Relaxed);
        self.exemplars.lock().set_out_of_order_window(ms);
    }

    /// Returns how far behind an out-of-order sample may be, in milliseconds; 0: none is taken.
    pub fn out_of_order_window(&self) -> i64 {
        self.out_of_order.window_ms()
    }

    /// Returns the times of the oldest and the newest out-of-order sample; `None` when there is none.
    pub fn out_of_order_range(&self) -> Option<TimeRange> {
        self.out_of_order.range().map(|(min, max)| TimeRange { min: TimestampMs(min), max: TimestampMs(max) })
    }

    /// Returns the log of out-of-order samples.
    pub fn late_log(&self) -> &Log {
        &self.late_log
    }

    /// Makes the log of out-of-order samples needless if its replay met markers of chunks that are not there: their places
    /// will be given to other chunks, and a later replay would believe them. Returns whether that was so: then all late
    /// samples are in `chunks_head` now, synced, and the log that was replayed can go.
    ///
    /// A killed Prometheus leaves such markers: its chunks wait in a buffer when they are logged already.
    pub fn settle_lost_markers(&self) -> Result<bool, ChunksHeadError> {
        let Some(files) = self.chunks_head() else { return Ok(false) };
        if !self.out_of_order.lost_markers.swap(false, Ordering::Relaxed) {
            return Ok(false);
        }
        let rules = self.rules();
        for shard in &self.shards {
            let mut shard = shard.lock();
            for (series, late) in shard.late.iter_mut() {
                late.seal(&rules, || self.out_of_order.next_number());
                for chunk in late.chunks.iter_mut().filter(|chunk| chunk.file.is_none()) {
                    let (view, bytes) = (&chunk.view, chunk.view.bytes.as_slice());
                    let new = NewChunk {
                        series,
                        range: (view.min.0, view.max.0),
                        encoding: view.encoding as u8,
                        out_of_order: true,
                        from: 0,
                        to: bytes.len() as u32,
                    };
                    let (at, written) = files.append_one(new, bytes)?;
                    let place = written.data_at as usize..written.data_at as usize + bytes.len();
                    chunk.file = Some(at.file());
                    if let Some(map) = files.maps().by_number(at.file()) {
                        chunk.view.bytes = ChunkBytes::Mapped(Arc::clone(map), place);
                    }
                }
            }
        }
        files.sync()?;
        Ok(true)
    }

    /// Begins a compaction of the out-of-order samples: all that are there become chunks. `None`: there are none.
    pub fn begin_out_of_order_cut(&self) -> Result<Option<OutOfOrderCut>, WalError> {
        let Some(range) = self.out_of_order_range() else { return Ok(None) };
        // The segment first: a sample is in memory before it is logged, so what earlier segments hold is sealed now.
        let segment = self.late_log.wal().map(Wal::next_segment).transpose()?;
        let rules = self.rules();
        for shard in &self.shards {
            for (_, late) in shard.lock().late.iter_mut() {
                late.seal(&rules, || self.out_of_order.next_number());
            }
        }
        Ok(Some(OutOfOrderCut { below: self.out_of_order.next.load(Ordering::Relaxed), segment, range }))
    }

    /// Adds the chunks of a series that `cut` takes and that overlap the range.
    pub(crate) fn late_chunks(
        &self,
        cut: &OutOfOrderCut,
        series: SeriesRef,
        range: TimeRange,
        out: &mut Vec<ChunkView>,
    ) {
        let Some(place) = self.place_of(series) else { return };
        let shard = self.shards[place.shard as usize].lock();
        let Some(late) = shard.late.get(series) else { return };
        let taken = late.chunks.iter().filter(|c| c.number < cut.below).map(|c| &c.view);
        out.extend(taken.filter(|v| TimeRange { min: v.min, max: v.max }.overlaps(range)).cloned());
    }

    /// Returns where the ranges of `size_ms` begin that the chunks of `cut` touch, ascending.
    pub fn out_of_order_blocks(&self, cut: &OutOfOrderCut, size_ms: i64) -> Vec<i64> {
        let mut starts = BTreeSet::new();
        for shard in &self.shards {
            for (_, late) in shard.lock().late.iter_mut() {
                for view in late.chunks.iter().filter(|c| c.number < cut.below).map(|c| &c.view) {
                    let mut start = view.min.0.div_euclid(size_ms).saturating_mul(size_ms);
                    while start <= view.max.0 {
                        starts.insert(start);
                        start = start.saturating_add(size_ms);
                    }
                }
            }
        }
        starts.into_iter().collect()
    }

    /// Ends a compaction whose blocks are in force: its chunks and its part of the log go. Series that have nothing else go
    /// with the next truncation. Returns how many chunks went.
    pub fn end_out_of_order_cut(&self, cut: &OutOfOrderCut) -> Result<usize, WalError> {
        // A query that began before the blocks were in force finds its samples here.
        self.visibility.wait_for_readers(cut.range.max.0.saturating_add(1), self.options.reader_patience);
        let mut dropped = 0;
        // Who comes meanwhile widens the range when it is narrowed.
        let changing = self.out_of_order.changing.lock();
        let (mut min_t, mut max_t) = (i64::MAX, i64::MIN);
        for shard in &self.shards {
            let mut shard = shard.lock();
            dropped += shard.late.drop_below(cut.below);
            for (_, late) in shard.late.iter_mut() {
                late.each_range(|min, max| {
                    min_t = min_t.min(min);
                    max_t = max_t.max(max);
                });
            }
        }
        self.out_of_order.min_t.store(min_t, Ordering::Relaxed);
        self.out_of_order.max_t.store(max_t, Ordering::Relaxed);
        drop(changing);
        count(&self.counts.chunks_removed, dropped as u64);
        if let (Some(wal), Some(segment)) = (self.late_log.wal(), cut.segment) {
            wal.truncate(segment)?;
        }
        Ok(dropped)
    }

    /// Takes a late sample from the log of late samples.
    pub(crate) fn replay_late(&self, series: SeriesRef, sample: LateSample) -> bool {
        let Some(place) = self.place_of(series) else { return false };
        let t = sample.t;
        let mut shard = self.shards[place.shard as usize].lock();
        if shard.series(place.slot, series).is_none() {
            return false;
        }
        let cap = usize::from(self.options.out_of_order_cap.max(1));
        let inserted = shard.late.of(series).insert(sample, cap, &self.rules(), || self.out_of_order.next_number());
        drop(shard);
        if inserted != Inserted::Duplicate {
            self.out_of_order.widen(t, t);
        }
        true
    }
}
