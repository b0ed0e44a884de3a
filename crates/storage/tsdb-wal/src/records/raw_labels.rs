//! A label set as records hold it: a count, then counted names and values.

use firesteel_base::bytes::{ByteCursor, ByteError, put_uvarint, put_uvarint_bytes};
use firesteel_model::{Labels, packed_texts};

use super::RecordError;

/// The labels of a series or an exemplar, still in a record's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawLabels<'a> {
    /// Only whole pairs: checked when it was read.
    pairs: &'a [u8],
}

impl<'a> RawLabels<'a> {
    /// Walks over a label set without keeping any of it.
    #[inline]
    pub(super) fn read(cursor: &mut ByteCursor<'a>) -> Result<Self, ByteError> {
        let n = cursor.uvarint()?;
        let start = cursor.rest();
        let before = cursor.position();
        // Each pair takes two bytes at least, so a lying count ends at the record's end.
        for _ in 0..n {
            cursor.uvarint_bytes()?;
            cursor.uvarint_bytes()?;
        }
        Ok(Self { pairs: start.get(..cursor.position() - before).unwrap_or(&[]) })
    }

    /// Appends a label set to a record.
    pub(super) fn write(labels: &Labels, out: &mut Vec<u8>) {
        put_uvarint(out, labels.len() as u64);
        for text in packed_texts(labels.as_packed()) {
            put_uvarint_bytes(out, text);
        }
    }

    /// Appends the set once more as it is.
    pub(super) fn write_raw(&self, out: &mut Vec<u8>) {
        put_uvarint(out, self.iter().count() as u64);
        out.extend_from_slice(self.pairs);
    }

    /// Returns names and values in the record's order, which is sorted unless another hand wrote it.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut cursor = ByteCursor::new(self.pairs);
        std::iter::from_fn(move || Some((cursor.uvarint_bytes().ok()?, cursor.uvarint_bytes().ok()?)))
    }

    /// Returns the labels. Error: a name or value is not UTF-8; `series` is for the error's text.
    pub fn to_labels(&self, series: u64) -> Result<Labels, RecordError> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| RecordError::NotUtf8 { series });
        let pairs: Vec<(&str, &str)> =
            self.iter().map(|(name, value)| Ok((text(name)?, text(value)?))).collect::<Result<_, RecordError>>()?;
        Ok(Labels::from_pairs(pairs))
    }
}
