//! `io.prometheus.write.v2.Request`: remote write 2.0, whose texts stand once in a table of symbols.

use std::collections::HashMap;

use crate::WireError;
use crate::encode::{put_bytes_field, put_double_field, put_message, put_packed_varints, put_varint_field};
use crate::fields::Fields;
use crate::histogram::Histogram;

/// Where symbols and series of a request stand; its memory is used again.
#[derive(Debug, Default)]
pub struct Layout {
    symbols: Vec<(u32, u32)>,
    series: Vec<(u32, u32)>,
}

impl Layout {
    /// Finds symbols and series, whose bodies are not looked into. A request of 4 GiB and more is refused.
    pub fn read(&mut self, request: &[u8]) -> Result<(), WireError> {
        self.symbols.clear();
        self.series.clear();
        if u32::try_from(request.len()).is_err() {
            return Err(WireError::Overflow);
        }
        let mut fields = Fields::new("Request", request);
        while let Some((number, value)) = fields.next_field()? {
            let list = match number {
                4 => &mut self.symbols,
                5 => &mut self.series,
                _ => continue,
            };
            let bytes = value.bytes(if number == 4 { "Symbols" } else { "Timeseries" })?;
            let end = request.len() - fields.rest().len();
            list.push(((end - bytes.len()) as u32, bytes.len() as u32));
        }
        Ok(())
    }

    /// Returns how many symbols there are.
    #[inline]
    pub fn symbol_count(&self) -> usize {
        self.symbols.len()
    }

    /// Returns a symbol, not checked to be UTF-8. `request` is the one that was read.
    #[inline]
    pub fn symbol<'a>(&self, request: &'a [u8], at: u32) -> Option<&'a [u8]> {
        let &(from, len) = self.symbols.get(at as usize)?;
        request.get(from as usize..from as usize + len as usize)
    }

    /// Returns all symbols in order.
    pub fn symbols<'a>(&self, request: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.symbols.iter().map(move |&(from, len)| slice(request, from, len))
    }

    /// Returns the bodies of all series in order.
    pub fn series<'a>(&self, request: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.series.iter().map(move |&(from, len)| slice(request, from, len))
    }
}

fn slice(request: &[u8], from: u32, len: u32) -> &[u8] {
    request.get(from as usize..from as usize + len as usize).unwrap_or_default()
}

/// What stands in a series.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Item<'a> {
    /// One number of the list of names and values.
    LabelRef(u32),
    Sample {
        t_ms: i64,
        v: f64,
        /// 0 = none.
        start_t_ms: i64,
    },
    /// See [`exemplar`].
    Exemplar(&'a [u8]),
    /// See [`Histogram::decode`].
    Histogram(&'a [u8]),
    Metadata(Metadata),
}

/// What a series says of its metric; texts are symbols.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Metadata {
    /// 0 unspecified, 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 state set.
    pub metric_type: i32,
    pub help_ref: u32,
    pub unit_ref: u32,
}

/// Calls `each` with what stands in a series, in order.
#[inline]
pub fn items<'a>(series: &'a [u8], mut each: impl FnMut(Item<'a>)) -> Result<(), WireError> {
    let mut fields = Fields::new("TimeSeries", series);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => value.varints("LabelsRefs", |n| each(Item::LabelRef(n as u32)))?,
            2 => each(sample(value.bytes("Samples")?)?),
            3 => each(Item::Histogram(value.bytes("Histograms")?)),
            4 => each(Item::Exemplar(value.bytes("Exemplars")?)),
            5 => each(Item::Metadata(metadata(value.bytes("Metadata")?)?)),
            _ => {}
        }
    }
    Ok(())
}

#[inline]
fn sample(bytes: &[u8]) -> Result<Item<'_>, WireError> {
    let (mut t_ms, mut v, mut start_t_ms) = (0, 0.0, 0);
    let mut fields = Fields::new("Sample", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => v = value.double("Value")?,
            2 => t_ms = value.varint("Timestamp")? as i64,
            3 => start_t_ms = value.varint("StartTimestamp")? as i64,
            _ => {}
        }
    }
    Ok(Item::Sample { t_ms, v, start_t_ms })
}

fn metadata(bytes: &[u8]) -> Result<Metadata, WireError> {
    let mut out = Metadata::default();
    let mut fields = Fields::new("Metadata", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => out.metric_type = value.varint("Type")? as i32,
            3 => out.help_ref = value.varint("HelpRef")? as u32,
            4 => out.unit_ref = value.varint("UnitRef")? as u32,
            _ => {}
        }
    }
    Ok(out)
}

/// Reads an `Exemplar`: calls `each` with each number of its label list, returns time and value.
pub fn exemplar(bytes: &[u8], mut each: impl FnMut(u32)) -> Result<(i64, f64), WireError> {
    let (mut t, mut v) = (0, 0.0);
    let mut fields = Fields::new("Exemplar", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => value.varints("LabelsRefs", |n| each(n as u32))?,
            2 => v = value.double("Value")?,
            3 => t = value.varint("Timestamp")? as i64,
            _ => {}
        }
    }
    Ok((t, v))
}

/// Puts a request together: series first, the symbols they name at the end of [`Self::finish`], in front.
#[derive(Debug)]
pub struct Encoder {
    symbols: Vec<String>,
    index: HashMap<String, u32>,
    series: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        let mut new = Self { symbols: Vec::new(), index: HashMap::new(), series: Vec::new() };
        new.symbol("");
        new
    }
}

impl Encoder {
    /// Returns the number of a text.
    pub fn symbol(&mut self, text: &str) -> u32 {
        if let Some(&at) = self.index.get(text) {
            return at;
        }
        let at = self.symbols.len() as u32;
        self.symbols.push(text.to_owned());
        self.index.insert(text.to_owned(), at);
        at
    }

    /// Adds a series: `refs` as [`Self::symbol`] gave them, name and value in turn; `fill` appends the rest.
    pub fn series(&mut self, refs: &[u32], fill: impl FnOnce(&mut Vec<u8>)) {
        put_message(&mut self.series, 5, |out| {
            put_packed_varints(out, 1, refs.iter().map(|&n| u64::from(n)));
            fill(out);
        });
    }

    /// Returns the request, and is empty again.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for symbol in &self.symbols {
            put_bytes_field(&mut out, 4, symbol.as_bytes());
        }
        out.append(&mut self.series);
        *self = Self::default();
        out
    }
}

/// Appends a `Sample` field.
pub fn put_sample(out: &mut Vec<u8>, t_ms: i64, v: f64, start_t_ms: i64) {
    put_message(out, 2, |out| {
        put_double_field(out, 1, v);
        put_varint_field(out, 2, t_ms as u64);
        put_varint_field(out, 3, start_t_ms as u64);
    });
}

/// Appends a `Histogram` field.
pub fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    put_message(out, 3, |out| histogram.encode(out));
}

/// Appends an `Exemplar` field.
pub fn put_exemplar(out: &mut Vec<u8>, refs: &[u32], t_ms: i64, v: f64) {
    put_message(out, 4, |out| {
        put_packed_varints(out, 1, refs.iter().map(|&n| u64::from(n)));
        put_double_field(out, 2, v);
        put_varint_field(out, 3, t_ms as u64);
    });
}

/// Appends a `Metadata` field.
pub fn put_metadata(out: &mut Vec<u8>, metadata: Metadata) {
    put_message(out, 5, |out| {
        put_varint_field(out, 1, metadata.metric_type as u64);
        put_varint_field(out, 3, u64::from(metadata.help_ref));
        put_varint_field(out, 4, u64::from(metadata.unit_ref));
    });
}
