//! Statuses, texts and headers are those of Prometheus 3.14, and what it stores is stored.
//!
//! The expectations are what 3.14 answered to these requests. With `FIRESTEEL_REMOTE_WRITE_REFERENCE=host:port`, a fresh
//! server with `--web.enable-remote-write-receiver` is asked as well and must say the same.

use std::fmt::Write as _;
use std::time::Duration;

use firesteel_proto::{write_v1 as v1, write_v2 as v2};
use firesteel_remote::ReceiverOptions;

use crate::endpoint::{Answer, Endpoint, V1, V2, packed, written};

pub(crate) struct Case {
    name: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    status: u16,
    text: &'static str,
    written: Option<[usize; 3]>,
}

const T0: i64 = 1_700_000_000_000;
const SNAPPY: (&str, &str) = ("content-encoding", "snappy");

fn series(out: &mut Vec<u8>, labels: &[(&str, &str)], fill: impl FnOnce(&mut Vec<u8>)) {
    v1::put_series(out, |out| {
        for (name, value) in labels {
            v1::put_label(out, name, value);
        }
        fill(out);
    });
}

/// Labels and samples.
type Series<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, f64)]);

/// A 1.0 request of series with samples.
fn one(all: &[Series<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (labels, samples) in all {
        series(&mut out, labels, |out| samples.iter().for_each(|&(t, v)| v1::put_sample(out, t, v)));
    }
    out
}

/// A 2.0 request of series with samples.
fn two(all: &[Series<'_>]) -> Vec<u8> {
    let mut encoder = v2::Encoder::default();
    for (labels, samples) in all {
        let refs: Vec<u32> = labels.iter().flat_map(|(n, v)| [*n, *v]).map(|text| encoder.symbol(text)).collect();
        encoder.series(&refs, |out| samples.iter().for_each(|&(t, v)| v2::put_sample(out, t, v, 0)));
    }
    encoder.finish()
}

pub(crate) fn case_v1(name: &'static str, message: Vec<u8>, status: u16, text: &'static str) -> Case {
    Case { name, headers: vec![("content-type", V1), SNAPPY], body: packed(&message), status, text, written: None }
}

pub(crate) fn case_v2(
    name: &'static str,
    message: Vec<u8>,
    status: u16,
    text: &'static str,
    written: [usize; 3],
) -> Case {
    let headers = vec![("content-type", V2), SNAPPY];
    Case { name, headers, body: packed(&message), status, text, written: Some(written) }
}

fn of_headers(name: &'static str, headers: &[(&'static str, &'static str)], status: u16, text: &'static str) -> Case {
    let body = packed(&one(&[(&[("__name__", "h")], &[(T0, 1.0)])]));
    Case { name, headers: headers.to_vec(), body, status, text, written: None }
}

#[rustfmt::skip]
fn header_cases() -> Vec<Case> {
    vec![
        of_headers("no headers at all", &[], 204, ""),
        of_headers("a type alone", &[("content-type", "application/x-protobuf;proto=prometheus.WriteRequest")], 204, ""),
        of_headers("json", &[("content-type", "application/json"), SNAPPY], 415,
            "expected application/x-protobuf as the first (media) part, got application/json content-type\n"),
        of_headers("unknown message", &[("content-type", "application/x-protobuf;proto=x.Y"), SNAPPY], 415,
            "got application/x-protobuf;proto=x.Y content type; unknown type for remote write protobuf message x.Y, supported: prometheus.WriteRequest, io.prometheus.write.v2.Request\n"),
        of_headers("a parameter without value", &[("content-type", "application/x-protobuf;proto"), SNAPPY], 415,
            "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters to be key-values, got proto in application/x-protobuf;proto content-type\n"),
        of_headers("a blank before the parameter", &[("content-type", "application/x-protobuf; proto=x.Y"), SNAPPY], 204, ""),
        of_headers("gzip", &[("content-type", V1), ("content-encoding", "gzip")], 415,
            "gzip encoding (compression) is not accepted by this server; only snappy is acceptable\n"),
        of_headers("gzip and json", &[("content-type", "application/json"), ("content-encoding", "gzip")], 415,
            "gzip encoding (compression) is not accepted by this server; only snappy is acceptable\n"),
        Case { name: "empty body", headers: vec![], body: vec![], status: 400, text: "s2: corrupt input\n", written: None },
        Case { name: "not snappy", headers: vec![], body: b"hello there".to_vec(), status: 400, text: "s2: corrupt input\n", written: None },
        Case { name: "too much behind snappy", headers: vec![], body: vec![0xff, 0xff, 0xff, 0x7f, 0], status: 400,
            text: "decoded size exceeds the 33554432 bytes limit\n", written: None },
    ]
}

#[rustfmt::skip]
fn cases_v1() -> Vec<Case> {
    let up = &[("__name__", "up"), ("job", "a")][..];
    let down = &[("__name__", "down"), ("job", "a")][..];
    let mut split = Vec::new();
    v1::put_series(&mut split, |out| {
        v1::put_label(out, "__name__", "up");
        v1::put_sample(out, T0 + 6000, 1.0);
        v1::put_label(out, "job", "split");
    });
    let mut exemplars = Vec::new();
    series(&mut exemplars, up, |out| {
        v1::put_sample(out, T0 + 7000, 1.0);
        v1::put_exemplar(out, &[("trace_id", "a")], T0 + 7000, 1.0);
        v1::put_exemplar(out, &[("trace_id", "b")], T0, 1.0);
    });
    let mut metadata = one(&[(up, &[(T0 + 8000, 1.0)])]);
    metadata.extend([0x1a, 5, 0x08, 1, 0x12, 1, b'm']);
    vec![
        case_v1("nothing", vec![], 204, ""),
        case_v1("two samples", one(&[(up, &[(T0, 1.0), (T0 + 1000, 2.0)])]), 204, ""),
        case_v1("the same again", one(&[(up, &[(T0 + 1000, 2.0)])]), 204, ""),
        case_v1("another value at the same time", one(&[(up, &[(T0 + 1000, 3.0)])]), 400, "duplicate sample for timestamp 1700000001000; overrides not allowed: existing 2, new value 3\n"),
        case_v1("before the last", one(&[(up, &[(T0 + 500, 3.0)])]), 400, "out of order sample\n"),
        case_v1("one bad sample refuses all", one(&[(down, &[(T0 + 2000, 1.0)]), (up, &[(T0 + 500, 3.0)]), (up, &[(T0 + 5000, 1.0)])]),
            400, "out of order sample\n"),
        case_v1("the first fault is told", one(&[(up, &[(T0 + 1000, 9.0)]), (up, &[(T0 + 500, 3.0)])]), 400, "duplicate sample for timestamp 1700000001000; overrides not allowed: existing 2, new value 9\n"),
        case_v1("out of bounds", one(&[(&[("__name__", "old")], &[(T0 - 3_700_000, 1.0)])]), 400, "out of bounds\n"),
        case_v1("far ahead", one(&[(up, &[(4_000_000_000_000, 1.0)])]), 400, "out of bounds: timestamp is too far in the future\n"),
        case_v1("out of order within the request", one(&[(&[("__name__", "within")], &[(T0 + 3000, 1.0), (T0 + 2000, 1.0)])]), 204, ""),
        case_v1("no name", one(&[(&[("job", "a")], &[(T0, 1.0)])]), 204, ""),
        case_v1("empty name", one(&[(&[("__name__", ""), ("job", "a")], &[(T0, 1.0)])]), 204, ""),
        case_v1("bad labels are left out", one(&[(&[("__name__", "x"), ("", "a")], &[(T0, 1.0)]), (down, &[(T0, 1.0)])]), 204, ""),
        case_v1("label twice", one(&[(&[("__name__", "x"), ("a", "1"), ("a", "2")], &[(T0, 1.0)])]), 204, ""),
        case_v1("labels in any order", one(&[(&[("z", "1"), ("__name__", "sorted"), ("a", "2")], &[(T0, 1.0)])]), 204, ""),
        case_v1("empty values are absent", one(&[(&[("__name__", "empties"), ("a", ""), ("b", "1")], &[(T0, 1.0)])]), 204, ""),
        case_v1("utf-8 names", one(&[(&[("__name__", "a.b"), ("c d", "1")], &[(T0, 1.0)])]), 204, ""),
        case_v1("labels behind samples", split, 204, ""),
        case_v1("exemplars never fail it", exemplars, 204, ""),
        case_v1("metadata is ignored", metadata, 204, ""),
        case_v1("stale marker", one(&[(down, &[(T0 + 4000, f64::from_bits(0x7ff0_0000_0000_0002))])]), 204, ""),
        case_v1("cut message", one(&[(up, &[(T0 + 9000, 1.0)])])[..20].to_vec(), 400, "unexpected EOF\n"),
        case_v1("another wire type", vec![0x08, 1], 400, "proto: wrong wireType = 0 for field Timeseries\n"),
        case_v1("a 2.0 message said to be 1.0", two(&[(up, &[(T0 + 9000, 1.0)])]), 204, ""),
    ]
}

#[rustfmt::skip]
fn cases_v2() -> Vec<Case> {
    let up = &[("__name__", "up2"), ("job", "a")][..];
    let down = &[("__name__", "down2"), ("job", "a")][..];
    let raw = |refs: &[u32], fill: &dyn Fn(&mut Vec<u8>)| {
        let mut encoder = v2::Encoder::default();
        for text in ["__name__", "raw", "a", "1"] {
            encoder.symbol(text);
        }
        encoder.series(refs, |out| fill(out));
        encoder.finish()
    };
    let sample = |out: &mut Vec<u8>| v2::put_sample(out, T0, 1.0, 0);
    vec![
        case_v2("nothing", vec![], 204, "", [0, 0, 0]),
        case_v2("two samples", two(&[(up, &[(T0, 1.0), (T0 + 1000, 2.0)])]), 204, "", [2, 0, 0]),
        case_v2("the same again", two(&[(up, &[(T0 + 1000, 2.0)])]), 204, "", [1, 0, 0]),
        case_v2("faults are told, the rest is kept",
            two(&[(up, &[(T0 + 1000, 3.0), (T0 + 500, 1.0), (T0 + 2000, 1.0)]), (&[("job", "a")], &[(T0, 1.0)]), (down, &[(T0, 1.0)]), (up, &[(T0 + 200, 1.0)])]),
            400, "duplicate sample for timestamp 1700000001000; overrides not allowed: existing 2, new value 3 for series {__name__=\"up2\", job=\"a\"}\nout of order sample for series {__name__=\"up2\", job=\"a\"}\ninvalid metric name or labels, got {job=\"a\"}\nout of order sample for series {__name__=\"up2\", job=\"a\"}\n", [2, 0, 0]),
        case_v2("far ahead", two(&[(up, &[(4_000_000_000_000, 1.0)])]), 400, "out of bounds: timestamp is too far in the future for series {__name__=\"up2\", job=\"a\"}\n", [0, 0, 0]),
        case_v2("out of bounds", two(&[(&[("__name__", "old2")], &[(T0 - 3_700_000, 1.0)])]), 400, "out of bounds for series {__name__=\"old2\"}\n", [0, 0, 0]),
        case_v2("label twice", two(&[(&[("__name__", "x"), ("a", "1"), ("a", "2")], &[(T0, 1.0)])]), 400,
            "invalid labels for series, labels {__name__=\"x\", a=\"1\", a=\"2\"}, duplicated label a\n", [0, 0, 0]),
        case_v2("no samples", two(&[(up, &[])]), 400, "TimeSeries must contain at least one sample or histogram for series {__name__=\"up2\", job=\"a\"}\n", [0, 0, 0]),
        case_v2("odd refs", raw(&[1, 2, 3], &sample), 400, "parsing labels for series [1 2 3]: invalid labelRefs length 3\n", [0, 0, 0]),
        case_v2("refs outside", raw(&[1, 9], &sample), 400, "parsing labels for series [1 9]: labelRefs 1 (name) = 9 (value) outside of symbols table (size 5)\n", [0, 0, 0]),
        case_v2("metadata outside", raw(&[1, 2], &|out| {
            sample(out);
            v2::put_metadata(out, v2::Metadata { metric_type: 1, help_ref: 8, unit_ref: 7 });
        }), 400, "parsing metadata for series [1 2]: metadata unit_ref 7 outside of symbols table (size 5)\n", [0, 0, 0]),
        case_v2("help outside", raw(&[1, 2], &|out| {
            sample(out);
            v2::put_metadata(out, v2::Metadata { metric_type: 1, help_ref: 8, unit_ref: 0 });
        }), 400, "parsing metadata for series [1 2]: metadata help_ref 8 outside of symbols table (size 5)\n", [0, 0, 0]),
        case_v2("good metadata", raw(&[1, 2], &|out| {
            sample(out);
            v2::put_metadata(out, v2::Metadata { metric_type: 1, help_ref: 4, unit_ref: 3 });
        }), 204, "", [1, 0, 0]),
        case_v2("exemplars", raw(&[1, 2, 3, 4], &|out| {
            sample(out);
            v2::put_exemplar(out, &[3, 4], T0, 1.0);
        }), 204, "", [1, 0, 1]),
        case_v2("an exemplar's refs outside", raw(&[1, 2], &|out| {
            v2::put_sample(out, T0 + 1000, 1.0, 0);
            v2::put_exemplar(out, &[3, 44], T0, 1.0);
        }), 400, "parsing exemplar for series {__name__=\"raw\"}: labelRefs 3 (name) = 44 (value) outside of symbols table (size 5)\n", [1, 0, 0]),
        case_v2("cut message", two(&[(up, &[(T0 + 9000, 1.0)])])[..9].to_vec(), 400, "unexpected EOF\n", [0, 0, 0]),
        case_v2("a 1.0 message said to be 2.0", one(&[(up, &[(T0 + 9000, 1.0)])]), 204, "", [0, 0, 0]),
    ]
}

fn ask(address: &str, case: &Case) -> Answer {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(10))).build(),
    );
    let mut request = agent.post(format!("http://{address}/api/v1/write"));
    for (name, value) in &case.headers {
        request = request.header(*name, *value);
    }
    let mut response = request.send(&case.body[..]).expect("an answer");
    let header = |name: &str| response.headers().get(name).map(|v| v.to_str().expect("text").to_owned());
    let (status, written) = (response.status().as_u16(), written(header));
    Answer { status, text: response.body_mut().read_to_string().expect("text"), written }
}

pub(crate) fn check(cases: &[Case]) -> Endpoint {
    let ours = Endpoint::new(ReceiverOptions::default());
    let reference = std::env::var("FIRESTEEL_REMOTE_WRITE_REFERENCE").ok();
    let mut wrong = String::new();
    for case in cases {
        let want = Answer { status: case.status, text: case.text.to_owned(), written: case.written };
        let got = ours.write(&case.headers, case.body.clone());
        if got != want {
            let _ok = write!(wrong, "\n{}:\n  got  {got:?}\n  want {want:?}", case.name);
        }
        if let Some(address) = &reference {
            let got = ask(address, case);
            if got != want {
                let _ok = write!(wrong, "\n{} (reference):\n  got  {got:?}\n  want {want:?}", case.name);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    ours
}

#[test]
fn headers_and_wrapping() {
    check(&header_cases());
}

#[test]
fn first_version() {
    let ours = check(&cases_v1());
    let stale = f64::from_bits(0x7ff0_0000_0000_0002).to_bits();
    let got: Vec<String> = ours
        .samples()
        .into_iter()
        .map(|(series, samples)| {
            let samples: Vec<String> = samples
                .iter()
                .map(|(t, v)| {
                    format!("{}:{}", t - T0, if v.to_bits() == stale { "stale".to_owned() } else { v.to_string() })
                })
                .collect();
            format!("{series} {}", samples.join(" "))
        })
        .collect();
    let want = [
        r#"{__name__="down", job="a"} 0:1 4000:stale"#,
        r#"{__name__="empties", b="1"} 0:1"#,
        r#"{__name__="sorted", a="2", z="1"} 0:1"#,
        r#"{__name__="up", job="a"} 0:1 1000:2 7000:1 8000:1"#,
        r#"{__name__="up", job="split"} 6000:1"#,
        r#"{__name__="within"} 3000:1"#,
        r#"{"__name__"="a.b", "c d"="1"} 0:1"#,
    ];
    let mut got = got;
    got.sort();
    let mut want: Vec<String> = want.iter().map(|s| (*s).replace("\"__name__\"", "__name__")).collect();
    want.sort();
    assert_eq!(got, want);
    let invalid = "prometheus_api_remote_write_invalid_labels_samples_total";
    let families = ours.registry.gather();
    let family = families.iter().find(|f| f.name == invalid).expect("registered");
    assert!(format!("{:?}", family.metrics).contains("value: 4.0"), "{:?}", family.metrics);
}

#[test]
fn second_version() {
    let ours = check(&cases_v2());
    let all = ours.samples();
    assert_eq!(all[r#"{__name__="up2", job="a"}"#], [(T0, 1.0), (T0 + 1000, 2.0), (T0 + 2000, 1.0)]);
    assert_eq!(all[r#"{__name__="down2", job="a"}"#], [(T0, 1.0)]);
}

#[test]
fn messages_that_are_not_accepted() {
    let ours = Endpoint::new(ReceiverOptions {
        accepted: vec![firesteel_remote::MessageKind::V1],
        ..ReceiverOptions::default()
    });
    let got = ours.push(V2, &two(&[(&[("__name__", "a")], &[(T0, 1.0)])]));
    let text = "io.prometheus.write.v2.Request protobuf message is not accepted by this server; only accepts \
                prometheus.WriteRequest\n";
    assert_eq!(got, Answer { status: 415, text: text.to_owned(), written: None });
    assert_eq!(ours.push(V1, &one(&[(&[("__name__", "a")], &[(T0, 1.0)])])).status, 204);
}
