//! The head's side of out-of-order samples: the window, the log of their own, and what compaction takes away.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_tsdb_wal::{Wal, WalError};
use parking_lot::Mutex;

use super::log::Log;
use super::{Head, count};

/// What the shards share about late samples.
#[derive(Debug)]
pub(crate) struct OutOfOrder {
    window_ms: AtomicI64,
    min_t: AtomicI64,
    max_t: AtomicI64,
    /// Held while the two are changed.
    changing: Mutex<()>,
    /// The log has markers of chunks that are not there.
    lost_markers: AtomicBool,
    /// A compaction of late samples is under way.
    cutting: AtomicBool,
    /// Segments of the log below this one are needless.
    log_from: AtomicU64,
}

impl OutOfOrder {
    pub(crate) fn new(window_ms: i64) -> Self {
        Self {
            window_ms: AtomicI64::new(window_ms.max(0)),
            min_t: AtomicI64::new(i64::MAX),
            max_t: AtomicI64::new(i64::MIN),
            changing: Mutex::default(),
            lost_markers: AtomicBool::new(false),
            cutting: AtomicBool::new(false),
            log_from: AtomicU64::new(0),
        }
    }

    pub(crate) fn window_ms(&self) -> i64 {
        self.window_ms.load(Ordering::Relaxed)
    }

    /// Called after the samples are in their shards, with no shard's lock held.
    pub(crate) fn widen(&self, min: i64, max: i64) {
        let _changing = self.changing.lock();
        self.min_t.fetch_min(min, Ordering::Relaxed);
        self.max_t.fetch_max(max, Ordering::Relaxed);
    }

    pub(crate) fn note_lost_marker(&self) {
        self.lost_markers.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_lost_markers(&self) -> bool {
        self.lost_markers.load(Ordering::Relaxed)
    }

    pub(crate) fn settled(&self) {
        self.lost_markers.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_being_cut(&self) -> bool {
        self.cutting.load(Ordering::Acquire)
    }

    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        let (min, max) = (self.min_t.load(Ordering::Relaxed), self.max_t.load(Ordering::Relaxed));
        (min <= max).then_some((min, max))
    }
}

/// What a compaction of out-of-order samples takes: all that was there when it began. One at a time: the next one takes this
/// one's as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfOrderCut {
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

    /// Returns how many out-of-order samples of a series make a chunk.
    pub(crate) fn late_cap(&self) -> usize {
        usize::from(self.options.out_of_order_cap.max(1))
    }

    /// Returns the log of out-of-order samples.
    pub fn late_log(&self) -> &Log {
        &self.late_log
    }

    /// Begins a compaction of the out-of-order samples: all that are there become chunks, and none is mapped until it ends.
    /// `None`: there are none.
    pub fn begin_out_of_order_cut(&self) -> Result<Option<OutOfOrderCut>, WalError> {
        if self.out_of_order_range().is_none() {
            return Ok(None);
        }
        let _upkeep = self.upkeep.lock();
        // The segment first: a sample is in memory before it is logged, so what earlier segments hold is sealed now.
        // What waits to be written would come behind it.
        let next = |wal: &Wal| wal.write_kept().and_then(|()| wal.next_segment());
        let segment = self.late_log.wal().map(next).transpose()?;
        let rules = self.rules();
        let mut range: Option<(i64, i64)> = None;
        for shard in &self.shards {
            if let Some((min, max)) = shard.lock().late.begin_cut(&rules) {
                range = Some(range.map_or((min, max), |r| (r.0.min(min), r.1.max(max))));
            }
        }
        let Some((min, max)) = range else { return Ok(None) };
        self.out_of_order.cutting.store(true, Ordering::Release);
        Ok(Some(OutOfOrderCut { segment, range: TimeRange { min: TimestampMs(min), max: TimestampMs(max) } }))
    }

    /// Returns where the ranges of `size_ms` begin that the chunks of the cut touch, ascending.
    pub fn out_of_order_blocks(&self, _cut: &OutOfOrderCut, size_ms: i64) -> Vec<i64> {
        let mut starts = BTreeSet::new();
        for shard in &self.shards {
            shard.lock().late.each_cut_range(|min, max| {
                let mut start = min.div_euclid(size_ms).saturating_mul(size_ms);
                while start <= max {
                    starts.insert(start);
                    start = start.saturating_add(size_ms);
                }
            });
        }
        starts.into_iter().collect()
    }

    /// Gives up a compaction: what it took stays, and is mapped again.
    pub fn cancel_out_of_order_cut(&self, _cut: &OutOfOrderCut) {
        self.out_of_order.cutting.store(false, Ordering::Release);
    }

    /// Ends a compaction whose blocks are in force: its chunks, its part of the log and the files that nobody needs any more
    /// go. Series that have nothing else go with the next truncation. Returns how many chunks went.
    pub fn end_out_of_order_cut(&self, cut: &OutOfOrderCut) -> Result<usize, WalError> {
        // A query that began before the blocks were in force finds its samples here.
        self.visibility.wait_for_readers(cut.range.max.0.saturating_add(1), self.options.reader_patience);
        let _upkeep = self.upkeep.lock();
        let mut dropped = 0;
        // Who comes meanwhile widens the range when it is narrowed.
        let changing = self.out_of_order.changing.lock();
        let (mut min_t, mut max_t) = (i64::MAX, i64::MIN);
        for shard in &self.shards {
            let mut shard = shard.lock();
            dropped += shard.late.end_cut();
            for (_, late) in shard.late.series() {
                shard.late.each_range(late, |min, max| {
                    min_t = min_t.min(min);
                    max_t = max_t.max(max);
                });
            }
        }
        self.out_of_order.min_t.store(min_t, Ordering::Relaxed);
        self.out_of_order.max_t.store(max_t, Ordering::Relaxed);
        drop(changing);
        count(&self.counts.chunks_removed, dropped as u64);
        self.waiting_bytes_anew();
        self.out_of_order.cutting.store(false, Ordering::Release);
        if let Some(segment) = cut.segment {
            self.out_of_order.log_from.fetch_max(segment, Ordering::Relaxed);
        }
        // The log before the files: what it still names it has.
        self.trim_late_log()?;
        self.drop_needless_files();
        Ok(dropped)
    }

    /// Removes what blocks hold from the log of out-of-order samples, if that failed before.
    pub fn trim_late_log(&self) -> Result<(), WalError> {
        let from = self.out_of_order.log_from.load(Ordering::Relaxed);
        match self.late_log.wal() {
            Some(wal) if from > 0 => wal.truncate(from),
            _ => Ok(()),
        }
    }
}
