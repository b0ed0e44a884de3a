//! Out-of-order samples of a shard's series: gathered sorted, and encoded as a chunk when there are enough.
//!
//! In-order and late chunks of a series may overlap; readers merge them. Upstream's rules: `tsdb/ooo_head.go` (3.14).

use std::sync::Arc;

use firesteel_base::{FastHashMap, TimeRange, TimestampMs};
use firesteel_model::SeriesRef;
use firesteel_storage::chunkenc::{Xor2Appender, XorChunk};
use firesteel_storage::{ChunkBytes, ChunkView, Encoding, HistogramValue};

use super::histograms::Chunk;
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

/// An encoded chunk with its number, by which a compaction knows what it has taken.
#[derive(Clone, Debug)]
pub(crate) struct LateChunk {
    pub(crate) number: u64,
    /// The file of `chunks_head` that it lies in.
    pub(crate) file: Option<u32>,
    pub(crate) view: ChunkView,
}

/// The late samples of one series.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// Sorted by time, each time once.
    open: Vec<LateSample>,
    pub(crate) chunks: Vec<LateChunk>,
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

impl Late {
    /// Adds a sample; `next_number` numbers the chunk that it may complete.
    pub(crate) fn insert(
        &mut self,
        sample: LateSample,
        cap: usize,
        rules: &ChunkRules,
        next_number: impl FnOnce() -> u64,
    ) -> Inserted {
        let began = self.open.is_empty() || self.open.len() >= cap;
        if self.open.len() >= cap {
            self.seal(rules, next_number);
        }
        let at = match self.open.last() {
            Some(last) if last.t >= sample.t => self.open.partition_point(|s| s.t < sample.t),
            _ => self.open.len(),
        };
        if self.open.get(at).is_some_and(|s| s.t == sample.t) {
            return Inserted::Duplicate;
        }
        if self.open.capacity() == self.open.len() {
            self.open.reserve_exact((self.open.len() * 2).clamp(4, cap.max(4)) - self.open.len());
        }
        self.open.insert(at, sample);
        if began { Inserted::NewChunk } else { Inserted::Added }
    }

    /// Encodes what is gathered.
    pub(crate) fn seal(&mut self, rules: &ChunkRules, next_number: impl FnOnce() -> u64) {
        if self.open.is_empty() {
            return;
        }
        let number = next_number();
        encode(&self.open, rules, |view| self.chunks.push(LateChunk { number, file: None, view }));
        self.open.clear();
    }

    /// Forgets what is gathered: it is in a chunk on disk.
    pub(crate) fn drop_open(&mut self) {
        self.open.clear();
    }

    /// Adds the chunks that overlap the range.
    pub(crate) fn views(&self, range: TimeRange, rules: &ChunkRules, out: &mut Vec<ChunkView>) {
        let fits = |min: TimestampMs, max: TimestampMs| TimeRange { min, max }.overlaps(range);
        out.extend(self.chunks.iter().map(|c| &c.view).filter(|v| fits(v.min, v.max)).cloned());
        if let (Some(first), Some(last)) = (self.open.first(), self.open.last())
            && fits(TimestampMs(first.t), TimestampMs(last.t))
        {
            encode(&self.open, rules, |view| out.push(view));
        }
    }

    /// Calls `each` with the ends of each chunk.
    pub(crate) fn each_range(&self, mut each: impl FnMut(i64, i64)) {
        self.chunks.iter().for_each(|c| each(c.view.min.0, c.view.max.0));
        if let (Some(first), Some(last)) = (self.open.first(), self.open.last()) {
            each(first.t, last.t);
        }
    }

    /// Drops the chunks numbered below `number`; returns how many.
    pub(crate) fn drop_below(&mut self, number: u64) -> usize {
        let before = self.chunks.len();
        self.chunks.retain(|c| c.number >= number);
        before - self.chunks.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.chunks.is_empty()
    }

    pub(crate) fn n_chunks(&self) -> usize {
        self.chunks.len() + usize::from(!self.open.is_empty())
    }

    fn heap_bytes(&self) -> usize {
        self.open.capacity() * size_of::<LateSample>()
            + self.chunks.iter().map(|c| size_of::<LateChunk>() + c.view.bytes.as_slice().len()).sum::<usize>()
    }
}

/// Encodes samples as chunks, one for each run of one kind; histograms may need more.
fn encode(samples: &[LateSample], rules: &ChunkRules, mut each: impl FnMut(ChunkView)) {
    let starts = rules.histogram_starts;
    let mut done = |min: i64, max: i64, encoding: Encoding, samples: u16, bytes: &[u8]| {
        let bytes = ChunkBytes::Copied(Arc::from(bytes), 0..bytes.len());
        let (min, max) = (TimestampMs(min), TimestampMs(max));
        each(ChunkView { min, max, encoding, samples: u32::from(samples), bytes });
    };
    let mut rest = samples;
    while let Some(first) = rest.first() {
        let kind = std::mem::discriminant(&first.value);
        let n = rest.iter().take_while(|s| std::mem::discriminant(&s.value) == kind).count();
        let (run, behind) = rest.split_at(n);
        rest = behind;
        if let (LateValue::Float(_), true) = (&first.value, rules.xor2) {
            let mut chunk = Xor2Appender::new();
            for sample in run {
                let LateValue::Float(v) = sample.value else { continue };
                let fits = chunk.append(TimestampMs(sample.start), TimestampMs(sample.t), v);
                debug_assert!(fits.is_ok(), "{fits:?}");
            }
            done(first.t, chunk.last_t().0, Encoding::Xor2, chunk.samples(), chunk.bytes());
            continue;
        }
        if let LateValue::Float(_) = first.value {
            let mut chunk = XorChunk::new();
            for sample in run {
                let LateValue::Float(v) = sample.value else { continue };
                let fits = chunk.push(TimestampMs(sample.t), v);
                debug_assert!(fits.is_ok(), "{fits:?}");
            }
            let samples = chunk.appender().samples();
            done(first.t, run.last().map_or(first.t, |s| s.t), Encoding::Xor, samples, &chunk.into_bytes());
            continue;
        }
        let mut open: Option<(i64, Chunk)> = None;
        for sample in run {
            let LateValue::Histogram(value) = &sample.value else { continue };
            let begin = |before: Option<&Chunk>| {
                let mut chunk = Chunk::new(value, starts);
                let fits = chunk.append(before, sample.start, sample.t, value);
                debug_assert!(fits.is_ok(), "a first sample always fits");
                (sample.t, chunk)
            };
            match &mut open {
                Some((min, chunk)) if chunk.is_of(value, starts) => {
                    let max = chunk.last_t();
                    if let Ok(Some(new)) = chunk.append(None, sample.start, sample.t, value) {
                        done(*min, max, chunk.encoding(), chunk.samples(), chunk.bytes());
                        (*min, *chunk) = (sample.t, new);
                    }
                }
                Some((min, chunk)) => {
                    done(*min, chunk.last_t(), chunk.encoding(), chunk.samples(), chunk.bytes());
                    open = Some(begin(None));
                }
                None => open = Some(begin(None)),
            }
        }
        if let Some((min, chunk)) = open {
            done(min, chunk.last_t(), chunk.encoding(), chunk.samples(), chunk.bytes());
        }
    }
}

/// The late samples of a shard.
#[derive(Debug, Default)]
pub(crate) struct LateSeries(FastHashMap<SeriesRef, Late>);

impl LateSeries {
    pub(crate) fn get(&self, series: SeriesRef) -> Option<&Late> {
        if self.0.is_empty() { None } else { self.0.get(&series) }
    }

    pub(crate) fn get_mut(&mut self, series: SeriesRef) -> Option<&mut Late> {
        self.0.get_mut(&series)
    }

    pub(crate) fn of(&mut self, series: SeriesRef) -> &mut Late {
        self.0.entry(series).or_default()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (SeriesRef, &mut Late)> {
        self.0.iter_mut().map(|(series, late)| (*series, late))
    }

    /// Drops the chunks numbered below `number` and the series left without any; returns how many chunks went.
    pub(crate) fn drop_below(&mut self, number: u64) -> usize {
        let mut dropped = 0;
        self.0.retain(|_, late| {
            dropped += late.drop_below(number);
            !late.is_empty()
        });
        dropped
    }

    /// Returns the oldest file that a chunk lies in.
    pub(crate) fn oldest_file(&self) -> Option<u32> {
        self.0.values().flat_map(|late| &late.chunks).filter_map(|c| c.file).min()
    }

    pub(crate) fn n_chunks(&self) -> usize {
        self.0.values().map(Late::n_chunks).sum()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * (size_of::<Late>() + 9) + self.0.values().map(Late::heap_bytes).sum::<usize>()
    }
}
