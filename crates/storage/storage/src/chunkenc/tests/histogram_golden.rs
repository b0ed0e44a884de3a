//! The bytes that Prometheus 3.14 makes of our histograms and of XOR2 samples, and what we read out of them.

use firesteel_base::TimestampMs;
use firesteel_model::{CounterReset, FloatHistogram, Histogram, Span, is_stale_nan, stale_nan};

use super::super::*;
use crate::Encoding;

fn list<T>(text: &str, parse: impl Fn(&str) -> T) -> Vec<T> {
    text.split(',').filter(|t| !t.is_empty()).map(parse).collect()
}

fn float(text: &str) -> f64 {
    if text == "stale" { stale_nan() } else { text.parse().expect("a float") }
}

fn spans(text: &str) -> Vec<Span> {
    list(text, |t| {
        let (offset, length) = t.split_once(':').expect("offset:length");
        Span { offset: offset.parse().expect("an offset"), length: length.parse().expect("a length") }
    })
}

fn hint(text: &str) -> CounterReset {
    [CounterReset::Unknown, CounterReset::Reset, CounterReset::NotReset, CounterReset::Gauge]
        [text.parse::<usize>().expect("a hint")]
}

pub(super) fn integer(text: &str) -> Histogram {
    let f: Vec<&str> = text.split(';').collect();
    let int = |t: &str| t.parse().expect("an integer");
    Histogram {
        counter_reset: hint(f[0]),
        schema: f[1].parse().expect("a schema"),
        zero_threshold: float(f[2]),
        zero_count: f[3].parse().expect("a count"),
        count: f[4].parse().expect("a count"),
        sum: float(f[5]),
        positive_spans: spans(f[6]),
        positive_buckets: list(f[7], int),
        negative_spans: spans(f[8]),
        negative_buckets: list(f[9], int),
        custom_values: list(f[10], float),
    }
}

pub(super) fn floating(text: &str) -> FloatHistogram {
    let f: Vec<&str> = text.split(';').collect();
    FloatHistogram {
        counter_reset: hint(f[0]),
        schema: f[1].parse().expect("a schema"),
        zero_threshold: float(f[2]),
        zero_count: float(f[3]),
        count: float(f[4]),
        sum: float(f[5]),
        positive_spans: spans(f[6]),
        positive_buckets: list(f[7], float),
        negative_spans: spans(f[8]),
        negative_buckets: list(f[9], float),
        custom_values: list(f[10], float),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Splits `!start@time=value` into whether a chunk begins, start, time and value.
fn sample(text: &str) -> (bool, TimestampMs, TimestampMs, &str) {
    let (times, value) = text.split_once('=').expect("times=value");
    let (start, t) = times.trim_start_matches('!').split_once('@').expect("start@time");
    let ms = |t: &str| TimestampMs(t.parse().expect("a time"));
    (text.starts_with('!'), ms(start), ms(t), value)
}

/// Appends samples as the head does and returns the chunks; also checks after each that the chunk can be resumed.
macro_rules! append_all {
    ($appender:ident, $parse:ident, $samples:expr, $with_starts:expr, $encoding:expr) => {{
        let mut done: Vec<Vec<u8>> = Vec::new();
        let mut open = $appender::new($with_starts);
        for text in $samples.split(' ') {
            let (cut, start, t, h) = sample(text);
            let h = $parse(h);
            let appended = if cut {
                let before = std::mem::replace(&mut open, $appender::new($with_starts));
                done.push(before.bytes().to_vec());
                open.append(Some(&before), start, t, &h)
            } else {
                open.append(None, start, t, &h)
            };
            if let Appended::Cut(new) = appended.expect("test chunks are short") {
                done.push(std::mem::replace(&mut open, *new).bytes().to_vec());
            }
            let resumed = $appender::resume(open.bytes(), $encoding).expect("own bytes can be read");
            assert_eq!((resumed.bytes(), resumed.samples()), (open.bytes(), open.samples()));
            assert_eq!(resumed.ends_stale(), is_stale_nan(h.sum));
        }
        done.push(open.bytes().to_vec());
        done
    }};
}

/// Reads all samples of all chunks as `start@time=histogram`, without empty buckets and hints.
fn read_back(chunks: &[Vec<u8>], encoding: Encoding) -> Vec<String> {
    let mut all = Vec::new();
    let mut h = FloatHistogram::default();
    for chunk in chunks {
        let count = u32::from(u16::from_be_bytes([chunk[0], chunk[1]]));
        let samples =
            if matches!(encoding, Encoding::HistogramSt | Encoding::FloatHistogramSt) { count & 0x3fff } else { count };
        let mut reader = SampleReader::new(chunk, encoding, samples).expect("a header");
        while let Some((times, kind)) = reader.advance().expect("own bytes can be read") {
            assert!(!matches!(kind, SampleKind::Float(_)));
            reader.float_histogram(&mut h).expect("layouts fit");
            all.push(shown(times.start, times.t, h.clone()));
        }
    }
    all
}

fn shown(start: TimestampMs, t: TimestampMs, mut h: FloatHistogram) -> String {
    if h.is_stale() {
        return format!("{}@{}=stale", start.0, t.0);
    }
    h.compact(0);
    let layout = |spans: &[Span]| spans.iter().map(|s| (s.offset, s.length)).collect::<Vec<_>>();
    format!(
        "{}@{}={} {} {} {} {} {:?} {:?} {:?} {:?} {:?}",
        start.0,
        t.0,
        h.schema,
        h.zero_threshold,
        h.zero_count,
        h.count,
        h.sum,
        layout(&h.positive_spans),
        h.positive_buckets,
        layout(&h.negative_spans),
        h.negative_buckets,
        h.custom_values
    )
}

fn check_xor2(samples: &str, expected: &str) {
    let mut open = Xor2Appender::new();
    let mut given = Vec::new();
    for text in samples.split(' ') {
        let (_, start, t, bits) = sample(text);
        let bits = u64::from_str_radix(bits, 16).expect("a value's bits");
        open.append(start, t, f64::from_bits(bits)).expect("test chunks are short");
        given.push((start, t, bits));
        let resumed = Xor2Appender::resume(open.bytes()).expect("own bytes can be read");
        assert_eq!((resumed.bytes(), resumed.last_t()), (open.bytes(), open.last_t()));
    }
    assert_eq!(hex(open.bytes()), expected, "{samples}");
    let mut reader = SampleReader::new(open.bytes(), Encoding::Xor2, u32::from(open.samples())).expect("a header");
    let mut read = Vec::new();
    while let Some((times, kind)) = reader.advance().expect("own bytes can be read") {
        let SampleKind::Float(v) = kind else { panic!("a float") };
        read.push((times.start, times.t, v.to_bits()));
    }
    assert_eq!(read, given);
}

#[test]
fn bytes_are_upstreams() {
    let mut cases = 0;
    for line in include_str!("../../../testdata/histogram-chunks.txt").lines().filter(|l| !l.starts_with('#')) {
        let [kind, samples, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("bad line {line}") };
        cases += 1;
        if kind == "xor2" {
            check_xor2(samples, expected);
            continue;
        }
        let (with_starts, float) = (kind.ends_with("-st"), kind.starts_with("float"));
        let (chunks, encoding) = match (float, with_starts) {
            (false, false) => {
                (append_all!(HistogramAppender, integer, samples, false, Encoding::Histogram), Encoding::Histogram)
            }
            (false, true) => {
                (append_all!(HistogramAppender, integer, samples, true, Encoding::HistogramSt), Encoding::HistogramSt)
            }
            (true, false) => (
                append_all!(FloatHistogramAppender, floating, samples, false, Encoding::FloatHistogram),
                Encoding::FloatHistogram,
            ),
            (true, true) => (
                append_all!(FloatHistogramAppender, floating, samples, true, Encoding::FloatHistogramSt),
                Encoding::FloatHistogramSt,
            ),
        };
        let got: Vec<String> = chunks.iter().map(|c| hex(c)).collect();
        assert_eq!(got, expected.split(',').collect::<Vec<_>>(), "{line}");
        let given: Vec<String> = samples
            .split(' ')
            .map(|text| {
                let (_, start, t, h) = sample(text);
                shown(start, t, if float { floating(h) } else { integer(h).to_float() })
            })
            .collect();
        assert_eq!(read_back(&chunks, encoding), given, "{line}");
    }
    assert!(cases >= 60, "the file has been emptied");
}

#[test]
fn integer_histograms_come_back_as_they_went_in() {
    let h = integer("0;2;0.001;3;20;12.5;-2:2,1:1;4,1,-2;3:1;5;");
    let mut open = HistogramAppender::new(false);
    for i in 0..3 {
        open.append(None, TimestampMs(0), TimestampMs(1000 * i), &h).expect("room");
    }
    let mut decoder = HistogramDecoder::new(open.bytes(), Encoding::Histogram).expect("a header");
    let mut out = Histogram::default();
    for i in 0..3 {
        let times = decoder.advance().expect("readable").expect("three samples");
        decoder.read(&mut out).expect("a known schema");
        assert_eq!((times.t, &out), (TimestampMs(1000 * i), &h));
        let expected = if i == 0 { CounterReset::Unknown } else { CounterReset::NotReset };
        assert_eq!(out.counter_reset, expected);
    }
    assert_eq!(decoder.advance(), Ok(None));
}

#[test]
fn a_chunk_of_starts_is_full_earlier() {
    let mut open = HistogramAppender::new(true);
    let h = Histogram::default();
    for i in 0..0x3fff {
        open.append(None, TimestampMs(1), TimestampMs(i), &h).expect("room");
    }
    assert!(matches!(open.append(None, TimestampMs(1), TimestampMs(0x3fff), &h), Err(ChunkFull::Samples)));
    assert_eq!(open.samples(), 0x3fff);
}
