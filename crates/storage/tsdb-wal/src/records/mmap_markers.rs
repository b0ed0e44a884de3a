//! Marker records of the out-of-order log: up to which head chunk a series' samples are on disk.

use firesteel_base::bytes::ByteCursor;
use firesteel_model::SeriesRef;

use super::error::{next_entry, open};
use super::{RecordError, RecordType};

/// All earlier samples of the series are in this head chunk or before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MmapMarker {
    pub series: SeriesRef,
    /// The file's number in the upper 32 bits, the offset in the lower ones.
    pub chunk: u64,
}

/// Decodes and encodes marker records.
#[derive(Clone, Debug)]
pub struct MmapMarkersRecord<'a>(ByteCursor<'a>);

impl<'a> MmapMarkersRecord<'a> {
    /// Returns the entries of a record. Error: it is no marker record.
    pub fn decode(record: &'a [u8]) -> Result<Self, RecordError> {
        open(record, &[RecordType::MmapMarkers]).map(Self)
    }

    /// Appends a whole record to `out`. No markers make no record: `out` stays as it is.
    pub fn encode(markers: impl IntoIterator<Item = MmapMarker>, out: &mut Vec<u8>) {
        let mut begun = false;
        for marker in markers {
            if !begun {
                out.push(RecordType::MmapMarkers as u8);
                begun = true;
            }
            out.extend_from_slice(&marker.series.0.to_be_bytes());
            out.extend_from_slice(&marker.chunk.to_be_bytes());
        }
    }
}

impl Iterator for MmapMarkersRecord<'_> {
    type Item = Result<MmapMarker, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_entry(RecordType::MmapMarkers, &mut self.0, |cursor| {
            Ok(MmapMarker { series: SeriesRef(cursor.be64()?), chunk: cursor.be64()? })
        })
    }
}
