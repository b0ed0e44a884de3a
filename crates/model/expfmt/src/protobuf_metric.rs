//! One `io.prometheus.client.Metric`, decoded into memory that is used again: numbers, and places of what is seldom wanted.

use firesteel_model::histogram::{CounterReset, FloatHistogram, Histogram, Span};
use firesteel_proto::WireError;
use firesteel_proto::fields::{Fields, Wire, zigzag};

/// A bucket of a classic histogram.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket<'a> {
    pub(crate) whole_count: u64,
    pub(crate) float_count: f64,
    pub(crate) upper: f64,
    pub(crate) exemplar: Option<&'a [u8]>,
}

impl Bucket<'_> {
    /// Returns the cumulative count.
    pub(crate) fn count(&self) -> f64 {
        if self.float_count == 0.0 { self.whole_count as f64 } else { self.float_count }
    }
}

/// What the message `Histogram` holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProtoHistogram<'a> {
    pub(crate) whole_count: u64,
    pub(crate) float_count: f64,
    pub(crate) sum: f64,
    pub(crate) buckets: Vec<Bucket<'a>>,
    schema: i32,
    zero_threshold: f64,
    zero_count: u64,
    zero_count_float: f64,
    negative_spans: Vec<Span>,
    negative_deltas: Vec<i64>,
    negative_counts: Vec<f64>,
    positive_spans: Vec<Span>,
    positive_deltas: Vec<i64>,
    positive_counts: Vec<f64>,
    pub(crate) exemplars: Vec<&'a [u8]>,
}

/// What one metric holds, whatever its type; a field that is not there is zero.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metric<'a> {
    /// The messages `LabelPair`, one behind the other.
    pub(crate) labels: Vec<&'a [u8]>,
    pub(crate) gauge: f64,
    pub(crate) counter: f64,
    pub(crate) untyped: f64,
    pub(crate) exemplar: Option<&'a [u8]>,
    pub(crate) summary_count: u64,
    pub(crate) summary_sum: f64,
    /// Quantile and value.
    pub(crate) quantiles: Vec<(f64, f64)>,
    pub(crate) histogram: ProtoHistogram<'a>,
    pub(crate) counter_start: Option<i64>,
    pub(crate) summary_start: Option<i64>,
    pub(crate) histogram_start: Option<i64>,
    /// 0 stands for none, as in upstream.
    pub(crate) timestamp: i64,
    /// The numbers of the fields that are there, as bits.
    pub(crate) fields: u8,
}

impl<'a> Metric<'a> {
    fn clear(&mut self) {
        let Self { labels, quantiles, histogram, .. } = std::mem::take(self);
        self.labels = labels;
        self.quantiles = quantiles;
        self.labels.clear();
        self.quantiles.clear();
        let mut h = histogram;
        h.buckets.clear();
        h.negative_spans.clear();
        h.negative_deltas.clear();
        h.negative_counts.clear();
        h.positive_spans.clear();
        h.positive_deltas.clear();
        h.positive_counts.clear();
        h.exemplars.clear();
        self.histogram = ProtoHistogram {
            whole_count: 0,
            float_count: 0.0,
            sum: 0.0,
            schema: 0,
            zero_threshold: 0.0,
            zero_count: 0,
            zero_count_float: 0.0,
            ..h
        };
    }

    /// Reads a message. All of it is looked at, so that a fault refuses the page whatever the family's type.
    pub(crate) fn read(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        self.clear();
        let mut fields = Fields::new("Metric", bytes);
        while let Some((number, value)) = fields.next_field()? {
            self.fields |= 1_u8.checked_shl(number).unwrap_or(0);
            match number {
                1 => self.labels.push(value.bytes("Label")?),
                2 => self.gauge = number_of("Gauge", value.bytes("Gauge")?, self.gauge)?,
                3 => self.read_counter(value.bytes("Counter")?)?,
                4 => self.read_summary(value.bytes("Summary")?)?,
                5 => self.untyped = number_of("Untyped", value.bytes("Untyped")?, self.untyped)?,
                6 => self.timestamp = value.varint("TimestampMs")? as i64,
                7 => {
                    if let Some(start) = self.histogram.read(value.bytes("Histogram")?)? {
                        self.histogram_start = Some(start);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_counter(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Fields::new("Counter", bytes);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                1 => self.counter = value.double("Value")?,
                2 => self.exemplar = Some(checked_exemplar(value)?),
                3 => self.counter_start = Some(timestamp(value.bytes("StartTimestamp")?)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_summary(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Fields::new("Summary", bytes);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                1 => self.summary_count = value.varint("SampleCount")?,
                2 => self.summary_sum = value.double("SampleSum")?,
                3 => {
                    let mut of = (0.0, 0.0);
                    let mut fields = Fields::new("Quantile", value.bytes("Quantile")?);
                    while let Some((number, value)) = fields.next_field()? {
                        match number {
                            1 => of.0 = value.double("Quantile")?,
                            2 => of.1 = value.double("Value")?,
                            _ => {}
                        }
                    }
                    self.quantiles.push(of);
                }
                4 => self.summary_start = Some(timestamp(value.bytes("StartTimestamp")?)?),
                _ => {}
            }
        }
        Ok(())
    }
}

impl<'a> ProtoHistogram<'a> {
    /// Reads a message; returns its start timestamp if there is one.
    fn read(&mut self, bytes: &'a [u8]) -> Result<Option<i64>, WireError> {
        let mut start = None;
        let mut fields = Fields::new("Histogram", bytes);
        while let Some((number, value)) = fields.next_field()? {
            match number {
                1 => self.whole_count = value.varint("SampleCount")?,
                2 => self.sum = value.double("SampleSum")?,
                3 => self.buckets.push(bucket(value.bytes("Bucket")?)?),
                4 => self.float_count = value.double("SampleCountFloat")?,
                5 => self.schema = zigzag(value.varint("Schema")? & u64::from(u32::MAX)) as i32,
                6 => self.zero_threshold = value.double("ZeroThreshold")?,
                7 => self.zero_count = value.varint("ZeroCount")?,
                8 => self.zero_count_float = value.double("ZeroCountFloat")?,
                9 => self.negative_spans.push(span(value.bytes("NegativeSpan")?)?),
                10 => value.varints("NegativeDelta", |n| self.negative_deltas.push(zigzag(n)))?,
                11 => value.doubles("NegativeCount", |n| self.negative_counts.push(n))?,
                12 => self.positive_spans.push(span(value.bytes("PositiveSpan")?)?),
                13 => value.varints("PositiveDelta", |n| self.positive_deltas.push(zigzag(n)))?,
                14 => value.doubles("PositiveCount", |n| self.positive_counts.push(n))?,
                15 => start = Some(timestamp(value.bytes("StartTimestamp")?)?),
                16 => self.exemplars.push(checked_exemplar(value)?),
                _ => {}
            }
        }
        Ok(start)
    }

    /// Returns the number of all observations.
    pub(crate) fn count(&self) -> f64 {
        if self.float_count == 0.0 { self.whole_count as f64 } else { self.float_count }
    }

    /// Returns whether it is a native histogram (upstream: `isNativeHistogram`).
    pub(crate) fn is_native(&self) -> bool {
        !self.positive_spans.is_empty()
            || !self.negative_spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count > 0
    }

    pub(crate) fn is_float(&self) -> bool {
        self.float_count > 0.0 || self.zero_count_float > 0.0
    }

    /// Checks that spans and buckets go together; an error is upstream's text.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (positive, negative) = if self.is_float() {
            (self.positive_counts.len(), self.negative_counts.len())
        } else {
            (self.positive_deltas.len(), self.negative_deltas.len())
        };
        for (side, spans, have) in
            [("positive", &self.positive_spans, positive), ("negative", &self.negative_spans, negative)]
        {
            let total: u64 = spans.iter().map(|s| u64::from(s.length)).sum();
            if total != have as u64 {
                return Err(format!("{side} side: spans require {total} buckets, have {have}"));
            }
        }
        Ok(())
    }

    fn reset(gauge: bool) -> CounterReset {
        if gauge { CounterReset::Gauge } else { CounterReset::Unknown }
    }

    /// Returns it as a native histogram of integer counts.
    pub(crate) fn to_int(&self, gauge: bool) -> Histogram {
        let mut h = Histogram {
            counter_reset: Self::reset(gauge),
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.whole_count,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: self.positive_deltas.clone(),
            negative_buckets: self.negative_deltas.clone(),
            custom_values: Vec::new(),
        };
        h.compact(0);
        h
    }

    /// Returns it as a native histogram of float counts.
    pub(crate) fn to_float(&self, gauge: bool) -> FloatHistogram {
        let mut h = FloatHistogram {
            counter_reset: Self::reset(gauge),
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count_float,
            count: self.float_count,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: self.positive_counts.clone(),
            negative_buckets: self.negative_counts.clone(),
            custom_values: Vec::new(),
        };
        h.compact(0);
        h
    }
}

fn number_of(message: &'static str, bytes: &[u8], before: f64) -> Result<f64, WireError> {
    let mut v = before;
    let mut fields = Fields::new(message, bytes);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            v = value.double("Value")?;
        }
    }
    Ok(v)
}

fn bucket(bytes: &[u8]) -> Result<Bucket<'_>, WireError> {
    let mut out = Bucket::default();
    let mut fields = Fields::new("Bucket", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => out.whole_count = value.varint("CumulativeCount")?,
            2 => out.upper = value.double("UpperBound")?,
            3 => out.exemplar = Some(checked_exemplar(value)?),
            4 => out.float_count = value.double("CumulativeCountFloat")?,
            _ => {}
        }
    }
    Ok(out)
}

fn span(bytes: &[u8]) -> Result<Span, WireError> {
    let mut out = Span { offset: 0, length: 0 };
    let mut fields = Fields::new("BucketSpan", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => out.offset = zigzag(value.varint("Offset")? & u64::from(u32::MAX)) as i32,
            2 => out.length = value.varint("Length")? as u32,
            _ => {}
        }
    }
    Ok(out)
}

/// Returns a `google.protobuf.Timestamp` in milliseconds.
pub(crate) fn timestamp(bytes: &[u8]) -> Result<i64, WireError> {
    let (mut seconds, mut nanos) = (0i64, 0i32);
    let mut fields = Fields::new("Timestamp", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => seconds = value.varint("Seconds")? as i64,
            2 => nanos = value.varint("Nanos")? as i32,
            _ => {}
        }
    }
    Ok(seconds.wrapping_mul(1000).wrapping_add(i64::from(nanos / 1_000_000)))
}

/// An exemplar's message: value, time, and `LabelPair`s one by one.
pub(crate) fn exemplar<'a>(
    bytes: &'a [u8],
    mut label: impl FnMut(&'a [u8]) -> Result<(), WireError>,
) -> Result<(f64, Option<i64>), WireError> {
    let (mut v, mut t) = (0.0, None);
    let mut fields = Fields::new("Exemplar", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => label(value.bytes("Label")?)?,
            2 => v = value.double("Value")?,
            3 => t = Some(timestamp(value.bytes("Timestamp")?)?),
            _ => {}
        }
    }
    Ok((v, t))
}

fn checked_exemplar(value: Wire<'_>) -> Result<&[u8], WireError> {
    let bytes = value.bytes("Exemplar")?;
    exemplar(bytes, |pair| label_pair(pair).map(|_| ()))?;
    Ok(bytes)
}

/// Returns name and value of a `LabelPair`, not yet checked to be text.
pub(crate) fn label_pair(bytes: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let (mut name, mut of) = (&[][..], &[][..]);
    let mut fields = Fields::new("LabelPair", bytes);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => name = value.bytes("Name")?,
            2 => of = value.bytes("Value")?,
            _ => {}
        }
    }
    Ok((name, of))
}
