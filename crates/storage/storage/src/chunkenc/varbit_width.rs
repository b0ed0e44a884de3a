//! The widths of numbers of variable width, by how many ones they begin with.

/// Length of the prefix: the ones and a zero, but for eight ones.
pub(super) const PREFIX_BITS: [u32; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 8];
/// Length of the value behind the prefix.
pub(super) const VALUE_BITS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];
