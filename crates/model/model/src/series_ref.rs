//! The number by which storage knows a series.

/// A series of one database: grows monotonically, never reused, below 2^40 because upstream packs it in five bytes
/// (`tsdb/chunks/chunks.go`). Zero is no series.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct SeriesRef(pub u64);
