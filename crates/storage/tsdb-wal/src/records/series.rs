//! Series records: which labels a reference stands for.

use firesteel_base::bytes::ByteCursor;
use firesteel_model::{Labels, SeriesRef};

use super::error::{next_entry, open};
use super::{RawLabels, RecordError, RecordType};

/// One series of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeriesEntry<'a> {
    pub series: SeriesRef,
    pub labels: RawLabels<'a>,
}

/// Decodes and encodes series records.
#[derive(Clone, Debug)]
pub struct SeriesRecord<'a>(ByteCursor<'a>);

impl<'a> SeriesRecord<'a> {
    /// Returns the entries of a record. Error: it is no series record.
    pub fn decode(record: &'a [u8]) -> Result<Self, RecordError> {
        open(record, &[RecordType::Series]).map(Self)
    }

    /// Appends a whole record to `out`. No series make no record: `out` stays as it is.
    pub fn encode<'b>(series: impl IntoIterator<Item = (SeriesRef, &'b Labels)>, out: &mut Vec<u8>) {
        let mut begun = false;
        for (series, labels) in series {
            if !begun {
                out.push(RecordType::Series as u8);
                begun = true;
            }
            out.extend_from_slice(&series.0.to_be_bytes());
            RawLabels::write(labels, out);
        }
    }

    /// Appends a whole record of entries taken from other records.
    pub fn encode_raw<'b>(series: impl IntoIterator<Item = SeriesEntry<'b>>, out: &mut Vec<u8>) {
        let mut begun = false;
        for entry in series {
            if !begun {
                out.push(RecordType::Series as u8);
                begun = true;
            }
            out.extend_from_slice(&entry.series.0.to_be_bytes());
            entry.labels.write_raw(out);
        }
    }
}

impl<'a> Iterator for SeriesRecord<'a> {
    type Item = Result<SeriesEntry<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next_entry(RecordType::Series, &mut self.0, |cursor| {
            Ok(SeriesEntry { series: SeriesRef(cursor.be64()?), labels: RawLabels::read(cursor)? })
        })
    }
}
