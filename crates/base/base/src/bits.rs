//! Bit streams, most significant bit first: a reader that refills 64 bits at a time, and a writer into a fixed slice.

/// Reads bits out of a 64-bit window that [`BitWindow::refill`] tops up from the stream.
///
/// The caller refills before it looks, and consumes at most 56 bits between two refills. The stream must have eight
/// readable bytes from wherever a refill begins: [`BitWindow::can_refill`] tells how far that goes, and the last bytes are
/// read from a copy with zeros behind. That is what keeps bounds out of the inner loop.
#[derive(Clone, Copy, Debug)]
pub struct BitWindow<'a> {
    stream: &'a [u8],
    next: usize,
    window: u64,
    have: u32,
}

impl<'a> BitWindow<'a> {
    /// Returns a window whose first bit is the `at_bit`-th of the stream. The first refill makes it readable.
    #[inline]
    pub fn new(stream: &'a [u8], at_bit: usize) -> Self {
        let next = at_bit / 8;
        let inside = (at_bit % 8) as u32;
        if inside == 0 {
            return Self { stream, next, window: 0, have: 0 };
        }
        let byte = stream.get(next).copied().unwrap_or(0);
        Self { stream, next: next + 1, window: (u64::from(byte) << 56) << inside, have: 8 - inside }
    }

    /// Returns the number of bits consumed since the start of the stream.
    #[inline(always)]
    pub fn position(&self) -> usize {
        self.next * 8 - self.have as usize
    }

    /// Returns whether `n` refills in a row stay within the stream.
    #[inline(always)]
    pub fn can_refill(&self, n: usize) -> bool {
        self.next + n * 8 <= self.stream.len()
    }

    /// Fills the window to at least 56 bits. Beyond the stream's last eight bytes it adds nothing.
    #[inline(always)]
    pub fn refill(&mut self) {
        // Bits below `have` may already be there from the last refill: they are the same bits, so `|` keeps them.
        if let Some(word) = self.stream.get(self.next..self.next + 8).and_then(|rest| rest.first_chunk::<8>()) {
            self.window |= u64::from_be_bytes(*word) >> self.have;
            self.next += ((63 - self.have) >> 3) as usize;
            self.have |= 0b11_1000; // 56 to 63 bits
        }
    }

    /// Returns the window, next bit first.
    #[inline(always)]
    pub fn peek(&self) -> u64 {
        self.window
    }

    /// Drops `n` bits, at most those that a refill guarantees.
    #[inline(always)]
    pub fn consume(&mut self, n: u32) {
        debug_assert!(n <= self.have, "consumed {n} of {} bits", self.have);
        self.window <<= n;
        self.have = self.have.wrapping_sub(n);
    }

    /// Takes `n` bits as the low bits of the result; 1 to 56.
    #[inline(always)]
    pub fn take(&mut self, n: u32) -> u64 {
        let bits = self.window >> (64 - n);
        self.consume(n);
        bits
    }

    /// Takes 64 bits; refills on the way and leaves the window to be refilled.
    #[inline(always)]
    pub fn take_64(&mut self) -> u64 {
        self.refill();
        let high = self.take(32);
        self.refill();
        high << 32 | self.take(32)
    }
}

/// Writes the low `n` bits of `value` (1 to 57) at bit `at_bit` of `out`, and zeros up to the end of the last byte.
///
/// Bytes further on may be overwritten, at most seven. `out` must hold the bits: what does not fit is lost, which callers
/// exclude beforehand.
#[inline(always)]
pub fn put_bits(out: &mut [u8], at_bit: usize, value: u64, n: u32) {
    debug_assert!(0 < n && n <= 57 && at_bit + n as usize <= out.len() * 8);
    let at = at_bit / 8;
    let used = (at_bit % 8) as u32;
    let Some(rest) = out.get_mut(at..) else { return };
    let Some(&first) = rest.first() else { return };
    let kept = u64::from(first & (0xff00u16 >> used) as u8) << 56;
    let word = (kept | (value << (64 - n)) >> used).to_be_bytes();
    if let Some(place) = rest.first_chunk_mut::<8>() {
        *place = word;
    } else {
        for (place, byte) in rest.iter_mut().zip(word) {
            *place = byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken() {
        let fields: Vec<(u64, u32)> = (1..=56).flat_map(|n| [(u64::MAX >> (64 - n), n), (1, n), (0, n)]).collect();
        let mut out = vec![0xa5u8; fields.iter().map(|f| f.1 as usize).sum::<usize>().div_ceil(8)];
        let mut at = 3;
        out.push(0xff);
        for &(value, n) in &fields {
            put_bits(&mut out, at, value, n);
            at += n as usize;
        }
        out.extend([0; 8]);
        let mut window = BitWindow::new(&out, 3);
        for &(value, n) in &fields {
            window.refill();
            assert_eq!(window.take(n), value, "{n} bits");
        }
        assert_eq!(window.position(), at);
    }

    #[test]
    fn bits_before_are_kept_and_the_rest_of_the_byte_is_cleared() {
        let mut out = [0xffu8; 3];
        put_bits(&mut out, 4, 0b01, 2);
        assert_eq!(out[0], 0b1111_0100);
    }

    #[test]
    fn sixty_four_bits_at_any_place() {
        for at in 0..8 {
            let mut out = [0u8; 32];
            put_bits(&mut out, at, 0x0123_4567, 32);
            put_bits(&mut out, at + 32, 0x89ab_cdef, 32);
            assert_eq!(BitWindow::new(&out, at).take_64(), 0x0123_4567_89ab_cdef);
        }
    }

    #[test]
    fn a_window_beyond_the_stream_is_empty() {
        let mut window = BitWindow::new(&[0xff], 13);
        window.refill();
        assert_eq!(window.peek(), 0);
        assert!(!window.can_refill(1));
    }
}
