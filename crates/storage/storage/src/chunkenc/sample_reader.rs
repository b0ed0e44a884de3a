//! One way to walk the samples of any chunk.

use firesteel_base::TimestampMs;
use firesteel_model::{FloatHistogram, Histogram};

use super::histogram_decoder::{FloatHistogramDecoder, HistogramDecoder, SampleTimes};
use super::xor2_decoder::Xor2Decoder;
use super::{ChunkError, XorDecoder};
use crate::{ChunkView, Encoding};

/// The kind of a sample, and its value where that is a float.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum SampleKind {
    Float(f64),
    Histogram,
    FloatHistogram,
}

/// Walks the samples of a chunk of any encoding. Floats in numbers are cheaper by [`XorDecoder::decode_batch`].
#[derive(Clone, Debug)]
pub struct SampleReader<'a> {
    decoder: AnyDecoder<'a>,
}

#[derive(Clone, Debug)]
enum AnyDecoder<'a> {
    Xor(XorDecoder<'a>),
    Xor2(Xor2Decoder<'a>),
    Histogram(HistogramDecoder<'a>),
    FloatHistogram(FloatHistogramDecoder<'a>),
}

impl<'a> SampleReader<'a> {
    /// Returns a reader of the first `samples` samples of a chunk. Error: the chunk is shorter than its header.
    pub fn new(bytes: &'a [u8], encoding: Encoding, samples: u32) -> Result<Self, ChunkError> {
        let decoder = match encoding {
            Encoding::Xor => AnyDecoder::Xor(XorDecoder::with_samples(bytes, samples)),
            Encoding::Xor2 => AnyDecoder::Xor2(Xor2Decoder::with_samples(bytes, samples)?),
            Encoding::Histogram | Encoding::HistogramSt => {
                AnyDecoder::Histogram(HistogramDecoder::with_samples(bytes, encoding, samples)?)
            }
            Encoding::FloatHistogram | Encoding::FloatHistogramSt => {
                AnyDecoder::FloatHistogram(FloatHistogramDecoder::with_samples(bytes, encoding, samples)?)
            }
        };
        Ok(Self { decoder })
    }

    /// Returns a reader of a chunk that a selection gave.
    pub fn of(chunk: &'a ChunkView) -> Result<Self, ChunkError> {
        Self::new(chunk.bytes.as_slice(), chunk.encoding, chunk.samples)
    }

    /// Steps to the next sample; `None` is the end. Errors: the stream ends inside a sample or is impossible.
    pub fn advance(&mut self) -> Result<Option<(SampleTimes, SampleKind)>, ChunkError> {
        Ok(match &mut self.decoder {
            AnyDecoder::Xor(decoder) => {
                let (mut t, mut v) = ([TimestampMs(0)], [0.0]);
                let n = decoder.decode_batch(&mut t, &mut v)?;
                let times = SampleTimes { t: t[0], start: TimestampMs(0) };
                (n == 1).then_some((times, SampleKind::Float(v[0])))
            }
            AnyDecoder::Xor2(decoder) => decoder.advance()?.map(|(times, v)| (times, SampleKind::Float(v))),
            AnyDecoder::Histogram(decoder) => decoder.advance()?.map(|times| (times, SampleKind::Histogram)),
            AnyDecoder::FloatHistogram(decoder) => decoder.advance()?.map(|times| (times, SampleKind::FloatHistogram)),
        })
    }

    /// Writes an integer histogram over `out`; other samples leave it as it is.
    pub fn histogram(&self, out: &mut Histogram) -> Result<(), ChunkError> {
        match &self.decoder {
            AnyDecoder::Histogram(decoder) => decoder.read(out),
            _ => Ok(()),
        }
    }

    /// Writes a histogram of either kind, as float counts, over `out`; a float sample leaves it as it is.
    pub fn float_histogram(&self, out: &mut FloatHistogram) -> Result<(), ChunkError> {
        match &self.decoder {
            AnyDecoder::Histogram(decoder) => decoder.read_float(out),
            AnyDecoder::FloatHistogram(decoder) => decoder.read(out),
            _ => Ok(()),
        }
    }
}
