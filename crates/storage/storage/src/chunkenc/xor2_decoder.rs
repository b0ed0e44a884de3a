//! Decoding XOR2 chunks.

use firesteel_base::TimestampMs;
use firesteel_model::{is_stale_nan, stale_nan};

use super::ChunkError;
use super::bit_reader::BitReader;
use super::histogram_decoder::SampleTimes;
use super::start_time::StartTimes;
use super::xor_value::XorValue;
use super::xor2_appender::XOR2_HEADER_BYTES;

/// Decodes one XOR2 chunk from front to back.
#[derive(Clone, Debug)]
pub struct Xor2Decoder<'a> {
    from: BitReader<'a>,
    /// The last value that was no staleness marker.
    pub(super) baseline: XorValue,
    pub(super) starts: StartTimes,
    left: u32,
    pub(super) read: u32,
    pub(super) t: i64,
    pub(super) delta: i64,
}

impl<'a> Xor2Decoder<'a> {
    /// Returns a decoder for all samples that the chunk's header counts.
    pub fn new(chunk: &'a [u8]) -> Result<Self, ChunkError> {
        let mut decoder = Self::with_samples(chunk, 0)?;
        let count = chunk.first_chunk::<2>().copied().unwrap_or_default();
        decoder.left = u32::from(u16::from_be_bytes(count));
        Ok(decoder)
    }

    /// Returns a decoder for the first `samples` samples whatever the header says.
    pub fn with_samples(chunk: &'a [u8], samples: u32) -> Result<Self, ChunkError> {
        let Some(&[_, _, starts]) = chunk.first_chunk::<XOR2_HEADER_BYTES>() else {
            return Err(ChunkError::NoHeader { bytes: chunk.len() });
        };
        Ok(Self {
            from: BitReader::new(chunk, XOR2_HEADER_BYTES * 8),
            baseline: XorValue::new(0.0),
            starts: StartTimes::with_header(starts),
            left: samples,
            read: 0,
            t: 0,
            delta: 0,
        })
    }

    /// Returns how many samples are still to come.
    pub fn samples_left(&self) -> u32 {
        self.left
    }

    /// Returns the next sample; `None` is the end. Errors: the stream ends inside a sample or is impossible.
    pub fn advance(&mut self) -> Result<Option<(SampleTimes, f64)>, ChunkError> {
        if self.left == 0 {
            return Ok(None);
        }
        let before = self.t;
        let v = match self.read {
            0 => {
                self.t = self.from.varint()?;
                let v = self.from.float()?;
                if !is_stale_nan(v) {
                    self.baseline.bits = v.to_bits();
                }
                v
            }
            1 => {
                self.delta = self.from.uvarint()? as i64;
                self.t = self.t.wrapping_add(self.delta);
                self.take_value()?
            }
            _ => self.take_joint()?,
        };
        self.starts.take(&mut self.from, self.read.min(u32::from(u16::MAX)) as u16, self.t, before)?;
        self.read += 1;
        self.left -= 1;
        let times = SampleTimes { t: TimestampMs(self.t), start: TimestampMs(self.starts.start) };
        Ok(Some((times, v)))
    }

    /// Decodes samples into `t` and `v`, as many as the shorter of them takes; returns how many, 0 at the end.
    pub fn decode_batch(&mut self, t: &mut [TimestampMs], v: &mut [f64]) -> Result<usize, ChunkError> {
        let mut n = 0;
        for (t, v) in t.iter_mut().zip(v) {
            let Some((times, value)) = self.advance()? else { break };
            (*t, *v) = (times.t, value);
            n += 1;
        }
        Ok(n)
    }

    fn take_joint(&mut self) -> Result<f64, ChunkError> {
        let ones = (self.from.peek() >> 59 << 59).leading_ones();
        self.from.consume((ones + 1).min(5))?;
        let width = match ones {
            0 | 1 | 5 => {
                self.t = self.t.wrapping_add(self.delta);
                if ones == 5 {
                    return Ok(stale_nan());
                }
                if ones == 1 {
                    self.baseline.take_changed(&mut self.from)?;
                }
                return Ok(self.baseline.value());
            }
            2 => 13,
            3 => 20,
            _ => 64,
        };
        let dod = (self.from.take(width)? << (64 - width)) as i64 >> (64 - width);
        self.delta = self.delta.wrapping_add(dod);
        self.t = self.t.wrapping_add(self.delta);
        self.take_value()
    }

    fn take_value(&mut self) -> Result<f64, ChunkError> {
        if self.from.take(1)? == 1 {
            if self.from.peek() >> 62 == 0b11 {
                self.from.consume(2)?;
                return Ok(stale_nan());
            }
            self.baseline.take_changed_or_stale(&mut self.from)?;
        }
        Ok(self.baseline.value())
    }

    pub(super) fn end_bit(&self) -> usize {
        self.from.position()
    }
}
