//! What all histograms of a chunk share: schema, zero threshold, which buckets there are, custom bounds
//! (`chunkenc/histogram_meta.go`, 3.14).

use firesteel_model::Span;
use firesteel_model::histogram::{is_custom_schema, is_known_schema};

use super::ChunkError;
use super::bit_buffer::BitBuffer;
use super::bit_reader::BitReader;

/// The layout at the start of a chunk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) positive: Vec<Span>,
    pub(super) negative: Vec<Span>,
    pub(super) bounds: Vec<f64>,
}

impl Layout {
    pub(super) fn put(&self, out: &mut BitBuffer) {
        put_zero_threshold(out, self.zero_threshold);
        out.put_varbit(i64::from(self.schema));
        for spans in [&self.positive, &self.negative] {
            out.put_varbit_unsigned(spans.len() as u64);
            for span in spans {
                out.put_varbit_unsigned(u64::from(span.length));
                out.put_varbit(i64::from(span.offset));
            }
        }
        if is_custom_schema(self.schema) {
            out.put_varbit_unsigned(self.bounds.len() as u64);
            for &bound in &self.bounds {
                put_bound(out, bound);
            }
        }
    }

    /// Reads a layout into memory that is reused. Errors: the stream ends, the schema is unknown, or there are more buckets
    /// than the chunk has bits for.
    pub(super) fn take(&mut self, from: &mut BitReader<'_>) -> Result<(), ChunkError> {
        self.zero_threshold = take_zero_threshold(from)?;
        self.schema = from.varbit()? as i32;
        let mut buckets = 0u64;
        for spans in [&mut self.positive, &mut self.negative] {
            spans.clear();
            for i in 0..from.varbit_unsigned()? {
                let (length, offset) = (from.varbit_unsigned()? as u32, from.varbit()? as i32);
                if i > 0 && offset < 0 {
                    return Err(ChunkError::BadLayout { at_bit: from.position() });
                }
                buckets += u64::from(length);
                spans.push(Span { offset, length });
            }
        }
        self.bounds.clear();
        if is_custom_schema(self.schema) {
            for _ in 0..from.varbit_unsigned()? {
                self.bounds.push(take_bound(from)?);
            }
        }
        if !is_known_schema(self.schema) {
            return Err(ChunkError::UnknownSchema { schema: self.schema });
        }
        // A bucket takes a bit at least.
        if buckets > from.left() as u64 {
            return Err(ChunkError::BadLayout { at_bit: from.position() });
        }
        Ok(())
    }
}

/// One byte for 0 and for powers of two from 2^−243 to 2^10; else nine.
fn put_zero_threshold(out: &mut BitBuffer, threshold: f64) {
    if threshold == 0.0 {
        return out.put(0, 8);
    }
    let bits = threshold.to_bits();
    // The exponent of a fraction from 0.5 to 1, as C's frexp has it.
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1022;
    if bits >> 52 < 0x800 && bits << 12 == 0 && (-242..=11).contains(&exponent) {
        out.put((exponent + 243) as u64, 8);
    } else {
        out.put(255, 8);
        out.put_float(threshold);
    }
}

fn take_zero_threshold(from: &mut BitReader<'_>) -> Result<f64, ChunkError> {
    Ok(match from.take(8)? {
        0 => 0.0,
        255 => from.float()?,
        byte => f64::from_bits((byte + 1022 - 243) << 52),
    })
}

/// Multiples of 0.001 up to 33,554.430 take at most four bytes, other bounds a bit and eight bytes.
fn put_bound(out: &mut BitBuffer, bound: f64) {
    let thousandths = bound * 1000.0;
    let whole = thousandths.round();
    if !(0.0..=33_554_430.0).contains(&thousandths) || whole / 1000.0 != bound {
        out.put(0, 1);
        return out.put_float(bound);
    }
    out.put_varbit_unsigned(whole as u64 + 1);
}

fn take_bound(from: &mut BitReader<'_>) -> Result<f64, ChunkError> {
    Ok(match from.varbit_unsigned()? {
        0 => from.float()?,
        n => (n - 1) as f64 / 1000.0,
    })
}
