//! What a shard does with series whose newest samples are histograms.

use firesteel_base::TimeRange;
use firesteel_model::{SeriesRef, is_stale_nan};
use firesteel_storage::{AppendError, Encoding, HistogramValue};

use super::histograms::{Complete, OpenHistograms, same, stale_like};
use super::open_xor2::OpenXor2;
use super::series::Slot;
use super::shard::{Appended, ChunkRules, Shard};
use super::visibility::Extent;

/// An open chunk of any kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenChunk<'a> {
    pub(crate) min_t: i64,
    pub(crate) max_t: i64,
    pub(crate) encoding: Encoding,
    /// As far as it is written; the sample count in front may be of the past.
    pub(crate) bytes: &'a [u8],
}

impl Shard {
    /// Returns whether the series has out-of-order samples that may lie in the range.
    pub(crate) fn has_late(&self, slot: Slot, range: TimeRange) -> bool {
        let mut found = false;
        if let Some(late) = self.late.get(self.hot(slot).series()) {
            self.late.each_range(late, |min, max| found |= min <= range.max.0 && range.min.0 <= max);
        }
        found
    }

    /// Returns the open chunk of histograms, if that is what the series has.
    pub(crate) fn open_histograms(&self, slot: Slot) -> Option<&OpenHistograms> {
        let hot = self.hot(slot);
        if hot.is_histogram() { self.histograms.get(hot.series()) } else { None }
    }

    /// Returns the open chunk, of floats or histograms.
    pub(crate) fn open_chunk(&self, slot: Slot) -> Option<OpenChunk<'_>> {
        let hot = self.hot(slot);
        if let Some(bytes) = self.open_bytes(slot) {
            let (min_t, max_t) = (hot.min_t, hot.xor.last_t().0);
            return Some(OpenChunk { min_t, max_t, encoding: Encoding::Xor, bytes });
        }
        if let Some(open) = self.open_xor2(slot) {
            let (min_t, max_t) = (open.min_t, open.last_t());
            return Some(OpenChunk { min_t, max_t, encoding: Encoding::Xor2, bytes: open.bytes() });
        }
        let open = self.open_histograms(slot)?;
        let (min_t, max_t) = (open.min_t, open.last_t());
        Some(OpenChunk { min_t, max_t, encoding: open.encoding(), bytes: open.bytes() })
    }

    /// Returns the ends of the open chunk, of floats or histograms.
    #[inline]
    pub(crate) fn open_range(&self, slot: Slot) -> Option<(i64, i64)> {
        let hot = self.hot(slot);
        if hot.open().is_some() {
            return Some((hot.min_t, hot.xor.last_t().0));
        }
        if hot.is_xor2() {
            return self.open_xor2(slot).map(|open| (open.min_t, open.last_t()));
        }
        self.open_histograms(slot).map(|open| (open.min_t, open.last_t()))
    }

    /// Returns the value of the newest sample of an open chunk of floats.
    pub(crate) fn last_value(&self, slot: Slot) -> f64 {
        self.open_xor2(slot).map_or(self.hot(slot).xor.last_value(), OpenXor2::last_v)
    }

    /// Returns the time at which the open chunk of floats ends at the latest; of histograms it is not told.
    pub(crate) fn open_next_at(&self, slot: Slot) -> i64 {
        self.open_xor2(slot).map_or(self.hot(slot).next_at, OpenXor2::next_at)
    }

    /// Returns the number of samples of the open chunk that lies beside the float columns.
    #[cold]
    pub(crate) fn samples_beside(&self, slot: Slot) -> u16 {
        if let Some(open) = self.open_xor2(slot) {
            return open.samples();
        }
        self.open_histograms(slot).map_or(0, OpenHistograms::samples)
    }

    /// Returns whether the newest sample is a staleness marker of any kind.
    pub(crate) fn is_stale(&self, slot: Slot) -> bool {
        self.hot(slot).is_stale()
            || self.open_histograms(slot).is_some_and(OpenHistograms::is_stale)
            || self.open_xor2(slot).is_some_and(|open| is_stale_nan(open.last_v()))
    }

    /// As `HotSeries::follows`, for a series without an open XOR chunk.
    #[cold]
    pub(crate) fn float_follows(&self, slot: Slot, t: i64, v: f64) -> Result<(), AppendError> {
        if let Some(open) = self.open_xor2(slot) {
            return open.follows(t, v).map(|_| ());
        }
        if let Some(open) = self.open_histograms(slot) {
            return match t.cmp(&open.last_t()) {
                std::cmp::Ordering::Greater => Ok(()),
                std::cmp::Ordering::Equal => Err(AppendError::Duplicate),
                std::cmp::Ordering::Less => Err(AppendError::OutOfOrder),
            };
        }
        if self.newest_t(slot).is_some_and(|newest| newest >= t) { Err(AppendError::OutOfOrder) } else { Ok(()) }
    }

    /// Returns whether a histogram can follow the series' newest sample: `Ok(false)` when it is the very same again.
    pub(crate) fn histogram_follows(&self, slot: Slot, t: i64, value: &HistogramValue) -> Result<bool, AppendError> {
        let Some(newest) = self.newest_t(slot) else { return Ok(true) };
        if t > newest {
            return Ok(true);
        }
        let has_open = self.open_range(slot).is_some();
        if t < newest || !has_open {
            return Err(AppendError::OutOfOrder);
        }
        match self.open_histograms(slot) {
            Some(open) if same(&open.last, value) => Ok(false),
            _ => Err(AppendError::Duplicate),
        }
    }

    /// Makes room for a float behind histograms. A staleness marker becomes one of their kind, and is done then.
    #[cold]
    pub(crate) fn end_histograms(
        &mut self,
        slot: Slot,
        (start, t): (i64, i64),
        v: f64,
        rules: &ChunkRules,
    ) -> Result<Option<Appended>, AppendError> {
        self.float_follows(slot, t, v)?;
        let series = self.hot(slot).series();
        if is_stale_nan(v)
            && let Some(open) = self.histograms.get(series)
        {
            let marker = stale_like(&open.last);
            return self.append_histogram(slot, (start, t), &marker, rules).map(Some);
        }
        if let Some(open) = self.histograms.take(series) {
            self.stale -= usize::from(open.is_stale());
            self.seal_histograms(slot, &open.complete());
        }
        self.hot_mut(slot).set_histogram(false);
        Ok(None)
    }

    /// Appends a histogram at `t` with its start timestamp (0 = none), as [`Shard::append`] does floats.
    pub(crate) fn append_histogram(
        &mut self,
        slot: Slot,
        (start, t): (i64, i64),
        value: &HistogramValue,
        rules: &ChunkRules,
    ) -> Result<Appended, AppendError> {
        if !self.histogram_follows(slot, t, value)? {
            return Ok(Appended::Same);
        }
        let before: Extent = self.extent(slot);
        let was_stale = self.is_stale(slot);
        let series = self.hot(slot).series();
        let mut new_chunk = true;
        match self.histograms.get_mut(series).filter(|_| self.hot[slot.0 as usize].is_histogram()) {
            Some(open) => match open.append(start, t, value, rules.histogram_starts, rules) {
                Ok(None) => new_chunk = false,
                Ok(Some(complete)) => self.seal_histograms(slot, &complete),
                // A chunk ends long before it is full.
                Err(_) => return Err(AppendError::InvalidSample),
            },
            None => {
                let open = OpenHistograms::begin(start, t, value, rules.histogram_starts, rules)
                    .map_err(|_| AppendError::InvalidSample)?;
                self.seal(slot);
                self.seal_xor2(slot);
                self.histograms.set(series, open);
                self.hot_mut(slot).set_histogram(true);
            }
        }
        let is_stale = self.is_stale(slot);
        self.stale = self.stale + usize::from(is_stale) - usize::from(was_stale);
        Ok(if new_chunk { Appended::NewChunk(before) } else { Appended::After(before) })
    }

    fn seal_histograms(&mut self, slot: Slot, chunk: &Complete) {
        let series = self.hot(slot).series();
        let cold = &mut self.cold[slot.0 as usize];
        cold.sealed =
            self.sealed.push(series, cold.sealed, chunk.range, chunk.samples(), chunk.encoding(), chunk.bytes());
        self.hot_mut(slot).chunk_id += 1;
    }

    /// Drops the open chunk of histograms of a series that goes, if it ends before `min_t`.
    pub(crate) fn drop_histograms(&mut self, series: SeriesRef, min_t: i64) -> bool {
        if self.histograms.get(series).is_none_or(|open| open.last_t() >= min_t) {
            return false;
        }
        if let Some(open) = self.histograms.take(series) {
            self.stale -= usize::from(open.is_stale());
        }
        true
    }
}
