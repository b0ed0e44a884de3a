//! Values with a meaning of their own.

/// Bits of the NaN that marks a series as gone: distinct from the NaN that arithmetic yields (`model/value/value.go`).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Returns the staleness marker. Compare it by bits, through [`is_stale_nan`].
#[inline]
pub const fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

/// Returns whether `v` is the staleness marker.
#[inline]
pub const fn is_stale_nan(v: f64) -> bool {
    v.to_bits() == STALE_NAN_BITS
}
