//! Answers of queries as templates see them.

use std::sync::Arc;

use firesteel_model::{FloatHistogram, Labels};

use crate::types::{self, Kind, Type};
use crate::value::{Record, Value};

/// Where `query` gets its answers.
pub trait QuerySource: Send + Sync {
    /// Runs an instant query at a time, in milliseconds. A scalar is one sample without labels. The error is upstream's text.
    fn query(&self, expr: &str, at_ms: i64) -> Result<Vec<Sample>, String>;
}

/// One element of an answer to `query`.
#[derive(Clone, Debug)]
pub struct Sample {
    pub labels: Labels,
    pub value: SampleValue,
}

/// What a sample holds.
#[derive(Clone, Debug)]
pub enum SampleValue {
    Float(f64),
    Histogram(Box<FloatHistogram>),
}

pub(super) static SAMPLE: Type = Type::record("template.sample", false).with_any_fields(&["Value"]);
pub(super) static SAMPLE_POINTER: Type = Type::pointer("*template.sample", &SAMPLE);
pub(super) static QUERY_RESULT: Type = Type::slice("template.queryResult", &SAMPLE_POINTER);
static HISTOGRAM: Type = Type::record("histogram.FloatHistogram", false);
static HISTOGRAM_POINTER: Type = Type::pointer("*histogram.FloatHistogram", &HISTOGRAM).with_text(histogram_text);
static RESET_HINT: Type = Type::named("histogram.CounterResetHint", Kind::Uint);
static SPAN: Type = Type::record("histogram.Span", true);
static SPANS: Type = Type::slice("[]histogram.Span", &SPAN);
static UINT32: Type = Type::named("uint32", Kind::Uint);
static FLOATS: Type = Type::slice("[]float64", &types::FLOAT64);

fn histogram_text(value: &Value) -> String {
    match value.indirect() {
        Value::Record(record) => record
            .inner
            .as_ref()
            .and_then(|inner| inner.downcast_ref::<FloatHistogram>())
            .map(ToString::to_string)
            .unwrap_or_default(),
        _ => String::new(),
    }
}

impl SampleValue {
    /// A `float64` or a `*histogram.FloatHistogram`.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Float(v) => Value::Float(*v),
            Self::Histogram(histogram) => histogram_value(histogram),
        }
    }
}

fn histogram_value(histogram: &FloatHistogram) -> Value {
    let floats = |values: &[f64]| Value::list(values.iter().map(|v| Value::Float(*v)).collect::<Vec<_>>(), &FLOATS);
    let spans = |spans: &[firesteel_model::Span]| {
        let fields = spans.iter().map(|span| {
            let offset = Value::Int(i64::from(span.offset), &types::INT32);
            Value::record(&SPAN, vec![("Offset", offset), ("Length", Value::Uint(u64::from(span.length), &UINT32))])
        });
        Value::list(fields.collect::<Vec<_>>(), &SPANS)
    };
    let fields = vec![
        ("CounterResetHint", Value::Uint(histogram.counter_reset as u64, &RESET_HINT)),
        ("Schema", Value::Int(i64::from(histogram.schema), &types::INT32)),
        ("ZeroThreshold", Value::Float(histogram.zero_threshold)),
        ("ZeroCount", Value::Float(histogram.zero_count)),
        ("Count", Value::Float(histogram.count)),
        ("Sum", Value::Float(histogram.sum)),
        ("PositiveSpans", spans(&histogram.positive_spans)),
        ("NegativeSpans", spans(&histogram.negative_spans)),
        ("PositiveBuckets", floats(&histogram.positive_buckets)),
        ("NegativeBuckets", floats(&histogram.negative_buckets)),
        ("CustomValues", floats(&histogram.custom_values)),
    ];
    let inner: Arc<dyn std::any::Any + Send + Sync> = Arc::new(histogram.clone());
    let record = Record { type_: &HISTOGRAM, fields, inner: Some(inner) };
    Value::pointer(Value::Record(Arc::new(record)), &HISTOGRAM_POINTER)
}

/// The whole answer, a `queryResult`.
pub(super) fn query_result(samples: &[Sample]) -> Value {
    let items = samples.iter().map(|sample| {
        let labels = Value::string_map(sample.labels.iter());
        let record = Value::record(&SAMPLE, vec![("Labels", labels), ("Value", sample.value.to_value())]);
        Value::pointer(record, &SAMPLE_POINTER)
    });
    Value::list(items.collect::<Vec<_>>(), &QUERY_RESULT)
}

/// A field of a sample.
pub(super) fn field<'v>(sample: &'v Value, name: &str) -> Option<&'v Value> {
    match sample.indirect() {
        Value::Record(record) => record.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value),
        _ => None,
    }
}

/// A label of a sample; empty if it has none of that name.
pub(super) fn label(sample: &Value, name: &str) -> Arc<str> {
    match field(sample, "Labels") {
        Some(Value::Map(map)) => match map.entries.get(name) {
            Some(Value::String(text, _)) => Arc::clone(text),
            _ => "".into(),
        },
        _ => "".into(),
    }
}
