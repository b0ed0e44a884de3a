//! The open histogram chunks of a shard's series, beside the float columns: only series whose newest sample is a histogram
//! have one, and pay for it.
//!
//! When chunks end is upstream's (`tsdb/head_append.go`, `histogramsAppendPreprocessor`, 3.14).

use firesteel_base::{FastHashMap, TimestampMs};
use firesteel_model::{FloatHistogram, Histogram, SeriesRef};
use firesteel_storage::chunkenc::{Appended, ChunkFull, FloatHistogramAppender, HistogramAppender};
use firesteel_storage::{Encoding, HistogramValue};

use super::shard::{ChunkRules, even_end, range_end};

/// Upstream's target for a histogram chunk, and the samples that it has at least unless its time ends.
const TARGET_BYTES: usize = 1024;
const SAMPLES_MIN: u16 = 10;

/// A series' open chunk of either kind of histograms.
#[derive(Debug)]
pub(crate) struct OpenHistograms {
    pub(crate) min_t: i64,
    next_at: i64,
    end_is_computed: bool,
    chunk: Chunk,
    /// The newest sample: what the same time may come with again.
    pub(crate) last: HistogramValue,
}

/// An open chunk of either kind.
#[derive(Debug)]
pub(crate) enum Chunk {
    Int(HistogramAppender),
    Float(FloatHistogramAppender),
}

/// A complete chunk, to be sealed.
pub(crate) struct Complete {
    pub(crate) range: (i64, i64),
    chunk: Chunk,
}

impl Complete {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.chunk.bytes()
    }

    pub(crate) fn samples(&self) -> u16 {
        self.chunk.samples()
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.chunk.encoding()
    }
}

impl Chunk {
    pub(crate) fn new(of: &HistogramValue, with_starts: bool) -> Self {
        match of {
            HistogramValue::Int(_) => Self::Int(HistogramAppender::new(with_starts)),
            HistogramValue::Float(_) => Self::Float(FloatHistogramAppender::new(with_starts)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Int(chunk) => chunk.bytes(),
            Self::Float(chunk) => chunk.bytes(),
        }
    }

    pub(crate) fn samples(&self) -> u16 {
        match self {
            Self::Int(chunk) => chunk.samples(),
            Self::Float(chunk) => chunk.samples(),
        }
    }

    pub(crate) fn last_t(&self) -> i64 {
        match self {
            Self::Int(chunk) => chunk.last_t().0,
            Self::Float(chunk) => chunk.last_t().0,
        }
    }

    pub(crate) fn has_starts(&self) -> bool {
        match self {
            Self::Int(chunk) => chunk.has_starts(),
            Self::Float(chunk) => chunk.has_starts(),
        }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        match (self, self.has_starts()) {
            (Self::Int(_), false) => Encoding::Histogram,
            (Self::Int(_), true) => Encoding::HistogramSt,
            (Self::Float(_), false) => Encoding::FloatHistogram,
            (Self::Float(_), true) => Encoding::FloatHistogramSt,
        }
    }

    pub(crate) fn is_of(&self, value: &HistogramValue, with_starts: bool) -> bool {
        self.has_starts() == with_starts
            && matches!(
                (self, value),
                (Self::Int(_), HistogramValue::Int(_)) | (Self::Float(_), HistogramValue::Float(_))
            )
    }

    /// Appends a sample; returns the chunk that begins with it when this one is complete.
    pub(crate) fn append(
        &mut self,
        before: Option<&Self>,
        start: i64,
        t: i64,
        value: &HistogramValue,
    ) -> Result<Option<Self>, ChunkFull> {
        let (start, t) = (TimestampMs(start), TimestampMs(t));
        match (self, value) {
            (Self::Int(chunk), HistogramValue::Int(h)) => {
                let before = match before {
                    Some(Self::Int(before)) => Some(before),
                    _ => None,
                };
                Ok(match chunk.append(before, start, t, h)? {
                    Appended::InPlace | Appended::Recoded => None,
                    Appended::Cut(new) => Some(Self::Int(*new)),
                })
            }
            (Self::Float(chunk), HistogramValue::Float(h)) => {
                let before = match before {
                    Some(Self::Float(before)) => Some(before),
                    _ => None,
                };
                Ok(match chunk.append(before, start, t, h)? {
                    Appended::InPlace | Appended::Recoded => None,
                    Appended::Cut(new) => Some(Self::Float(*new)),
                })
            }
            // The caller begins a new chunk for another kind.
            _ => Err(ChunkFull::Samples),
        }
    }
}

/// Returns whether a histogram is a staleness marker.
pub(crate) fn is_stale(value: &HistogramValue) -> bool {
    match value {
        HistogramValue::Int(h) => h.is_stale(),
        HistogramValue::Float(h) => h.is_stale(),
    }
}

/// Returns a staleness marker of the same kind.
pub(crate) fn stale_like(value: &HistogramValue) -> HistogramValue {
    match value {
        HistogramValue::Int(_) => HistogramValue::Int(Box::new(Histogram::stale())),
        HistogramValue::Float(_) => HistogramValue::Float(Box::new(FloatHistogram::stale())),
    }
}

/// Returns whether two histograms are the same, kind included.
pub(crate) fn same(a: &HistogramValue, b: &HistogramValue) -> bool {
    match (a, b) {
        (HistogramValue::Int(a), HistogramValue::Int(b)) => a == b,
        (HistogramValue::Float(a), HistogramValue::Float(b)) => a == b,
        _ => false,
    }
}

/// Returns how many buckets a histogram has.
pub(crate) fn buckets(value: &HistogramValue) -> usize {
    match value {
        HistogramValue::Int(h) => h.positive_buckets.len() + h.negative_buckets.len(),
        HistogramValue::Float(h) => h.positive_buckets.len() + h.negative_buckets.len(),
    }
}

impl OpenHistograms {
    /// Begins a chunk; `with_starts`: with room for start timestamps.
    pub(crate) fn begin(
        start: i64,
        t: i64,
        value: &HistogramValue,
        with_starts: bool,
        rules: &ChunkRules,
    ) -> Result<Self, ChunkFull> {
        let mut chunk = Chunk::new(value, with_starts);
        // The first sample of a chunk always fits.
        chunk.append(None, start, t, value)?;
        let next_at = range_end(t, rules.range_ms);
        Ok(Self { min_t: t, next_at, end_is_computed: false, chunk, last: value.clone() })
    }

    /// Appends a sample that is newer than the last; returns the chunk that it completes, if it begins another one.
    pub(crate) fn append(
        &mut self,
        start: i64,
        t: i64,
        value: &HistogramValue,
        with_starts: bool,
        rules: &ChunkRules,
    ) -> Result<Option<Complete>, ChunkFull> {
        let range = (self.min_t, self.last_t());
        if !self.chunk.is_of(value, with_starts) || self.ends_before(t, rules) {
            let mut chunk = Chunk::new(value, with_starts);
            chunk.append(Some(&self.chunk), start, t, value)?;
            let old = std::mem::replace(&mut self.chunk, chunk);
            self.end_is_computed = false;
            return Ok(Some(self.began(t, value, Complete { range, chunk: old }, rules)));
        }
        let cut = self.chunk.append(None, start, t, value)?;
        let Some(new) = cut else {
            self.last = value.clone();
            return Ok(None);
        };
        // upstream: whether the end was computed stays as it was for the chunk before (head_append.go, 3.14); kept.
        let old = std::mem::replace(&mut self.chunk, new);
        Ok(Some(self.began(t, value, Complete { range, chunk: old }, rules)))
    }

    fn began(&mut self, t: i64, value: &HistogramValue, old: Complete, rules: &ChunkRules) -> Complete {
        self.min_t = t;
        self.next_at = range_end(t, rules.range_ms);
        self.last = value.clone();
        old
    }

    fn ends_before(&mut self, t: i64, rules: &ChunkRules) -> bool {
        let (bytes, samples) = (self.chunk.bytes().len(), self.samples());
        let range_ends = if self.end_is_computed { range_end(self.min_t, rules.range_ms) } else { self.next_at };
        if !self.end_is_computed && bytes >= TARGET_BYTES / 4 {
            let parts = TARGET_BYTES as f64 / bytes as f64;
            self.next_at = even_end(self.min_t, self.last_t(), self.next_at, parts);
            self.end_is_computed = true;
        }
        (t >= self.next_at || bytes >= TARGET_BYTES * 2) && (samples >= SAMPLES_MIN || t >= range_ends)
    }

    /// Ends the chunk.
    pub(crate) fn complete(self) -> Complete {
        Complete { range: (self.min_t, self.last_t()), chunk: self.chunk }
    }

    pub(crate) fn last_t(&self) -> i64 {
        self.chunk.last_t()
    }

    pub(crate) fn samples(&self) -> u16 {
        self.chunk.samples()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.chunk.bytes()
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.chunk.encoding()
    }

    pub(crate) fn is_stale(&self) -> bool {
        is_stale(&self.last)
    }

    fn heap_bytes(&self) -> usize {
        // The chunk's bytes, and about as much again for its layout and running values as the last histogram takes.
        size_of::<Self>() + self.chunk.bytes().len() + 5 * 8 * buckets(&self.last)
    }
}

/// The open histogram chunks of a shard.
#[derive(Debug, Default)]
pub(crate) struct HistogramSeries(FastHashMap<SeriesRef, Box<OpenHistograms>>);

impl HistogramSeries {
    pub(crate) fn get(&self, series: SeriesRef) -> Option<&OpenHistograms> {
        self.0.get(&series).map(|open| &**open)
    }

    pub(crate) fn get_mut(&mut self, series: SeriesRef) -> Option<&mut OpenHistograms> {
        self.0.get_mut(&series).map(|open| &mut **open)
    }

    pub(crate) fn set(&mut self, series: SeriesRef, open: OpenHistograms) {
        self.0.insert(series, Box::new(open));
    }

    pub(crate) fn take(&mut self, series: SeriesRef) -> Option<OpenHistograms> {
        self.0.remove(&series).map(|open| *open)
    }

    /// Returns how many series there are, and how many buckets their newest samples have.
    pub(crate) fn totals(&self) -> (usize, usize) {
        (self.0.len(), self.0.values().map(|open| buckets(&open.last)).sum())
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * 17 + self.0.values().map(|open| open.heap_bytes()).sum::<usize>()
    }
}
