//! What was stored is read again: as samples, and as chunks.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Request;
use firesteel_base::TimestampMs;
use firesteel_proto::frames::take_frame;
use firesteel_proto::read::{Hints, LabelMatcher, Query, ReadRequest, chunked_response, walk_response};
use firesteel_proto::{snappy, write_v1 as v1};
use firesteel_remote::{ReadOptions, ReceiverOptions};
use firesteel_storage::chunkenc::XorDecoder;

use crate::endpoint::{Endpoint, V1, packed};

const T0: i64 = 1_700_000_000_000;

/// Samples by series; the series as `name=value` pairs, joined.
type Read = BTreeMap<String, Vec<(i64, f64)>>;
/// Number of the query, series, samples.
type InOrder = (i64, String, Vec<(i64, f64)>);

fn stored(reads: ReadOptions) -> Endpoint {
    let ours = Endpoint::with_reads(ReceiverOptions::default(), reads, |o| o);
    for round in 0..300 {
        let mut out = Vec::new();
        for (name, job) in [("b", ""), ("a", "own"), ("c", "")] {
            v1::put_series(&mut out, |out| {
                v1::put_label(out, "__name__", name);
                v1::put_label(out, "job", job);
                v1::put_sample(out, T0 + round * 1000, (round * 7 % 31) as f64 + 0.5);
            });
        }
        assert_eq!(ours.push(V1, &out).status, 204);
    }
    ours
}

fn matcher(kind: i32, name: &str, value: &str) -> LabelMatcher {
    LabelMatcher { kind, name: name.into(), value: value.into() }
}

fn query(from: i64, to: i64, matchers: &[LabelMatcher]) -> Query {
    Query { start_ms: T0 + from, end_ms: T0 + to, matchers: matchers.to_vec(), hints: None }
}

/// Returns status, content type and body.
fn ask(ours: &Endpoint, queries: Vec<Query>, accepted: &[i32]) -> (u16, String, Vec<u8>) {
    let mut message = Vec::new();
    ReadRequest { queries, accepted: accepted.to_vec() }.encode(&mut message);
    send(ours, packed(&message))
}

fn send(ours: &Endpoint, body: Vec<u8>) -> (u16, String, Vec<u8>) {
    let (headers, status, body) = ours.send(Request::post("/read").body(Body::from(body)).expect("a request"));
    (status, headers["content-type"].to_str().expect("text").to_owned(), body)
}

fn named(labels: &[(&[u8], &[u8])]) -> String {
    let pair = |(n, v): &(&[u8], &[u8])| format!("{}={}", n.escape_ascii(), v.escape_ascii());
    labels.iter().map(pair).collect::<Vec<_>>().join(",")
}

fn samples_of(body: &[u8]) -> Vec<(usize, Read)> {
    let mut buffer = Vec::new();
    let message = snappy::decode(body, 1 << 24, &mut buffer).expect("packed");
    let mut all: Vec<(usize, Read)> = Vec::new();
    let results = walk_response(message, |number, series| {
        let (mut labels, mut samples) = (Vec::new(), Vec::new());
        v1::items(series, |item| {
            match item {
                v1::Item::Label(name, value) => labels.push((name, value)),
                v1::Item::Sample { t_ms, v } => samples.push((t_ms - T0, v)),
                other => panic!("{other:?}"),
            }
            Ok(())
        })?;
        if all.last().is_none_or(|(last, _)| *last != number) {
            all.push((number, Read::new()));
        }
        all.last_mut().expect("pushed").1.insert(named(&labels), samples);
        Ok(())
    });
    assert!(results.expect("a message") >= all.len());
    all
}

/// Returns the series in the order in which they came, and how many frames there were.
fn chunks_of(body: &[u8], limit: u64) -> (Vec<InOrder>, usize) {
    let (mut rest, mut frames) = (body, 0);
    let mut all: Vec<InOrder> = Vec::new();
    while let Some(frame) = take_frame(&mut rest, limit).expect("a frame") {
        frames += 1;
        let (series, number) = chunked_response(frame).expect("a message");
        let [series] = series.as_slice() else { panic!("one series a frame") };
        let name = named(&series.labels);
        if all.last().is_none_or(|last| (last.0, &last.1) != (number, &name)) {
            all.push((number, name, Vec::new()));
        }
        for chunk in &series.chunks {
            assert_eq!(chunk.encoding, 1);
            let mut decoder = XorDecoder::new(chunk.data).expect("a chunk");
            let (mut t, mut v) = ([TimestampMs(0); 256], [0.0; 256]);
            let n = decoder.decode_batch(&mut t, &mut v).expect("decodes");
            assert_eq!((chunk.min_ms, chunk.max_ms), (t[0].0, t[n - 1].0));
            all.last_mut().expect("pushed").2.extend((0..n).map(|i| (t[i].0 - T0, v[i])));
        }
    }
    (all, frames)
}

fn rounds(range: std::ops::RangeInclusive<i64>) -> Vec<(i64, f64)> {
    range.map(|round| (round * 1000, (round * 7 % 31) as f64 + 0.5)).collect()
}

const A: &str = "__name__=a,job=own,replica=r1";
const B: &str = "__name__=b,job=outside,replica=r1";
const C: &str = "__name__=c,job=outside,replica=r1";

#[test]
fn as_samples() {
    let ours = stored(ReadOptions::default());
    let queries = vec![
        query(10_000, 19_999, &[matcher(2, "__name__", "[ab]")]),
        // An external label of a series that does not have it itself.
        query(0, 1000, &[matcher(0, "replica", "r1"), matcher(0, "job", "outside"), matcher(1, "__name__", "b")]),
        query(0, 1000, &[matcher(3, "__name__", ".*")]),
        // As the reference: what names nothing selects nothing, and who asks for series gets them without samples.
        query(0, 1000, &[]),
        Query {
            hints: Some(Hints { series_only: true, ..Hints::default() }),
            ..query(0, 1000, &[matcher(0, "__name__", "a")])
        },
    ];
    let (status, content_type, body) = ask(&ours, queries, &[]);
    assert_eq!((status, content_type.as_str()), (200, "application/x-protobuf"));
    let want = [
        (0, Read::from([(A.to_owned(), rounds(10..=19)), (B.to_owned(), rounds(10..=19))])),
        (1, Read::from([(C.to_owned(), rounds(0..=1))])),
        (4, Read::from([(A.to_owned(), Vec::new())])),
    ];
    assert_eq!(samples_of(&body), want);
}

#[test]
fn as_chunks() {
    let ours = stored(ReadOptions::default());
    let queries = vec![
        query(0, 400_000, &[matcher(2, "__name__", "[ab]")]),
        query(100_500, 130_000, &[matcher(0, "__name__", "c")]),
        query(9_000_000, 9_500_000, &[matcher(0, "__name__", "c")]),
        query(0, 400_000, &[]),
    ];
    let (status, content_type, body) = ask(&ours, queries, &[7, 1, 0]);
    let streamed = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    assert_eq!((status, content_type.as_str()), (200, streamed));
    let (got, frames) = chunks_of(&body, 1 << 20);
    let want =
        [(0, A.to_owned(), rounds(0..=299)), (0, B.to_owned(), rounds(0..=299)), (1, C.to_owned(), rounds(101..=130))];
    assert_eq!((got.as_slice(), frames), (&want[..], 3));
    // Small frames: a series is spread over several, a chunk each.
    let small = stored(ReadOptions { frame_bytes: 100, ..ReadOptions::default() });
    let (_, _, body) = ask(&small, vec![query(0, 400_000, &[matcher(0, "__name__", "a")])], &[1]);
    let (got, frames) = chunks_of(&body, 4096);
    assert_eq!((got.as_slice(), frames), (&want[..1], 3));
}

#[test]
fn limits_and_faults() {
    let ours = stored(ReadOptions { sample_limit: 299, ..ReadOptions::default() });
    let text = |answer: (u16, String, Vec<u8>)| (answer.0, String::from_utf8_lossy(&answer.2).into_owned());
    let all = || vec![query(0, 400_000, &[matcher(0, "__name__", "a")])];
    assert_eq!(text(ask(&ours, all(), &[0])), (400, "exceeded sample limit (299)\n".to_owned()));
    assert_eq!(ask(&ours, all(), &[1]).0, 200, "streams know no limit");
    let cases: [(Vec<u8>, u16, &str); 5] = [
        (vec![], 400, "snappy: corrupt input\n"),
        (vec![0xff, 0xff, 0xff, 0x7f, 0], 400, "snappy: decoded length 268435455 exceeds limit 33554432\n"),
        (packed(&[0x08, 1]), 400, "proto: wrong wireType = 0 for field Queries\n"),
        (
            packed(&[0x10, 7]),
            400,
            "server does not support any of the requested response types: [7]; supported: map[SAMPLES:{} STREAMED_XOR_CHUNKS:{}]\n",
        ),
        (packed(&[0x0a, 4, 0x1a, 2, 0x08, 9]), 500, "invalid matcher type\n"),
    ];
    for (body, status, want) in cases {
        assert_eq!(text(send(&ours, body)), (status, want.to_owned()));
    }
}
