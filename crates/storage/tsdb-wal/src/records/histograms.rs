//! Histogram records of all seven kinds: where each histogram is and which bytes are its body.
//!
//! The body is walked, not decoded: enough to count, to drop and to copy entries. The histogram types come with native
//! histograms.

use firesteel_base::TimestampMs;
use firesteel_base::bytes::{ByteCursor, ByteError, put_varint};
use firesteel_model::SeriesRef;

use super::error::{next_entry, open};
use super::samples::Base;
use super::samples_v2::Chain;
use super::{RecordError, RecordType};

/// The schema of histograms with custom bucket bounds; only those have bounds in the body.
const CUSTOM_BUCKETS_SCHEMA: i64 = -53;

/// One histogram sample of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistogramEntry<'a> {
    pub series: SeriesRef,
    pub t: TimestampMs,
    /// When the histogram began to count; 0 in records of version 1 and when not known.
    pub start: TimestampMs,
    pub schema: i64,
    /// From the reset hint to the last bucket or bound.
    pub body: &'a [u8],
}

/// Decodes and encodes histogram records.
#[derive(Clone, Debug)]
pub struct HistogramsRecord<'a> {
    kind: RecordType,
    cursor: ByteCursor<'a>,
    base: Option<Base>,
    chain: Option<Chain>,
}

const KINDS: [RecordType; 6] = [
    RecordType::HistogramSamples,
    RecordType::FloatHistogramSamples,
    RecordType::CustomBucketsHistogramSamples,
    RecordType::CustomBucketsFloatHistogramSamples,
    RecordType::HistogramSamplesV2,
    RecordType::FloatHistogramSamplesV2,
];

impl<'a> HistogramsRecord<'a> {
    /// Returns the entries of a record. Error: it is no histogram record of any kind.
    pub fn decode(record: &'a [u8]) -> Result<Self, RecordError> {
        let cursor = open(record, &KINDS)?;
        let kind = RecordType::of(record).unwrap_or(RecordType::HistogramSamples);
        Ok(Self { kind, cursor, base: None, chain: None })
    }

    /// Returns which of the kinds the record is.
    pub fn kind(&self) -> RecordType {
        self.kind
    }

    /// Appends a whole record of entries taken from other records of the same kind.
    ///
    /// No entries make no record: `out` stays as it is. `kind` must be one of the histogram kinds.
    pub fn encode_raw<'b>(kind: RecordType, entries: impl IntoIterator<Item = HistogramEntry<'b>>, out: &mut Vec<u8>) {
        debug_assert!(KINDS.contains(&kind));
        let (mut base, mut chain) = (None, None);
        for e in entries {
            if has_start(kind) {
                if chain.is_none() {
                    out.push(kind as u8);
                }
                Chain::write(&mut chain, (e.series, e.t, e.start), out);
            } else {
                let base = *base.get_or_insert_with(|| Base::write(kind, e.series, e.t, out));
                let (series, t) = base.differences(e.series, e.t);
                put_varint(out, series);
                put_varint(out, t);
            }
            out.extend_from_slice(e.body);
        }
    }
}

fn has_start(kind: RecordType) -> bool {
    matches!(kind, RecordType::HistogramSamplesV2 | RecordType::FloatHistogramSamplesV2)
}

fn is_float(kind: RecordType) -> bool {
    matches!(
        kind,
        RecordType::FloatHistogramSamples
            | RecordType::CustomBucketsFloatHistogramSamples
            | RecordType::FloatHistogramSamplesV2
    )
}

impl<'a> Iterator for HistogramsRecord<'a> {
    type Item = Result<HistogramEntry<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { kind, cursor, base, chain } = self;
        next_entry(*kind, cursor, |cursor| {
            let (series, t, start) = if has_start(*kind) {
                Chain::read(chain, cursor)?
            } else {
                let base = match *base {
                    Some(base) => base,
                    None => *base.insert(Base::read(cursor)?),
                };
                let (series, t) = base.read_entry(cursor)?;
                (series, t, TimestampMs(0))
            };
            let (from, rest) = (cursor.position(), cursor.rest());
            let schema = walk_body(cursor, is_float(*kind))?;
            let body = rest.get(..cursor.position() - from).unwrap_or(&[]);
            Ok(HistogramEntry { series, t, start, schema, body })
        })
    }
}

/// Steps over one histogram and returns its schema.
fn walk_body(cursor: &mut ByteCursor<'_>, float: bool) -> Result<i64, ByteError> {
    cursor.u8()?;
    let schema = cursor.varint()?;
    cursor.be64()?;
    let count = |cursor: &mut ByteCursor<'_>| if float { cursor.be64() } else { cursor.uvarint() };
    count(cursor)?;
    count(cursor)?;
    cursor.be64()?;
    // Every element takes a byte at least, so a lying number ends at the record's end.
    for _ in 0..2 {
        for _ in 0..cursor.uvarint()? {
            cursor.varint()?;
            cursor.uvarint()?;
        }
    }
    for _ in 0..2 {
        for _ in 0..cursor.uvarint()? {
            if float { cursor.be64() } else { cursor.uvarint() }?;
        }
    }
    if schema == CUSTOM_BUCKETS_SCHEMA {
        for _ in 0..cursor.uvarint()? {
            cursor.be64()?;
        }
    }
    Ok(schema)
}
