//! The pull parser of the protobuf exposition: delimited `io.prometheus.client.MetricFamily` messages, walked where they lie.
//!
//! [`ProtobufParser::next`] yields what the text parsers yield, in upstream's order and with its acceptance rules
//! (`model/textparse/protobufparse.go`, 3.14). A classic histogram or summary becomes several samples; a native histogram is
//! one, and its classic parts follow only on demand. Each metric is read as what it is; upstream takes a native histogram that
//! stands behind a classic one of its family for a classic one, and a classic one behind that for a fault.

use std::borrow::Cow;

use firesteel_base::TimestampMs;
use firesteel_model::{BUCKET_LABEL, MetricType};
use firesteel_proto::WireError;
use firesteel_proto::fields::{Fields, take_varint};

use crate::NativeHistogram;
use crate::custom_buckets::ClassicHistogram;
use crate::event::{Event, ExemplarValue, Sample, SampleLabels};
use crate::normalise::openmetrics_float;
use crate::protobuf_metric::{Bucket, Metric, exemplar, label_pair};

/// How a body is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProtobufOptions {
    /// Take native histograms; otherwise only what is classic of them.
    pub native_histograms: bool,
    /// Take the classic parts of native histograms, too.
    pub always_classic: bool,
    /// Turn classic histograms into native ones with custom buckets.
    pub custom_buckets: bool,
    /// Add `__type__` and `__unit__` to the labels (feature `type-and-unit-labels`).
    pub type_and_unit_labels: bool,
}

/// Why a body is refused. `Display` is upstream's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct ProtobufError {
    pub text: String,
    /// The byte of the body where the family begins, from 0.
    pub offset: usize,
}

/// Which sample of its metric the present one is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The metric's only sample.
    Whole,
    Count,
    Sum,
    /// Number of the quantile, or of the bucket (`len` is +Inf where the body leaves it out).
    Nth(usize),
    /// A native histogram.
    Native,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The next family, or the end.
    Family,
    Unit,
    Type,
    /// The first sample of the metric that is decoded.
    Begin,
    /// The sample behind the present one.
    Behind,
    /// The next metric of the family.
    Next,
}

#[derive(Clone, Copy, Debug, Default)]
struct Family<'a> {
    name: &'a str,
    unit: &'a [u8],
    metric_type: MetricType,
}

/// Reads one body from front to back.
#[derive(Clone, Debug)]
pub struct ProtobufParser<'a> {
    rest: &'a [u8],
    len: usize,
    options: ProtobufOptions,
    state: State,
    family: Family<'a>,
    family_at: usize,
    help: &'a str,
    metrics: Fields<'a>,
    metric: Metric<'a>,
    part: Part,
    classic: ClassicHistogram,
    converted: Option<NativeHistogram>,
}

impl<'a> ProtobufParser<'a> {
    /// Starts at the front of `body`.
    pub fn new(body: &'a [u8], options: ProtobufOptions) -> Self {
        Self {
            rest: body,
            len: body.len(),
            options,
            state: State::Family,
            family: Family::default(),
            family_at: 0,
            help: "",
            metrics: Fields::new("MetricFamily", &[]),
            metric: Metric::default(),
            part: Part::Whole,
            classic: ClassicHistogram::default(),
            converted: None,
        }
    }

    /// Returns the type of the present family.
    pub fn metric_type(&self) -> MetricType {
        self.family.metric_type
    }

    /// Returns the unit of the present family, empty when it has none.
    pub fn unit(&self) -> &'a [u8] {
        self.family.unit
    }

    /// Returns the present family's name.
    pub fn family(&self) -> &'a str {
        self.family.name
    }

    /// Returns the `LabelPair` messages of the present metric: equal ones, of the same family and part, are the same series.
    pub fn label_messages(&self) -> &[&'a [u8]] {
        &self.metric.labels
    }

    /// Returns which sample of its metric the present one is, and the number that its label `le` or `quantile` shows.
    pub fn part(&self) -> (Part, f64) {
        let number = match self.part {
            Part::Nth(at) if self.is_summary() => self.metric.quantiles.get(at).map_or(0.0, |q| q.0),
            Part::Nth(at) => self.metric.histogram.buckets.get(at).map_or(f64::INFINITY, |b| b.upper),
            _ => 0.0,
        };
        (self.part, number)
    }

    fn is_summary(&self) -> bool {
        self.family.metric_type == MetricType::Summary
    }

    fn is_histogram_family(&self) -> bool {
        matches!(self.family.metric_type, MetricType::Histogram | MetricType::GaugeHistogram)
    }

    #[cold]
    fn wire(&self, e: &WireError) -> ProtobufError {
        self.error(e.to_string())
    }

    #[cold]
    fn error(&self, text: String) -> ProtobufError {
        ProtobufError { text, offset: self.family_at }
    }

    /// Returns the next entry, or `None` at the end of the body. After an error the parser must not be used again. The
    /// `series` of samples are empty: see [`Self::label_messages`] and [`Self::part`].
    #[expect(clippy::should_implement_trait, reason = "a pull parser that borrows itself for labels is no iterator")]
    pub fn next(&mut self) -> Result<Option<Event<'a>>, ProtobufError> {
        self.converted = None;
        loop {
            match self.state {
                State::Family => {
                    if self.rest.is_empty() {
                        return Ok(None);
                    }
                    if !self.next_family()? {
                        continue;
                    }
                    self.state = if self.family.unit.is_empty() { State::Type } else { State::Unit };
                    return Ok(Some(Event::Help { name: self.family.name.as_bytes(), text: Cow::Borrowed(self.help) }));
                }
                State::Unit => {
                    self.state = State::Type;
                    return Ok(Some(Event::Unit { name: self.family.name.as_bytes(), unit: self.family.unit }));
                }
                State::Type => {
                    self.state = State::Begin;
                    let metric_type = self.family.metric_type;
                    return Ok(Some(Event::Type { name: self.family.name.as_bytes(), metric_type }));
                }
                State::Begin => {
                    self.state = State::Behind;
                    self.part = match self.family.metric_type {
                        MetricType::Summary => Part::Count,
                        MetricType::Histogram | MetricType::GaugeHistogram => {
                            if self.is_native() {
                                let name = self.family.name;
                                let checked = self.metric.histogram.check();
                                checked.map_err(|e| {
                                    self.error(format!("histogram {}: {e}", firesteel_go_compat::quote(name)))
                                })?;
                                Part::Native
                            } else if self.options.custom_buckets && !self.options.always_classic {
                                self.convert()?;
                                Part::Native
                            } else {
                                Part::Count
                            }
                        }
                        _ => Part::Whole,
                    };
                    return Ok(Some(self.sample()));
                }
                State::Behind => match self.behind()? {
                    Some(part) => {
                        self.part = part;
                        return Ok(Some(self.sample()));
                    }
                    None => self.state = State::Next,
                },
                State::Next => self.state = if self.next_metric()? { State::Begin } else { State::Family },
            }
        }
    }

    /// Returns whether the metric is read as a native histogram.
    fn is_native(&self) -> bool {
        self.options.native_histograms && self.metric.histogram.is_native()
    }

    /// Returns which sample of the metric comes behind the present one.
    fn behind(&mut self) -> Result<Option<Part>, ProtobufError> {
        let buckets = &self.metric.histogram.buckets;
        let histogram = self.is_histogram_family();
        Ok(match self.part {
            Part::Whole => None,
            Part::Count => Some(Part::Sum),
            Part::Sum if !histogram && self.metric.quantiles.is_empty() => None,
            Part::Sum => Some(Part::Nth(0)),
            Part::Nth(at) if !histogram => (at + 1 < self.metric.quantiles.len()).then_some(Part::Nth(at + 1)),
            Part::Nth(at) if buckets.get(at).is_some_and(|b| b.upper != f64::INFINITY) => Some(Part::Nth(at + 1)),
            Part::Nth(_) => {
                // The classic parts are through.
                if self.options.custom_buckets && !self.is_native() {
                    self.convert()?;
                    Some(Part::Native)
                } else {
                    None
                }
            }
            Part::Native => {
                let wanted = self.is_native() && self.options.always_classic && !buckets.is_empty();
                wanted.then_some(Part::Count)
            }
        })
    }

    fn convert(&mut self) -> Result<(), ProtobufError> {
        let Self { classic, metric, .. } = self;
        let h = &metric.histogram;
        classic.clear();
        let mut converted = || {
            classic.count(h.count())?;
            classic.sum(h.sum);
            h.buckets.iter().try_for_each(|b| classic.bucket(b.upper, b.count()))?;
            classic.convert()
        };
        let mut converted = converted().map_err(|e| self.error(e))?;
        if self.family.metric_type == MetricType::GaugeHistogram {
            converted.set_gauge();
        }
        self.converted = Some(converted);
        Ok(())
    }

    fn sample(&self) -> Event<'a> {
        let metric = &self.metric;
        let value = match (self.family.metric_type, self.part) {
            (_, Part::Native) => 0.0,
            (MetricType::Counter, _) => metric.counter,
            (MetricType::Gauge, _) => metric.gauge,
            (MetricType::Summary, Part::Count) => metric.summary_count as f64,
            (MetricType::Summary, Part::Sum) => metric.summary_sum,
            (MetricType::Summary, Part::Nth(at)) => metric.quantiles.get(at).map_or(0.0, |q| q.1),
            (MetricType::Histogram | MetricType::GaugeHistogram, Part::Sum) => metric.histogram.sum,
            (MetricType::Histogram | MetricType::GaugeHistogram, Part::Nth(at)) => {
                metric.histogram.buckets.get(at).map_or_else(|| metric.histogram.count(), Bucket::count)
            }
            (MetricType::Histogram | MetricType::GaugeHistogram, _) => metric.histogram.count(),
            _ => metric.untyped,
        };
        let timestamp = (metric.timestamp != 0).then_some(TimestampMs(metric.timestamp));
        Event::Sample(Sample { series: &[], value, timestamp })
    }

    /// Reads the head of the next family and its first metric; false: it has none.
    fn next_family(&mut self) -> Result<bool, ProtobufError> {
        self.family_at = self.len - self.rest.len();
        let before = self.rest.len();
        let size = take_varint(&mut self.rest);
        let used = before - self.rest.len();
        let size = match size {
            Ok(size) if used <= 5 => size,
            _ => return Err(self.error("clientpb: invalid varint encountered".to_owned())),
        };
        let Some((bytes, rest)) = usize::try_from(size).ok().and_then(|size| self.rest.split_at_checked(size)) else {
            let (want, have) = (size.saturating_add(used as u64), before);
            return Err(self.error(format!(
                "clientpb: insufficient length of buffer, expected at least {want} bytes, got {have} bytes"
            )));
        };
        self.rest = rest;
        let (mut name, mut help, mut unit, mut kind) = (&[][..], &[][..], &[][..], 0);
        let mut fields = Fields::new("MetricFamily", bytes);
        loop {
            let field = fields.next_field().map_err(|e| self.wire(&e))?;
            let Some((number, value)) = field else { break };
            let read = match number {
                1 => value.bytes("Name").map(|bytes| name = bytes),
                2 => value.bytes("Help").map(|bytes| help = bytes),
                3 => value.varint("Type").map(|n| kind = n as i32),
                4 => value.bytes("Metric").map(|_| ()),
                5 => value.bytes("Unit").map(|bytes| unit = bytes),
                _ => Ok(()),
            };
            read.map_err(|e| self.wire(&e))?;
        }
        self.metrics = Fields::new("MetricFamily", bytes);
        if !self.next_metric()? {
            return Ok(false);
        }
        let name = match std::str::from_utf8(name) {
            Ok(name) if !name.is_empty() => name,
            _ => return Err(self.error(format!("invalid metric name: {}", String::from_utf8_lossy(name)))),
        };
        self.help = std::str::from_utf8(help).map_err(|_| {
            let help = String::from_utf8_lossy(help);
            self.error(format!("invalid help for metric {}: {help}", firesteel_go_compat::quote(name)))
        })?;
        let metric_type = match kind {
            0 => MetricType::Counter,
            1 => MetricType::Gauge,
            2 => MetricType::Summary,
            3 => MetricType::Unknown,
            4 => MetricType::Histogram,
            5 => MetricType::GaugeHistogram,
            other => {
                let name = firesteel_go_compat::quote(name);
                return Err(self.error(format!("unknown metric type for metric {name}: {other}")));
            }
        };
        self.family = Family { name, unit, metric_type };
        Ok(true)
    }

    /// Decodes the family's next metric; false: there is none.
    fn next_metric(&mut self) -> Result<bool, ProtobufError> {
        loop {
            match self.metrics.next_field() {
                Ok(None) => return Ok(false),
                Ok(Some((4, value))) => {
                    let read = value.bytes("Metric").and_then(|bytes| self.metric.read(bytes));
                    return read.map(|()| true).map_err(|e| self.wire(&e));
                }
                Ok(Some(_)) => {}
                Err(e) => return Err(self.wire(&e)),
            }
        }
    }

    /// Writes the labels of the present sample: the name first, then the metric's own, then `le` or `quantile`.
    pub fn labels(&self, out: &mut SampleLabels) -> Result<(), ProtobufError> {
        out.clear();
        let (part, number) = self.part();
        let suffix = match part {
            Part::Count => "_count",
            Part::Sum => "_sum",
            Part::Nth(_) if self.is_histogram_family() => "_bucket",
            _ => "",
        };
        out.push_name(self.family.name, suffix);
        let with_type = self.options.type_and_unit_labels && self.family.metric_type != MetricType::Unknown;
        let unit = if self.options.type_and_unit_labels { self.family.unit } else { &[] };
        let unit = std::str::from_utf8(unit).unwrap_or_default();
        if with_type {
            out.push("__type__", self.family.metric_type.as_str());
        }
        if !unit.is_empty() {
            out.push("__unit__", unit);
        }
        for bytes in &self.metric.labels {
            let (name, value) = label_pair(bytes).map_err(|e| self.wire(&e))?;
            // A pair without a name is refused with the whole set, as upstream's.
            let name = std::str::from_utf8(name)
                .map_err(|_| self.error(format!("invalid label name: {}", String::from_utf8_lossy(name))))?;
            let value = std::str::from_utf8(value)
                .map_err(|_| self.error(format!("invalid label value: {}", String::from_utf8_lossy(value))))?;
            if self.options.type_and_unit_labels
                && match name {
                    "__name__" => true,
                    "__type__" => with_type,
                    "__unit__" => !unit.is_empty(),
                    _ => false,
                }
            {
                continue;
            }
            out.push(name, value);
        }
        if let Part::Nth(_) = part {
            let name = if self.is_summary() { "quantile" } else { BUCKET_LABEL };
            out.push(name, &openmetrics_float(number));
        }
        match out.duplicate() {
            // Upstream's storage finds it (`tsdb/head_append.go`).
            Some(name) => Err(self.error(format!("label name \"{name}\" is not unique: invalid sample"))),
            None => Ok(()),
        }
    }

    /// Returns the native histogram that the present sample is; `None` for a float.
    pub fn histogram(&mut self) -> Option<NativeHistogram> {
        if self.part != Part::Native {
            return None;
        }
        if let Some(converted) = self.converted.take() {
            return Some(converted);
        }
        let gauge = self.family.metric_type == MetricType::GaugeHistogram;
        let h = &self.metric.histogram;
        Some(if h.is_float() {
            NativeHistogram::Float(Box::new(h.to_float(gauge)))
        } else {
            NativeHistogram::Int(Box::new(h.to_int(gauge)))
        })
    }

    /// Returns the start timestamp of the present sample; 0 when there is none.
    pub fn start(&self) -> TimestampMs {
        let start = match self.family.metric_type {
            MetricType::Counter => self.metric.counter_start,
            MetricType::Summary => self.metric.summary_start,
            MetricType::Histogram | MetricType::GaugeHistogram => self.metric.histogram_start,
            _ => None,
        };
        TimestampMs(start.unwrap_or(0))
    }

    /// Calls `each` with the exemplars of the present sample. Those of native histograms need a time: others are passed over.
    pub fn exemplars(&self, labels: &mut SampleLabels, mut each: impl FnMut(ExemplarValue, &SampleLabels)) {
        let mut tell = |bytes: &'a [u8], must_have_time: bool| {
            labels.clear();
            let read = exemplar(bytes, |pair| {
                let (name, value) = label_pair(pair)?;
                let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
                labels.push(text(name), text(value));
                Ok(())
            });
            if let Ok((value, t)) = read
                && (t.is_some() || !must_have_time)
            {
                each(ExemplarValue { value, timestamp: t.map(TimestampMs) }, labels);
            }
        };
        let h = &self.metric.histogram;
        match (self.family.metric_type, self.part) {
            (MetricType::Counter, _) => self.metric.exemplar.into_iter().for_each(|bytes| tell(bytes, false)),
            (MetricType::Histogram | MetricType::GaugeHistogram, Part::Nth(at)) => {
                h.buckets.get(at).and_then(|b| b.exemplar).into_iter().for_each(|bytes| tell(bytes, false));
            }
            (MetricType::Histogram | MetricType::GaugeHistogram, Part::Native) if h.exemplars.is_empty() => {
                h.buckets.iter().filter_map(|b| b.exemplar).for_each(|bytes| tell(bytes, true));
            }
            (MetricType::Histogram | MetricType::GaugeHistogram, Part::Native) => {
                h.exemplars.iter().for_each(|bytes| tell(bytes, true));
            }
            _ => {}
        }
    }
}
