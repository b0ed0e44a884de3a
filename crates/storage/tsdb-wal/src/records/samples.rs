//! Sample records, version 1: references and times as differences to the first sample's, values as they are.

use firesteel_base::TimestampMs;
use firesteel_base::bytes::{ByteCursor, ByteError};
use firesteel_model::SeriesRef;

use super::error::{next_entry, open};
use super::{RecordError, RecordType};

/// A float sample of a series.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    pub series: SeriesRef,
    pub t: TimestampMs,
    pub v: f64,
}

/// Decodes and encodes sample records of version 1.
#[derive(Clone, Debug)]
pub struct SamplesRecord<'a> {
    cursor: ByteCursor<'a>,
    base: Option<Base>,
}

/// What references and times are differences to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    series: u64,
    t: i64,
}

impl Base {
    pub(super) fn read(cursor: &mut ByteCursor<'_>) -> Result<Self, ByteError> {
        Ok(Self { series: cursor.be64()?, t: cursor.be64()? as i64 })
    }

    #[inline]
    pub(super) fn read_entry(self, cursor: &mut ByteCursor<'_>) -> Result<(SeriesRef, TimestampMs), ByteError> {
        let series = SeriesRef(self.series.wrapping_add(cursor.varint()? as u64));
        Ok((series, TimestampMs(self.t.wrapping_add(cursor.varint()?))))
    }

    /// Writes the type byte and the base of a record that begins with this entry.
    pub(super) fn write(record: RecordType, series: SeriesRef, t: TimestampMs, out: &mut Vec<u8>) -> Self {
        out.push(record as u8);
        out.extend_from_slice(&series.0.to_be_bytes());
        out.extend_from_slice(&t.0.to_be_bytes());
        Self { series: series.0, t: t.0 }
    }

    #[inline]
    pub(super) fn differences(self, series: SeriesRef, t: TimestampMs) -> (i64, i64) {
        (series.0.wrapping_sub(self.series) as i64, t.0.wrapping_sub(self.t))
    }
}

/// Two varints of ten bytes and a value.
const MAX_ENTRY_BYTES: usize = 28;
/// Entries are gathered on the stack and appended to the record in runs: one capacity check for all.
const RUN_BYTES: usize = 1024;

impl<'a> SamplesRecord<'a> {
    /// Returns the entries of a record. Error: it is no sample record of version 1.
    pub fn decode(record: &'a [u8]) -> Result<Self, RecordError> {
        Ok(Self { cursor: open(record, &[RecordType::Samples])?, base: None })
    }

    /// Appends a whole record to `out`. No samples make no record: `out` stays as it is.
    pub fn encode(samples: impl IntoIterator<Item = (SeriesRef, TimestampMs, f64)>, out: &mut Vec<u8>) {
        let mut samples = samples.into_iter().peekable();
        let Some(&(series, t, _)) = samples.peek() else { return };
        let base = Base::write(RecordType::Samples, series, t, out);
        let mut run = [0u8; RUN_BYTES];
        let mut len = 0;
        for (series, t, v) in samples {
            if len + MAX_ENTRY_BYTES > RUN_BYTES {
                out.extend_from_slice(&run[..len]);
                len = 0;
            }
            let (series, t) = base.differences(series, t);
            len = put_varint_at(&mut run, len, series);
            len = put_varint_at(&mut run, len, t);
            if let Some(place) = run.get_mut(len..len + 8) {
                place.copy_from_slice(&v.to_bits().to_be_bytes());
            }
            len += 8;
        }
        out.extend_from_slice(&run[..len]);
    }
}

/// Writes a zig-zag varint at `at` and returns its end. The caller leaves room for ten bytes.
#[inline(always)]
fn put_varint_at(run: &mut [u8; RUN_BYTES], at: usize, value: i64) -> usize {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    let mut at = at;
    while rest >= 0x80 {
        if let Some(place) = run.get_mut(at) {
            *place = rest as u8 | 0x80;
        }
        at += 1;
        rest >>= 7;
    }
    if let Some(place) = run.get_mut(at) {
        *place = rest as u8;
    }
    at + 1
}

impl Iterator for SamplesRecord<'_> {
    type Item = Result<Sample, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { cursor, base } = self;
        next_entry(RecordType::Samples, cursor, |cursor| {
            let base = match *base {
                Some(base) => base,
                None => *base.insert(Base::read(cursor)?),
            };
            let (series, t) = base.read_entry(cursor)?;
            Ok(Sample { series, t, v: f64::from_bits(cursor.be64()?) })
        })
    }
}
