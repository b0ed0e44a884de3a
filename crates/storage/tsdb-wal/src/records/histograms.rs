//! Histogram records of all six kinds: where each histogram is and which bytes are its body.
//!
//! Bodies are walked, which is enough to count, to drop and to copy entries; who wants the histogram asks the entry for it.

use firesteel_base::TimestampMs;
use firesteel_base::bytes::{ByteCursor, ByteError, put_varint};
use firesteel_model::SeriesRef;
use firesteel_model::histogram::{CUSTOM_BUCKETS_SCHEMA, SCHEMA_MAX, is_known_schema};
use firesteel_storage::{HistogramSample, HistogramValue};

use super::error::{next_entry, open};
use super::histogram_body::{read_float, read_int, write};
use super::samples::Base;
use super::samples_v2::Chain;
use super::{RecordError, RecordType};

/// One histogram sample of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistogramEntry<'a> {
    pub series: SeriesRef,
    pub t: TimestampMs,
    /// When the histogram began to count; 0 in records of version 1 and when not known.
    pub start: TimestampMs,
    pub schema: i64,
    /// Whether the body's counts are floats.
    pub float: bool,
    /// From the reset hint to the last bucket or bound.
    pub body: &'a [u8],
}

impl HistogramEntry<'_> {
    /// Returns the histogram. One of a schema that is not understood yields `None` and is skipped; one finer than ours is
    /// reduced to our finest. Errors: the body is not as the walk saw it, or cannot be reduced.
    pub fn sample(&self) -> Result<Option<HistogramSample>, RecordError> {
        if i32::try_from(self.schema).ok().is_none_or(|schema| !is_known_schema(schema)) {
            return Ok(None);
        }
        let bytes = |source| RecordError::Bytes { what: "histogram", source };
        let value = if self.float {
            let mut h = read_float(self.body).map_err(bytes)?;
            if h.schema > SCHEMA_MAX {
                h.reduce_resolution(SCHEMA_MAX).map_err(|source| RecordError::Histogram { source })?;
            }
            HistogramValue::Float(Box::new(h))
        } else {
            let mut h = read_int(self.body).map_err(bytes)?;
            if h.schema > SCHEMA_MAX {
                h.reduce_resolution(SCHEMA_MAX).map_err(|source| RecordError::Histogram { source })?;
            }
            HistogramValue::Int(Box::new(h))
        };
        Ok(Some(HistogramSample { series: self.series, t: self.t, start_t: self.start, value }))
    }
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

    /// Returns the kinds of records that histograms go to, with start timestamps or without: one [`Self::encode`] each.
    pub fn kinds(with_starts: bool) -> &'static [RecordType] {
        if with_starts { &KINDS[4..] } else { &KINDS[..4] }
    }

    /// Appends a whole record of those samples that belong into one of `kind`. None of them make no record: `out` stays as
    /// it is.
    pub fn encode<'b>(kind: RecordType, samples: impl IntoIterator<Item = &'b HistogramSample>, out: &mut Vec<u8>) {
        let (mut base, mut chain) = (None, None);
        for sample in samples.into_iter().filter(|sample| kind_of(sample, has_start(kind)) == kind) {
            place(kind, (sample.series, sample.t, sample.start_t), (&mut base, &mut chain), out);
            write(&sample.value, out);
        }
    }

    /// Appends what stands for one histogram, without series and time.
    pub fn encode_value(value: &HistogramValue, out: &mut Vec<u8>) {
        write(value, out);
    }

    /// Appends a whole record of entries taken from other records of the same kind.
    ///
    /// No entries make no record: `out` stays as it is. `kind` must be one of the histogram kinds.
    pub fn encode_raw<'b>(kind: RecordType, entries: impl IntoIterator<Item = HistogramEntry<'b>>, out: &mut Vec<u8>) {
        debug_assert!(KINDS.contains(&kind));
        let (mut base, mut chain) = (None, None);
        for e in entries {
            place(kind, (e.series, e.t, e.start), (&mut base, &mut chain), out);
            out.extend_from_slice(e.body);
        }
    }
}

/// Writes the place of one entry, and before the first what the record begins with.
fn place(
    kind: RecordType,
    (series, t, start): (SeriesRef, TimestampMs, TimestampMs),
    (base, chain): (&mut Option<Base>, &mut Option<Chain>),
    out: &mut Vec<u8>,
) {
    if has_start(kind) {
        if chain.is_none() {
            out.push(kind as u8);
        }
        return Chain::write(chain, (series, t, start), out);
    }
    let base = *base.get_or_insert_with(|| Base::write(kind, series, t, out));
    let (series, t) = base.differences(series, t);
    put_varint(out, series);
    put_varint(out, t);
}

/// Returns the kind of record that a histogram belongs into.
fn kind_of(sample: &HistogramSample, with_starts: bool) -> RecordType {
    match (&sample.value, with_starts) {
        (HistogramValue::Int(_), true) => RecordType::HistogramSamplesV2,
        (HistogramValue::Float(_), true) => RecordType::FloatHistogramSamplesV2,
        (HistogramValue::Int(h), false) if h.uses_custom_buckets() => RecordType::CustomBucketsHistogramSamples,
        (HistogramValue::Int(_), false) => RecordType::HistogramSamples,
        (HistogramValue::Float(h), false) if h.uses_custom_buckets() => RecordType::CustomBucketsFloatHistogramSamples,
        (HistogramValue::Float(_), false) => RecordType::FloatHistogramSamples,
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
            Ok(HistogramEntry { series, t, start, schema, float: is_float(*kind), body })
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
    if schema == i64::from(CUSTOM_BUCKETS_SCHEMA) {
        for _ in 0..cursor.uvarint()? {
            cursor.be64()?;
        }
    }
    Ok(schema)
}
