//! Out-of-order samples of a shard's series: gathered sorted, and encoded as a chunk when there are enough.
//!
//! In-order and late chunks of a series may overlap; readers merge them. Upstream's rules: `tsdb/ooo_head.go` (3.14).

use firesteel_base::{FastHashMap, FastHashSet, TimeRange};
use firesteel_model::SeriesRef;
use firesteel_storage::HistogramValue;

use super::chunks_head::MappedEntry;
use super::late_codec::{EncodedLate, decode, encode, times};
use super::sealed::{Chain, ChunkBytesAt, SealedChunk, SealedChunks};
use super::shard::ChunkRules;

/// A sample on its way into an out-of-order chunk.
#[derive(Clone, Debug)]
pub(crate) struct LateSample {
    pub(crate) t: i64,
    /// When counting began; 0 = not known.
    pub(crate) start: i64,
    pub(crate) value: LateValue,
}

#[derive(Clone, Debug)]
pub(crate) enum LateValue {
    Float(f64),
    Histogram(HistogramValue),
}

impl LateSample {
    pub(crate) fn float(&self) -> Option<f64> {
        match self.value {
            LateValue::Float(v) => Some(v),
            LateValue::Histogram(_) => None,
        }
    }
}

/// The late samples of one series.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// Sorted by time, each time once.
    open: Vec<LateSample>,
    chunks: Chain,
    /// The chain as it was when the last cut began: what that takes.
    cut: Chain,
}

/// What became of a late sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Inserted {
    Added,
    /// As `Added`, and a chunk began with it.
    NewChunk,
    /// The open chunk has a sample of that time.
    Duplicate,
}

/// The late samples of a shard.
#[derive(Debug, Default)]
pub(crate) struct LateSeries {
    of: FastHashMap<SeriesRef, Late>,
    pub(crate) sealed: SealedChunks,
}

impl LateSeries {
    /// Returns whether a series has any.
    pub(crate) fn has(&self, series: SeriesRef) -> bool {
        !self.of.is_empty() && self.of.contains_key(&series)
    }

    pub(crate) fn get(&self, series: SeriesRef) -> Option<&Late> {
        if self.of.is_empty() { None } else { self.of.get(&series) }
    }

    /// Adds a sample; `cap` of them complete a chunk.
    pub(crate) fn insert(&mut self, series: SeriesRef, sample: LateSample, cap: usize, rules: &ChunkRules) -> Inserted {
        let Self { of, sealed } = self;
        let late = of.entry(series).or_default();
        let began = late.open.is_empty() || late.open.len() >= cap;
        if late.open.len() >= cap {
            late.seal(series, sealed, rules);
        }
        let open = &mut late.open;
        let at = match open.last() {
            Some(last) if last.t >= sample.t => open.partition_point(|s| s.t < sample.t),
            _ => open.len(),
        };
        if open.get(at).is_some_and(|s| s.t == sample.t) {
            return Inserted::Duplicate;
        }
        if open.capacity() == open.len() {
            open.reserve_exact((open.len() * 2).clamp(4, cap.max(4)) - open.len());
        }
        open.insert(at, sample);
        if began { Inserted::NewChunk } else { Inserted::Added }
    }

    /// Gives a series a chunk that lies in a file.
    pub(crate) fn attach(&mut self, series: SeriesRef, entry: &MappedEntry) {
        let late = self.of.entry(series).or_default();
        late.chunks = self.sealed.push_mapped(late.chunks, entry);
    }

    /// Takes the samples of a chunk that lies in a file out of those in memory: the log had them before it named the chunk.
    /// Each goes once, of several with one time the one that came first.
    pub(crate) fn forget(&mut self, series: SeriesRef, chunk: &EncodedLate<'_>, cap: usize, rules: &ChunkRules) {
        let Self { of, sealed } = self;
        let Some(late) = of.get_mut(&series) else { return };
        // A replay makes the same chunks again.
        let is_same = |sealed: &SealedChunks, c: &SealedChunk| {
            (c.min_t, c.max_t, c.encoding()) == (chunk.range.0, chunk.range.1, chunk.encoding)
                && matches!(sealed.bytes(c), ChunkBytesAt::Memory(bytes) if bytes == chunk.bytes)
        };
        let (chunks, removed) = sealed.remove_where(late.chunks, is_same);
        late.chunks = chunks;
        if removed > 0 {
            return;
        }
        let mut gone = FastHashSet::default();
        let read = times(chunk.encoding, chunk.samples, chunk.bytes, |t| _ = gone.insert(t));
        if read.is_err() {
            // Its checksum holds, so its writer made it so. The samples stay beside it.
            return;
        }
        let mut kept = Vec::new();
        late.each_in_memory(sealed, 0, |sample| kept.push(sample));
        if kept.len() == late.open.len() {
            late.open.retain(|sample| !gone.remove(&sample.t));
            return;
        }
        kept.retain(|sample| !gone.remove(&sample.t));
        late.open.clear();
        let in_memory = |sealed: &SealedChunks, c: &SealedChunk| matches!(sealed.bytes(c), ChunkBytesAt::Memory(_));
        (late.chunks, _) = sealed.remove_where(late.chunks, in_memory);
        for sample in kept {
            self.insert(series, sample, cap, rules);
        }
    }

    /// Calls `each` with the samples of a series that are in memory, but for its `passed` oldest chunks there.
    pub(crate) fn each_in_memory(&self, series: SeriesRef, passed: usize, each: impl FnMut(LateSample)) {
        if let Some(late) = self.get(series) {
            late.each_in_memory(&self.sealed, passed, each);
        }
    }

    /// Begins a cut: all samples become chunks. Returns from the oldest to the newest sample that it takes.
    pub(crate) fn begin_cut(&mut self, rules: &ChunkRules) -> Option<(i64, i64)> {
        let Self { of, sealed } = self;
        let mut range: Option<(i64, i64)> = None;
        for (series, late) in of.iter_mut() {
            late.seal(*series, sealed, rules);
            late.open = Vec::new();
            late.cut = late.chunks;
            for chunk in sealed.newest_first(late.cut) {
                range = Some(
                    range.map_or((chunk.min_t, chunk.max_t), |(min, max)| (min.min(chunk.min_t), max.max(chunk.max_t))),
                );
            }
        }
        range
    }

    /// Drops what the last cut took, and the series left without any; returns how many chunks went.
    pub(crate) fn end_cut(&mut self) -> usize {
        let Self { of, sealed } = self;
        let mut dropped = 0;
        of.retain(|_, late| {
            let (chunks, n) = sealed.drop_from(late.chunks, std::mem::take(&mut late.cut));
            late.chunks = chunks;
            dropped += n;
            !late.is_empty()
        });
        if of.capacity() > 4 * of.len() + 64 {
            of.shrink_to(2 * of.len());
        }
        dropped
    }

    /// Calls `each` with the ends of each chunk that the last cut takes.
    pub(crate) fn each_cut_range(&self, mut each: impl FnMut(i64, i64)) {
        for late in self.of.values() {
            self.sealed.newest_first(late.cut).for_each(|chunk| each(chunk.min_t, chunk.max_t));
        }
    }

    /// Calls `each` with the ends of each of the series' chunks.
    pub(crate) fn each_range(&self, late: &Late, mut each: impl FnMut(i64, i64)) {
        self.sealed.newest_first(late.chunks).for_each(|chunk| each(chunk.min_t, chunk.max_t));
        if let (Some(first), Some(last)) = (late.open.first(), late.open.last()) {
            each(first.t, last.t);
        }
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = (SeriesRef, &Late)> {
        self.of.iter().map(|(series, late)| (*series, late))
    }

    pub(crate) fn n_chunks(&self) -> usize {
        self.sealed.len() + self.of.values().filter(|late| !late.open.is_empty()).count()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let open: usize = self.of.values().map(|late| late.open.capacity() * size_of::<LateSample>()).sum();
        self.of.capacity() * (size_of::<(SeriesRef, Late)>() + 1) + open + self.sealed.heap_bytes()
    }
}

impl Late {
    pub(crate) fn chunks(&self) -> Chain {
        self.chunks
    }

    /// Returns the chunks that the last cut takes.
    pub(crate) fn cut(&self) -> Chain {
        self.cut
    }

    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.chunks.is_empty()
    }

    /// Encodes what is gathered, if it overlaps the range.
    pub(crate) fn encode_open(&self, range: TimeRange, rules: &ChunkRules, each: impl FnMut(EncodedLate<'_>)) {
        if let (Some(first), Some(last)) = (self.open.first(), self.open.last())
            && first.t <= range.max.0
            && range.min.0 <= last.t
        {
            encode(&self.open, rules, each);
        }
    }

    fn seal(&mut self, series: SeriesRef, sealed: &mut SealedChunks, rules: &ChunkRules) {
        let Self { open, chunks, .. } = self;
        encode(open, rules, |chunk| {
            *chunks = sealed.push(series, *chunks, chunk.range, chunk.samples, chunk.encoding, chunk.bytes);
        });
        open.clear();
    }

    fn each_in_memory(&self, sealed: &SealedChunks, passed: usize, mut each: impl FnMut(LateSample)) {
        let mut chunks: Vec<(&SealedChunk, &[u8])> = Vec::new();
        for chunk in sealed.newest_first(self.chunks) {
            if let ChunkBytesAt::Memory(bytes) = sealed.bytes(chunk) {
                chunks.push((chunk, bytes));
            }
        }
        for (chunk, bytes) in chunks.into_iter().rev().skip(passed) {
            let read = decode(chunk.encoding(), chunk.samples, bytes, &mut each);
            debug_assert!(read.is_ok(), "{read:?} of a chunk that was encoded here");
        }
        self.open.iter().cloned().for_each(each);
    }
}
