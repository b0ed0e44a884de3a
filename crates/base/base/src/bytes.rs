//! Reading and writing the byte-aligned fields of on-disk structures: big-endian integers, Go's varints, counted strings.
//!
//! Every read is checked; a [`ByteCursor`] over hostile bytes yields errors, never a panic.

/// A field could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ByteError {
    /// Fewer bytes are left than the field needs.
    #[error("unexpected end of data at byte {at}: {need} more bytes needed")]
    Truncated { at: usize, need: usize },
    /// A varint does not fit 64 bits, or has more than ten bytes.
    #[error("varint at byte {at} overflows 64 bits")]
    VarintOverflow { at: usize },
}

/// A read position in a byte slice. Offsets in errors count from the start of the slice it was made of.
#[derive(Clone, Debug)]
pub struct ByteCursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> ByteCursor<'a> {
    /// Returns a cursor at the start of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns how many bytes were read.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// Returns what was not read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    /// Returns the number of bytes that were not read yet.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Returns whether all was read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Takes the next `n` bytes.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], ByteError> {
        match self.rest().get(..n) {
            Some(taken) => {
                self.at += n;
                Ok(taken)
            }
            None => Err(ByteError::Truncated { at: self.at, need: n - self.remaining() }),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ByteError> {
        match self.rest().first_chunk::<N>() {
            Some(taken) => {
                self.at += N;
                Ok(*taken)
            }
            None => Err(ByteError::Truncated { at: self.at, need: N - self.remaining() }),
        }
    }

    /// Takes one byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, ByteError> {
        self.array::<1>().map(|[b]| b)
    }

    /// Takes two bytes, big-endian.
    #[inline]
    pub fn be16(&mut self) -> Result<u16, ByteError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes four bytes, big-endian.
    #[inline]
    pub fn be32(&mut self) -> Result<u32, ByteError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes eight bytes, big-endian.
    #[inline]
    pub fn be64(&mut self) -> Result<u64, ByteError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Takes an unsigned LEB128 integer of at most ten bytes, as Go's `binary.Uvarint`.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u64, ByteError> {
        match self.rest().first() {
            Some(&b) if b < 0x80 => {
                self.at += 1;
                Ok(u64::from(b))
            }
            _ => self.long_uvarint(),
        }
    }

    #[inline]
    fn long_uvarint(&mut self) -> Result<u64, ByteError> {
        // Up to eight bytes are seen as one word: its top bits tell where the integer ends.
        if let Some(word) = self.rest().first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let ends = !word & 0x8080_8080_8080_8080;
            if ends != 0 {
                let len = (ends.trailing_zeros() + 1) / 8;
                let groups = word & (u64::MAX >> (64 - 8 * len)) & 0x7f7f_7f7f_7f7f_7f7f;
                // Sevens next to each other, then fourteens, then twenty-eights.
                let pairs = groups & 0x007f_007f_007f_007f | (groups & 0x7f00_7f00_7f00_7f00) >> 1;
                let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
                self.at += len as usize;
                return Ok(fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4);
            }
        }
        self.odd_uvarint()
    }

    /// The integers of more than eight bytes, and those at the end.
    fn odd_uvarint(&mut self) -> Result<u64, ByteError> {
        let mut value = 0u64;
        for (i, &b) in self.rest().iter().take(10).enumerate() {
            if i == 9 && b > 1 {
                break;
            }
            value |= u64::from(b & 0x7f) << (7 * i);
            if b < 0x80 {
                self.at += i + 1;
                return Ok(value);
            }
        }
        if self.remaining() < 10 {
            return Err(ByteError::Truncated { at: self.bytes.len(), need: 1 });
        }
        Err(ByteError::VarintOverflow { at: self.at })
    }

    /// Takes a zig-zag integer, as Go's `binary.Varint`.
    #[inline]
    pub fn varint(&mut self) -> Result<i64, ByteError> {
        self.uvarint().map(|u| (u >> 1) as i64 ^ -((u & 1) as i64))
    }

    /// Takes a uvarint length and that many bytes.
    #[inline]
    pub fn uvarint_bytes(&mut self) -> Result<&'a [u8], ByteError> {
        let n = self.uvarint()?;
        // A length beyond the address space is beyond the slice as well.
        self.take(usize::try_from(n).unwrap_or(usize::MAX))
    }
}

/// Appends an unsigned LEB128 integer.
#[inline]
pub fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a zig-zag integer.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: i64) {
    put_uvarint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a uvarint length and the bytes.
#[inline]
pub fn put_uvarint_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_round_trip(value: i64, expected: &[u8]) {
        let mut out = Vec::new();
        put_varint(&mut out, value);
        assert_eq!(out, expected, "{value}");
        assert_eq!(ByteCursor::new(&out).varint(), Ok(value));
    }

    #[test]
    fn varints_are_zig_zag_leb128() {
        check_round_trip(0, &[0]);
        check_round_trip(-1, &[1]);
        check_round_trip(1, &[2]);
        check_round_trip(-64, &[0x7f]);
        check_round_trip(64, &[0x80, 1]);
        check_round_trip(i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        check_round_trip(i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }

    #[test]
    fn bad_varints_are_errors() {
        assert_eq!(ByteCursor::new(&[]).uvarint(), Err(ByteError::Truncated { at: 0, need: 1 }));
        assert_eq!(ByteCursor::new(&[0x80, 0x80]).uvarint(), Err(ByteError::Truncated { at: 2, need: 1 }));
        assert_eq!(ByteCursor::new(&[0xff; 10]).uvarint(), Err(ByteError::VarintOverflow { at: 0 }));
        let mut eleven = [0x80u8; 11];
        eleven[10] = 0;
        assert_eq!(ByteCursor::new(&eleven).uvarint(), Err(ByteError::VarintOverflow { at: 0 }));
    }

    #[test]
    fn counted_bytes_cannot_reach_beyond_the_slice() {
        let mut out = Vec::new();
        put_uvarint_bytes(&mut out, b"abc");
        assert_eq!(ByteCursor::new(&out).uvarint_bytes(), Ok(&b"abc"[..]));
        let mut huge = Vec::new();
        put_uvarint(&mut huge, u64::MAX);
        assert!(ByteCursor::new(&huge).uvarint_bytes().is_err());
        assert!(ByteCursor::new(&out[..3]).uvarint_bytes().is_err());
    }

    #[test]
    fn fixed_width_fields_are_big_endian() {
        let bytes: Vec<u8> = (1..=15).collect();
        let mut c = ByteCursor::new(&bytes);
        assert_eq!(c.u8(), Ok(1));
        assert_eq!(c.be16(), Ok(0x0203));
        assert_eq!(c.be32(), Ok(0x0405_0607));
        assert_eq!(c.be64(), Ok(0x0809_0a0b_0c0d_0e0f));
        assert_eq!(c.be16(), Err(ByteError::Truncated { at: 15, need: 2 }));
        assert!(c.is_empty());
    }
}
