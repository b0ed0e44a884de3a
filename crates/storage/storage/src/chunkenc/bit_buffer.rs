//! A growing stream of bits, most significant first, with the fields that chunks are made of.

use firesteel_base::bits::put_bits;

/// Bytes that are written bit by bit.
#[derive(Clone, Debug, Default)]
pub struct BitBuffer {
    bytes: Vec<u8>,
    end_bit: usize,
}

/// Room that one `put` may touch behind the end.
const SLACK_BYTES: usize = 16;

impl BitBuffer {
    /// Returns a buffer that starts with `n` zero bytes.
    pub(super) fn with_header(n: usize) -> Self {
        Self { bytes: vec![0; n + SLACK_BYTES], end_bit: n * 8 }
    }

    /// Returns a buffer that goes on at bit `end_bit` of `bytes`.
    pub(super) fn resume(bytes: &[u8], end_bit: usize) -> Self {
        let mut bytes = bytes.to_vec();
        bytes.truncate(end_bit.div_ceil(8));
        bytes.resize(end_bit.div_ceil(8) + SLACK_BYTES, 0);
        Self { bytes, end_bit }
    }

    /// Returns what is written, up to the last started byte.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.end_bit.div_ceil(8)).unwrap_or(&[])
    }

    /// Returns the bytes of the header, to be set at will.
    pub(super) fn header_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Returns the bytes allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends the low `n` bits of `value`, 1 to 64.
    #[inline]
    pub(super) fn put(&mut self, value: u64, n: u32) {
        if self.bytes.len() < self.end_bit / 8 + SLACK_BYTES {
            self.bytes.resize((self.bytes.len() * 2).max(64), 0);
        }
        if n > 32 {
            put_bits(&mut self.bytes, self.end_bit, value >> 32, n - 32);
            put_bits(&mut self.bytes, self.end_bit + n as usize - 32, value & 0xffff_ffff, 32);
        } else {
            put_bits(&mut self.bytes, self.end_bit, value & (u64::MAX >> (64 - n)), n);
        }
        self.end_bit += n as usize;
    }

    /// Appends the bits of a float.
    pub(super) fn put_float(&mut self, v: f64) {
        self.put(v.to_bits(), 64);
    }

    /// Appends a signed number: 1 bit for 0, else 5, 9, 13, 17, 24, 32, 64 or 72 bits.
    #[inline]
    pub(super) fn put_varbit(&mut self, v: i64) {
        // Each range reaches one further up than down: −(2^(n−1)−1) to 2^(n−1).
        let fits = |n: u32| -((1i64 << (n - 1)) - 1) <= v && v <= 1i64 << (n - 1);
        self.put_varbit_of(v as u64, v == 0, fits);
    }

    /// Appends an unsigned number, with the widths of [`Self::put_varbit`].
    pub(super) fn put_varbit_unsigned(&mut self, v: u64) {
        self.put_varbit_of(v, v == 0, |n| v >> n == 0);
    }

    #[inline]
    fn put_varbit_of(&mut self, v: u64, zero: bool, fits: impl Fn(u32) -> bool) {
        let (prefix, prefix_len, n) = match () {
            () if zero => return self.put(0, 1),
            () if fits(3) => (0b10, 2, 3),
            () if fits(6) => (0b110, 3, 6),
            () if fits(9) => (0b1110, 4, 9),
            () if fits(12) => (0b1_1110, 5, 12),
            () if fits(18) => (0b11_1110, 6, 18),
            () if fits(25) => (0b111_1110, 7, 25),
            () if fits(56) => (0b1111_1110, 8, 56),
            () => {
                self.put(0xff, 8);
                return self.put(v, 64);
            }
        };
        self.put(prefix << n | v & (u64::MAX >> (64 - n)), prefix_len + n);
    }

    /// Appends a zigzag varint of whole bytes, wherever the next byte begins.
    pub(super) fn put_varint(&mut self, v: i64) {
        let mut rest = ((v << 1) ^ (v >> 63)) as u64;
        while rest >= 0x80 {
            self.put(rest & 0x7f | 0x80, 8);
            rest >>= 7;
        }
        self.put(rest, 8);
    }
}
