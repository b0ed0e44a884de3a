//! Decoding XOR chunks into columns.
//!
//! The inner loop keeps the next 56 to 64 bits in a register, decides by whole prefixes, and checks bounds once a sample;
//! the last bytes of a chunk are decoded from a copy with zeros behind, by the same loop. Format:
//! `docs/format/xor-chunk.md`.

use firesteel_base::TimestampMs;
use firesteel_base::bits::BitWindow;
use firesteel_base::bytes::{ByteCursor, ByteError};

use super::{CHUNK_HEADER_BYTES, ChunkError};

/// The window is refilled at most this often for one sample, so so many words must be readable ahead.
const REFILLS_PER_SAMPLE: usize = 4;
/// Holds what the main loop leaves over, one sample too many, and the refills behind it.
const TAIL_BYTES: usize = 128;
const TOP_BIT: u64 = 1 << 63;

/// Decodes one XOR chunk from front to back, a batch at a time.
#[derive(Clone, Debug)]
pub struct XorDecoder<'a> {
    chunk: &'a [u8],
    left: u32,
    read: u32,
    state: XorState,
}

/// Where a decoder stands between two samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct XorState {
    pub(super) at_bit: usize,
    pub(super) t: i64,
    pub(super) delta: i64,
    pub(super) value: u64,
    pub(super) trailing: u32,
    pub(super) significant: u32,
}

impl<'a> XorDecoder<'a> {
    /// Returns a decoder for all samples that the chunk's header counts.
    #[inline]
    pub fn new(chunk: &'a [u8]) -> Result<Self, ChunkError> {
        match chunk.first_chunk::<CHUNK_HEADER_BYTES>() {
            Some(&count) => Ok(Self::with_samples(chunk, u32::from(u16::from_be_bytes(count)))),
            None => Err(ChunkError::NoHeader { bytes: chunk.len() }),
        }
    }

    /// Returns a decoder for the first `samples` samples whatever the header says: the reader of an open chunk may see
    /// fewer than it holds. `chunk` still starts with the two bytes of the header.
    #[inline]
    pub fn with_samples(chunk: &'a [u8], samples: u32) -> Self {
        let state = XorState { at_bit: CHUNK_HEADER_BYTES * 8, t: 0, delta: 0, value: 0, trailing: 0, significant: 64 };
        Self { chunk, left: samples, read: 0, state }
    }

    /// Returns how many samples are still to come.
    #[inline]
    pub fn samples_left(&self) -> u32 {
        self.left
    }

    /// Decodes samples into `t` and `v`, as many as the shorter of them takes, starting where the last call stopped.
    ///
    /// Returns how many were written; 0 is the end. Values are passed bit for bit (stale markers are NaNs of their own).
    /// Errors: the stream ends inside a sample or is impossible; columns are then undefined from the fault on.
    pub fn decode_batch(&mut self, t: &mut [TimestampMs], v: &mut [f64]) -> Result<usize, ChunkError> {
        let want = t.len().min(v.len()).min(self.left as usize);
        let (t, v) = (&mut t[..want], &mut v[..want]);
        let mut done = 0;
        while done < want && self.read < 2 {
            if self.read == 0 {
                self.first()?;
            } else {
                self.second()?;
            }
            self.read += 1;
            self.left -= 1;
            t[done] = TimestampMs(self.state.t);
            v[done] = f64::from_bits(self.state.value);
            done += 1;
        }
        if done < want {
            let chunk = self.chunk;
            let start = done;
            done += self.run::<false>(chunk, 0, &mut t[done..], &mut v[done..])?;
            if done < want {
                let (tail, from) = self.tail();
                done += self.run::<true>(&tail, from, &mut t[done..], &mut v[done..])?;
            }
            self.left -= (done - start) as u32;
        }
        Ok(done)
    }

    pub(super) fn state(&self) -> &XorState {
        &self.state
    }

    fn first(&mut self) -> Result<(), ChunkError> {
        let at_bit = self.state.at_bit;
        let mut cursor = ByteCursor::new(self.chunk.get(at_bit / 8..).unwrap_or(&[]));
        self.state.t = cursor.varint().map_err(|e| at(e, at_bit))?;
        self.state.value = cursor.be64().map_err(|e| at(e, at_bit))?;
        self.state.at_bit += cursor.position() * 8;
        Ok(())
    }

    fn second(&mut self) -> Result<(), ChunkError> {
        // The first sample ends on a byte's edge, so this delta begins on one.
        let at_bit = self.state.at_bit;
        let mut cursor = ByteCursor::new(self.chunk.get(at_bit / 8..).unwrap_or(&[]));
        self.state.delta = cursor.uvarint().map_err(|e| at(e, at_bit))? as i64;
        self.state.t = self.state.t.wrapping_add(self.state.delta);
        self.state.at_bit += cursor.position() * 8;
        let (tail, from) = self.tail();
        let mut window = BitWindow::new(&tail, self.state.at_bit - from);
        window.refill();
        self.state.value(&mut window, from)?;
        self.state.at_bit = from + window.position();
        self.check_end()
    }

    /// Copies the bytes from the current one on, as far as two samples can reach, and returns them with the bit number of
    /// their start.
    fn tail(&self) -> ([u8; TAIL_BYTES], usize) {
        let mut tail = [0; TAIL_BYTES];
        let from = self.state.at_bit / 8;
        let rest = self.chunk.get(from..).unwrap_or(&[]);
        // Beyond these come zeros enough for the sample that oversteps the end and its refills.
        let n = rest.len().min(TAIL_BYTES - 8 * (REFILLS_PER_SAMPLE + 1));
        tail[..n].copy_from_slice(&rest[..n]);
        (tail, from * 8)
    }

    #[inline]
    fn check_end(&self) -> Result<(), ChunkError> {
        if self.state.at_bit > self.chunk.len() * 8 {
            return Err(ChunkError::Truncated { at_bit: self.chunk.len() * 8 });
        }
        Ok(())
    }

    /// Decodes from `stream`, which begins at bit `from` of the chunk, until the columns are full or, unless this is the
    /// tail, too few bytes are left to go on without looking.
    #[inline]
    fn run<const TAIL: bool>(
        &mut self,
        stream: &[u8],
        from: usize,
        t: &mut [TimestampMs],
        v: &mut [f64],
    ) -> Result<usize, ChunkError> {
        let mut state = self.state;
        let mut window = BitWindow::new(stream, state.at_bit - from);
        let end = self.chunk.len() * 8 - from;
        let mut done = 0;
        for (t, v) in t.iter_mut().zip(v.iter_mut()) {
            if !TAIL && !window.can_refill(REFILLS_PER_SAMPLE) {
                break;
            }
            window.refill();
            let head = window.peek();
            if head < TOP_BIT {
                window.consume(1);
            } else {
                state.time(&mut window, head);
            }
            state.t = state.t.wrapping_add(state.delta);
            state.value(&mut window, from)?;
            if TAIL && window.position() > end {
                return Err(ChunkError::Truncated { at_bit: from + end });
            }
            *t = TimestampMs(state.t);
            *v = f64::from_bits(state.value);
            done += 1;
        }
        state.at_bit = from + window.position();
        self.state = state;
        Ok(done)
    }
}

impl XorState {
    /// Reads a delta of deltas that is not zero.
    #[inline(always)]
    fn time(&mut self, window: &mut BitWindow<'_>, head: u64) {
        let ones = head.leading_ones();
        if ones >= 4 {
            window.consume(4);
            self.delta = self.delta.wrapping_add(window.take_64() as i64);
            window.refill();
            return;
        }
        // 1, 2 or 3 ones, a zero, and a field of 14, 17 or 20 bits. The field's top value is positive, so it is not quite
        // two's complement: one less is.
        let width = 11 + 3 * ones;
        let field = (head << (ones + 1)) >> (64 - width);
        let dod = ((field.wrapping_sub(1) << (64 - width)) as i64 >> (64 - width)).wrapping_add(1);
        self.delta = self.delta.wrapping_add(dod);
        window.consume(ones + 1 + width);
    }

    /// Reads a value out of a window that holds at least 13 bits.
    #[inline(always)]
    fn value(&mut self, window: &mut BitWindow<'_>, from: usize) -> Result<(), ChunkError> {
        let head = window.peek();
        if head < TOP_BIT {
            window.consume(1);
            return Ok(());
        }
        if head << 1 < TOP_BIT {
            window.consume(2);
        } else {
            let leading = (head >> 57) as u32 & 31;
            let significant = ((head >> 51) as u32 & 63).wrapping_sub(1) % 64 + 1;
            if leading + significant > 64 {
                return Err(ChunkError::BadWindow { at_bit: from + window.position(), leading, significant });
            }
            self.significant = significant;
            self.trailing = 64 - leading - significant;
            window.consume(13);
        }
        window.refill();
        let xor = if self.significant <= 56 {
            window.take(self.significant)
        } else {
            let high = window.take(32);
            window.refill();
            let low_len = self.significant - 32;
            high << low_len | window.take(low_len)
        };
        self.value ^= xor << self.trailing;
        Ok(())
    }
}

fn at(e: ByteError, at_bit: usize) -> ChunkError {
    match e {
        ByteError::VarintOverflow { .. } => ChunkError::VarintOverflow { at_bit },
        _ => ChunkError::Truncated { at_bit },
    }
}
