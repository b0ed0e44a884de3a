//! Start timestamps of samples: nothing while they stay the same, else one number a sample
//! (`chunkenc/st.go`, 3.14; format: `docs/format/histogram-chunk.md`).

use super::ChunkError;
use super::bit_buffer::BitBuffer;
use super::bit_reader::BitReader;

/// The first sample's start is in the stream.
const FIRST_KNOWN: u8 = 0x80;
/// The last sample at which the first change can be: the header has seven bits for it.
const LAST_CHANGE_ON: u16 = 0x7f;

/// What is known after some samples; coding and decoding share it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StartTimes {
    /// The start of the last sample; 0 = none.
    pub(super) start: i64,
    diff: i64,
    /// The header's byte: whether the first start is there, and the number of the sample where they first changed.
    pub(super) header: u8,
}

impl StartTimes {
    pub(super) fn with_header(header: u8) -> Self {
        Self { header, ..Self::default() }
    }

    fn change_on(self) -> u16 {
        u16::from(self.header & 0x7f)
    }

    /// Appends the start of sample number `i` (from 0) at time `t`, behind it; `before` is the time of the one before.
    pub(super) fn put(&mut self, out: &mut BitBuffer, i: u16, t: i64, before: i64, start: i64) {
        if i == 0 {
            if start != 0 {
                out.put_varint(t.wrapping_sub(start));
                self.header |= FIRST_KNOWN;
            }
        } else if self.change_on() == 0 {
            if start != self.start || i == LAST_CHANGE_ON {
                self.header |= i as u8 & 0x7f;
                self.diff = before.wrapping_sub(start);
                out.put_varbit(self.diff);
            }
        } else {
            let diff = before.wrapping_sub(start);
            out.put_varbit(diff.wrapping_sub(self.diff));
            self.diff = diff;
        }
        self.start = start;
    }

    /// Takes the start of sample number `i`.
    pub(super) fn take(&mut self, from: &mut BitReader<'_>, i: u16, t: i64, before: i64) -> Result<(), ChunkError> {
        if i == 0 {
            if self.header & FIRST_KNOWN != 0 {
                self.diff = from.varint()?;
                self.start = t.wrapping_sub(self.diff);
            }
        } else if self.change_on() > 0 && i >= self.change_on() {
            let v = from.varbit()?;
            self.diff = if i == self.change_on() { v } else { self.diff.wrapping_add(v) };
            self.start = before.wrapping_sub(self.diff);
        }
        Ok(())
    }
}
