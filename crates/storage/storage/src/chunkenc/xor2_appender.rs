//! Appending float samples to an XOR2 chunk, byte for byte as upstream does (`chunkenc/xor2.go`, 3.14): time and value share
//! their control bits, staleness markers cost five bits, start timestamps are there when asked for.
//!
//! Format: `docs/format/xor2-chunk.md`.

use firesteel_base::TimestampMs;
use firesteel_model::is_stale_nan;

use super::bit_buffer::BitBuffer;
use super::start_time::StartTimes;
use super::xor_value::XorValue;
use super::xor2_decoder::Xor2Decoder;
use super::{ChunkError, ChunkFull};

/// Bytes of the sample count and of the start timestamps' header.
pub(super) const XOR2_HEADER_BYTES: usize = 3;

/// An open XOR2 chunk with its bytes.
#[derive(Clone, Debug)]
pub struct Xor2Appender {
    out: BitBuffer,
    value: XorValue,
    starts: StartTimes,
    samples: u16,
    t: i64,
    delta: i64,
}

impl Default for Xor2Appender {
    fn default() -> Self {
        Self::new()
    }
}

impl Xor2Appender {
    /// Returns an empty chunk.
    pub fn new() -> Self {
        Self {
            out: BitBuffer::with_header(XOR2_HEADER_BYTES),
            value: XorValue::new(0.0),
            starts: StartTimes::default(),
            samples: 0,
            t: 0,
            delta: 0,
        }
    }

    /// Returns the state behind the last sample of `chunk`. Costs a decode of the whole chunk.
    pub fn resume(chunk: &[u8]) -> Result<Self, ChunkError> {
        Ok(Self::resume_with_last(chunk)?.0)
    }

    /// As [`Self::resume`]; returns also the last sample's value, 0 when there is none.
    pub fn resume_with_last(chunk: &[u8]) -> Result<(Self, f64), ChunkError> {
        let mut decoder = Xor2Decoder::new(chunk)?;
        let mut last = 0.0;
        while let Some((_, v)) = decoder.advance()? {
            last = v;
        }
        if decoder.read == 0 {
            return Ok((Self::new(), last));
        }
        decoder.baseline.resumed();
        let resumed = Self {
            out: BitBuffer::resume(chunk, decoder.end_bit()),
            value: decoder.baseline,
            starts: decoder.starts,
            samples: decoder.read as u16,
            t: decoder.t,
            delta: decoder.delta,
        };
        Ok((resumed, last))
    }

    /// Appends a sample, `start` = 0 when it has no start timestamp. The order of times is the caller's business.
    pub fn append(&mut self, start: TimestampMs, t: TimestampMs, v: f64) -> Result<(), ChunkFull> {
        if self.samples == u16::MAX {
            return Err(ChunkFull::Samples);
        }
        let (t, before) = (t.0, self.t);
        let delta = t.wrapping_sub(self.t);
        match self.samples {
            0 => {
                self.out.put_varint(t);
                self.out.put_float(v);
                // The baseline stays 0 when the first value is a staleness marker.
                if !is_stale_nan(v) {
                    self.value.bits = v.to_bits();
                }
            }
            1 => {
                self.put_uvarint(delta as u64);
                self.put_value(v);
            }
            _ => self.put_joint(delta.wrapping_sub(self.delta), v),
        }
        self.starts.put(&mut self.out, self.samples, t, before, start.0);
        self.delta = if self.samples == 0 { 0 } else { delta };
        self.t = t;
        self.samples += 1;
        let [high, low] = self.samples.to_be_bytes();
        for (place, byte) in self.out.header_mut().iter_mut().zip([high, low, self.starts.header]) {
            *place = byte;
        }
        Ok(())
    }

    fn put_uvarint(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.out.put(v & 0x7f | 0x80, 8);
            v >>= 7;
        }
        self.out.put(v, 8);
    }

    fn put_joint(&mut self, dod: i64, v: f64) {
        let xor = self.value.bits ^ v.to_bits();
        match dod {
            0 if is_stale_nan(v) => return self.out.put(0b1_1111, 5),
            0 if xor == 0 => return self.out.put(0, 1),
            0 => {
                self.out.put(0b10, 2);
                self.value.bits = v.to_bits();
                return self.value.put_changed(&mut self.out, xor);
            }
            -0x1000..=0xfff => self.out.put(0b110 << 13 | dod as u64 & 0x1fff, 16),
            -0x8_0000..=0x7_ffff => self.out.put(0b1110 << 20 | dod as u64 & 0xf_ffff, 24),
            _ => {
                self.out.put(0b1_1110, 5);
                self.out.put(dod as u64, 64);
            }
        }
        self.put_value(v);
    }

    /// Appends a value behind a time of its own.
    fn put_value(&mut self, v: f64) {
        if is_stale_nan(v) {
            return self.out.put(0b111, 3);
        }
        let xor = self.value.bits ^ v.to_bits();
        self.value.bits = v.to_bits();
        if xor == 0 {
            return self.out.put(0, 1);
        }
        self.value.put_changed_or_stale(&mut self.out, xor);
    }

    /// Returns the chunk's bytes, header included.
    pub fn bytes(&self) -> &[u8] {
        self.out.bytes()
    }

    /// Returns the bytes allocated.
    pub fn heap_bytes(&self) -> usize {
        self.out.heap_bytes()
    }

    /// Returns how many samples the chunk has.
    pub fn samples(&self) -> u16 {
        self.samples
    }

    /// Returns the time of the last sample; 0 when there is none.
    pub fn last_t(&self) -> TimestampMs {
        TimestampMs(self.t)
    }
}
