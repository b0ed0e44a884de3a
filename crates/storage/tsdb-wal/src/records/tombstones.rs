//! Tombstone records: deleted ranges of series.

use firesteel_base::bytes::{ByteCursor, put_varint};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::SeriesRef;

use super::error::{next_entry, open};
use super::{RecordError, RecordType};

/// One deleted range, ends included. A series with several ranges has several entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TombstoneEntry {
    pub series: SeriesRef,
    pub range: TimeRange,
}

/// Decodes and encodes tombstone records.
#[derive(Clone, Debug)]
pub struct TombstonesRecord<'a>(ByteCursor<'a>);

impl<'a> TombstonesRecord<'a> {
    /// Returns the entries of a record. Error: it is no tombstone record.
    pub fn decode(record: &'a [u8]) -> Result<Self, RecordError> {
        open(record, &[RecordType::Tombstones]).map(Self)
    }

    /// Appends a whole record to `out`. No tombstones make no record: `out` stays as it is.
    pub fn encode(stones: impl IntoIterator<Item = TombstoneEntry>, out: &mut Vec<u8>) {
        let mut begun = false;
        for stone in stones {
            if !begun {
                out.push(RecordType::Tombstones as u8);
                begun = true;
            }
            out.extend_from_slice(&stone.series.0.to_be_bytes());
            put_varint(out, stone.range.min.0);
            put_varint(out, stone.range.max.0);
        }
    }
}

impl Iterator for TombstonesRecord<'_> {
    type Item = Result<TombstoneEntry, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_entry(RecordType::Tombstones, &mut self.0, |cursor| {
            let series = SeriesRef(cursor.be64()?);
            let range = TimeRange { min: TimestampMs(cursor.varint()?), max: TimestampMs(cursor.varint()?) };
            Ok(TombstoneEntry { series, range })
        })
    }
}
