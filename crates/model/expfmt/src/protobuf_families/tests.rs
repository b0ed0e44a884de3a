//! What is written is read again; what contradicts itself is told.

use firesteel_model::histogram::{FloatHistogram, Histogram, Span};
use firesteel_proto::encode::{put_bytes_field, put_message, put_some_double, put_some_varint};

use super::*;
use crate::{family_to_message, write_protobuf, write_text};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    packed(pairs)
}

fn rich(rich: RichHistogram) -> MetricValue {
    MetricValue::RichHistogram(Box::new(rich))
}

fn families() -> Vec<MetricFamily> {
    let exemplar = |t| Exemplar { labels: labels(&[("trace", "x")]), value: 0.5, timestamp_ms: t };
    let bucket = |upper_bound, cumulative_count| Bucket { upper_bound, cumulative_count, exemplar: None };
    let family = |name: &str, metric_type, values: Vec<MetricValue>| MetricFamily {
        name: name.to_owned(),
        help: format!("Help of {name}."),
        unit: String::new(),
        metric_type,
        metrics: values
            .into_iter()
            .enumerate()
            .map(|(at, value)| Metric::new(labels(&[("at", &at.to_string()), ("instance", "")]), value))
            .collect(),
    };
    let classic = ClassicHistogram {
        count: 3,
        sum: 2.5,
        buckets: vec![Bucket { exemplar: Some(exemplar(None)), ..bucket(1.0, 2) }, bucket(f64::INFINITY, 3)],
    };
    let floats = RichHistogram {
        classic: ClassicHistogram { count: 0, sum: 2.5, buckets: vec![bucket(1.0, 0)] },
        float_counts: Some(FloatCounts { count: 3.5, buckets: vec![2.5] }),
        ..RichHistogram::default()
    };
    let int = Histogram {
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 1,
        count: 6,
        sum: 9.0,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![2, -1],
        negative_spans: vec![Span { offset: -3, length: 1 }],
        negative_buckets: vec![2],
        ..Histogram::default()
    };
    let native_int = RichHistogram {
        classic: ClassicHistogram { count: 6, sum: 9.0, buckets: Vec::new() },
        native: Some(NativeHistogram::Int(Box::new(int))),
        exemplars: vec![exemplar(Some(1_700_000_000_123))],
        ..RichHistogram::default()
    };
    let float = FloatHistogram {
        schema: 0,
        zero_count: 0.5,
        count: 2.0,
        sum: 4.0,
        positive_spans: vec![Span { offset: 1, length: 1 }],
        positive_buckets: vec![1.5],
        ..FloatHistogram::default()
    };
    let native_float = RichHistogram {
        classic: ClassicHistogram { count: 0, sum: 4.0, buckets: Vec::new() },
        float_counts: Some(FloatCounts { count: 2.0, buckets: Vec::new() }),
        native: Some(NativeHistogram::Float(Box::new(float))),
        exemplars: Vec::new(),
    };
    let mut counters = family(
        "c_total",
        MetricType::Counter,
        vec![
            MetricValue::Counter { value: 0.0, exemplar: None },
            MetricValue::Counter { value: 1.5, exemplar: Some(exemplar(Some(-1_500))) },
        ],
    );
    counters.metrics[1].created_ms = Some(1_700_000_000_001);
    counters.metrics[1].timestamp_ms = Some(0);
    counters.unit = "apples".to_owned();
    let summary = Summary { count: 2, sum: 3.0, quantiles: vec![(0.5, 1.0), (0.99, f64::NEG_INFINITY)] };
    vec![
        counters,
        family("g", MetricType::Gauge, vec![MetricValue::Gauge(-0.0)]),
        family("u", MetricType::Unknown, vec![MetricValue::Untyped(f64::INFINITY)]),
        family("s", MetricType::Summary, vec![MetricValue::Summary(summary)]),
        family("h", MetricType::Histogram, vec![MetricValue::Histogram(classic), rich(floats), rich(native_int)]),
        family("f", MetricType::Histogram, vec![rich(native_float)]),
    ]
}

#[test]
fn what_is_written_is_read_again() {
    let families = families();
    let mut page = Vec::new();
    write_protobuf(&families, &mut page);
    assert_eq!(protobuf_to_families(&page).expect("our own page"), families);
    // Every cut is an error or a shorter page.
    for end in 0..page.len() {
        if let Ok(read) = protobuf_to_families(&page[..end]) {
            assert_eq!(read[..], families[..read.len()], "{end}");
        }
    }
}

#[test]
fn the_text_format_shows_the_classic_side() {
    let mut text = Vec::new();
    write_text(&families()[4..], &mut text);
    let text = String::from_utf8(text).expect("text");
    let lines = [
        "h_bucket{at=\"1\",instance=\"\",le=\"1\"} 2.5\n",
        "h_bucket{at=\"1\",instance=\"\",le=\"+Inf\"} 3.5\n",
        "h_count{at=\"1\",instance=\"\"} 3.5\n",
        "h_bucket{at=\"2\",instance=\"\",le=\"+Inf\"} 6\nh_sum{at=\"2\",instance=\"\"} 9\n",
        "f_count{at=\"0\",instance=\"\"} 2\n",
    ];
    assert!(lines.iter().all(|line| text.contains(line)), "{text}");
}

#[test]
fn an_empty_native_histogram_stays_one() {
    let native = Some(NativeHistogram::Int(Box::new(Histogram { schema: 2, ..Histogram::default() })));
    let family = MetricFamily {
        name: "n".to_owned(),
        metric_type: MetricType::Histogram,
        metrics: vec![Metric::new(Labels::empty(), rich(RichHistogram { native, ..RichHistogram::default() }))],
        ..MetricFamily::default()
    };
    let mut message = Vec::new();
    family_to_message(&family, &mut message);
    assert_eq!(message_to_family(&message), Ok(family));
}

#[test]
fn contradictions_are_told() {
    let metric = |pairs: &[(&[u8], &[u8])], value: u32| {
        let mut message = Vec::new();
        put_bytes_field(&mut message, 1, b"m");
        put_some_varint(&mut message, 3, 1);
        put_message(&mut message, 4, |out| {
            for (name, value) in pairs {
                put_message(out, 1, |out| {
                    put_bytes_field(out, 1, name);
                    put_bytes_field(out, 2, value);
                });
            }
            put_message(out, value, |out| put_some_double(out, 1, 1.0));
        });
        message_to_family(&message)
    };
    let fault = |read| match read {
        Err(ProtobufFamiliesError::Metric(odd)) => odd.fault.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(metric(&[(b"a", b"b")], 2).is_ok());
    assert_eq!(fault(metric(&[], 3)), "is not a GAUGE");
    assert_eq!(fault(metric(&[(b"a", b"b"), (b"a", b"c")], 2)), "has two or more labels with the same name: a");
    assert_eq!(fault(metric(&[(b"a", b"\xff")], 2)), "has a label named \"a\" whose value is not utf8: \"\\xff\"");
    assert_eq!(protobuf_to_families(b"\x03\x0a"), Err(ProtobufFamiliesError::Wire(WireError::UnexpectedEof)));
    assert_eq!(message_to_family(b""), Err(ProtobufFamiliesError::Name));
    assert_eq!(message_to_family(b"\x0a\x01m\x18\x09"), Err(ProtobufFamiliesError::Type(9)));
}
