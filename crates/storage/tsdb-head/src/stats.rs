//! What a database tells about itself.

use std::time::Duration;

use firesteel_base::TimestampMs;

/// The head in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HeadStats {
    pub series: u64,
    /// Series whose newest sample is a staleness marker.
    pub stale_series: u64,
    /// Distinct name/value pairs.
    pub label_pairs: u64,
    /// Open and sealed chunks.
    pub chunks: u64,
    /// Bytes of the sealed chunks.
    pub chunk_bytes: u64,
    /// Series whose newest sample is a histogram, and the buckets of these samples.
    pub histogram_series: u64,
    pub histogram_buckets: u64,
    /// Time of the oldest sample; `None` while the head is empty.
    pub min_time: Option<TimestampMs>,
    /// Time of the newest sample; `None` while the head is empty.
    pub max_time: Option<TimestampMs>,
}

/// The largest contributors to cardinality, as `/api/v1/status/tsdb` lists them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cardinality {
    pub series_by_metric_name: Vec<NamedCount>,
    pub values_by_label_name: Vec<NamedCount>,
    /// Sum over series of the lengths of the label's value.
    pub memory_bytes_by_label_name: Vec<NamedCount>,
    /// Names are `label=value`.
    pub series_by_label_pair: Vec<NamedCount>,
}

/// One line of a cardinality list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedCount {
    pub name: String,
    pub count: u64,
}

/// What opening a database read from its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReplayStats {
    pub series: u64,
    pub samples: u64,
    /// Chunks found in `chunks_head` whose samples need not be read from the log.
    pub mmap_chunks: u64,
    /// Chunks taken from the rolling snapshot.
    pub snapshot_chunks: u64,
    /// A snapshot of upstream's (`memory-snapshot-on-shutdown`) was there and could not be read.
    pub chunk_snapshot_failed: bool,
    /// Samples of series that no record declared.
    pub unknown_refs: u64,
    pub unknown_histogram_refs: u64,
    pub unknown_exemplar_refs: u64,
    pub unknown_metadata_refs: u64,
    pub unknown_tombstone_refs: u64,
    /// Samples of the log of out-of-order samples, and those of unknown series.
    pub late_samples: u64,
    pub unknown_late_refs: u64,
    pub unknown_marker_refs: u64,
    /// Records of types that a later version may know.
    pub skipped_records: u64,
    /// Records whose checksum holds but whose content does not make sense; skipped.
    pub undecodable_records: u64,
    /// Segments read, the checkpoint's included.
    pub segments: u64,
    /// Whether the log was cut at a fault.
    pub repaired: bool,
    pub duration: Duration,
}
