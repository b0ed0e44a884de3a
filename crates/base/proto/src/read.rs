//! Remote read: `prometheus.ReadRequest`, `ReadResponse` and `ChunkedReadResponse`.

use crate::WireError;
use crate::encode::{put_bytes_field, put_message, put_text_field, put_varint_field};
use crate::fields::Fields;

/// What kind of answer is wanted, by number.
pub mod response_type {
    pub const SAMPLES: i32 = 0;
    pub const STREAMED_XOR_CHUNKS: i32 = 1;
}

/// A request for series.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReadRequest {
    pub queries: Vec<Query>,
    /// In order of preference; numbers that are not known stay.
    pub accepted: Vec<i32>,
}

/// One query, ends included.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Query {
    pub start_ms: i64,
    pub end_ms: i64,
    pub matchers: Vec<LabelMatcher>,
    pub hints: Option<Hints>,
}

/// A matcher as it came; neither kind nor texts are checked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LabelMatcher {
    /// 0 equal, 1 not equal, 2 matches, 3 does not match.
    pub kind: i32,
    pub name: Vec<u8>,
    pub value: Vec<u8>,
}

/// The name of the function that wants no samples.
const SERIES_ONLY: &[u8] = b"series";

/// What the asker will do with the samples.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hints {
    pub step_ms: i64,
    pub start_ms: i64,
    pub end_ms: i64,
    pub range_ms: i64,
    /// Only the series are wanted, not their samples (upstream's function `series`).
    pub series_only: bool,
}

impl ReadRequest {
    /// Decodes a request.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut out = Self::default();
        let mut fields = Fields::new("ReadRequest", bytes);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                1 => out.queries.push(query(value.bytes("Queries")?)?),
                2 => value.varints("AcceptedResponseTypes", |n| out.accepted.push(n as i32))?,
                _ => {}
            }
        }
        Ok(out)
    }

    /// Appends the request.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for query in &self.queries {
            put_message(out, 1, |out| {
                put_varint_field(out, 1, query.start_ms as u64);
                put_varint_field(out, 2, query.end_ms as u64);
                for matcher in &query.matchers {
                    put_message(out, 3, |out| {
                        put_varint_field(out, 1, matcher.kind as u64);
                        put_bytes_field(out, 2, &matcher.name);
                        put_bytes_field(out, 3, &matcher.value);
                    });
                }
                if let Some(hints) = &query.hints {
                    put_message(out, 4, |out| {
                        put_varint_field(out, 1, hints.step_ms as u64);
                        put_bytes_field(out, 2, if hints.series_only { SERIES_ONLY } else { &[] });
                        put_varint_field(out, 3, hints.start_ms as u64);
                        put_varint_field(out, 4, hints.end_ms as u64);
                        put_varint_field(out, 7, hints.range_ms as u64);
                    });
                }
            });
        }
        crate::encode::put_packed_varints(out, 2, self.accepted.iter().map(|&n| n as u64));
    }
}

fn query(bytes: &[u8]) -> Result<Query, WireError> {
    let mut out = Query::default();
    let mut fields = Fields::new("Query", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => out.start_ms = value.varint("StartTimestampMs")? as i64,
            2 => out.end_ms = value.varint("EndTimestampMs")? as i64,
            3 => out.matchers.push(matcher(value.bytes("Matchers")?)?),
            4 => out.hints = Some(hints(value.bytes("Hints")?)?),
            _ => {}
        }
    }
    Ok(out)
}

fn matcher(bytes: &[u8]) -> Result<LabelMatcher, WireError> {
    let mut out = LabelMatcher::default();
    let mut fields = Fields::new("LabelMatcher", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => out.kind = value.varint("Type")? as i32,
            2 => out.name = value.bytes("Name")?.to_vec(),
            3 => out.value = value.bytes("Value")?.to_vec(),
            _ => {}
        }
    }
    Ok(out)
}

fn hints(bytes: &[u8]) -> Result<Hints, WireError> {
    let mut out = Hints::default();
    let mut fields = Fields::new("ReadHints", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => out.step_ms = value.varint("StepMs")? as i64,
            2 => out.series_only = value.bytes("Func")? == SERIES_ONLY,
            3 => out.start_ms = value.varint("StartMs")? as i64,
            4 => out.end_ms = value.varint("EndMs")? as i64,
            5 => drop(value.bytes("Grouping")?),
            6 => drop(value.varint("By")?),
            7 => out.range_ms = value.varint("RangeMs")? as i64,
            _ => {}
        }
    }
    Ok(out)
}

/// Appends the body of a `ChunkedReadResponse` with one series: `labels` are complete `Label` fields (see
/// [`crate::write_v1::put_label`]), `chunks` complete `Chunk` fields (see [`put_chunk`]).
pub fn put_chunked_response(out: &mut Vec<u8>, query_index: i64, labels: &[u8], chunks: &[u8]) {
    put_message(out, 1, |out| {
        out.extend_from_slice(labels);
        out.extend_from_slice(chunks);
    });
    put_varint_field(out, 2, query_index as u64);
}

/// Appends a `Chunk` field of a `ChunkedSeries`.
pub fn put_chunk(out: &mut Vec<u8>, min_ms: i64, max_ms: i64, encoding: u8, data: &[u8]) {
    put_message(out, 2, |out| {
        put_varint_field(out, 1, min_ms as u64);
        put_varint_field(out, 2, max_ms as u64);
        put_varint_field(out, 3, u64::from(encoding));
        put_bytes_field(out, 4, data);
    });
}

/// One series of a `ChunkedReadResponse`, borrowed from it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChunkedSeries<'a> {
    pub labels: Vec<(&'a [u8], &'a [u8])>,
    pub chunks: Vec<Chunk<'a>>,
}

/// A chunk as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chunk<'a> {
    pub min_ms: i64,
    pub max_ms: i64,
    pub encoding: i32,
    pub data: &'a [u8],
}

/// Reads a `ChunkedReadResponse`: its series and the number of the query.
pub fn chunked_response(bytes: &[u8]) -> Result<(Vec<ChunkedSeries<'_>>, i64), WireError> {
    let (mut all, mut query_index) = (Vec::new(), 0);
    let mut fields = Fields::new("ChunkedReadResponse", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => all.push(chunked_series(value.bytes("ChunkedSeries")?)?),
            2 => query_index = value.varint("QueryIndex")? as i64,
            _ => {}
        }
    }
    Ok((all, query_index))
}

fn chunked_series(bytes: &[u8]) -> Result<ChunkedSeries<'_>, WireError> {
    let mut out = ChunkedSeries::default();
    let mut fields = Fields::new("ChunkedSeries", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => out.labels.push(crate::write_v1::label(value.bytes("Labels")?)?),
            2 => {
                let mut chunk = Chunk::default();
                let mut fields = Fields::new("Chunk", value.bytes("Chunks")?);
                while let Some((number, value)) = fields.next_field()? {
                    match number {
                        1 => chunk.min_ms = value.varint("MinTimeMs")? as i64,
                        2 => chunk.max_ms = value.varint("MaxTimeMs")? as i64,
                        3 => chunk.encoding = value.varint("Type")? as i32,
                        4 => chunk.data = value.bytes("Data")?,
                        _ => {}
                    }
                }
                out.chunks.push(chunk);
            }
            _ => {}
        }
    }
    Ok(out)
}

/// Appends one `QueryResult` to a `ReadResponse`; `fill` appends its series with [`crate::write_v1::put_series`].
pub fn put_query_result(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    put_message(out, 1, fill);
}

/// Walks a `ReadResponse`: calls `series` with the number of the query and the body of every `TimeSeries`.
pub fn walk_response<'a>(
    bytes: &'a [u8],
    mut series: impl FnMut(usize, &'a [u8]) -> Result<(), WireError>,
) -> Result<usize, WireError> {
    let mut results = 0;
    let mut fields = Fields::new("ReadResponse", bytes);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            crate::write_v1::walk(value.bytes("Results")?, |one| series(results, one))?;
            results += 1;
        }
    }
    Ok(results)
}

/// Appends labels as `Label` fields.
pub fn put_labels<'a>(out: &mut Vec<u8>, labels: impl Iterator<Item = (&'a str, &'a str)>) {
    for (name, value) in labels {
        put_message(out, 1, |out| {
            put_text_field(out, 1, name);
            put_text_field(out, 2, value);
        });
    }
}
