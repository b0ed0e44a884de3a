//! `prometheus.WriteRequest`: remote write 1.0.

use crate::WireError;
use crate::encode::{put_double_field, put_message, put_text_field, put_varint_field};
use crate::fields::{Fields, take_bytes};
use crate::histogram::Histogram;

/// Walks a request: calls `series` with the body of every `TimeSeries`. Metadata is checked for form only, since receivers
/// have no use for it.
pub fn walk<'a>(request: &'a [u8], mut series: impl FnMut(&'a [u8]) -> Result<(), WireError>) -> Result<(), WireError> {
    let mut fields = Fields::new("WriteRequest", request);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => series(value.bytes("Timeseries")?)?,
            3 => check_metadata(value.bytes("Metadata")?)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_metadata(bytes: &[u8]) -> Result<(), WireError> {
    let mut fields = Fields::new("MetricMetadata", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => drop(value.varint("Type")?),
            2 => drop(value.bytes("MetricFamilyName")?),
            4 => drop(value.bytes("Help")?),
            5 => drop(value.bytes("Unit")?),
            _ => {}
        }
    }
    Ok(())
}

/// The key of a label field: labels come first in what all known senders write, so a run of them identifies a series.
pub const LABEL_KEY: u8 = 0x0a;
const SAMPLE_KEY: u8 = 0x12;

/// Returns the length of the run of label fields at the front of a series.
#[inline]
pub fn label_run(series: &[u8]) -> usize {
    let mut rest = series;
    while let [LABEL_KEY, after @ ..] = rest {
        let mut after = after;
        if take_bytes(&mut after).is_err() {
            break;
        }
        rest = after;
    }
    series.len() - rest.len()
}

/// What stands in a series.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Item<'a> {
    /// Name and value; not checked to be UTF-8.
    Label(&'a [u8], &'a [u8]),
    Sample {
        t_ms: i64,
        v: f64,
    },
    /// See [`exemplar`].
    Exemplar(&'a [u8]),
    /// See [`Histogram::decode`].
    Histogram(&'a [u8]),
}

/// Calls `each` with what stands in a series, in order.
#[inline]
pub fn items<'a>(series: &'a [u8], mut each: impl FnMut(Item<'a>) -> Result<(), WireError>) -> Result<(), WireError> {
    let mut fields = Fields::new("TimeSeries", series);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => {
                let (name, value) = label(value.bytes("Labels")?)?;
                each(Item::Label(name, value))?;
            }
            2 => {
                let (t_ms, v) = sample(value.bytes("Samples")?)?;
                each(Item::Sample { t_ms, v })?;
            }
            3 => each(Item::Exemplar(value.bytes("Exemplars")?))?,
            4 => each(Item::Histogram(value.bytes("Histograms")?))?,
            _ => {}
        }
    }
    Ok(())
}

/// Reads what most series consist of behind their labels: exactly one sample. `None`: it is something else.
#[inline]
pub fn only_sample(behind_labels: &[u8]) -> Option<(i64, f64)> {
    match behind_labels {
        [SAMPLE_KEY, len, body @ ..] if usize::from(*len) == body.len() && *len < 0x80 => sample(body).ok(),
        _ => None,
    }
}

/// Reads a `Sample`: time and value. Those of 2.0 have a third field, which is skipped.
#[inline]
pub fn sample(bytes: &[u8]) -> Result<(i64, f64), WireError> {
    // Written by everyone as value and time, a zero left out.
    let (v, rest) = match bytes {
        [0x09, rest @ ..] => match rest.split_first_chunk::<8>() {
            Some((v, rest)) => (f64::from_le_bytes(*v), rest),
            None => return slow_sample(bytes),
        },
        rest => (0.0, rest),
    };
    if let [0x10, rest @ ..] = rest {
        let mut rest = rest;
        if let Ok(t) = crate::fields::take_varint(&mut rest)
            && rest.is_empty()
        {
            return Ok((t as i64, v));
        }
    }
    slow_sample(bytes)
}

#[cold]
fn slow_sample(bytes: &[u8]) -> Result<(i64, f64), WireError> {
    let (mut t, mut v) = (0, 0.0);
    let mut fields = Fields::new("Sample", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => v = value.double("Value")?,
            2 => t = value.varint("Timestamp")? as i64,
            _ => {}
        }
    }
    Ok((t, v))
}

/// Reads a `Label`.
#[inline]
pub fn label(bytes: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let (mut name, mut text) = (&b""[..], &b""[..]);
    let mut fields = Fields::new("Label", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => name = value.bytes("Name")?,
            2 => text = value.bytes("Value")?,
            _ => {}
        }
    }
    Ok((name, text))
}

/// Reads an `Exemplar`: calls `label` with each label, returns time and value.
pub fn exemplar<'a>(bytes: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8])) -> Result<(i64, f64), WireError> {
    let (mut t, mut v) = (0, 0.0);
    let mut fields = Fields::new("Exemplar", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => {
                let (name, text) = label(value.bytes("Labels")?)?;
                each(name, text);
            }
            2 => v = value.double("Value")?,
            3 => t = value.varint("Timestamp")? as i64,
            _ => {}
        }
    }
    Ok((t, v))
}

/// Appends a `Label` field.
pub fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    put_message(out, 1, |out| {
        put_text_field(out, 1, name);
        put_text_field(out, 2, value);
    });
}

/// Appends a `Sample` field.
pub fn put_sample(out: &mut Vec<u8>, t_ms: i64, v: f64) {
    put_message(out, 2, |out| {
        // Go leaves a zero out and writes a negative one as such only from 2.0 on; the bits of NaN pass.
        put_double_field(out, 1, v);
        put_varint_field(out, 2, t_ms as u64);
    });
}

/// Appends an `Exemplar` field.
pub fn put_exemplar(out: &mut Vec<u8>, labels: &[(&str, &str)], t_ms: i64, v: f64) {
    put_message(out, 3, |out| {
        for (name, value) in labels {
            put_label(out, name, value);
        }
        put_double_field(out, 2, v);
        put_varint_field(out, 3, t_ms as u64);
    });
}

/// Appends a `Histogram` field.
pub fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    put_message(out, 4, |out| histogram.encode(out));
}

/// Appends a series to a request; `fill` appends its labels, samples and the rest.
pub fn put_series(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    put_message(out, 1, fill);
}
