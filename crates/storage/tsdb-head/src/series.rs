//! The hot record of a series: one cache line that an append reads and writes.

use firesteel_model::{SeriesRef, is_stale_nan};
use firesteel_storage::AppendError;
use firesteel_storage::chunkenc::XorAppender;

use super::slabs::ChunkPlace;

/// The index of a series within its shard; changes when the shard is compacted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub(crate) struct Slot(pub(crate) u32);

const REF_BITS: u64 = (1 << 40) - 1;
const CLASS_SHIFT: u32 = 40;
const OPEN: u64 = 1 << 48;
const LOGGED: u64 = 1 << 49;
const IDLE: u64 = 1 << 50;
const HISTOGRAM: u64 = 1 << 51;
const XOR2: u64 = 1 << 52;
const PENDING: u64 = 1 << 53;

/// Largest reference that fits upstream's five bytes.
pub(crate) const SERIES_REF_MAX: u64 = REF_BITS;

/// What an append touches. Reference 0 marks a dead slot.
#[derive(Debug)]
pub(crate) struct HotSeries {
    /// The reference in the low 40 bits, the open chunk's size class in the next 8, flags above.
    tag: u64,
    /// State of the open chunk; its last sample is the series' newest.
    pub(crate) xor: XorAppender,
    /// Time of the open chunk's first sample; while none is open see [`Self::is_mapped`].
    pub(crate) min_t: i64,
    /// A sample at or after this time begins a new chunk.
    pub(crate) next_at: i64,
    pos: u32,
    /// Number of the open chunk, or of the next one when none is open; sealed chunks have the numbers before.
    pub(crate) chunk_id: u32,
}

const _: () = assert!(size_of::<HotSeries>() == 64, "one cache line a series");

impl HotSeries {
    pub(crate) fn new(series: SeriesRef) -> Self {
        Self { tag: series.0 & REF_BITS, xor: XorAppender::new(), min_t: i64::MIN, next_at: 0, pos: 0, chunk_id: 0 }
    }

    #[inline]
    pub(crate) fn series(&self) -> SeriesRef {
        SeriesRef(self.tag & REF_BITS)
    }

    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.tag & REF_BITS != 0
    }

    /// Marks the slot as dead.
    pub(crate) fn kill(&mut self) {
        self.tag = 0;
    }

    /// Returns whether the series' record is in the log.
    #[inline]
    pub(crate) fn is_logged(&self) -> bool {
        self.tag & LOGGED != 0
    }

    #[inline]
    pub(crate) fn set_logged(&mut self) {
        self.tag |= LOGGED;
    }

    /// Notes that a batch is about to bring a sample: a truncation that comes in between leaves the series alone.
    #[inline]
    pub(crate) fn set_pending(&mut self) {
        self.tag |= PENDING;
    }

    /// Notes that the batch was written, and whether the series' record is in the log.
    #[inline]
    pub(crate) fn set_written(&mut self, logged: bool) {
        self.tag = self.tag & !PENDING | if logged { LOGGED } else { 0 };
    }

    /// Returns whether a batch is about to bring a sample.
    pub(crate) fn is_pending(&self) -> bool {
        self.tag & PENDING != 0
    }

    /// Returns whether a batch is about to bring a sample. It is asked once: a batch that was dropped holds nothing for long.
    pub(crate) fn take_pending(&mut self) -> bool {
        let was = self.tag & PENDING != 0;
        self.tag &= !PENDING;
        was
    }

    /// Marks the series as found empty by a truncation, and returns whether one had found it so before.
    pub(crate) fn mark_idle(&mut self) -> bool {
        let before = self.tag & IDLE != 0;
        self.tag |= IDLE;
        before
    }

    /// Returns whether the open chunk is one of histograms, beside the float columns.
    #[inline]
    pub(crate) fn is_histogram(&self) -> bool {
        self.tag & HISTOGRAM != 0
    }

    pub(crate) fn set_histogram(&mut self, is: bool) {
        self.tag = if is { self.tag & !IDLE | HISTOGRAM } else { self.tag & !HISTOGRAM };
    }

    /// Returns whether the open chunk is an XOR2 one, beside the float columns.
    #[inline]
    pub(crate) fn is_xor2(&self) -> bool {
        self.tag & XOR2 != 0
    }

    pub(crate) fn set_xor2(&mut self, is: bool) {
        self.tag = if is { self.tag & !IDLE | XOR2 } else { self.tag & !XOR2 };
    }

    /// Returns where the open XOR chunk lies, if there is one.
    #[inline]
    pub(crate) fn open(&self) -> Option<ChunkPlace> {
        (self.tag & OPEN != 0).then_some(ChunkPlace { class: (self.tag >> CLASS_SHIFT) as u8, pos: self.pos })
    }

    #[inline]
    pub(crate) fn set_open(&mut self, place: ChunkPlace) {
        self.tag = self.tag & !(0xff << CLASS_SHIFT | IDLE) | u64::from(place.class) << CLASS_SHIFT | OPEN;
        self.pos = place.pos;
    }

    /// Notes where the open chunk lies now.
    pub(crate) fn set_moved(&mut self, place: ChunkPlace) {
        debug_assert_eq!(self.open().map(|old| old.class), Some(place.class));
        self.pos = place.pos;
    }

    /// Returns the record in another place, and leaves a dead one behind.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(SeriesRef(0)))
    }

    /// Notes, while no chunk is open, that samples up to `t` lie in mapped chunks.
    pub(crate) fn set_skip_to(&mut self, t: i64) {
        self.min_t = t;
    }

    /// Returns whether a sample of the log at `t` lies in a mapped chunk, as far as that can be told at a glance.
    #[inline]
    pub(crate) fn is_mapped(&self, t: i64) -> bool {
        self.tag & OPEN == 0 && t <= self.min_t
    }

    /// Closes the open chunk; its memory is the caller's to free.
    pub(crate) fn close(&mut self) {
        self.min_t = i64::MIN;
        self.tag &= !OPEN;
        self.xor = XorAppender::new();
    }

    /// Returns whether the newest sample is a staleness marker.
    #[inline]
    pub(crate) fn is_stale(&self) -> bool {
        self.tag & OPEN != 0 && is_stale_nan(self.xor.last_value())
    }

    /// Returns whether a sample can follow the open chunk's last one: `Ok(false)` when it is the very same again.
    #[inline]
    pub(crate) fn follows(&self, t: i64, v: f64) -> Result<bool, AppendError> {
        if self.tag & OPEN == 0 {
            return Ok(true);
        }
        let last = self.xor.last_t().0;
        if t > last {
            Ok(true)
        } else if t < last {
            Err(AppendError::OutOfOrder)
        } else if v.to_bits() == self.xor.last_value().to_bits() {
            Ok(false)
        } else {
            Err(AppendError::Duplicate)
        }
    }
}
