//! One float that is stored as its difference in bits to the one before.

use super::ChunkError;
use super::bit_buffer::BitBuffer;
use super::bit_reader::BitReader;

/// Marks that no window of significant bits was written yet.
const NO_WINDOW: u8 = 0xff;

/// The last value and the window of significant bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct XorValue {
    pub(super) bits: u64,
    leading: u8,
    trailing: u8,
}

impl XorValue {
    pub(super) const fn new(v: f64) -> Self {
        Self { bits: v.to_bits(), leading: NO_WINDOW, trailing: 0 }
    }

    pub(super) const fn value(self) -> f64 {
        f64::from_bits(self.bits)
    }

    /// Forgets that no window was written: upstream resumes a chunk with one of 64 bits (`chunkenc/histogram.go`, Appender).
    pub(super) fn resumed(&mut self) {
        if self.leading == NO_WINDOW {
            self.leading = 0;
        }
    }

    /// Appends a value.
    pub(super) fn put(&mut self, out: &mut BitBuffer, v: f64) {
        let xor = self.bits ^ v.to_bits();
        self.bits = v.to_bits();
        if xor == 0 {
            return out.put(0, 1);
        }
        out.put(1, 1);
        self.put_changed(out, xor);
    }

    /// Appends a difference that is not zero: a bit that says whether the window is a new one, the window if so, the bits.
    pub(super) fn put_changed(&mut self, out: &mut BitBuffer, xor: u64) {
        let leading = xor.leading_zeros().min(31) as u8;
        let trailing = xor.trailing_zeros() as u8;
        if self.leading != NO_WINDOW && leading >= self.leading && trailing >= self.trailing {
            out.put(0, 1);
            return out.put(xor >> self.trailing, 64 - u32::from(self.leading) - u32::from(self.trailing));
        }
        (self.leading, self.trailing) = (leading, trailing);
        let significant = 64 - u32::from(leading) - u32::from(trailing);
        out.put(1 << 11 | u64::from(leading) << 6 | u64::from(significant & 63), 12);
        out.put(xor >> trailing, significant);
    }

    /// Appends a difference that is not zero, where `11` is taken (XOR2): `0` keeps the window, `10` begins a new one.
    pub(super) fn put_changed_or_stale(&mut self, out: &mut BitBuffer, xor: u64) {
        out.put(1, 1);
        let (leading, trailing) = (xor.leading_zeros().min(31) as u8, xor.trailing_zeros() as u8);
        if self.leading == NO_WINDOW || leading < self.leading || trailing < self.trailing {
            out.put(1, 1);
            (self.leading, self.trailing) = (leading, trailing);
            let significant = 64 - u32::from(leading) - u32::from(trailing);
            out.put(u64::from(leading) << 6 | u64::from(significant & 63), 12);
            return out.put(xor >> trailing, significant);
        }
        out.put(0, 1);
        out.put(xor >> self.trailing, 64 - u32::from(self.leading) - u32::from(self.trailing));
    }

    /// Takes what [`Self::put_changed_or_stale`] wrote behind its first bit.
    pub(super) fn take_changed_or_stale(&mut self, from: &mut BitReader<'_>) -> Result<(), ChunkError> {
        if from.peek() >> 63 == 1 {
            // `10`: without its zero this is `take_changed`'s one.
            let at_bit = from.position();
            from.consume(2)?;
            self.take_window(from, at_bit)?;
        } else {
            from.consume(1)?;
            self.resumed();
        }
        self.take_bits(from)
    }

    /// Takes the next value.
    #[inline]
    pub(super) fn take(&mut self, from: &mut BitReader<'_>) -> Result<(), ChunkError> {
        if from.take(1)? == 0 {
            return Ok(());
        }
        self.take_changed(from)
    }

    /// Takes what [`Self::put_changed`] wrote.
    pub(super) fn take_changed(&mut self, from: &mut BitReader<'_>) -> Result<(), ChunkError> {
        let at_bit = from.position();
        if from.take(1)? == 1 {
            self.take_window(from, at_bit)?;
        } else {
            self.resumed();
        }
        self.take_bits(from)
    }

    fn take_window(&mut self, from: &mut BitReader<'_>, at_bit: usize) -> Result<(), ChunkError> {
        let window = from.take(11)? as u32;
        let (leading, significant) = (window >> 6, (window & 63).wrapping_sub(1) % 64 + 1);
        if leading + significant > 64 {
            return Err(ChunkError::BadWindow { at_bit, leading, significant });
        }
        (self.leading, self.trailing) = (leading as u8, (64 - leading - significant) as u8);
        Ok(())
    }

    fn take_bits(&mut self, from: &mut BitReader<'_>) -> Result<(), ChunkError> {
        let xor = from.take(64 - u32::from(self.leading) - u32::from(self.trailing))?;
        self.bits ^= xor << self.trailing;
        Ok(())
    }
}

impl Default for XorValue {
    fn default() -> Self {
        Self::new(0.0)
    }
}
