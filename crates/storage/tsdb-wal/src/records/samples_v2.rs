//! Sample records, version 2: with an optional start timestamp, references as differences to the sample before.

use firesteel_base::TimestampMs;
use firesteel_base::bytes::{ByteCursor, ByteError, put_varint};
use firesteel_model::SeriesRef;

use super::error::{next_entry, open};
use super::{RecordError, RecordType};

/// A float sample with the time from which its counter counts; 0 = not known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SampleWithStart {
    pub series: SeriesRef,
    pub t: TimestampMs,
    pub start: TimestampMs,
    pub v: f64,
}

/// Decodes and encodes sample records of version 2.
#[derive(Clone, Debug)]
pub struct SamplesV2Record<'a> {
    cursor: ByteCursor<'a>,
    chain: Option<Chain>,
}

/// What the next entry's fields are differences to: the first entry's times, and the last entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    first_t: i64,
    first_start: i64,
    last_series: u64,
    last_start: i64,
}

const NO_START: u8 = 0;
const SAME_START: u8 = 1;
const EXPLICIT_START: u8 = 2;

impl Chain {
    /// Reads the place of one entry, the first included.
    #[inline]
    pub(super) fn read(
        chain: &mut Option<Self>,
        cursor: &mut ByteCursor<'_>,
    ) -> Result<(SeriesRef, TimestampMs, TimestampMs), ByteError> {
        let (series, t, start) = match chain {
            None => (cursor.varint()? as u64, cursor.varint()?, cursor.varint()?),
            Some(c) => {
                let series = c.last_series.wrapping_add(cursor.varint()? as u64);
                let t = c.first_t.wrapping_add(cursor.varint()?);
                let start = match cursor.u8()? {
                    NO_START => 0,
                    SAME_START => c.last_start,
                    _ => c.first_start.wrapping_add(cursor.varint()?),
                };
                (series, t, start)
            }
        };
        let first = chain.unwrap_or(Self { first_t: t, first_start: start, last_series: 0, last_start: 0 });
        *chain = Some(Self { last_series: series, last_start: start, ..first });
        Ok((SeriesRef(series), TimestampMs(t), TimestampMs(start)))
    }

    /// Writes the place of one entry.
    pub(super) fn write(
        chain: &mut Option<Self>,
        (series, t, start): (SeriesRef, TimestampMs, TimestampMs),
        out: &mut Vec<u8>,
    ) {
        match chain {
            None => {
                put_varint(out, series.0 as i64);
                put_varint(out, t.0);
                put_varint(out, start.0);
            }
            Some(c) => {
                put_varint(out, series.0.wrapping_sub(c.last_series) as i64);
                put_varint(out, t.0.wrapping_sub(c.first_t));
                if start.0 == 0 {
                    out.push(NO_START);
                } else if start.0 == c.last_start {
                    out.push(SAME_START);
                } else {
                    out.push(EXPLICIT_START);
                    put_varint(out, start.0.wrapping_sub(c.first_start));
                }
            }
        }
        let first = chain.unwrap_or(Self { first_t: t.0, first_start: start.0, last_series: 0, last_start: 0 });
        *chain = Some(Self { last_series: series.0, last_start: start.0, ..first });
    }
}

impl<'a> SamplesV2Record<'a> {
    /// Returns the entries of a record. Error: it is no sample record of version 2.
    pub fn decode(record: &'a [u8]) -> Result<Self, RecordError> {
        Ok(Self { cursor: open(record, &[RecordType::SamplesV2])?, chain: None })
    }

    /// Appends a whole record to `out`. No samples make no record: `out` stays as it is.
    pub fn encode(samples: impl IntoIterator<Item = SampleWithStart>, out: &mut Vec<u8>) {
        let mut chain = None;
        for sample in samples {
            if chain.is_none() {
                out.push(RecordType::SamplesV2 as u8);
            }
            Chain::write(&mut chain, (sample.series, sample.t, sample.start), out);
            out.extend_from_slice(&sample.v.to_bits().to_be_bytes());
        }
    }
}

impl Iterator for SamplesV2Record<'_> {
    type Item = Result<SampleWithStart, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { cursor, chain } = self;
        next_entry(RecordType::SamplesV2, cursor, |cursor| {
            let (series, t, start) = Chain::read(chain, cursor)?;
            Ok(SampleWithStart { series, t, start, v: f64::from_bits(cursor.be64()?) })
        })
    }
}
