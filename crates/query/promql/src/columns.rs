//! A series' samples as two columns, decoded once from its chunks.

use firesteel_base::TimestampMs;
use firesteel_model::is_stale_nan;
use firesteel_storage::chunkenc::XorDecoder;
use firesteel_storage::{ChunkView, Encoding, Selected, StorageError};

use crate::QueryError;

/// Columns of one series; reused for the next one, so that no memory is touched for the first time per series.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    t: Vec<TimestampMs>,
    v: Vec<f64>,
    len: usize,
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

    /// Decodes every chunk of series `i` that reaches into `min..=max`. Samples outside may come along.
    pub(crate) fn load(&mut self, selected: &dyn Selected, i: usize, min: i64, max: i64) -> Result<(), QueryError> {
        self.len = 0;
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
                let labels = entry.map(|entry| &entry.labels);
                return Err(QueryError::unsupported(&format!("{:?} samples (series {labels:?})", chunk.encoding)));
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
        if !in_order {
            self.sort();
        }
        Ok(())
    }

    /// Takes the points of a row as samples.
    pub(crate) fn load_points(&mut self, points: impl Iterator<Item = (i64, f64)>) {
        self.t.clear();
        self.v.clear();
        for (t, v) in points {
            self.t.push(TimestampMs(t));
            self.v.push(v);
        }
        self.len = self.t.len();
    }

    /// Orders the samples of overlapping chunks; of equal times the one of the earlier chunk stays.
    fn sort(&mut self) {
        let mut samples: Vec<(TimestampMs, f64)> = self.t().iter().copied().zip(self.v().iter().copied()).collect();
        samples.sort_by_key(|(t, _)| *t);
        samples.dedup_by_key(|(t, _)| *t);
        self.len = samples.len();
        for (i, (t, v)) in samples.into_iter().enumerate() {
            self.t[i] = t;
            self.v[i] = v;
        }
    }

    /// Removes stale markers: windows do not see them.
    pub(crate) fn drop_stale(&mut self) {
        let Some(first) = self.v().iter().position(|v| is_stale_nan(*v)) else {
            return;
        };
        let mut kept = first;
        for i in first..self.len {
            if !is_stale_nan(self.v[i]) {
                self.t[kept] = self.t[i];
                self.v[kept] = self.v[i];
                kept += 1;
            }
        }
        self.len = kept;
    }
}
