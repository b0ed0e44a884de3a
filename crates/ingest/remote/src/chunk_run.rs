//! The chunks of one series as remote read sends them: none overlaps another, none reaches beyond the range asked for.
//!
//! Chunks that already are so go out as they are stored. The samples of others are merged (of equal times the first stays)
//! and encoded again.

use std::sync::Arc;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::histogram::{FloatHistogram, Histogram};
use firesteel_storage::chunkenc::{
    Appended, ChunkError, ChunkFull, FloatHistogramAppender, HistogramAppender, SampleKind, SampleReader, XorChunk,
};
use firesteel_storage::{ChunkBytes, ChunkView, Encoding, HistogramValue};

/// Chunks made anew hold so many (`storage/series.go`, `seriesToChunkEncoderSplit`).
const SAMPLES_PER_CHUNK: u16 = 120;

/// A sample between two chunks.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Float(f64),
    Histogram(HistogramValue),
}

/// Chunks could not be decoded, or encoded again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Decode(#[from] ChunkError),
    #[error(transparent)]
    Encode(#[from] ChunkFull),
}

/// Calls `group` with each run of chunks that overlap; `chunks` are sorted by least time.
pub(crate) fn groups<E>(chunks: &[ChunkView], mut group: impl FnMut(&[ChunkView]) -> Result<(), E>) -> Result<(), E> {
    let mut from = 0;
    while let Some(first) = chunks.get(from) {
        let mut max = first.max;
        let mut to = from + 1;
        while let Some(next) = chunks.get(to).filter(|next| next.min <= max) {
            max = max.max(next.max);
            to += 1;
        }
        group(&chunks[from..to])?;
        from = to;
    }
    Ok(())
}

/// Calls `each` with the samples of a group of chunks that lie in the range, ordered, one a time.
pub(crate) fn samples<E: From<ChunkError>>(
    group: &[ChunkView],
    range: TimeRange,
    mut each: impl FnMut(TimestampMs, Value) -> Result<(), E>,
) -> Result<(), E> {
    if let [alone] = group {
        return walk(alone, range, each);
    }
    let mut rows: Vec<(TimestampMs, Value)> = Vec::new();
    for chunk in group {
        walk(chunk, range, |t, value| -> Result<(), E> {
            rows.push((t, value));
            Ok(())
        })?;
    }
    rows.sort_by_key(|row| row.0);
    rows.dedup_by_key(|row| row.0);
    rows.into_iter().try_for_each(|(t, value)| each(t, value))
}

fn walk<E: From<ChunkError>>(
    chunk: &ChunkView,
    range: TimeRange,
    mut each: impl FnMut(TimestampMs, Value) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = SampleReader::of(chunk)?;
    while let Some((times, kind)) = reader.advance()? {
        if times.t < range.min {
            continue;
        }
        if times.t > range.max {
            break;
        }
        let value = match kind {
            SampleKind::Float(v) => Value::Float(v),
            SampleKind::Histogram => {
                let mut h = Box::<Histogram>::default();
                reader.histogram(&mut h)?;
                Value::Histogram(HistogramValue::Int(h))
            }
            SampleKind::FloatHistogram => {
                let mut h = Box::<FloatHistogram>::default();
                reader.float_histogram(&mut h)?;
                Value::Histogram(HistogramValue::Float(h))
            }
        };
        each(times.t, value)?;
    }
    Ok(())
}

/// Adds to `out` the chunks to send.
pub(crate) fn sendable(chunks: &[ChunkView], range: TimeRange, out: &mut Vec<ChunkView>) -> Result<(), RunError> {
    groups(chunks, |group| {
        if let [alone] = group {
            if alone.min > range.max || alone.max < range.min {
                return Ok(());
            }
            if alone.min >= range.min && alone.max <= range.max && counts_its_samples(alone) {
                out.push(alone.clone());
                return Ok(());
            }
        }
        let mut encoder = Encoder { open: Open::None, min: TimestampMs(0), last: TimestampMs(0), out };
        samples(group, range, |t, value| encoder.push(t, value))?;
        encoder.end();
        Ok(())
    })
}

/// Returns whether the chunk's own header tells how many samples it has, or can be made to on the way out.
fn counts_its_samples(chunk: &ChunkView) -> bool {
    match chunk.encoding {
        Encoding::Xor => chunk.bytes.as_slice().len() > 2,
        _ => chunk
            .bytes
            .as_slice()
            .first_chunk::<2>()
            .is_some_and(|n| u32::from(u16::from_be_bytes(*n)) == chunk.samples),
    }
}

/// The chunk that is being made.
enum Open {
    None,
    Float(XorChunk),
    Int(Box<HistogramAppender>),
    FloatHistogram(Box<FloatHistogramAppender>),
}

struct Encoder<'a> {
    open: Open,
    min: TimestampMs,
    last: TimestampMs,
    out: &'a mut Vec<ChunkView>,
}

impl Encoder<'_> {
    fn push(&mut self, t: TimestampMs, value: Value) -> Result<(), RunError> {
        let samples = match (&self.open, &value) {
            (Open::Float(chunk), Value::Float(_)) => chunk.appender().samples(),
            (Open::Int(chunk), Value::Histogram(HistogramValue::Int(_))) => chunk.samples(),
            (Open::FloatHistogram(chunk), Value::Histogram(HistogramValue::Float(_))) => chunk.samples(),
            _ => SAMPLES_PER_CHUNK,
        };
        if samples >= SAMPLES_PER_CHUNK {
            self.end();
            self.min = t;
            self.open = match value {
                Value::Float(_) => Open::Float(XorChunk::new()),
                Value::Histogram(HistogramValue::Int(_)) => Open::Int(Box::new(HistogramAppender::new(false))),
                Value::Histogram(HistogramValue::Float(_)) => {
                    Open::FloatHistogram(Box::new(FloatHistogramAppender::new(false)))
                }
            };
        }
        let none = TimestampMs(0);
        let cut = match (&mut self.open, value) {
            (Open::Float(chunk), Value::Float(v)) => {
                chunk.push(t, v)?;
                None
            }
            (Open::Int(chunk), Value::Histogram(HistogramValue::Int(h))) => match chunk.append(None, none, t, &h)? {
                Appended::Cut(next) => Some(Open::Int(next)),
                Appended::InPlace | Appended::Recoded => None,
            },
            (Open::FloatHistogram(chunk), Value::Histogram(HistogramValue::Float(h))) => {
                match chunk.append(None, none, t, &h)? {
                    Appended::Cut(next) => Some(Open::FloatHistogram(next)),
                    Appended::InPlace | Appended::Recoded => None,
                }
            }
            _ => None,
        };
        if let Some(next) = cut {
            self.end();
            self.min = t;
            self.open = next;
        }
        self.last = t;
        Ok(())
    }

    fn end(&mut self) {
        let (encoding, samples, bytes) = match std::mem::replace(&mut self.open, Open::None) {
            Open::None => return,
            Open::Float(chunk) => (Encoding::Xor, chunk.appender().samples(), chunk.into_bytes()),
            Open::Int(chunk) => (Encoding::Histogram, chunk.samples(), chunk.bytes().to_vec()),
            Open::FloatHistogram(chunk) => (Encoding::FloatHistogram, chunk.samples(), chunk.bytes().to_vec()),
        };
        let len = bytes.len();
        let bytes = ChunkBytes::Copied(Arc::from(bytes), 0..len);
        self.out.push(ChunkView { min: self.min, max: self.last, encoding, samples: u32::from(samples), bytes });
    }
}
