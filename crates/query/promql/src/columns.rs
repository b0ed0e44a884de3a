//! A series' samples as columns, decoded once from its chunks: floats, and histograms in a list of their own.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_model::{CounterReset, FloatHistogram, is_stale_nan};
use firesteel_storage::chunkenc::{ChunkError, SampleKind, SampleReader, XorDecoder};
use firesteel_storage::{ChunkView, Encoding, Selected, StorageError};

use crate::QueryError;
use crate::tile::{Row, SharedHistogram};

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
        self.len = 0;
        self.starts.clear();
        self.histograms.clear();
        self.chunks.clear();
        selected.chunks(i, &mut self.chunks)?;
        let mut in_order = true;
        for at in 0..self.chunks.len() {
            let chunk = &self.chunks[at];
            if chunk.max.0 < min || chunk.min.0 > max {
                continue;
            }
            let from = self.len;
            let end = from + chunk.samples as usize;
            if self.t.len() < end {
                self.t.resize(end, TimestampMs(0));
                self.v.resize(end, 0.0);
            }
            let entry = selected.series().get(i);
            if chunk.encoding != Encoding::Xor {
                let series = entry.map_or(0, |entry| entry.series.0);
                self.load_any(at).map_err(|e| StorageError::BadChunk { series, what: e.to_string() })?;
                in_order &= from == 0 || from == self.len || self.t[from - 1] < self.t[from];
                continue;
            }
            let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
            while self.len < end {
                let n = decoder.decode_batch(&mut self.t[self.len..end], &mut self.v[self.len..end]).map_err(|e| {
                    StorageError::BadChunk { series: entry.map_or(0, |entry| entry.series.0), what: e.to_string() }
                })?;
                if n == 0 {
                    break;
                }
                self.len += n;
            }
            in_order &= from == 0 || from == self.len || self.t[from - 1] < self.t[from];
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

    /// Decodes chunk `at`, of any encoding, sample by sample.
    fn load_any(&mut self, at: usize) -> Result<(), ChunkError> {
        let mut reader = SampleReader::of(&self.chunks[at])?;
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
        let Some(first) = self.v().iter().position(|v| is_stale_nan(*v)) else {
            return;
        };
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
