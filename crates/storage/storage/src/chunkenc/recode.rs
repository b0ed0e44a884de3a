//! Samples out of chunks and into chunks again, whatever their kind: for deletions and for merges of overlapping chunks.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_model::{FloatHistogram, Histogram};

use super::histogram_appender::Appended;
use super::{
    ChunkError, ChunkFull, FloatHistogramAppender, HistogramAppender, SampleKind, SampleReader, Xor2Appender, XorChunk,
    XorDecoder,
};
use crate::{ChunkBytes, ChunkView, Encoding, HistogramValue};

/// A sample on its way from chunk to chunk.
#[derive(Clone, Debug)]
pub struct Row {
    pub t: TimestampMs,
    /// When counting began; 0 = not known.
    pub start: TimestampMs,
    pub value: RowValue,
}

/// A sample's value.
#[derive(Clone, Debug)]
pub enum RowValue {
    Float(f64),
    Histogram(HistogramValue),
}

/// Adds the samples of a chunk to `rows`.
pub fn decode_rows(chunk: &ChunkView, rows: &mut Vec<Row>) -> Result<(), ChunkError> {
    rows.reserve(chunk.samples as usize);
    if chunk.encoding == Encoding::Xor {
        let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
        let (mut t, mut v) = ([TimestampMs(0); 128], [0.0; 128]);
        loop {
            let n = decoder.decode_batch(&mut t, &mut v)?;
            if n == 0 {
                return Ok(());
            }
            let row = |(&t, &v)| Row { t, start: TimestampMs(0), value: RowValue::Float(v) };
            rows.extend(t.iter().zip(&v).take(n).map(row));
        }
    }
    let mut reader = SampleReader::of(chunk)?;
    while let Some((times, kind)) = reader.advance()? {
        let value = match kind {
            SampleKind::Float(v) => RowValue::Float(v),
            SampleKind::Histogram => {
                let mut h = Box::<Histogram>::default();
                reader.histogram(&mut h)?;
                RowValue::Histogram(HistogramValue::Int(h))
            }
            SampleKind::FloatHistogram => {
                let mut h = Box::<FloatHistogram>::default();
                reader.float_histogram(&mut h)?;
                RowValue::Histogram(HistogramValue::Float(h))
            }
        };
        rows.push(Row { t: times.t, start: times.start, value });
    }
    Ok(())
}

/// How rows become chunks.
#[derive(Clone, Copy, Debug)]
pub struct RowsToChunks {
    /// At most so many samples a chunk.
    pub samples: usize,
    /// XOR2 for floats that have no start timestamp too.
    pub xor2: bool,
    /// Histogram chunks with room for start timestamps, whether there are any or not.
    pub histogram_starts: bool,
}

impl RowsToChunks {
    /// Returns the way of upstream's merges: 120 samples a chunk (`storage/series.go`, `seriesToChunkEncoder`).
    pub fn merged(floats: Encoding) -> Self {
        Self { samples: 120, xor2: floats == Encoding::Xor2, histogram_starts: false }
    }

    /// Returns the way that keeps what is left of a chunk in one of the same encoding.
    pub fn like(encoding: Encoding) -> Self {
        let histogram_starts = matches!(encoding, Encoding::HistogramSt | Encoding::FloatHistogramSt);
        Self { samples: usize::MAX, xor2: encoding == Encoding::Xor2, histogram_starts }
    }

    fn encoding(self, row: &Row) -> Encoding {
        let starts = row.start != TimestampMs(0);
        match &row.value {
            RowValue::Float(_) if starts || self.xor2 => Encoding::Xor2,
            RowValue::Float(_) => Encoding::Xor,
            RowValue::Histogram(HistogramValue::Int(_)) if starts || self.histogram_starts => Encoding::HistogramSt,
            RowValue::Histogram(HistogramValue::Int(_)) => Encoding::Histogram,
            RowValue::Histogram(HistogramValue::Float(_)) if starts || self.histogram_starts => {
                Encoding::FloatHistogramSt
            }
            RowValue::Histogram(HistogramValue::Float(_)) => Encoding::FloatHistogram,
        }
    }

    /// Adds to `out` the chunks of rows, which are sorted by time.
    pub fn encode(self, rows: &[Row], out: &mut Vec<ChunkView>) -> Result<(), ChunkFull> {
        let mut open: Option<Open> = None;
        for row in rows {
            let wanted = self.encoding(row);
            let fits = |open: &Open| {
                // A chunk of plain floats takes what would be XOR2 but for start timestamps, and the other way round.
                let floats = matches!((open.encoding(), wanted), (Encoding::Xor2, Encoding::Xor))
                    || (open.encoding() == Encoding::Xor && wanted == Encoding::Xor2 && row.start == TimestampMs(0));
                open.samples < self.samples && (open.encoding() == wanted || floats)
            };
            let mut chunk = match open.take() {
                Some(chunk) if fits(&chunk) => chunk,
                full => {
                    if let Some(full) = full {
                        out.push(full.finish());
                    }
                    Open::new(wanted, row.t)
                }
            };
            if let Some(full) = chunk.push(row)? {
                out.push(full.finish());
            }
            open = Some(chunk);
        }
        if let Some(last) = open {
            out.push(last.finish());
        }
        Ok(())
    }
}

/// A chunk that is being filled.
struct Open {
    chunk: AnyChunk,
    samples: usize,
    min: TimestampMs,
    max: TimestampMs,
}

enum AnyChunk {
    Xor(XorChunk),
    Xor2(Xor2Appender),
    Histogram(HistogramAppender),
    FloatHistogram(FloatHistogramAppender),
}

impl Open {
    fn new(encoding: Encoding, t: TimestampMs) -> Self {
        let chunk = match encoding {
            Encoding::Xor => AnyChunk::Xor(XorChunk::new()),
            Encoding::Xor2 => AnyChunk::Xor2(Xor2Appender::new()),
            Encoding::Histogram => AnyChunk::Histogram(HistogramAppender::new(false)),
            Encoding::HistogramSt => AnyChunk::Histogram(HistogramAppender::new(true)),
            Encoding::FloatHistogram => AnyChunk::FloatHistogram(FloatHistogramAppender::new(false)),
            Encoding::FloatHistogramSt => AnyChunk::FloatHistogram(FloatHistogramAppender::new(true)),
        };
        Self { chunk, samples: 0, min: t, max: t }
    }

    fn encoding(&self) -> Encoding {
        match &self.chunk {
            AnyChunk::Xor(_) => Encoding::Xor,
            AnyChunk::Xor2(_) => Encoding::Xor2,
            AnyChunk::Histogram(chunk) if chunk.has_starts() => Encoding::HistogramSt,
            AnyChunk::Histogram(_) => Encoding::Histogram,
            AnyChunk::FloatHistogram(chunk) if chunk.has_starts() => Encoding::FloatHistogramSt,
            AnyChunk::FloatHistogram(_) => Encoding::FloatHistogram,
        }
    }

    /// Adds a sample; returns what was there before when the sample had to begin a new chunk.
    fn push(&mut self, row: &Row) -> Result<Option<Self>, ChunkFull> {
        let successor = match (&mut self.chunk, &row.value) {
            (AnyChunk::Xor(chunk), RowValue::Float(v)) => {
                chunk.push(row.t, *v)?;
                None
            }
            (AnyChunk::Xor2(chunk), RowValue::Float(v)) => {
                chunk.append(row.start, row.t, *v)?;
                None
            }
            (AnyChunk::Histogram(chunk), RowValue::Histogram(HistogramValue::Int(h))) => {
                match chunk.append(None, row.start, row.t, h)? {
                    Appended::Cut(next) => Some(AnyChunk::Histogram(*next)),
                    Appended::InPlace | Appended::Recoded => None,
                }
            }
            (AnyChunk::FloatHistogram(chunk), RowValue::Histogram(HistogramValue::Float(h))) => {
                match chunk.append(None, row.start, row.t, h)? {
                    Appended::Cut(next) => Some(AnyChunk::FloatHistogram(*next)),
                    Appended::InPlace | Appended::Recoded => None,
                }
            }
            // `RowsToChunks::encode` begins another chunk where the kind changes.
            _ => return Err(ChunkFull::Samples),
        };
        let full = successor.map(|chunk| {
            let next = Self { chunk, samples: 0, min: row.t, max: row.t };
            std::mem::replace(self, next)
        });
        self.samples += 1;
        self.max = row.t;
        Ok(full)
    }

    fn finish(self) -> ChunkView {
        let encoding = self.encoding();
        let bytes: Arc<[u8]> = match self.chunk {
            AnyChunk::Xor(chunk) => Arc::from(chunk.into_bytes()),
            AnyChunk::Xor2(chunk) => Arc::from(chunk.bytes()),
            AnyChunk::Histogram(chunk) => Arc::from(chunk.bytes()),
            AnyChunk::FloatHistogram(chunk) => Arc::from(chunk.bytes()),
        };
        let len = bytes.len();
        let bytes = ChunkBytes::Copied(bytes, 0..len);
        ChunkView { min: self.min, max: self.max, encoding, samples: self.samples as u32, bytes }
    }
}
