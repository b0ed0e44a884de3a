//! The records of the write-ahead log, each kind in its own file: a type byte, then entries to the record's end.
//!
//! Encoders append to a buffer of the caller's; decoders are iterators over a record's bytes that never panic and allocate
//! nothing. Format: `docs/format/wal.md`, by prometheus/prometheus `tsdb/record/record.go` (3.14).

mod error;
mod exemplars;
mod histogram_body;
mod histograms;
mod metadata;
mod mmap_markers;
mod raw_labels;
mod samples;
mod samples_v2;
mod series;
mod tombstones;

pub use error::RecordError;
pub use exemplars::{ExemplarEntry, ExemplarsRecord};
pub use histograms::{HistogramEntry, HistogramsRecord};
pub use metadata::{MetadataEntry, MetadataRecord};
pub use mmap_markers::{MmapMarker, MmapMarkersRecord};
pub use raw_labels::RawLabels;
pub use samples::{Sample, SamplesRecord};
pub use samples_v2::{SampleWithStart, SamplesV2Record};
pub use series::{SeriesEntry, SeriesRecord};
pub use tombstones::{TombstoneEntry, TombstonesRecord};

/// The first byte of a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum RecordType {
    Series = 1,
    Samples = 2,
    Tombstones = 3,
    Exemplars = 4,
    /// Only in the log of out-of-order samples.
    MmapMarkers = 5,
    Metadata = 6,
    HistogramSamples = 7,
    FloatHistogramSamples = 8,
    CustomBucketsHistogramSamples = 9,
    CustomBucketsFloatHistogramSamples = 10,
    SamplesV2 = 11,
    HistogramSamplesV2 = 12,
    FloatHistogramSamplesV2 = 13,
}

impl RecordType {
    /// Returns the type of a record, or `None` for an empty one and for types of later versions: those are skipped.
    pub fn of(record: &[u8]) -> Option<Self> {
        Some(match record.first()? {
            1 => Self::Series,
            2 => Self::Samples,
            3 => Self::Tombstones,
            4 => Self::Exemplars,
            5 => Self::MmapMarkers,
            6 => Self::Metadata,
            7 => Self::HistogramSamples,
            8 => Self::FloatHistogramSamples,
            9 => Self::CustomBucketsHistogramSamples,
            10 => Self::CustomBucketsFloatHistogramSamples,
            11 => Self::SamplesV2,
            12 => Self::HistogramSamplesV2,
            13 => Self::FloatHistogramSamplesV2,
            _ => return None,
        })
    }

    /// Returns upstream's word for the type, as it stands in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Series => "series",
            Self::Samples => "samples",
            Self::Tombstones => "tombstones",
            Self::Exemplars => "exemplars",
            Self::MmapMarkers => "mmapmarkers",
            Self::Metadata => "metadata",
            Self::HistogramSamples => "histogram_samples",
            Self::FloatHistogramSamples => "float_histogram_samples",
            Self::CustomBucketsHistogramSamples => "custom_buckets_histogram_samples",
            Self::CustomBucketsFloatHistogramSamples => "custom_buckets_float_histogram_samples",
            Self::SamplesV2 => "samples_v2",
            Self::HistogramSamplesV2 => "histogram_samples_v2",
            Self::FloatHistogramSamplesV2 => "float_histogram_samples_v2",
        }
    }
}

#[cfg(test)]
mod tests;
