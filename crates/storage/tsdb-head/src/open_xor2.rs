//! Open XOR2 chunks, beside the float columns: only heads that were told to write them have any, and pay for them.
//!
//! When chunks end is upstream's (`tsdb/head_append.go`, `appendPreprocessor`, 3.14), the same as for XOR.

use firesteel_base::{FastHashMap, TimestampMs};
use firesteel_model::{SeriesRef, is_stale_nan};
use firesteel_storage::chunkenc::{CUT_CHUNK_ABOVE_BYTES, Xor2Appender};
use firesteel_storage::{AppendError, Encoding};

use super::series::Slot;
use super::shard::{Appended, ChunkRules, Shard, even_end, range_end};
use super::snapshot_load::KeptChunk;
use super::visibility::Extent;

/// A series' open XOR2 chunk.
#[derive(Debug)]
pub(crate) struct OpenXor2 {
    pub(crate) min_t: i64,
    next_at: i64,
    chunk: Xor2Appender,
    /// The newest sample, staleness markers included.
    last_v: f64,
}

impl OpenXor2 {
    fn begin(start: i64, t: i64, v: f64, rules: &ChunkRules) -> Self {
        let mut chunk = Xor2Appender::new();
        let fits = chunk.append(TimestampMs(start), TimestampMs(t), v);
        debug_assert!(fits.is_ok(), "a first sample always fits");
        Self { min_t: t, next_at: range_end(t, rules.range_ms), chunk, last_v: v }
    }

    pub(crate) fn last_t(&self) -> i64 {
        self.chunk.last_t().0
    }

    pub(crate) fn last_v(&self) -> f64 {
        self.last_v
    }

    pub(crate) fn samples(&self) -> u16 {
        self.chunk.samples()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.chunk.bytes()
    }

    /// Returns the time at which the chunk ends at the latest.
    pub(crate) fn next_at(&self) -> i64 {
        self.next_at
    }

    fn is_stale(&self) -> bool {
        is_stale_nan(self.last_v)
    }

    /// Returns whether a sample can follow: `Ok(false)` when it is the very same again.
    pub(crate) fn follows(&self, t: i64, v: f64) -> Result<bool, AppendError> {
        match t.cmp(&self.last_t()) {
            std::cmp::Ordering::Greater => Ok(true),
            std::cmp::Ordering::Less => Err(AppendError::OutOfOrder),
            std::cmp::Ordering::Equal if v.to_bits() == self.last_v.to_bits() => Ok(false),
            std::cmp::Ordering::Equal => Err(AppendError::Duplicate),
        }
    }

    fn ends_before(&mut self, t: i64, rules: &ChunkRules) -> bool {
        let samples = self.chunk.samples();
        if samples == rules.samples / 4 {
            self.next_at = even_end(self.min_t, self.last_t(), self.next_at, 4.0);
        }
        t >= self.next_at
            || u32::from(samples) >= u32::from(rules.samples) * 2
            || self.chunk.bytes().len() > CUT_CHUNK_ABOVE_BYTES
    }
}

/// The open XOR2 chunks of a shard.
#[derive(Debug, Default)]
pub(crate) struct Xor2Series(FastHashMap<SeriesRef, Box<OpenXor2>>);

impl Xor2Series {
    pub(crate) fn get(&self, series: SeriesRef) -> Option<&OpenXor2> {
        self.0.get(&series).map(|open| &**open)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let of_one = |open: &OpenXor2| size_of::<OpenXor2>() + open.chunk.heap_bytes();
        self.0.capacity() * 17 + self.0.values().map(|open| of_one(open)).sum::<usize>()
    }
}

impl Shard {
    /// Returns the open XOR2 chunk, if that is what the series has.
    #[inline]
    pub(crate) fn open_xor2(&self, slot: Slot) -> Option<&OpenXor2> {
        let hot = self.hot(slot);
        if hot.is_xor2() { self.xor2.get(hot.series()) } else { None }
    }

    /// Returns the series' newest float, if its newest sample is one.
    pub(crate) fn last_float(&self, slot: Slot) -> Option<f64> {
        let hot = self.hot(slot);
        hot.open().map(|_| hot.xor.last_value()).or_else(|| self.open_xor2(slot).map(OpenXor2::last_v))
    }

    /// Appends a float with its start timestamp (0 = none) to the series' XOR2 chunk, or to one that begins with it.
    pub(super) fn append_xor2(
        &mut self,
        slot: Slot,
        (start, t): (i64, i64),
        v: f64,
        rules: &ChunkRules,
    ) -> Result<Appended, AppendError> {
        let hot = &self.hot[slot.0 as usize];
        let (series, chunk_id) = (hot.series(), hot.chunk_id);
        let Some(open) = self.xor2.0.get_mut(&series) else { return Err(AppendError::InvalidSample) };
        if !open.follows(t, v)? {
            return Ok(Appended::Same);
        }
        let before = Extent { chunk_id, samples: open.samples() };
        let was_stale = open.is_stale();
        if open.ends_before(t, rules) {
            self.stale -= usize::from(was_stale);
            self.seal_xor2(slot);
            if rules.xor2 {
                self.begin_xor2(slot, (start, t), v, rules);
                return Ok(Appended::NewChunk(before));
            }
            return self.append(slot, (start, t), v, rules).map(|_| Appended::NewChunk(before));
        }
        if open.chunk.append(TimestampMs(start), TimestampMs(t), v).is_err() {
            // A chunk ends long before it is full.
            return Err(AppendError::InvalidSample);
        }
        open.last_v = v;
        self.stale = self.stale + usize::from(is_stale_nan(v)) - usize::from(was_stale);
        Ok(Appended::After(before))
    }

    /// Begins an XOR2 chunk; the series has no open one of any kind.
    #[cold]
    pub(super) fn begin_xor2(&mut self, slot: Slot, (start, t): (i64, i64), v: f64, rules: &ChunkRules) {
        self.set_xor2(slot, OpenXor2::begin(start, t, v, rules));
    }

    fn set_xor2(&mut self, slot: Slot, open: OpenXor2) {
        self.stale += usize::from(open.is_stale());
        let hot = &mut self.hot[slot.0 as usize];
        hot.set_xor2(true);
        self.xor2.0.insert(hot.series(), Box::new(open));
    }

    /// Ends the open XOR2 chunk, if there is one. The count of stale series is the caller's.
    #[cold]
    pub(super) fn seal_xor2(&mut self, slot: Slot) {
        let hot = &mut self.hot[slot.0 as usize];
        let series = hot.series();
        hot.set_xor2(false);
        let Some(open) = self.xor2.0.remove(&series) else { return };
        let cold = &mut self.cold[slot.0 as usize];
        let range = (open.min_t, open.last_t());
        cold.sealed = self.sealed.push(series, cold.sealed, range, open.samples(), Encoding::Xor2, open.bytes());
        self.hot[slot.0 as usize].chunk_id += 1;
    }

    /// Drops the open XOR2 chunk of a series that goes, if it ends before `min_t`.
    pub(super) fn drop_xor2(&mut self, series: SeriesRef, min_t: i64) -> bool {
        if self.xor2.get(series).is_none_or(|open| open.last_t() >= min_t) {
            return false;
        }
        if let Some(open) = self.xor2.0.remove(&series) {
            self.stale -= usize::from(open.is_stale());
        }
        true
    }

    /// Opens a chunk of a snapshot again; false if it is none that can be.
    pub(super) fn restore_xor2(&mut self, slot: Slot, kept: &KeptChunk<'_>, next_at: i64) -> bool {
        let Ok((chunk, last_v)) = Xor2Appender::resume_with_last(kept.data) else { return false };
        if chunk.samples() == 0 {
            return false;
        }
        self.set_xor2(slot, OpenXor2 { min_t: kept.range.0, next_at, chunk, last_v });
        true
    }
}
