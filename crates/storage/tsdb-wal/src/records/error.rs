//! Why a record's bytes cannot be understood.

use firesteel_base::bytes::{ByteCursor, ByteError};
use firesteel_model::HistogramError;

use super::RecordType;

/// A record does not keep its format's promise. Bytes count from the start of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record is of another type than its decoder's, or has no byte at all.
    #[error("invalid record type {found:?}, expected {expected}")]
    WrongType { found: Option<u8>, expected: &'static str },
    /// An entry ends too early, or one of its integers is none.
    #[error("decode {what} record: {source}")]
    Bytes { what: &'static str, source: ByteError },
    /// A histogram of a finer schema than ours does not keep together.
    #[error("error reducing resolution of histogram: {source}")]
    Histogram { source: HistogramError },
    /// A label is not UTF-8 text.
    #[error("label of series {series} is not valid UTF-8")]
    NotUtf8 { series: u64 },
}

/// Returns a cursor behind the type byte of a record of one of `types`.
pub(super) fn open<'a>(record: &'a [u8], types: &[RecordType]) -> Result<ByteCursor<'a>, RecordError> {
    match record.first() {
        Some(&found) if types.iter().any(|t| *t as u8 == found) => {
            let mut cursor = ByteCursor::new(record);
            cursor.u8().map_err(|source| RecordError::Bytes { what: "any", source })?;
            Ok(cursor)
        }
        found => {
            Err(RecordError::WrongType { found: found.copied(), expected: types.first().map_or("", |t| t.as_str()) })
        }
    }
}

/// Runs `entry` unless the record is at its end; after a fault the iteration ends.
pub(super) fn next_entry<'a, T>(
    what: RecordType,
    cursor: &mut ByteCursor<'a>,
    entry: impl FnOnce(&mut ByteCursor<'a>) -> Result<T, ByteError>,
) -> Option<Result<T, RecordError>> {
    if cursor.is_empty() {
        return None;
    }
    Some(entry(cursor).map_err(|source| {
        *cursor = ByteCursor::new(&[]);
        RecordError::Bytes { what: what.as_str(), source }
    }))
}
