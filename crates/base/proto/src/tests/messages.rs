//! What is encoded is read again; golden bytes come from upstream's encoder.

use crate::histogram::{Count, Histogram};
use crate::read::{Chunk, Hints, LabelMatcher, Query, ReadRequest, chunked_response, put_chunk, put_chunked_response};
use crate::{fields, write_v1, write_v2};

pub(super) fn histogram() -> Histogram {
    Histogram {
        count: Count::Int(7),
        sum: 1.5,
        schema: -2,
        zero_threshold: 0.001,
        zero_count: Count::Int(0),
        negative_spans: vec![(-3, 1)],
        negative_deltas: vec![4],
        positive_spans: vec![(0, 2), (5, 1)],
        positive_deltas: vec![1, -1, 300],
        reset_hint: 2,
        timestamp_ms: 1_700_000_000_123,
        start_timestamp_ms: 1_600_000_000_000,
        ..Histogram::default()
    }
}

pub(super) fn request_v1() -> Vec<u8> {
    let mut out = Vec::new();
    write_v1::put_series(&mut out, |out| {
        write_v1::put_label(out, "__name__", "up");
        write_v1::put_label(out, "job", "a");
        write_v1::put_sample(out, 1_700_000_000_000, 1.0);
        write_v1::put_sample(out, -5, 0.0);
        write_v1::put_exemplar(out, &[("trace_id", "x")], 9, 2.5);
    });
    write_v1::put_series(&mut out, |out| {
        write_v1::put_label(out, "__name__", &"long".repeat(50));
        write_v1::put_histogram(out, &histogram());
    });
    out
}

#[test]
fn a_first_request_is_walked() {
    let request = request_v1();
    let mut seen = Vec::new();
    write_v1::walk(&request, |series| {
        let run = write_v1::label_run(series);
        seen.push(format!("run {run} only {:?}", write_v1::only_sample(&series[run..])));
        write_v1::items(series, |item| {
            seen.push(match item {
                write_v1::Item::Exemplar(bytes) => {
                    let mut labels = Vec::new();
                    let (t, v) = write_v1::exemplar(bytes, |n, v| labels.push((n.to_vec(), v.to_vec())))?;
                    assert_eq!(labels, [(b"trace_id".to_vec(), b"x".to_vec())]);
                    format!("exemplar {t} {v}")
                }
                write_v1::Item::Histogram(bytes) => {
                    assert_eq!(Histogram::decode(bytes)?, histogram());
                    "histogram".to_owned()
                }
                write_v1::Item::Label(name, value) => format!("{} {}", name.escape_ascii(), value.len()),
                write_v1::Item::Sample { t_ms, v } => format!("sample {t_ms} {v}"),
            });
            Ok(())
        })
    })
    .expect("a good request");
    let want = [
        "run 26 only None",
        "__name__ 2",
        "job 1",
        "sample 1700000000000 1",
        "sample -5 0",
        "exemplar 9 2.5",
        "run 216 only None",
        "__name__ 200",
        "histogram",
    ];
    assert_eq!(seen, want);
}

#[test]
fn a_sample_alone_is_read_at_once() {
    let cases: [(i64, f64); 4] = [(1, 2.0), (0, 0.0), (0, 3.0), (i64::MIN, f64::INFINITY)];
    for (t, v) in cases {
        let mut out = Vec::new();
        write_v1::put_sample(&mut out, t, v);
        assert_eq!(write_v1::only_sample(&out), Some((t, v)), "{out:?}");
        out.push(0);
        assert_eq!(write_v1::only_sample(&out), None);
    }
    let mut stale = Vec::new();
    let bits = 0x7ff0_0000_0000_0002;
    write_v1::put_sample(&mut stale, 1, f64::from_bits(bits));
    assert_eq!(write_v1::only_sample(&stale).map(|s| s.1.to_bits()), Some(bits));
    // Fields in an order that nobody writes, and one too many.
    assert_eq!(write_v1::sample(&[0x10, 7, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x18, 1]), Ok((7, 1.0)));
}

#[test]
fn bytes_are_upstreams() {
    let mut out = Vec::new();
    write_v1::put_series(&mut out, |out| {
        write_v1::put_label(out, "__name__", "m");
        write_v1::put_sample(out, 1000, 1.0);
    });
    let golden = b"\x0a\x1d\x0a\x0d\x0a\x08__name__\x12\x01m\x12\x0c\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07";
    assert_eq!(out.escape_ascii().to_string(), golden.escape_ascii().to_string());
}

pub(super) fn request_v2() -> Vec<u8> {
    let mut encoder = write_v2::Encoder::default();
    let refs: Vec<u32> = ["__name__", "up", "job", "a"].map(|s| encoder.symbol(s)).to_vec();
    let help_ref = encoder.symbol("What is up.");
    encoder.series(&refs, |out| {
        write_v2::put_sample(out, 1_700_000_000_000, 1.0, 5);
        write_v2::put_exemplar(out, &refs[2..], 9, 2.5);
        write_v2::put_metadata(out, write_v2::Metadata { metric_type: 2, help_ref, unit_ref: 0 });
    });
    encoder.series(&refs[..2], |out| write_v2::put_histogram(out, &histogram()));
    encoder.finish()
}

#[test]
fn a_second_request_is_laid_out() {
    let request = request_v2();
    let mut layout = write_v2::Layout::default();
    layout.read(&request).expect("a good request");
    let symbols: Vec<_> = layout.symbols(&request).map(|s| s.escape_ascii().to_string()).collect();
    assert_eq!(symbols, ["", "__name__", "up", "job", "a", "What is up."]);
    assert_eq!(layout.symbol(&request, 2), Some(&b"up"[..]));
    assert_eq!((layout.symbol(&request, 6), layout.symbol_count()), (None, 6));
    let mut seen = Vec::new();
    for series in layout.series(&request) {
        write_v2::items(series, |item| match item {
            write_v2::Item::Exemplar(bytes) => {
                let mut refs = Vec::new();
                let (t, v) = write_v2::exemplar(bytes, |n| refs.push(n)).expect("good");
                seen.push(format!("exemplar {t} {v} {refs:?}"));
            }
            write_v2::Item::Histogram(bytes) => assert_eq!(Histogram::decode(bytes), Ok(histogram())),
            other => seen.push(format!("{other:?}")),
        })
        .expect("a good series");
    }
    let want = [
        "LabelRef(1)",
        "LabelRef(2)",
        "LabelRef(3)",
        "LabelRef(4)",
        "Sample { t_ms: 1700000000000, v: 1.0, start_t_ms: 5 }",
        "exemplar 9 2.5 [3, 4]",
        "Metadata(Metadata { metric_type: 2, help_ref: 5, unit_ref: 0 })",
        "LabelRef(1)",
        "LabelRef(2)",
    ];
    assert_eq!(seen, want);
}

#[test]
fn numbers_may_be_packed_or_not() {
    let mut refs = Vec::new();
    write_v2::items(&[0x08, 3, 0x0a, 2, 4, 5, 0x08, 6], |item| {
        if let write_v2::Item::LabelRef(n) = item {
            refs.push(n);
        }
    })
    .expect("legal, if odd");
    assert_eq!(refs, [3, 4, 5, 6]);
    let mut unpacked = vec![0x0a << 3 | 1];
    unpacked.extend(1.5f64.to_le_bytes());
    assert_eq!(Histogram::decode(&unpacked).map(|h| h.negative_counts), Ok(vec![1.5]));
}

#[test]
fn float_histograms_and_custom_buckets() {
    let histogram = Histogram {
        count: Count::Float(0.0),
        zero_count: Count::Float(0.0),
        schema: -53,
        positive_spans: vec![(0, 2)],
        positive_counts: vec![1.5, 2.5],
        custom_values: vec![0.1, f64::INFINITY],
        ..Histogram::default()
    };
    let mut out = Vec::new();
    histogram.encode(&mut out);
    let back = Histogram::decode(&out).expect("good");
    assert!(back.is_float());
    assert_eq!(back, histogram);
}

#[test]
fn reading_there_and_back() {
    let request = ReadRequest {
        queries: vec![Query {
            start_ms: -1,
            end_ms: 5,
            matchers: vec![LabelMatcher { kind: 3, name: b"a".to_vec(), value: b"b.*".to_vec() }],
            hints: Some(Hints { step_ms: 1, start_ms: 2, end_ms: 3, range_ms: 4, series_only: true }),
        }],
        accepted: vec![1, 0],
    };
    let mut out = Vec::new();
    request.encode(&mut out);
    assert_eq!(ReadRequest::decode(&out), Ok(request));

    let (mut labels, mut chunks, mut out) = (Vec::new(), Vec::new(), Vec::new());
    write_v1::put_label(&mut labels, "a", "b");
    put_chunk(&mut chunks, 1, 2, 1, b"bytes");
    put_chunked_response(&mut out, 3, &labels, &chunks);
    let (all, query) = chunked_response(&out).expect("good");
    assert_eq!((all[0].labels.as_slice(), query), (&[(&b"a"[..], &b"b"[..])][..], 3));
    assert_eq!(all[0].chunks, [Chunk { min_ms: 1, max_ms: 2, encoding: 1, data: b"bytes" }]);
}

#[test]
fn zigzag_unfolds() {
    let cases = [(0, 0), (1, -1), (2, 1), (u64::MAX, i64::MIN), (u64::MAX - 1, i64::MAX)];
    for (folded, want) in cases {
        assert_eq!(fields::zigzag(folded), want);
    }
}
