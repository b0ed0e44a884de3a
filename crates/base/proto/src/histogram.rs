//! Native histograms as remote write (both versions) and remote read carry them.

use crate::WireError;
use crate::encode::{
    put_double_field, put_message, put_packed_doubles, put_packed_zigzag, put_some_double, put_some_varint,
    put_varint_field, put_zigzag_field,
};
use crate::fields::{Fields, Wire, zigzag};

/// A count of observations: which of the two a histogram has says what kind it is.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Count {
    #[default]
    Absent,
    Int(u64),
    Float(f64),
}

impl Count {
    /// Returns the integer, or zero.
    pub fn int(self) -> u64 {
        if let Self::Int(n) = self { n } else { 0 }
    }

    /// Returns the float, or zero.
    pub fn float(self) -> f64 {
        if let Self::Float(n) = self { n } else { 0.0 }
    }
}

/// `prometheus.Histogram` and `io.prometheus.write.v2.Histogram`, which have the same fields.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Histogram {
    pub count: Count,
    pub sum: f64,
    pub schema: i32,
    pub zero_threshold: f64,
    pub zero_count: Count,
    /// Offset to the span before, and length.
    pub negative_spans: Vec<(i32, u32)>,
    pub negative_deltas: Vec<i64>,
    pub negative_counts: Vec<f64>,
    pub positive_spans: Vec<(i32, u32)>,
    pub positive_deltas: Vec<i64>,
    pub positive_counts: Vec<f64>,
    /// 0 unknown, 1 reset, 2 no reset, 3 gauge.
    pub reset_hint: i32,
    pub timestamp_ms: i64,
    pub custom_values: Vec<f64>,
    /// Remote write 2.0 only; 0 = none.
    pub start_timestamp_ms: i64,
}

impl Histogram {
    /// Returns whether counts are floats.
    pub fn is_float(&self) -> bool {
        matches!(self.count, Count::Float(_))
    }

    /// Decodes a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut h = Self::default();
        let mut fields = Fields::new("Histogram", bytes);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                1 => h.count = Count::Int(value.varint("CountInt")?),
                2 => h.count = Count::Float(value.double("CountFloat")?),
                3 => h.sum = value.double("Sum")?,
                4 => h.schema = zigzag(value.varint("Schema")?) as i32,
                5 => h.zero_threshold = value.double("ZeroThreshold")?,
                6 => h.zero_count = Count::Int(value.varint("ZeroCountInt")?),
                7 => h.zero_count = Count::Float(value.double("ZeroCountFloat")?),
                8 => h.negative_spans.push(span(value, "NegativeSpans")?),
                9 => value.varints("NegativeDeltas", |n| h.negative_deltas.push(zigzag(n)))?,
                10 => value.doubles("NegativeCounts", |n| h.negative_counts.push(n))?,
                11 => h.positive_spans.push(span(value, "PositiveSpans")?),
                12 => value.varints("PositiveDeltas", |n| h.positive_deltas.push(zigzag(n)))?,
                13 => value.doubles("PositiveCounts", |n| h.positive_counts.push(n))?,
                14 => h.reset_hint = value.varint("ResetHint")? as i32,
                15 => h.timestamp_ms = value.varint("Timestamp")? as i64,
                16 => value.doubles("CustomValues", |n| h.custom_values.push(n))?,
                17 => h.start_timestamp_ms = value.varint("StartTimestamp")? as i64,
                _ => {}
            }
        }
        Ok(h)
    }

    /// Appends the message's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self.count {
            Count::Absent => {}
            Count::Int(n) => put_some_varint(out, 1, n),
            Count::Float(n) => put_some_double(out, 2, n),
        }
        put_double_field(out, 3, self.sum);
        put_zigzag_field(out, 4, i64::from(self.schema));
        put_double_field(out, 5, self.zero_threshold);
        match self.zero_count {
            Count::Absent => {}
            Count::Int(n) => put_some_varint(out, 6, n),
            Count::Float(n) => put_some_double(out, 7, n),
        }
        put_spans(out, 8, &self.negative_spans);
        put_packed_zigzag(out, 9, &self.negative_deltas);
        put_packed_doubles(out, 10, &self.negative_counts);
        put_spans(out, 11, &self.positive_spans);
        put_packed_zigzag(out, 12, &self.positive_deltas);
        put_packed_doubles(out, 13, &self.positive_counts);
        put_varint_field(out, 14, self.reset_hint as u64);
        put_varint_field(out, 15, self.timestamp_ms as u64);
        put_packed_doubles(out, 16, &self.custom_values);
        put_varint_field(out, 17, self.start_timestamp_ms as u64);
    }
}

fn span(value: Wire<'_>, field: &'static str) -> Result<(i32, u32), WireError> {
    let mut span = (0, 0);
    let mut fields = Fields::new("BucketSpan", value.bytes(field)?);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => span.0 = zigzag(value.varint("Offset")?) as i32,
            2 => span.1 = value.varint("Length")? as u32,
            _ => {}
        }
    }
    Ok(span)
}

fn put_spans(out: &mut Vec<u8>, field: u32, spans: &[(i32, u32)]) {
    for &(offset, length) in spans {
        put_message(out, field, |out| {
            put_zigzag_field(out, 1, i64::from(offset));
            put_varint_field(out, 2, u64::from(length));
        });
    }
}
