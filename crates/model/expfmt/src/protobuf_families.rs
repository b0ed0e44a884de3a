//! A whole page of the protobuf exposition as families: what is pushed to a gateway, or was kept by one.

use firesteel_model::{
    Bucket, ClassicHistogram, Exemplar, FloatCounts, Labels, Metric, MetricFamily, MetricType, MetricValue,
    NativeHistogram, RichHistogram, Summary, push_packed,
};
use firesteel_proto::WireError;
use firesteel_proto::fields::{Fields, take_varint};

use crate::protobuf_metric::{self as wire, ProtoHistogram, exemplar, label_pair};

/// Why a page is refused.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtobufFamiliesError {
    /// The bytes are no messages.
    #[error("{0}")]
    Wire(#[from] WireError),
    #[error("metric family of unknown type {0}")]
    Type(i32),
    #[error("metric family without a name, or with one that is no text")]
    Name,
    /// A message that can be read, and contradicts itself.
    #[error("{0}")]
    Metric(Box<OddMetric>),
}

/// A metric that contradicts itself.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("metric {family:?} {fault}")]
pub struct OddMetric {
    /// The name of its family.
    pub family: String,
    /// In the order of the message; text that is none has replacement characters.
    pub labels: Vec<(String, String)>,
    /// The value that the message holds, of whatever type.
    pub value: Option<MetricValue>,
    pub fault: MetricFault,
}

/// What is wrong with a metric. The texts go behind its description, as client_golang's registry words them.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricFault {
    #[error("is not a {0}")]
    OtherType(&'static str),
    #[error("has two or more labels with the same name: {0}")]
    TwoLabels(String),
    #[error("has a label with an invalid name: {0}")]
    LabelName(String),
    #[error("has a label named {0:?} whose value is not utf8: {1}")]
    LabelValue(String, String),
    /// Spans and buckets do not go together.
    #[error("is no native histogram: {0}")]
    Spans(String),
}

/// Reads a page of delimited messages into families, in the order of the page. Families without metrics are kept; of two
/// with one name both.
pub fn protobuf_to_families(mut page: &[u8]) -> Result<Vec<MetricFamily>, ProtobufFamiliesError> {
    let mut families = Vec::new();
    while !page.is_empty() {
        let size = take_varint(&mut page)?;
        let message = usize::try_from(size).ok().and_then(|size| page.split_at_checked(size));
        let (message, rest) = message.ok_or(WireError::UnexpectedEof)?;
        page = rest;
        families.push(message_to_family(message)?);
    }
    Ok(families)
}

/// Reads one message `io.prometheus.client.MetricFamily`.
pub fn message_to_family(message: &[u8]) -> Result<MetricFamily, ProtobufFamiliesError> {
    let (mut name, mut help, mut unit, mut kind) = (&[][..], &[][..], &[][..], 0);
    let mut fields = Fields::new("MetricFamily", message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => name = value.bytes("Name")?,
            2 => help = value.bytes("Help")?,
            3 => kind = value.varint("Type")? as i32,
            5 => unit = value.bytes("Unit")?,
            _ => {}
        }
    }
    let metric_type = match kind {
        0 => MetricType::Counter,
        1 => MetricType::Gauge,
        2 => MetricType::Summary,
        3 => MetricType::Unknown,
        4 => MetricType::Histogram,
        5 => MetricType::GaugeHistogram,
        other => return Err(ProtobufFamiliesError::Type(other)),
    };
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty()).ok_or(ProtobufFamiliesError::Name)?;
    let mut family = MetricFamily {
        name: name.to_owned(),
        help: String::from_utf8_lossy(help).into_owned(),
        unit: String::from_utf8_lossy(unit).into_owned(),
        metric_type,
        metrics: Vec::new(),
    };
    let mut metric = wire::Metric::default();
    let mut fields = Fields::new("MetricFamily", message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 4 {
            metric.read(value.bytes("Metric")?)?;
            let read = owned(&metric, &family)?;
            family.metrics.push(read);
        }
    }
    Ok(family)
}

const GAUGE: u32 = 2;
const COUNTER: u32 = 3;
const SUMMARY: u32 = 4;
const UNTYPED: u32 = 5;
const TIMESTAMP: u32 = 6;
const HISTOGRAM: u32 = 7;

fn owned(metric: &wire::Metric<'_>, family: &MetricFamily) -> Result<Metric, ProtobufFamiliesError> {
    let has = |field: u32| metric.fields & (1 << field) != 0;
    let (field, kind) = match family.metric_type {
        MetricType::Counter => (COUNTER, "COUNTER"),
        MetricType::Gauge => (GAUGE, "GAUGE"),
        MetricType::Summary => (SUMMARY, "SUMMARY"),
        MetricType::Histogram => (HISTOGRAM, "HISTOGRAM"),
        MetricType::GaugeHistogram => (HISTOGRAM, "GAUGE_HISTOGRAM"),
        _ => (UNTYPED, "UNTYPED"),
    };
    let mut pairs: Vec<(&[u8], &[u8])> = Vec::with_capacity(metric.labels.len());
    for bytes in &metric.labels {
        pairs.push(label_pair(bytes)?);
    }
    let gauge = family.metric_type == MetricType::GaugeHistogram;
    let odd = |fault: MetricFault| {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let labels = pairs.iter().map(|(name, value)| (text(name), text(value))).collect();
        let there = [GAUGE, COUNTER, SUMMARY, UNTYPED].into_iter().find(|field| has(*field));
        let value = there.and_then(|field| value(metric, field, gauge).ok());
        ProtobufFamiliesError::Metric(Box::new(OddMetric { family: family.name.clone(), labels, value, fault }))
    };
    if !has(field) {
        return Err(odd(MetricFault::OtherType(kind)));
    }
    let mut sorted: Vec<(&str, &str)> = Vec::with_capacity(pairs.len());
    for (name, value) in &pairs {
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(odd(MetricFault::LabelName(String::from_utf8_lossy(name).into_owned())));
        };
        let Ok(value) = std::str::from_utf8(value) else {
            let shown = firesteel_go_compat::quote(value).to_string();
            return Err(odd(MetricFault::LabelValue(name.to_owned(), shown)));
        };
        sorted.push((name, value));
    }
    sorted.sort_unstable();
    if let Some(two) = sorted.windows(2).find(|two| two[0].0 == two[1].0) {
        return Err(odd(MetricFault::TwoLabels(two[0].0.to_owned())));
    }
    let value = value(metric, field, gauge).map_err(|why| odd(MetricFault::Spans(why)))?;
    Ok(Metric {
        labels: packed(&sorted),
        value,
        timestamp_ms: has(TIMESTAMP).then_some(metric.timestamp),
        created_ms: match field {
            COUNTER => metric.counter_start,
            SUMMARY => metric.summary_start,
            HISTOGRAM => metric.histogram_start,
            _ => None,
        },
    })
}

/// Packs sorted labels; those with an empty value are kept.
fn packed(sorted: &[(&str, &str)]) -> Labels {
    let mut bytes = Vec::with_capacity(sorted.iter().map(|(name, value)| name.len() + value.len() + 2).sum());
    for (name, value) in sorted {
        push_packed(&mut bytes, name);
        push_packed(&mut bytes, value);
    }
    Labels::from_packed(&bytes)
}

fn value(metric: &wire::Metric<'_>, field: u32, gauge: bool) -> Result<MetricValue, String> {
    Ok(match field {
        COUNTER => MetricValue::Counter { value: metric.counter, exemplar: metric.exemplar.and_then(owned_exemplar) },
        GAUGE => MetricValue::Gauge(metric.gauge),
        SUMMARY => MetricValue::Summary(Summary {
            count: metric.summary_count,
            sum: metric.summary_sum,
            quantiles: metric.quantiles.clone(),
        }),
        HISTOGRAM => histogram(&metric.histogram, gauge)?,
        _ => MetricValue::Untyped(metric.untyped),
    })
}

fn histogram(h: &ProtoHistogram<'_>, gauge: bool) -> Result<MetricValue, String> {
    let bucket = |b: &wire::Bucket<'_>| Bucket {
        upper_bound: b.upper,
        cumulative_count: b.whole_count,
        exemplar: b.exemplar.and_then(owned_exemplar),
    };
    let buckets = h.buckets.iter().map(bucket).collect();
    let classic = ClassicHistogram { count: h.whole_count, sum: h.sum, buckets };
    let is_float = h.is_float() || h.buckets.iter().any(|b| b.float_count != 0.0);
    let is_native = h.is_native();
    if !is_float && !is_native {
        return Ok(MetricValue::Histogram(classic));
    }
    let native = match (is_native, is_float) {
        (false, _) => None,
        (true, true) => {
            h.check()?;
            Some(NativeHistogram::Float(Box::new(h.to_float(gauge))))
        }
        (true, false) => {
            h.check()?;
            Some(NativeHistogram::Int(Box::new(h.to_int(gauge))))
        }
    };
    let float_counts = is_float
        .then(|| FloatCounts { count: h.float_count, buckets: h.buckets.iter().map(wire::Bucket::count).collect() });
    let exemplars = h.exemplars.iter().filter_map(|bytes| owned_exemplar(bytes)).collect();
    Ok(MetricValue::RichHistogram(Box::new(RichHistogram { classic, float_counts, native, exemplars })))
}

/// Exemplars are a service: one that is no text is left out.
fn owned_exemplar(bytes: &[u8]) -> Option<Exemplar> {
    let mut labels = Vec::new();
    let read = exemplar(bytes, |pair| {
        labels.push(label_pair(pair)?);
        Ok(())
    });
    let (value, timestamp_ms) = read.ok()?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let pairs: Option<Vec<(&str, &str)>> = labels.iter().map(|(name, value)| text(name).zip(text(value))).collect();
    Some(Exemplar { labels: Labels::from_pairs(pairs?), value, timestamp_ms })
}

#[cfg(test)]
mod tests;
