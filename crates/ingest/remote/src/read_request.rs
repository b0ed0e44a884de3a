//! What a read asks for, as the store understands it.

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, MatchType, Matcher};
use firesteel_proto::read::{LabelMatcher, Query, ReadRequest, response_type};
use firesteel_proto::snappy::{self, SnappyError};
use firesteel_storage::SelectionHints;

/// Largest request, packed and unpacked (`storage/remote/codec.go`, `decodeReadLimit`).
pub(crate) const MAX_REQUEST_BYTES: usize = 32 << 20;

/// Unpacks and decodes a request; an error is upstream's text.
pub(crate) fn decode(body: &[u8]) -> Result<ReadRequest, String> {
    let mut unpacked = Vec::new();
    let bytes = snappy::decode(body, MAX_REQUEST_BYTES, &mut unpacked).map_err(|e| match e {
        SnappyError::AboveLimit { bytes, limit } => format!("snappy: decoded length {bytes} exceeds limit {limit}"),
        other => other.to_string(),
    })?;
    ReadRequest::decode(bytes).map_err(|e| e.to_string())
}

/// Returns whether chunks are to be streamed; `false` = samples in one answer.
pub(crate) fn streamed(accepted: &[i32]) -> Result<bool, String> {
    let known = accepted.iter().find_map(|&kind| match kind {
        response_type::SAMPLES => Some(false),
        response_type::STREAMED_XOR_CHUNKS => Some(true),
        _ => None,
    });
    match known {
        Some(streamed) => Ok(streamed),
        None if accepted.is_empty() => Ok(false),
        None => {
            let list: Vec<String> = accepted.iter().map(ToString::to_string).collect();
            Err(format!(
                "server does not support any of the requested response types: [{}]; supported: \
                 map[SAMPLES:{{}} STREAMED_XOR_CHUNKS:{{}}]",
                list.join(" ")
            ))
        }
    }
}

/// Returns the range of a query, ends included.
pub(crate) fn range(query: &Query) -> TimeRange {
    TimeRange { min: TimestampMs(query.start_ms), max: TimestampMs(query.end_ms) }
}

pub(crate) fn hints(query: &Query) -> SelectionHints {
    query.hints.as_ref().map_or_else(SelectionHints::default, |hints| SelectionHints {
        step_ms: hints.step_ms,
        range_ms: hints.range_ms,
    })
}

/// Returns the matchers of a query. One that asks for the value of an external label asks for its absence instead: no
/// stored series has it.
pub(crate) fn matchers(query: &Query, external: &Labels) -> Result<Vec<Matcher>, String> {
    query.matchers.iter().map(|wire| matcher(wire, external)).collect()
}

fn matcher(wire: &LabelMatcher, external: &Labels) -> Result<Matcher, String> {
    let match_type = match wire.kind {
        0 => MatchType::Equal,
        1 => MatchType::NotEqual,
        2 => MatchType::Regexp,
        3 => MatchType::NotRegexp,
        _ => return Err("invalid matcher type".to_owned()),
    };
    let name = String::from_utf8_lossy(&wire.name);
    let value = String::from_utf8_lossy(&wire.value);
    if match_type == MatchType::Equal && external.value(&name) == value {
        return Ok(Matcher::equal(&name, ""));
    }
    Matcher::new(match_type, &name, &value).map_err(|e| e.to_string())
}
