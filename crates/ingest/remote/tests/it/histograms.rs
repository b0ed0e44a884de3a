//! Native histograms, pushed and read again. Statuses and texts are those of Prometheus 3.14 (see `answers`).

use axum::body::Body;
use axum::extract::Request;
use firesteel_model::{FloatHistogram, Histogram as Model};
use firesteel_proto::frames::take_frame;
use firesteel_proto::histogram::{Count, Histogram};
use firesteel_proto::read::{LabelMatcher, Query, ReadRequest, chunked_response, walk_response};
use firesteel_proto::{snappy, write_v1 as v1, write_v2 as v2};
use firesteel_storage::Encoding;
use firesteel_storage::chunkenc::{SampleKind, SampleReader};

use crate::answers::{Case, case_v1, case_v2, check};
use crate::endpoint::{Endpoint, packed};

const T0: i64 = 1_700_000_000_000;

fn int(t: i64) -> Histogram {
    Histogram {
        count: Count::Int(6),
        zero_count: Count::Int(1),
        zero_threshold: 0.001,
        sum: 12.5,
        schema: 1,
        positive_spans: vec![(0, 2)],
        positive_deltas: vec![2, 1],
        timestamp_ms: t,
        ..Histogram::default()
    }
}

fn float(t: i64) -> Histogram {
    Histogram {
        count: Count::Float(4.5),
        zero_count: Count::Float(0.5),
        zero_threshold: 0.001,
        sum: 1.25,
        schema: 3,
        negative_spans: vec![(-2, 2)],
        negative_counts: vec![1.5, 2.5],
        timestamp_ms: t,
        ..Histogram::default()
    }
}

fn custom(t: i64) -> Histogram {
    Histogram {
        count: Count::Int(3),
        sum: 2.0,
        schema: -53,
        positive_spans: vec![(0, 2)],
        positive_deltas: vec![1, 1],
        custom_values: vec![0.5, 2.0],
        timestamp_ms: t,
        ..Histogram::default()
    }
}

fn one(name: &str, all: &[Histogram]) -> Vec<u8> {
    let mut out = Vec::new();
    v1::put_series(&mut out, |out| {
        v1::put_label(out, "__name__", name);
        for histogram in all {
            v1::put_histogram(out, histogram);
        }
    });
    out
}

fn two(name: &str, all: &[Histogram]) -> Vec<u8> {
    let mut encoder = v2::Encoder::default();
    let refs = ["__name__", name].map(|text| encoder.symbol(text));
    encoder.series(&refs, |out| {
        for histogram in all {
            v2::put_histogram(out, histogram);
        }
    });
    encoder.finish()
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let wrong = Histogram { count: Count::Int(5), ..int(T0 + 5000) };
    let unknown = Histogram { schema: 77, ..int(T0 + 5000) };
    let fine = Histogram { schema: 10, ..int(T0 + 5000) };
    vec![
        case_v1("whole numbers", one("h1", &[int(T0), int(T0 + 1000)]), 204, ""),
        case_v1("floats", one("f1", &[float(T0)]), 204, ""),
        case_v1("before the last", one("h1", &[int(T0)]), 400, "out of order sample\n"),
        case_v1("more in buckets than all", one("w1", std::slice::from_ref(&wrong)), 400, "6 observations found in buckets, but the Count field is 5: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)\n"),
        case_v1("unknown schema", one("u1", std::slice::from_ref(&unknown)), 400, "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema 77\n"),
        case_v1("too fine a schema is reduced", one("r1", std::slice::from_ref(&fine)), 204, ""),
        case_v1("far ahead", one("h1", &[int(4_000_000_000_000)]), 400, "out of bounds: timestamp is too far in the future\n"),
        case_v2("all kinds", two("h2", &[int(T0), int(T0 + 1000)]), 204, "", [0, 2, 0]),
        case_v2("floats", two("f2", &[float(T0)]), 204, "", [0, 1, 0]),
        case_v2("custom buckets", two("c2", &[custom(T0)]), 204, "", [0, 1, 0]),
        case_v2("some are bad", two("h2", &[int(T0), wrong, int(T0 + 2000)]), 400, "out of order sample for series {__name__=\"h2\"}\n6 observations found in buckets, but the Count field is 5: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN) for series {__name__=\"h2\"}\n", [0, 1, 0]),
    ]
}

fn ask(ours: &Endpoint, name: &str, accepted: i32) -> Vec<u8> {
    let matchers = vec![LabelMatcher { kind: 0, name: b"__name__".to_vec(), value: name.into() }];
    let queries = vec![Query { start_ms: T0, end_ms: T0 + 100_000, matchers, hints: None }];
    let mut message = Vec::new();
    ReadRequest { queries, accepted: vec![accepted] }.encode(&mut message);
    let (_, status, body) = ours.send(Request::post("/read").body(Body::from(packed(&message))).expect("a request"));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    body
}

fn samples(ours: &Endpoint, name: &str) -> Vec<Histogram> {
    let (body, mut buffer, mut all) = (ask(ours, name, 0), Vec::new(), Vec::new());
    let message = snappy::decode(&body, 1 << 20, &mut buffer).expect("packed");
    walk_response(message, |_, series| {
        v1::items(series, |item| {
            if let v1::Item::Histogram(bytes) = item {
                all.push(Histogram { reset_hint: 0, ..Histogram::decode(bytes)? });
            }
            Ok(())
        })
    })
    .expect("a message");
    all
}

/// Returns the times and kinds of what is in the chunks, and their sums.
fn chunks(ours: &Endpoint, name: &str) -> Vec<(i64, Encoding, f64)> {
    let (body, mut all) = (ask(ours, name, 1), Vec::new());
    let mut rest = &body[..];
    while let Some(frame) = take_frame(&mut rest, 1 << 20).expect("a frame") {
        for chunk in &chunked_response(frame).expect("a message").0[0].chunks {
            let encoding = if chunk.encoding == 2 { Encoding::Histogram } else { Encoding::FloatHistogram };
            let count = u32::from(u16::from_be_bytes([chunk.data[0], chunk.data[1]]));
            let mut reader = SampleReader::new(chunk.data, encoding, count).expect("a chunk");
            while let Some((times, kind)) = reader.advance().expect("decodes") {
                let sum = if kind == SampleKind::Histogram {
                    let mut h = Model::default();
                    reader.histogram(&mut h).expect("decodes");
                    h.sum
                } else {
                    let mut h = FloatHistogram::default();
                    reader.float_histogram(&mut h).expect("decodes");
                    h.sum
                };
                all.push((times.t.0 - T0, encoding, sum));
            }
        }
    }
    all
}

#[test]
fn pushed_and_read() {
    let ours = check(&cases());
    assert_eq!(ours.db.head_stats().series, 6, "what is refused makes no series");
    assert_eq!(samples(&ours, "h1"), [int(T0), int(T0 + 1000)]);
    assert_eq!(samples(&ours, "h2"), [int(T0), int(T0 + 1000), int(T0 + 2000)]);
    assert_eq!(samples(&ours, "f2"), [float(T0)]);
    assert_eq!(samples(&ours, "c2"), [Histogram { zero_count: Count::Int(0), ..custom(T0) }]);
    let reduced = samples(&ours, "r1");
    assert_eq!((reduced[0].schema, reduced[0].count), (8, Count::Int(6)));
    let (int, float) = (Encoding::Histogram, Encoding::FloatHistogram);
    assert_eq!(chunks(&ours, "h2"), [(0, int, 12.5), (1000, int, 12.5), (2000, int, 12.5)]);
    assert_eq!(chunks(&ours, "f1"), [(0, float, 1.25)]);
}
