//! Reading the fields of chunks bit by bit, each checked against the end.

use super::ChunkError;
use super::varbit_width::{PREFIX_BITS, VALUE_BITS};

/// A place in a stream of bits.
#[derive(Clone, Copy, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Returns a reader at bit `at`.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Returns the number of the next bit.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Returns how many bits are left.
    pub(super) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// Returns the next 57 bits or more at the top of a word, zeros behind the end.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        let from = self.at / 8;
        let word = match self.bytes.get(from..from + 8).and_then(|rest| rest.first_chunk::<8>()) {
            Some(word) => u64::from_be_bytes(*word),
            None => self.peek_end(from),
        };
        word << (self.at % 8)
    }

    #[cold]
    fn peek_end(&self, from: usize) -> u64 {
        let mut word = [0; 8];
        let rest = self.bytes.get(from..).unwrap_or(&[]);
        for (place, byte) in word.iter_mut().zip(rest) {
            *place = *byte;
        }
        u64::from_be_bytes(word)
    }

    #[inline(always)]
    pub(super) fn consume(&mut self, n: u32) -> Result<(), ChunkError> {
        self.at += n as usize;
        if self.at > self.bytes.len() * 8 {
            return Err(self.truncated());
        }
        Ok(())
    }

    #[cold]
    fn truncated(&self) -> ChunkError {
        ChunkError::Truncated { at_bit: self.bytes.len() * 8 }
    }

    /// Takes `n` bits, 0 to 64.
    #[inline]
    pub(super) fn take(&mut self, n: u32) -> Result<u64, ChunkError> {
        if n == 0 {
            return Ok(0);
        }
        if n <= 57 {
            let bits = self.peek() >> (64 - n);
            self.consume(n)?;
            return Ok(bits);
        }
        let high = self.take(n - 32)?;
        Ok(high << 32 | self.take(32)?)
    }

    pub(super) fn float(&mut self) -> Result<f64, ChunkError> {
        self.take(64).map(f64::from_bits)
    }

    /// Takes a signed number of variable width.
    #[inline]
    pub(super) fn varbit(&mut self) -> Result<i64, ChunkError> {
        let (bits, n) = self.varbit_field()?;
        // The top value of a field is positive, so it is not quite two's complement.
        Ok(if n < 64 && n > 0 && bits > 1 << (n - 1) { bits.wrapping_sub(1 << n) } else { bits } as i64)
    }

    /// Takes an unsigned number of variable width.
    pub(super) fn varbit_unsigned(&mut self) -> Result<u64, ChunkError> {
        self.varbit_field().map(|(bits, _)| bits)
    }

    #[inline(always)]
    fn varbit_field(&mut self) -> Result<(u64, u32), ChunkError> {
        let head = self.peek();
        let ones = head.leading_ones().min(8) as usize;
        let (prefix, n) = (PREFIX_BITS[ones], VALUE_BITS[ones]);
        if n <= 25 {
            let bits = if n == 0 { 0 } else { head << prefix >> (64 - n) };
            self.consume(prefix + n)?;
            return Ok((bits, n));
        }
        self.consume(prefix)?;
        Ok((self.take(n)?, n))
    }

    /// Takes a zigzag varint of whole bytes.
    pub(super) fn varint(&mut self) -> Result<i64, ChunkError> {
        let v = self.uvarint()?;
        Ok((v >> 1) as i64 ^ -((v & 1) as i64))
    }

    /// Takes a varint of whole bytes.
    pub(super) fn uvarint(&mut self) -> Result<u64, ChunkError> {
        let at_bit = self.at;
        let mut v = 0;
        for i in 0..10 {
            let byte = self.take(8)?;
            if i == 9 && byte > 1 {
                break;
            }
            v |= (byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                return Ok(v);
            }
        }
        Err(ChunkError::VarintOverflow { at_bit })
    }
}
