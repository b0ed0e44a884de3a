//! Late samples as chunks, and the samples of such a chunk.

use firesteel_base::TimestampMs;
use firesteel_model::{CounterReset, FloatHistogram, Histogram};
use firesteel_storage::chunkenc::{ChunkError, SampleKind, SampleReader, Xor2Appender, XorChunk};
use firesteel_storage::{Encoding, HistogramValue};

use super::histograms::Chunk;
use super::late::{LateSample, LateValue};
use super::shard::ChunkRules;

/// A chunk ends before it outgrows what a descriptor can tell; no usual one comes near.
const CHUNK_BYTES_MAX: usize = 1 << 22;

/// Samples in a row, encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncodedLate<'a> {
    pub(crate) range: (i64, i64),
    pub(crate) encoding: Encoding,
    pub(crate) samples: u16,
    pub(crate) bytes: &'a [u8],
}

/// Encodes sorted samples as chunks, one for each run of one kind; histograms may need more.
pub(crate) fn encode(samples: &[LateSample], rules: &ChunkRules, mut each: impl FnMut(EncodedLate<'_>)) {
    let mut rest = samples;
    while let Some(first) = rest.first() {
        let kind = std::mem::discriminant(&first.value);
        let n = rest.iter().take_while(|s| std::mem::discriminant(&s.value) == kind).count();
        let (run, behind) = rest.split_at(n);
        rest = behind;
        match first.value {
            LateValue::Float(_) if rules.xor2 => {
                let mut chunk = Xor2Appender::new();
                for (sample, v) in run.iter().filter_map(|s| Some((s, s.float()?))) {
                    let fits = chunk.append(TimestampMs(sample.start), TimestampMs(sample.t), v);
                    debug_assert!(fits.is_ok(), "{fits:?}");
                }
                let (range, samples) = ((first.t, chunk.last_t().0), chunk.samples());
                each(EncodedLate { range, encoding: Encoding::Xor2, samples, bytes: chunk.bytes() });
            }
            LateValue::Float(_) => {
                let mut chunk = XorChunk::new();
                for (sample, v) in run.iter().filter_map(|s| Some((s, s.float()?))) {
                    let fits = chunk.push(TimestampMs(sample.t), v);
                    debug_assert!(fits.is_ok(), "{fits:?}");
                }
                let (range, samples) = ((first.t, run.last().map_or(first.t, |s| s.t)), chunk.appender().samples());
                each(EncodedLate { range, encoding: Encoding::Xor, samples, bytes: &chunk.into_bytes() });
            }
            LateValue::Histogram(_) => encode_histograms(run, rules.histogram_starts, &mut each),
        }
    }
}

fn encode_histograms(run: &[LateSample], starts: bool, each: &mut impl FnMut(EncodedLate<'_>)) {
    let mut done = |min: i64, max: i64, chunk: &Chunk| {
        let (encoding, samples) = (chunk.encoding(), chunk.samples());
        each(EncodedLate { range: (min, max), encoding, samples, bytes: chunk.bytes() });
    };
    let mut open: Option<(i64, Chunk)> = None;
    for sample in run {
        let LateValue::Histogram(value) = &sample.value else { continue };
        match &mut open {
            Some((min, chunk)) if chunk.is_of(value, starts) && chunk.bytes().len() < CHUNK_BYTES_MAX => {
                let max = chunk.last_t();
                if let Ok(Some(new)) = chunk.append(None, sample.start, sample.t, value) {
                    done(*min, max, chunk);
                    (*min, *chunk) = (sample.t, new);
                }
            }
            _ => {
                if let Some((min, chunk)) = &open {
                    done(*min, chunk.last_t(), chunk);
                }
                let mut chunk = Chunk::new(value, starts);
                let fits = chunk.append(None, sample.start, sample.t, value);
                debug_assert!(fits.is_ok(), "a first sample always fits");
                open = Some((sample.t, chunk));
            }
        }
    }
    if let Some((min, chunk)) = &open {
        done(*min, chunk.last_t(), chunk);
    }
}

/// Calls `each` with the samples of a chunk.
pub(crate) fn decode(
    encoding: Encoding,
    samples: u16,
    bytes: &[u8],
    mut each: impl FnMut(LateSample),
) -> Result<(), ChunkError> {
    let mut reader = SampleReader::new(bytes, encoding, u32::from(samples))?;
    while let Some((times, kind)) = reader.advance()? {
        let value = match kind {
            SampleKind::Float(v) => LateValue::Float(v),
            SampleKind::Histogram => {
                let mut h = Histogram::default();
                reader.histogram(&mut h)?;
                h.counter_reset = as_came(h.counter_reset);
                LateValue::Histogram(HistogramValue::Int(Box::new(h)))
            }
            SampleKind::FloatHistogram => {
                let mut h = FloatHistogram::default();
                reader.float_histogram(&mut h)?;
                h.counter_reset = as_came(h.counter_reset);
                LateValue::Histogram(HistogramValue::Float(Box::new(h)))
            }
        };
        each(LateSample { t: times.t.0, start: times.start.0, value });
    }
    Ok(())
}

/// What a chunk says of a sample because of the one before it does not hold beside others.
fn as_came(reset: CounterReset) -> CounterReset {
    if reset == CounterReset::NotReset { CounterReset::Unknown } else { reset }
}

/// Calls `each` with the times of a chunk's samples.
pub(crate) fn times(
    encoding: Encoding,
    samples: u16,
    bytes: &[u8],
    mut each: impl FnMut(i64),
) -> Result<(), ChunkError> {
    let mut reader = SampleReader::new(bytes, encoding, u32::from(samples))?;
    while let Some((times, _)) = reader.advance()? {
        each(times.t.0);
    }
    Ok(())
}
