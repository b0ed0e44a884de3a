//! The bytes that Prometheus 3.14 makes of our entries, from `testdata/wal-records.txt`: encoded and decoded the same.

use std::fmt::Debug;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Histogram, Labels, MetricType, SeriesRef, Span};
use firesteel_storage::{Exemplar, HistogramSample, HistogramValue};

use crate::records::*;

const T: i64 = 1_700_000_000_000;
const START: i64 = 1_690_000_000_000;

fn golden(name: &str) -> Vec<u8> {
    let text = include_str!("../../../testdata/wal-records.txt");
    let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('\t')).expect("the record is in the file");
    (0..line.len() / 2).map(|i| u8::from_str_radix(&line[2 * i..2 * i + 2], 16).expect("hexadecimal")).collect()
}

fn all<T: Debug>(entries: impl Iterator<Item = Result<T, RecordError>>) -> Vec<T> {
    entries.collect::<Result<_, _>>().expect("upstream's record")
}

/// Encodes into a buffer that holds something already, and compares with upstream's bytes.
fn check_bytes(name: &str, encode: impl FnOnce(&mut Vec<u8>)) {
    let mut out = b"before".to_vec();
    encode(&mut out);
    assert_eq!(out[6..], golden(name), "{name}");
}

#[test]
fn series() {
    let series = [
        (SeriesRef(1), Labels::from_pairs([("__name__", "up"), ("job", "a")])),
        (SeriesRef(300), Labels::from_pairs([("__name__", "http_requests_total"), ("code", "200"), ("path", "/é")])),
        (SeriesRef(1 << 39), Labels::empty()),
    ];
    check_bytes("series", |out| SeriesRecord::encode(series.iter().map(|(r, l)| (*r, l)), out));
    let record = golden("series");
    let entries = all(SeriesRecord::decode(&record).expect("series"));
    let decoded: Vec<_> = entries.iter().map(|e| (e.series, e.labels.to_labels(e.series.0).expect("text"))).collect();
    assert_eq!(decoded, series);
    check_bytes("series", |out| SeriesRecord::encode_raw(entries, out));
}

#[test]
fn samples() {
    let samples = [(100, T, 1.0), (101, T, std::f64::consts::PI), (5, T + 14_999, f64::INFINITY), (100_000, -5, 0.0)];
    let samples = samples.map(|(r, t, v)| (SeriesRef(r), TimestampMs(t), v));
    check_bytes("samples", |out| SamplesRecord::encode(samples, out));
    let record = golden("samples");
    let decoded: Vec<_> =
        all(SamplesRecord::decode(&record).expect("samples")).iter().map(|s| (s.series, s.t, s.v)).collect();
    assert_eq!(decoded, samples);
}

#[test]
fn samples_v2() {
    let samples = [(100, T, START, 1.0), (101, T, START, 2.0), (99, T + 1, 0, 3.0), (500, T + 2, START + 777, 4.0)];
    let samples = samples.map(|(r, t, start, v)| SampleWithStart {
        series: SeriesRef(r),
        t: TimestampMs(t),
        start: TimestampMs(start),
        v,
    });
    check_bytes("samples_v2", |out| SamplesV2Record::encode(samples, out));
    assert_eq!(all(SamplesV2Record::decode(&golden("samples_v2")).expect("samples")), samples);
}

#[test]
fn tombstones() {
    let stones = [(7, -10, 10), (7, T, i64::MAX), (8, i64::MIN, 0)].map(|(r, min, max)| TombstoneEntry {
        series: SeriesRef(r),
        range: TimeRange { min: TimestampMs(min), max: TimestampMs(max) },
    });
    check_bytes("tombstones", |out| TombstonesRecord::encode(stones, out));
    assert_eq!(all(TombstonesRecord::decode(&golden("tombstones")).expect("tombstones")), stones);
}

#[test]
fn exemplars() {
    let exemplar = |r, t, v, labels| Exemplar { series: SeriesRef(r), t: TimestampMs(t), v, labels, timestamped: true };
    let exemplars =
        [exemplar(10, T, 0.5, Labels::from_pairs([("trace_id", "abc")])), exemplar(9, T + 1000, -2.0, Labels::empty())];
    check_bytes("exemplars", |out| ExemplarsRecord::encode(&exemplars, out));
    let record = golden("exemplars");
    let entries = all(ExemplarsRecord::decode(&record).expect("exemplars"));
    let decoded: Vec<_> = entries
        .iter()
        .map(|e| exemplar(e.series.0, e.t.0, e.v, e.labels.to_labels(e.series.0).expect("text")))
        .collect();
    assert_eq!(decoded, exemplars);
    check_bytes("exemplars", |out| ExemplarsRecord::encode_raw(entries, out));
}

#[test]
fn mmap_markers() {
    let markers = [(3, 0x1_0000_004d), (4, 8)].map(|(r, chunk)| MmapMarker { series: SeriesRef(r), chunk });
    check_bytes("mmap_markers", |out| MmapMarkersRecord::encode(markers, out));
    assert_eq!(all(MmapMarkersRecord::decode(&golden("mmap_markers")).expect("markers")), markers);
}

#[test]
fn metadata() {
    let entries = [
        MetadataEntry {
            series: SeriesRef(3),
            metric_type: MetricType::Counter,
            unit: b"seconds",
            help: b"Total time.",
        },
        MetadataEntry { series: SeriesRef(4000), metric_type: MetricType::StateSet, unit: b"", help: b"" },
    ];
    check_bytes("metadata", |out| MetadataRecord::encode(entries, out));
    assert_eq!(all(MetadataRecord::decode(&golden("metadata")).expect("metadata")), entries);
}

/// Fields of later versions are stepped over.
#[test]
fn unknown_metadata_fields() {
    let mut record = vec![6, 9, 2, 3];
    for text in ["NOTE", "x", "HELP", "h", "UNIT", "u"] {
        record.push(text.len() as u8);
        record.extend_from_slice(text.as_bytes());
    }
    let entries = all(MetadataRecord::decode(&record).expect("metadata"));
    assert_eq!((entries[0].unit, entries[0].help), (&b"u"[..], &b"h"[..]));
}

#[test]
fn histograms() {
    let kinds = [
        ("histogram_samples", RecordType::HistogramSamples),
        ("float_histogram_samples", RecordType::FloatHistogramSamples),
        ("custom_buckets_histogram_samples", RecordType::CustomBucketsHistogramSamples),
        ("custom_buckets_float_histogram_samples", RecordType::CustomBucketsFloatHistogramSamples),
        ("histogram_samples_v2", RecordType::HistogramSamplesV2),
        ("float_histogram_samples_v2", RecordType::FloatHistogramSamplesV2),
    ];
    for (name, kind) in kinds {
        let record = golden(name);
        let decoded = HistogramsRecord::decode(&record).expect("histograms");
        assert_eq!((decoded.kind(), kind.as_str()), (kind, name));
        let entries = all(decoded);
        let places: Vec<_> = entries.iter().map(|e| (e.series.0, e.t.0, e.start.0, e.schema)).collect();
        let (start, schema) =
            (if name.ends_with("v2") { START } else { 0 }, if name.contains("custom") { -53 } else { 2 });
        assert_eq!(places[..2], [(20, T, start, schema), (21, T + 1, start, schema)], "{name}");
        if name.ends_with("v2") {
            let third_start = if name.starts_with("float") { 3 } else { 0 };
            assert_eq!(places[2..], [(22, T + 5, third_start, -53)], "{name}");
        }
        check_bytes(name, |out| HistogramsRecord::encode_raw(kind, entries.iter().copied(), out));
        let samples: Vec<_> =
            entries.iter().map(|e| e.sample().expect("a whole histogram").expect("a known schema")).collect();
        for sample in &samples {
            let shown = match &sample.value {
                HistogramValue::Int(h) => format!("{} {} {h}", h.schema, h.zero_threshold),
                HistogramValue::Float(h) => format!("{} {} {h}", h.schema, h.zero_threshold),
            };
            let float = matches!(sample.value, HistogramValue::Float(_));
            assert_eq!(float, name.contains("float"), "{name}");
            let custom = name.contains("custom") || sample.series.0 == 22;
            assert_eq!(shown, if custom { CUSTOM } else { EXPONENTIAL }, "{name}");
        }
        check_bytes(name, |out| HistogramsRecord::encode(kind, &samples, out));
        let others = HistogramsRecord::kinds(name.ends_with("v2")).iter().filter(|k| **k != kind);
        let mut out = Vec::new();
        others.for_each(|other| HistogramsRecord::encode(*other, &samples, &mut out));
        assert_eq!(out, [0u8; 0], "{name}");
    }
}

const CUSTOM: &str = "-53 0 {count:4, sum:9, [-Inf,1]:2, (1,2.5]:2}";
const EXPONENTIAL: &str = "2 0.001 {count:20, sum:12.5, [-1,-0.8408964152537144):2, [-0.001,0.001]:3, (0.5946035575013605,0.7071067811865475]:5, (0.7071067811865475,0.8408964152537144]:3, (1,1.189207115002721]:7}";

#[test]
fn histograms_of_unknown_schemas_are_skipped_and_of_finer_ones_reduced() {
    let sample = |schema| HistogramSample {
        series: SeriesRef(1),
        t: TimestampMs(T),
        start_t: TimestampMs(0),
        value: HistogramValue::Int(Box::new(Histogram {
            schema,
            count: 3,
            positive_spans: vec![Span { offset: 1, length: 3 }],
            positive_buckets: vec![1, 0, 0],
            ..Histogram::default()
        })),
    };
    let mut out = Vec::new();
    HistogramsRecord::encode(RecordType::HistogramSamples, &[sample(9), sample(60), sample(-9)], &mut out);
    let entries = all(HistogramsRecord::decode(&out).expect("histograms"));
    let read: Vec<_> = entries.iter().map(|e| e.sample().expect("whole")).collect();
    let [Some(reduced), None, Some(_)] = &read[..] else { panic!("{read:?}") };
    let HistogramValue::Int(h) = &reduced.value else { panic!("an integer histogram") };
    assert_eq!((h.schema, &h.positive_buckets), (8, &vec![2, -1]));
}

#[test]
fn nothing_makes_no_record() {
    let mut out = Vec::new();
    SeriesRecord::encode([], &mut out);
    SamplesRecord::encode([], &mut out);
    SamplesV2Record::encode([], &mut out);
    TombstonesRecord::encode([], &mut out);
    ExemplarsRecord::encode([], &mut out);
    MmapMarkersRecord::encode([], &mut out);
    MetadataRecord::encode([], &mut out);
    HistogramsRecord::encode_raw(RecordType::HistogramSamples, [], &mut out);
    assert_eq!(out, [0u8; 0]);
}
