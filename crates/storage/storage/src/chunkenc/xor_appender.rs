//! Appending float samples to an XOR chunk, byte for byte as upstream does (`tsdb/chunkenc/xor.go`, 3.14).
//!
//! The appender is 32 bytes of plain state beside the chunk's bytes, so that the head can keep it in a series' hot record
//! and the bytes in a slab. Format: `docs/format/xor-chunk.md`.

use firesteel_base::TimestampMs;
use firesteel_base::bits::put_bits;

use super::xor_decoder::XorDecoder;
use super::{CHUNK_HEADER_BYTES, ChunkError, ChunkFull};

/// Marks that no window of significant bits was written yet.
const NO_WINDOW: u8 = 0xff;

/// The state of an open XOR chunk. The bytes are handed to every call and belong to the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct XorAppender {
    last_t: i64,
    delta: i64,
    last_value: u64,
    /// Length of the chunk in bits, header included.
    end_bit: u32,
    samples: u16,
    leading: u8,
    trailing: u8,
}

/// What an appender knows that its chunk's bytes tell only to who decodes all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct XorTail {
    /// Between the times of the last two samples; 0 with one.
    pub delta_ms: i64,
    /// The last sample's value as it is, bit for bit.
    pub last_value: u64,
    /// Bits of the last byte that are not used.
    pub spare_bits: u8,
    /// The window of the last value that had one.
    pub leading: u8,
    pub trailing: u8,
}

impl Default for XorAppender {
    fn default() -> Self {
        Self::new()
    }
}

impl XorAppender {
    /// The most bytes that one sample can add.
    pub const MAX_SAMPLE_BYTES: usize = 20;

    /// Returns the state of an empty chunk.
    #[inline]
    pub const fn new() -> Self {
        Self {
            last_t: 0,
            delta: 0,
            last_value: 0,
            end_bit: CHUNK_HEADER_BYTES as u32 * 8,
            samples: 0,
            leading: NO_WINDOW,
            trailing: 0,
        }
    }

    /// Returns the state after the last sample of `chunk`, as if all had been appended here.
    ///
    /// Costs a decode of the whole chunk.
    pub fn resume(chunk: &[u8]) -> Result<Self, ChunkError> {
        let mut decoder = XorDecoder::new(chunk)?;
        let samples = decoder.samples_left() as u16;
        let (mut t, mut v) = ([TimestampMs(0); 128], [0.0; 128]);
        while decoder.decode_batch(&mut t, &mut v)? > 0 {}
        if samples == 0 {
            return Ok(Self::new());
        }
        let end = decoder.state();
        Ok(Self {
            last_t: end.t,
            delta: end.delta,
            last_value: end.value,
            end_bit: end.at_bit as u32,
            samples,
            // upstream: a chunk without any window resumes with one of 64 bits (chunkenc/xor.go, Appender); kept.
            leading: (64 - end.significant - end.trailing) as u8,
            trailing: end.trailing as u8,
        })
    }

    /// Returns what [`Self::resume_with`] needs beside the chunk and the time of its last sample.
    pub fn tail(&self) -> XorTail {
        XorTail {
            delta_ms: self.delta,
            last_value: self.last_value,
            spare_bits: (self.byte_len() * 8 - self.end_bit as usize) as u8,
            leading: self.leading,
            trailing: self.trailing,
        }
    }

    /// As [`Self::resume`], without decoding. `None`: that cannot be the tail of such a chunk.
    pub fn resume_with(chunk: &[u8], last_t: TimestampMs, tail: XorTail) -> Option<Self> {
        let samples = u16::from_be_bytes(*chunk.first_chunk::<CHUNK_HEADER_BYTES>()?);
        let end_bit = u32::try_from(chunk.len()).ok()?.checked_mul(8)?.checked_sub(u32::from(tail.spare_bits))?;
        let XorTail { leading, trailing, .. } = tail;
        let has_window = leading < 64 && u32::from(leading) + u32::from(trailing) < 64;
        let whole = samples > 0 && tail.spare_bits < 8 && end_bit > CHUNK_HEADER_BYTES as u32 * 8;
        (whole && (has_window || leading == NO_WINDOW)).then_some(Self {
            last_t: last_t.0,
            delta: tail.delta_ms,
            last_value: tail.last_value,
            end_bit,
            samples,
            leading,
            trailing,
        })
    }

    /// Appends a sample to the chunk in `out`, which starts with the chunk's first byte and may be longer than the chunk.
    ///
    /// Bytes behind [`Self::byte_len`] are scratch: they may be overwritten. The sample count in the first two bytes is
    /// not touched, see [`Self::write_header`]. The order of times is the caller's business.
    #[inline]
    pub fn append(&mut self, out: &mut [u8], t: TimestampMs, v: f64) -> Result<(), ChunkFull> {
        let (t, value) = (t.0, v.to_bits());
        if self.samples < 2 {
            return self.append_early(out, t, value);
        }
        let delta = t.wrapping_sub(self.last_t);
        let mut field = ValueField::of(value ^ self.last_value, self.leading, self.trailing);
        let dod = delta.wrapping_sub(self.delta);
        // The longest prefix of these, 24 bits, and the longest head of a value, 13, share one write.
        if dod == 0 {
            field.head_len += 1;
        } else if in_range(dod, 14) {
            field.put_before(0b10 << 14 | low_bits(dod, 14), 16);
        } else if in_range(dod, 17) {
            field.put_before(0b110 << 17 | low_bits(dod, 17), 20);
        } else if in_range(dod, 20) {
            field.put_before(0b1110 << 20 | low_bits(dod, 20), 24);
        } else {
            return self.append_far(out, t, value, dod, field);
        }
        self.room(out, field.len())?;
        self.put_field(out, &field);
        self.note(t, delta, value, &field)
    }

    /// The first sample, and the second with its plain delta.
    #[cold]
    fn append_early(&mut self, out: &mut [u8], t: i64, value: u64) -> Result<(), ChunkFull> {
        if self.samples == 0 {
            let (time, time_len) = leb128(((t << 1) ^ (t >> 63)) as u64);
            self.room(out, time_len * 8 + 64)?;
            self.put_bytes(out, &time[..time_len]);
            self.put_long(out, value, 64);
            let field = ValueField { leading: NO_WINDOW, ..ValueField::default() };
            return self.note(t, 0, value, &field);
        }
        let delta = t.wrapping_sub(self.last_t);
        let (time, time_len) = leb128(delta as u64);
        let field = ValueField::of(value ^ self.last_value, self.leading, self.trailing);
        self.room(out, time_len * 8 + field.len())?;
        self.put_bytes(out, &time[..time_len]);
        self.put_field(out, &field);
        self.note(t, delta, value, &field)
    }

    /// A jump in time that needs all 64 bits.
    #[cold]
    fn append_far(&mut self, out: &mut [u8], t: i64, value: u64, dod: i64, field: ValueField) -> Result<(), ChunkFull> {
        self.room(out, 4 + 64 + field.len())?;
        self.put(out, 0b1111, 4);
        self.put_long(out, dod as u64, 64);
        self.put_field(out, &field);
        self.note(t, t.wrapping_sub(self.last_t), value, &field)
    }

    /// Returns how many bytes the chunk has, header included.
    #[inline]
    pub fn byte_len(&self) -> usize {
        (self.end_bit as usize).div_ceil(8)
    }

    /// Returns how many samples the chunk has.
    #[inline]
    pub fn samples(&self) -> u16 {
        self.samples
    }

    /// Returns the time of the last sample; 0 when there is none.
    #[inline]
    pub fn last_t(&self) -> TimestampMs {
        TimestampMs(self.last_t)
    }

    /// Returns the last sample's value; 0 when there is none.
    #[inline]
    pub fn last_value(&self) -> f64 {
        f64::from_bits(self.last_value)
    }

    /// Writes the sample count into the first two bytes, as the chunk's readers want it.
    #[inline]
    pub fn write_header(&self, out: &mut [u8]) {
        if let Some(header) = out.first_chunk_mut::<CHUNK_HEADER_BYTES>() {
            *header = self.samples.to_be_bytes();
        }
    }

    #[inline]
    fn room(&self, out: &[u8], bits: usize) -> Result<(), ChunkFull> {
        let need = (self.end_bit as usize + bits).div_ceil(8);
        if need > out.len() {
            return Err(ChunkFull::Bytes { need });
        }
        if self.samples == u16::MAX {
            return Err(ChunkFull::Samples);
        }
        Ok(())
    }

    #[inline]
    fn note(&mut self, t: i64, delta: i64, value: u64, field: &ValueField) -> Result<(), ChunkFull> {
        self.last_t = t;
        self.delta = delta;
        self.last_value = value;
        self.leading = field.leading;
        self.trailing = field.trailing;
        self.samples += 1;
        Ok(())
    }

    #[inline]
    fn put(&mut self, out: &mut [u8], bits: u64, n: u32) {
        put_bits(out, self.end_bit as usize, bits, n);
        self.end_bit += n;
    }

    #[inline]
    fn put_long(&mut self, out: &mut [u8], bits: u64, n: u32) {
        if n > 32 {
            self.put(out, bits >> 32 & (u64::MAX >> (96 - n)), n - 32);
            self.put(out, bits & 0xffff_ffff, 32);
        } else {
            self.put(out, bits, n);
        }
    }

    fn put_bytes(&mut self, out: &mut [u8], bytes: &[u8]) {
        for &b in bytes {
            self.put(out, u64::from(b), 8);
        }
    }

    #[inline]
    fn put_field(&mut self, out: &mut [u8], field: &ValueField) {
        let joint = field.head_len + field.body_len;
        if field.body_len == 0 {
            self.put(out, field.head, field.head_len);
        } else if joint <= 57 {
            self.put(out, field.head << field.body_len | field.body, joint);
        } else {
            self.put(out, field.head, field.head_len);
            self.put_long(out, field.body, field.body_len);
        }
    }
}

/// How a value is written: a head of at most 37 bits (the time's prefix included) and up to 64 significant bits.
#[derive(Clone, Copy, Default, Debug)]
struct ValueField {
    head: u64,
    head_len: u32,
    body: u64,
    body_len: u32,
    leading: u8,
    trailing: u8,
}

impl ValueField {
    #[inline]
    fn of(xor: u64, leading: u8, trailing: u8) -> Self {
        if xor == 0 {
            return Self { head_len: 1, leading, trailing, ..Self::default() };
        }
        let new_leading = xor.leading_zeros().min(31) as u8;
        let new_trailing = xor.trailing_zeros() as u8;
        // upstream: the old window is kept whenever it fits, even if it is wasteful (chunkenc/xor.go, xorWrite); kept.
        // `NO_WINDOW` is above every leading count, so it never fits.
        if new_leading >= leading && new_trailing >= trailing {
            let body_len = 64 - u32::from(leading) - u32::from(trailing);
            return Self { head: 0b10, head_len: 2, body: xor >> trailing, body_len, leading, trailing };
        }
        let body_len = 64 - u32::from(new_leading) - u32::from(new_trailing);
        // 64 does not fit the six bits and is written as 0, which cannot occur otherwise.
        let head = 0b11 << 11 | u64::from(new_leading) << 6 | u64::from(body_len & 63);
        Self { head, head_len: 13, body: xor >> new_trailing, body_len, leading: new_leading, trailing: new_trailing }
    }

    #[inline]
    fn put_before(&mut self, bits: u64, n: u32) {
        self.head |= bits << self.head_len;
        self.head_len += n;
    }

    #[inline]
    fn len(&self) -> usize {
        (self.head_len + self.body_len) as usize
    }
}

/// Returns whether `x` fits a field of `n` bits: −(2^(n−1)−1) to 2^(n−1), which is not two's complement.
#[inline]
fn in_range(x: i64, n: u32) -> bool {
    let half = 1i64 << (n - 1);
    -(half - 1) <= x && x <= half
}

#[inline]
fn low_bits(x: i64, n: u32) -> u64 {
    x as u64 & (u64::MAX >> (64 - n))
}

fn leb128(mut value: u64) -> ([u8; 10], usize) {
    let mut out = [0; 10];
    let mut n = 0;
    for place in &mut out {
        n += 1;
        if value < 0x80 {
            *place = value as u8;
            break;
        }
        *place = value as u8 | 0x80;
        value >>= 7;
    }
    (out, n)
}

/// A chunk that owns its bytes: for block writers and tools, where the head's slabs are not at hand.
#[derive(Clone, Debug, Default)]
pub struct XorChunk {
    appender: XorAppender,
    bytes: Vec<u8>,
}

impl XorChunk {
    /// Returns an empty chunk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a sample. Errors: `ChunkFull::Samples` after 65,535 of them.
    pub fn push(&mut self, t: TimestampMs, v: f64) -> Result<(), ChunkFull> {
        let room = self.appender.byte_len() + XorAppender::MAX_SAMPLE_BYTES;
        if self.bytes.len() < room {
            self.bytes.resize(room.next_power_of_two(), 0);
        }
        self.appender.append(&mut self.bytes, t, v)
    }

    /// Returns the state behind the last sample.
    pub fn appender(&self) -> &XorAppender {
        &self.appender
    }

    /// Returns the chunk's bytes, header included.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.resize(self.appender.byte_len(), 0);
        self.appender.write_header(&mut self.bytes);
        self.bytes
    }

    /// Empties the chunk and keeps its memory.
    pub fn clear(&mut self) {
        self.appender = XorAppender::new();
    }
}
