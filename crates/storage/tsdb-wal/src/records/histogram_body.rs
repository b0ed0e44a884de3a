//! One histogram of a record, from the reset hint to the last bucket or bound.

use firesteel_base::bytes::{ByteCursor, ByteError, put_uvarint, put_varint};
use firesteel_model::histogram::is_custom_schema;
use firesteel_model::{CounterReset, FloatHistogram, Histogram, Span};
use firesteel_storage::HistogramValue;

/// Reads a histogram of integer counts.
pub(super) fn read_int(body: &[u8]) -> Result<Histogram, ByteError> {
    let c = &mut ByteCursor::new(body);
    let mut h = Histogram { counter_reset: hint(c.u8()?), schema: c.varint()? as i32, ..Histogram::default() };
    h.zero_threshold = float(c)?;
    h.zero_count = c.uvarint()?;
    h.count = c.uvarint()?;
    h.sum = float(c)?;
    h.positive_spans = list(c, span)?;
    h.negative_spans = list(c, span)?;
    h.positive_buckets = list(c, ByteCursor::varint)?;
    h.negative_buckets = list(c, ByteCursor::varint)?;
    if is_custom_schema(h.schema) {
        h.custom_values = list(c, float)?;
    }
    Ok(h)
}

/// Reads a histogram of float counts.
pub(super) fn read_float(body: &[u8]) -> Result<FloatHistogram, ByteError> {
    let c = &mut ByteCursor::new(body);
    let mut h =
        FloatHistogram { counter_reset: hint(c.u8()?), schema: c.varint()? as i32, ..FloatHistogram::default() };
    h.zero_threshold = float(c)?;
    h.zero_count = float(c)?;
    h.count = float(c)?;
    h.sum = float(c)?;
    h.positive_spans = list(c, span)?;
    h.negative_spans = list(c, span)?;
    h.positive_buckets = list(c, float)?;
    h.negative_buckets = list(c, float)?;
    if is_custom_schema(h.schema) {
        h.custom_values = list(c, float)?;
    }
    Ok(h)
}

/// Appends a histogram of either kind.
pub(super) fn write(h: &HistogramValue, out: &mut Vec<u8>) {
    match h {
        HistogramValue::Int(h) => {
            head(out, h.counter_reset, h.schema, h.zero_threshold);
            put_uvarint(out, h.zero_count);
            put_uvarint(out, h.count);
            put_float(out, h.sum);
            put_spans(out, &h.positive_spans);
            put_spans(out, &h.negative_spans);
            for buckets in [&h.positive_buckets, &h.negative_buckets] {
                put_uvarint(out, buckets.len() as u64);
                for &v in buckets {
                    put_varint(out, v);
                }
            }
            put_bounds(out, h.schema, &h.custom_values);
        }
        HistogramValue::Float(h) => {
            head(out, h.counter_reset, h.schema, h.zero_threshold);
            put_float(out, h.zero_count);
            put_float(out, h.count);
            put_float(out, h.sum);
            put_spans(out, &h.positive_spans);
            put_spans(out, &h.negative_spans);
            put_floats(out, &h.positive_buckets);
            put_floats(out, &h.negative_buckets);
            put_bounds(out, h.schema, &h.custom_values);
        }
    }
}

fn head(out: &mut Vec<u8>, hint: CounterReset, schema: i32, zero_threshold: f64) {
    out.push(hint as u8);
    put_varint(out, i64::from(schema));
    put_float(out, zero_threshold);
}

fn put_float(out: &mut Vec<u8>, v: f64) {
    out.extend_from_slice(&v.to_bits().to_be_bytes());
}

fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    put_uvarint(out, values.len() as u64);
    for &v in values {
        put_float(out, v);
    }
}

fn put_bounds(out: &mut Vec<u8>, schema: i32, bounds: &[f64]) {
    if is_custom_schema(schema) {
        put_floats(out, bounds);
    }
}

fn put_spans(out: &mut Vec<u8>, spans: &[Span]) {
    put_uvarint(out, spans.len() as u64);
    for span in spans {
        put_varint(out, i64::from(span.offset));
        put_uvarint(out, u64::from(span.length));
    }
}

fn float(c: &mut ByteCursor<'_>) -> Result<f64, ByteError> {
    c.be64().map(f64::from_bits)
}

fn span(c: &mut ByteCursor<'_>) -> Result<Span, ByteError> {
    Ok(Span { offset: c.varint()? as i32, length: c.uvarint()? as u32 })
}

fn hint(byte: u8) -> CounterReset {
    match byte {
        1 => CounterReset::Reset,
        2 => CounterReset::NotReset,
        3 => CounterReset::Gauge,
        _ => CounterReset::Unknown,
    }
}

/// Reads a counted list. Every element takes a byte at least, which bounds what is set aside for them.
fn list<'a, T>(
    c: &mut ByteCursor<'a>,
    element: impl Fn(&mut ByteCursor<'a>) -> Result<T, ByteError>,
) -> Result<Vec<T>, ByteError> {
    let n = c.uvarint()?;
    let mut all = Vec::with_capacity(n.min(c.remaining() as u64) as usize);
    for _ in 0..n {
        all.push(element(c)?);
    }
    Ok(all)
}
