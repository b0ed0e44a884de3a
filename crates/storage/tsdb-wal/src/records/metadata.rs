//! Metadata records: type, unit and help of series.

use firesteel_base::bytes::{ByteCursor, put_uvarint, put_uvarint_bytes};
use firesteel_model::{MetricType, SeriesRef};

use super::error::{next_entry, open};
use super::{RecordError, RecordType};

/// The metadata of one series, texts as they stand in the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetadataEntry<'a> {
    pub series: SeriesRef,
    pub metric_type: MetricType,
    pub unit: &'a [u8],
    pub help: &'a [u8],
}

/// Decodes and encodes metadata records.
#[derive(Clone, Debug)]
pub struct MetadataRecord<'a>(ByteCursor<'a>);

const UNIT: &[u8] = b"UNIT";
const HELP: &[u8] = b"HELP";

impl<'a> MetadataRecord<'a> {
    /// Returns the entries of a record. Error: it is no metadata record.
    pub fn decode(record: &'a [u8]) -> Result<Self, RecordError> {
        open(record, &[RecordType::Metadata]).map(Self)
    }

    /// Appends a whole record to `out`. No metadata make no record: `out` stays as it is.
    pub fn encode<'b>(entries: impl IntoIterator<Item = MetadataEntry<'b>>, out: &mut Vec<u8>) {
        let mut begun = false;
        for entry in entries {
            if !begun {
                out.push(RecordType::Metadata as u8);
                begun = true;
            }
            put_uvarint(out, entry.series.0);
            out.push(entry.metric_type as u8);
            put_uvarint(out, 2);
            for (name, value) in [(UNIT, entry.unit), (HELP, entry.help)] {
                put_uvarint_bytes(out, name);
                put_uvarint_bytes(out, value);
            }
        }
    }
}

impl<'a> Iterator for MetadataRecord<'a> {
    type Item = Result<MetadataEntry<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_entry(RecordType::Metadata, &mut self.0, |cursor| {
            let series = SeriesRef(cursor.uvarint()?);
            let metric_type = metric_type(cursor.u8()?);
            let (mut unit, mut help) = (&[][..], &[][..]);
            for _ in 0..cursor.uvarint()? {
                let name = cursor.uvarint_bytes()?;
                let value = cursor.uvarint_bytes()?;
                match name {
                    UNIT => unit = value,
                    HELP => help = value,
                    // A field of a later version.
                    _ => {}
                }
            }
            Ok(MetadataEntry { series, metric_type, unit, help })
        })
    }
}

/// The numbers of the disk format are those of the enum.
fn metric_type(number: u8) -> MetricType {
    match number {
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => MetricType::Unknown,
    }
}
