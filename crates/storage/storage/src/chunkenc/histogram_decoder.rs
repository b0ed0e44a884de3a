//! Decoding histogram chunks, sample by sample, into memory that is reused.

use firesteel_base::TimestampMs;
use firesteel_model::histogram::SCHEMA_MAX;
use firesteel_model::{FloatHistogram, Histogram, is_stale_nan};

use super::bit_reader::BitReader;
use super::histogram_kind::{Float, Header, Int, Kind};
use super::histogram_layout::Layout;
use super::start_time::StartTimes;
use super::{ChunkError, HISTOGRAM_HEADER_BYTES};
use crate::Encoding;

/// When a sample was and began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SampleTimes {
    pub t: TimestampMs,
    /// 0 = none.
    pub start: TimestampMs,
}

/// Decodes a chunk of integer histograms.
pub type HistogramDecoder<'a> = Decoder<'a, Int>;
/// Decodes a chunk of float histograms.
pub type FloatHistogramDecoder<'a> = Decoder<'a, Float>;

/// Decodes one histogram chunk from front to back.
#[derive(Clone, Debug)]
pub struct Decoder<'a, K: Kind> {
    from: BitReader<'a>,
    pub(super) layout: Layout,
    pub(super) values: K::Values,
    pub(super) starts: Option<StartTimes>,
    pub(super) header: Header,
    left: u32,
    pub(super) read: u32,
    pub(super) t: i64,
    pub(super) delta: i64,
}

impl<'a, K: Kind> Decoder<'a, K> {
    /// Returns a decoder for all samples that the chunk's header counts. Errors: no header; an encoding of another kind.
    pub fn new(chunk: &'a [u8], encoding: Encoding) -> Result<Self, ChunkError> {
        let mut decoder = Self::with_samples(chunk, encoding, 0)?;
        let [high, low] = chunk.first_chunk::<2>().copied().unwrap_or_default();
        let high = if decoder.starts.is_some() { high & !Header::MASK } else { high };
        decoder.left = u32::from(u16::from_be_bytes([high, low]));
        Ok(decoder)
    }

    /// Returns a decoder for the first `samples` samples whatever the header says.
    pub fn with_samples(chunk: &'a [u8], encoding: Encoding, samples: u32) -> Result<Self, ChunkError> {
        let Some(&[first, _, third]) = chunk.first_chunk::<HISTOGRAM_HEADER_BYTES>() else {
            return Err(ChunkError::NoHeader { bytes: chunk.len() });
        };
        let with_starts = encoding == K::encoding(true);
        if !with_starts && encoding != K::encoding(false) {
            return Err(ChunkError::OtherEncoding { encoding: encoding as u8 });
        }
        Ok(Self {
            from: BitReader::new(chunk, HISTOGRAM_HEADER_BYTES * 8),
            layout: Layout::default(),
            values: K::Values::default(),
            starts: with_starts.then(|| StartTimes::with_header(third)),
            header: Header::of(if with_starts { first } else { third }),
            left: samples,
            read: 0,
            t: 0,
            delta: 0,
        })
    }

    /// Goes over to another chunk of the same kind and keeps the memory.
    pub fn reset(&mut self, chunk: &'a [u8], encoding: Encoding, samples: u32) -> Result<(), ChunkError> {
        let mut fresh = Self::with_samples(chunk, encoding, samples)?;
        std::mem::swap(&mut fresh.layout, &mut self.layout);
        std::mem::swap(&mut fresh.values, &mut self.values);
        *self = fresh;
        Ok(())
    }

    /// Steps to the next sample and returns its times; `None` is the end. Errors: the stream ends inside a sample or is
    /// impossible.
    pub fn advance(&mut self) -> Result<Option<SampleTimes>, ChunkError> {
        if self.left == 0 {
            return Ok(None);
        }
        let before = self.t;
        if self.read == 0 {
            self.layout.take(&mut self.from)?;
            self.t = self.from.varbit()?;
            K::take_first(&mut self.values, &mut self.from, &self.layout)?;
        } else {
            self.delta = self.delta.wrapping_add(self.from.varbit()?);
            self.t = self.t.wrapping_add(self.delta);
            K::take_next(&mut self.values, &mut self.from)?;
        }
        let mut start = 0;
        if let Some(starts) = &mut self.starts {
            starts.take(&mut self.from, self.read.min(u32::from(u16::MAX)) as u16, self.t, before)?;
            start = starts.start;
        }
        self.read += 1;
        self.left -= 1;
        Ok(Some(SampleTimes { t: TimestampMs(self.t), start: TimestampMs(start) }))
    }

    /// Returns how many samples are still to come.
    pub fn samples_left(&self) -> u32 {
        self.left
    }

    /// Returns what the chunk says of counter resets before its first sample.
    pub fn counter_reset_header(&self) -> Header {
        self.header
    }

    pub(super) fn end_bit(&self) -> usize {
        self.from.position()
    }
}

/// Copies what histograms of both kinds have under the same names, and empties the buckets. A staleness marker has nothing.
macro_rules! copy_layout {
    ($self:ident, $layout:ident, $out:ident, $stale:ident) => {
        $out.counter_reset = $self.header.hint($self.read.saturating_sub(1));
        $out.schema = $layout.schema;
        $out.zero_threshold = $layout.zero_threshold;
        $out.positive_spans.clone_from(&$layout.positive);
        $out.negative_spans.clone_from(&$layout.negative);
        $out.custom_values.clone_from(&$layout.bounds);
        $out.positive_buckets.clear();
        $out.negative_buckets.clear();
        if $stale {
            $out.counter_reset = firesteel_model::CounterReset::Unknown;
            ($out.schema, $out.zero_threshold) = (0, 0.0);
            $out.positive_spans.clear();
            $out.negative_spans.clear();
            $out.custom_values.clear();
        }
    };
}

impl HistogramDecoder<'_> {
    /// Writes the sample that [`Self::advance`] came to over `out`. A schema finer than ours is reduced to the finest. Error:
    /// that cannot be done.
    pub fn read(&self, out: &mut Histogram) -> Result<(), ChunkError> {
        let Self { layout, values, .. } = self;
        out.sum = values.sum.value();
        let stale = is_stale_nan(out.sum);
        copy_layout!(self, layout, out, stale);
        (out.count, out.zero_count) = if stale { (0, 0) } else { (values.count, values.zero_count) };
        if !stale {
            out.positive_buckets.extend_from_slice(&values.buckets[0]);
            out.negative_buckets.extend_from_slice(&values.buckets[1]);
            if out.schema > SCHEMA_MAX {
                out.reduce_resolution(SCHEMA_MAX).map_err(|_| ChunkError::BadLayout { at_bit: self.end_bit() })?;
            }
        }
        Ok(())
    }

    /// Writes the sample as a histogram of float counts over `out`.
    pub fn read_float(&self, out: &mut FloatHistogram) -> Result<(), ChunkError> {
        let Self { layout, values, .. } = self;
        out.sum = values.sum.value();
        let stale = is_stale_nan(out.sum);
        copy_layout!(self, layout, out, stale);
        (out.count, out.zero_count) = if stale { (0.0, 0.0) } else { (values.count as f64, values.zero_count as f64) };
        if !stale {
            for (deltas, out) in values.buckets.iter().zip([&mut out.positive_buckets, &mut out.negative_buckets]) {
                let mut count = 0i64;
                out.extend(deltas.iter().map(|delta| {
                    count = count.wrapping_add(*delta);
                    count as f64
                }));
            }
            if out.schema > SCHEMA_MAX {
                out.reduce_resolution(SCHEMA_MAX).map_err(|_| ChunkError::BadLayout { at_bit: self.end_bit() })?;
            }
        }
        Ok(())
    }
}

impl FloatHistogramDecoder<'_> {
    /// Writes the sample that [`Self::advance`] came to over `out`, as [`HistogramDecoder::read`] does.
    pub fn read(&self, out: &mut FloatHistogram) -> Result<(), ChunkError> {
        let Self { layout, values, .. } = self;
        out.sum = values.sum.value();
        let stale = is_stale_nan(out.sum);
        copy_layout!(self, layout, out, stale);
        (out.count, out.zero_count) =
            if stale { (0.0, 0.0) } else { (values.count.value(), values.zero_count.value()) };
        if !stale {
            out.positive_buckets.extend(values.buckets[0].iter().map(|v| v.value()));
            out.negative_buckets.extend(values.buckets[1].iter().map(|v| v.value()));
            if out.schema > SCHEMA_MAX {
                out.reduce_resolution(SCHEMA_MAX).map_err(|_| ChunkError::BadLayout { at_bit: self.end_bit() })?;
            }
        }
        Ok(())
    }
}
