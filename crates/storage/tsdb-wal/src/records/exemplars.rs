//! Exemplar records: as samples of version 1, each followed by its labels.

use firesteel_base::TimestampMs;
use firesteel_base::bytes::{ByteCursor, put_varint};
use firesteel_model::SeriesRef;
use firesteel_storage::Exemplar;

use super::error::{next_entry, open};
use super::samples::Base;
use super::{RawLabels, RecordError, RecordType};

/// One exemplar of a record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ExemplarEntry<'a> {
    pub series: SeriesRef,
    pub t: TimestampMs,
    pub v: f64,
    pub labels: RawLabels<'a>,
}

/// Decodes and encodes exemplar records.
#[derive(Clone, Debug)]
pub struct ExemplarsRecord<'a> {
    cursor: ByteCursor<'a>,
    base: Option<Base>,
}

impl<'a> ExemplarsRecord<'a> {
    /// Returns the entries of a record. Error: it is no exemplar record.
    pub fn decode(record: &'a [u8]) -> Result<Self, RecordError> {
        Ok(Self { cursor: open(record, &[RecordType::Exemplars])?, base: None })
    }

    /// Appends a whole record to `out`. No exemplars make no record: `out` stays as it is.
    pub fn encode<'b>(exemplars: impl IntoIterator<Item = &'b Exemplar>, out: &mut Vec<u8>) {
        let mut base = None;
        for e in exemplars {
            write_place(&mut base, e.series, e.t, e.v, out);
            RawLabels::write(&e.labels, out);
        }
    }

    /// Appends a whole record of entries taken from other records.
    pub fn encode_raw<'b>(exemplars: impl IntoIterator<Item = ExemplarEntry<'b>>, out: &mut Vec<u8>) {
        let mut base = None;
        for e in exemplars {
            write_place(&mut base, e.series, e.t, e.v, out);
            e.labels.write_raw(out);
        }
    }
}

fn write_place(base: &mut Option<Base>, series: SeriesRef, t: TimestampMs, v: f64, out: &mut Vec<u8>) {
    let base = *base.get_or_insert_with(|| Base::write(RecordType::Exemplars, series, t, out));
    let (series, t) = base.differences(series, t);
    put_varint(out, series);
    put_varint(out, t);
    out.extend_from_slice(&v.to_bits().to_be_bytes());
}

impl<'a> Iterator for ExemplarsRecord<'a> {
    type Item = Result<ExemplarEntry<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { cursor, base } = self;
        next_entry(RecordType::Exemplars, cursor, |cursor| {
            let base = match *base {
                Some(base) => base,
                None => *base.insert(Base::read(cursor)?),
            };
            let (series, t) = base.read_entry(cursor)?;
            Ok(ExemplarEntry { series, t, v: f64::from_bits(cursor.be64()?), labels: RawLabels::read(cursor)? })
        })
    }
}
