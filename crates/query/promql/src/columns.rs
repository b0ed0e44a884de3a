//! A series' samples as columns, decoded once from its chunks: floats, and histograms in a list of their own.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_model::{CounterReset, FloatHistogram, is_stale_nan};
use firesteel_storage::chunkenc::{ChunkError, SampleKind, SampleReader, XorDecoder};
use firesteel_storage::{BorrowedChunk, ChunkView, Encoding, Selected, StorageError};

use crate::QueryError;
use crate::tile::{Row, SharedHistogram};

/// How many values are searched for stale markers at once.
const STALE_BLOCK: usize = 64;

/// A histogram sample.
#[derive(Clone, Debug)]
pub(crate) struct HistogramPoint {
    pub(crate) t: TimestampMs,
    /// Its start timestamp; 0 = none.
    pub(crate) start: i64,
    pub(crate) h: SharedHistogram,
}

/// Columns of one series; reused for the next one, so that no memory is touched for the first time per series.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    t: Vec<TimestampMs>,
    v: Vec<f64>,
    len: usize,
    /// Start timestamps in step with the floats, or none at all.
    starts: Vec<i64>,
    histograms: Vec<HistogramPoint>,
    chunks: Vec<ChunkView>,
}

impl Columns {
    /// Returns the times, ascending and distinct.
    #[inline]
    pub(crate) fn t(&self) -> &[TimestampMs] {
        &self.t[..self.len]
    }

    /// Returns the values in step with the times.
    #[inline]
    pub(crate) fn v(&self) -> &[f64] {
        &self.v[..self.len]
    }

    /// Returns the start timestamps in step with the floats; empty when no float has one.
    pub(crate) fn starts(&self) -> &[i64] {
        &self.starts
    }

    /// Returns the histograms, ascending in time.
    pub(crate) fn histograms(&self) -> &[HistogramPoint] {
        &self.histograms
    }

    /// Returns whether there is neither a float nor a histogram.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0 && self.histograms.is_empty()
    }

    /// Returns how many bytes the columns take.
    pub(crate) fn bytes(&self) -> u64 {
        let histograms: u64 = self.histograms.iter().map(|point| point.h.size_bytes() as u64 + 40).sum();
        16 * self.t.capacity() as u64 + 8 * self.starts.capacity() as u64 + histograms
    }

    /// Decodes every chunk of series `i` that reaches into `min..=max`. Samples outside may come along.
    pub(crate) fn load(&mut self, selected: &dyn Selected, i: usize, min: i64, max: i64) -> Result<(), QueryError> {
        self.clear();
        let bad = |e: ChunkError| {
            let series = selected.series().get(i).map_or(0, |entry| entry.series.0);
            StorageError::BadChunk { series, what: e.to_string() }
        };
        let (mut in_order, mut by_time, mut last_min) = (true, true, i64::MIN);
        selected.visit_chunks(i, &mut |chunk| {
            by_time &= last_min <= chunk.min.0;
            last_min = chunk.min.0;
            if by_time && chunk.max.0 >= min && chunk.min.0 <= max {
                in_order &= self.add(chunk).map_err(bad)?;
            }
            Ok(())
        })?;
        if !by_time {
            // Which sample of a time stays hangs on the order of the chunks.
            self.clear();
            let mut chunks = std::mem::take(&mut self.chunks);
            chunks.clear();
            selected.chunks(i, &mut chunks)?;
            in_order = true;
            for chunk in chunks.iter().filter(|chunk| chunk.max.0 >= min && chunk.min.0 <= max) {
                in_order &= self.add(chunk.borrowed()).map_err(bad)?;
            }
            self.chunks = chunks;
        }
        if !self.starts.is_empty() {
            self.starts.resize(self.len, 0);
        }
        if !in_order {
            self.sort();
        }
        if !self.histograms.is_sorted_by(|a, b| a.t < b.t) {
            self.histograms.sort_by_key(|point| point.t);
            self.histograms.dedup_by_key(|point| point.t);
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.len = 0;
        self.starts.clear();
        self.histograms.clear();
    }

    /// Decodes a chunk behind what is there; returns whether its floats lie behind too.
    fn add(&mut self, chunk: BorrowedChunk<'_>) -> Result<bool, ChunkError> {
        let from = self.len;
        let end = from + chunk.samples as usize;
        if self.t.len() < end {
            self.t.resize(end, TimestampMs(0));
            self.v.resize(end, 0.0);
        }
        if chunk.encoding == Encoding::Xor {
            let mut decoder = XorDecoder::with_samples(chunk.bytes, chunk.samples);
            while self.len < end {
                let n = decoder.decode_batch(&mut self.t[self.len..end], &mut self.v[self.len..end])?;
                if n == 0 {
                    break;
                }
                self.len += n;
            }
        } else {
            self.add_any(chunk)?;
        }
        Ok(from == 0 || from == self.len || self.t[from - 1] < self.t[from])
    }

    /// Decodes a chunk of any encoding, sample by sample.
    fn add_any(&mut self, chunk: BorrowedChunk<'_>) -> Result<(), ChunkError> {
        let mut reader = SampleReader::new(chunk.bytes, chunk.encoding, chunk.samples)?;
        while let Some((times, kind)) = reader.advance()? {
            if let SampleKind::Float(v) = kind {
                self.t[self.len] = times.t;
                self.v[self.len] = v;
                if times.start.0 != 0 {
                    self.starts.resize(self.len, 0);
                    self.starts.push(times.start.0);
                }
                self.len += 1;
                continue;
            }
            let mut h = FloatHistogram::default();
            reader.float_histogram(&mut h)?;
            self.histograms.push(HistogramPoint { t: times.t, start: times.start.0, h: Arc::new(h) });
        }
        Ok(())
    }

    /// Leaves count, sum, schema and counter reset of each histogram, the last found out while the buckets are at hand:
    /// for functions that look at nothing else (`promql/histogram_stats_iterator.go`, 3.14).
    pub(crate) fn keep_histogram_stats(&mut self) {
        let mut before: Option<SharedHistogram> = None;
        for point in self.histograms.iter_mut().filter(|point| !point.h.is_stale()) {
            let h = Arc::clone(&point.h);
            let counter_reset = match (h.counter_reset, &before) {
                (CounterReset::Unknown, Some(before)) if h.detect_reset(before) => CounterReset::Reset,
                (CounterReset::Unknown, Some(_)) => CounterReset::NotReset,
                (known, _) => known,
            };
            let stats = FloatHistogram {
                counter_reset,
                schema: h.schema,
                count: h.count,
                sum: h.sum,
                ..FloatHistogram::default()
            };
            point.h = Arc::new(stats);
            before = Some(h);
        }
    }

    /// Takes the points of a row as samples, each at the time that `at` gives for its step.
    ///
    /// What histograms say of counter resets is forgotten: a subquery may leave out or repeat samples.
    pub(crate) fn load_points(&mut self, row: Row<'_>, at: impl Fn(usize) -> i64) {
        self.t.clear();
        self.v.clear();
        self.starts.clear();
        self.histograms.clear();
        for (step, v) in row.points() {
            self.t.push(TimestampMs(at(step)));
            self.v.push(v);
        }
        self.len = self.t.len();
        self.histograms.extend(row.histogram_points().map(|(step, h)| {
            let mut h = Arc::clone(h);
            if matches!(h.counter_reset, CounterReset::Reset | CounterReset::NotReset) {
                Arc::make_mut(&mut h).counter_reset = CounterReset::Unknown;
            }
            HistogramPoint { t: TimestampMs(at(step)), start: 0, h }
        }));
    }

    /// Orders the samples of overlapping chunks; of equal times the one of the earlier chunk stays.
    fn sort(&mut self) {
        let start = |i: usize| self.starts.get(i).copied().unwrap_or(0);
        let mut samples: Vec<(TimestampMs, f64, i64)> =
            self.t().iter().zip(self.v()).enumerate().map(|(i, (t, v))| (*t, *v, start(i))).collect();
        samples.sort_by_key(|(t, ..)| *t);
        samples.dedup_by_key(|(t, ..)| *t);
        self.len = samples.len();
        self.starts.truncate(self.len);
        for (i, (t, v, start)) in samples.into_iter().enumerate() {
            self.t[i] = t;
            self.v[i] = v;
            if let Some(place) = self.starts.get_mut(i) {
                *place = start;
            }
        }
    }

    /// Removes stale markers: windows do not see them.
    pub(crate) fn drop_stale(&mut self) {
        self.histograms.retain(|point| !point.h.is_stale());
        // Whole blocks are asked at once: hardly any has a marker.
        let has_stale = |block: &[f64]| block.iter().fold(0, |any, v| any | u8::from(is_stale_nan(*v))) != 0;
        let Some(block) = self.v().chunks(STALE_BLOCK).position(has_stale) else {
            return;
        };
        let first = block * STALE_BLOCK;
        let mut kept = first;
        for i in first..self.len {
            if !is_stale_nan(self.v[i]) {
                self.t[kept] = self.t[i];
                self.v[kept] = self.v[i];
                if !self.starts.is_empty() {
                    self.starts[kept] = self.starts[i];
                }
                kept += 1;
            }
        }
        self.len = kept;
        self.starts.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use firesteel_storage::chunkenc::XorChunk;
    use firesteel_storage::{ChunkBytes, ChunkVisitor, Order, SeriesEntry};

    use super::*;

    /// One series whose chunks come part by part.
    struct Parts(Vec<ChunkView>);

    impl Parts {
        fn of(parts: &[&[(i64, f64)]]) -> Self {
            let chunk = |samples: &&[(i64, f64)]| {
                let mut chunk = XorChunk::new();
                samples.iter().for_each(|(t, v)| chunk.push(TimestampMs(*t), *v).expect("room"));
                let bytes = chunk.into_bytes();
                let (first, last) = (samples[0].0, samples[samples.len() - 1].0);
                ChunkView {
                    min: TimestampMs(first),
                    max: TimestampMs(last),
                    encoding: Encoding::Xor,
                    samples: samples.len() as u32,
                    bytes: ChunkBytes::Copied(bytes.clone().into(), 0..bytes.len()),
                }
            };
            Self(parts.iter().map(chunk).collect())
        }
    }

    impl Selected for Parts {
        fn series(&self) -> &[SeriesEntry] {
            &[]
        }

        fn order(&self) -> Order {
            Order::Labels
        }

        fn chunks(&self, _: usize, out: &mut Vec<ChunkView>) -> Result<(), StorageError> {
            out.extend_from_slice(&self.0);
            out.sort_by_key(|chunk| chunk.min);
            Ok(())
        }

        fn visit_chunks(&self, _: usize, visit: &mut ChunkVisitor<'_>) -> Result<(), StorageError> {
            self.0.iter().try_for_each(|chunk| visit(chunk.borrowed()))
        }
    }

    #[test]
    fn chunks_are_read_in_order_whichever_part_comes_first() {
        type Rows = &'static [(i64, f64)];
        let early: Rows = &[(10, 1.0), (20, 2.0), (30, 3.0)];
        let late: Rows = &[(20, 7.0), (40, 8.0)];
        let cases: [(&[Rows], Rows); 4] = [
            (&[early, late], &[(10, 1.0), (20, 2.0), (30, 3.0), (40, 8.0)]),
            (&[late, early], &[(10, 1.0), (20, 2.0), (30, 3.0), (40, 8.0)]),
            (&[early, &[(50, 5.0)]], &[(10, 1.0), (20, 2.0), (30, 3.0), (50, 5.0)]),
            (&[&[(50, 5.0)], early, &[(90, 9.0)]], &[(10, 1.0), (20, 2.0), (30, 3.0), (50, 5.0)]),
        ];
        let mut columns = Columns::default();
        for (parts, want) in cases {
            columns.load(&Parts::of(parts), 0, 0, 60).expect("samples");
            let got: Vec<(i64, f64)> = columns.t().iter().map(|t| t.0).zip(columns.v().iter().copied()).collect();
            assert_eq!(got, want);
        }
    }
}
