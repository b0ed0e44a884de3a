//! Native histograms of every kind, random from a seed, pushed to a server.

use firesteel_proto::encode::{put_double_field, put_message, put_text_field, put_varint_field};
use firesteel_proto::histogram::{Count, Histogram};
use firesteel_proto::snappy;
use firesteel_testkit::{Random, Server};

const EVERY_MS: i64 = 15_000;
const SAMPLES: i64 = 180;

/// Pushes the histograms of `seed`, the first at `base_ms`, and some floats between them.
pub(crate) fn push(server: &Server, seed: u64, base_ms: i64) {
    let mut random = Random::new(seed);
    for kind in ["spread", "bounds", "shape"] {
        for job in ["a", "b"] {
            for instance in ["1", "2", "3"] {
                let labels = [("__name__", kind), ("instance", instance), ("job", job)];
                let body = series(&mut random, &labels, base_ms);
                let mut packed = Vec::new();
                snappy::encode(&body, &mut packed).unwrap();
                let headers = [
                    ("content-type", "application/x-protobuf"),
                    ("content-encoding", "snappy"),
                    ("x-prometheus-remote-write-version", "0.1.0"),
                ];
                let (status, text) = server.post("/api/v1/write", &headers, &packed).unwrap();
                assert_eq!(status, 204, "{text}");
            }
        }
    }
}

/// A request of one series.
fn series(random: &mut Random, labels: &[(&str, &str)], base_ms: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, 1, |out| {
        for (name, value) in labels {
            put_message(out, 1, |out| {
                put_text_field(out, 1, name);
                put_text_field(out, 2, value);
            });
        }
        let mut state = State::new(random, labels[0].1);
        let mut i = random.below(20) as i64;
        while i < SAMPLES {
            let t = base_ms + i * EVERY_MS + 333;
            // Now and then a float in a series of histograms.
            if random.chance(1) {
                put_message(out, 2, |out| {
                    put_double_field(out, 1, random.below(100) as f64);
                    put_varint_field(out, 2, t as u64);
                });
            } else {
                let histogram = state.next(random, t);
                put_message(out, 4, |out| histogram.encode(out));
            }
            i += if random.chance(3) { 4 + random.below(30) as i64 } else { 1 };
        }
    });
    out
}

/// The absolute buckets of a series.
struct State {
    kind: String,
    schema: i32,
    positive: Vec<i64>,
    negative: Vec<i64>,
    zero: u64,
    sum: f64,
    float: bool,
}

impl State {
    fn new(random: &mut Random, kind: &str) -> Self {
        let schema = if kind == "bounds" { -53 } else { random.below(4) as i32 - 1 };
        let negatives = if kind == "shape" { 4 } else { 0 };
        Self {
            kind: kind.to_owned(),
            schema,
            positive: vec![0; 5],
            negative: vec![0; negatives],
            zero: 0,
            sum: 0.0,
            float: random.chance(30),
        }
    }

    fn next(&mut self, random: &mut Random, timestamp_ms: i64) -> Histogram {
        let gauge = self.kind == "shape";
        if gauge || random.chance(2) {
            self.positive.fill(0);
            self.negative.fill(0);
            (self.zero, self.sum) = (0, 0.0);
        }
        if self.kind == "spread" && random.chance(1) {
            self.schema = random.below(4) as i32 - 1;
        }
        for bucket in self.positive.iter_mut().chain(&mut self.negative) {
            let more = random.below(4) as i64;
            *bucket += more;
            self.sum += more as f64 * 0.5;
        }
        if self.kind != "bounds" {
            self.zero += random.below(3) as u64;
        }
        let all: i64 = self.positive.iter().chain(&self.negative).sum();
        let count = all as u64 + self.zero;
        let spans = |n: usize| match n {
            0 => Vec::new(),
            // A gap of one bucket, so that spans are more than one.
            n if self.schema != -53 => vec![(-1, 2), (1, n as u32 - 2)],
            n => vec![(0, n as u32)],
        };
        let mut histogram = Histogram {
            sum: self.sum,
            schema: self.schema,
            zero_threshold: if self.schema == -53 { 0.0 } else { 0.001 },
            positive_spans: spans(self.positive.len()),
            negative_spans: spans(self.negative.len()),
            reset_hint: if gauge { 3 } else { 0 },
            timestamp_ms,
            custom_values: if self.schema == -53 { vec![0.1, 0.5, 2.5, 10.0] } else { Vec::new() },
            ..Histogram::default()
        };
        if self.float {
            histogram.count = Count::Float(count as f64);
            histogram.zero_count = Count::Float(self.zero as f64);
            histogram.positive_counts = self.positive.iter().map(|n| *n as f64).collect();
            histogram.negative_counts = self.negative.iter().map(|n| *n as f64).collect();
        } else {
            histogram.count = Count::Int(count);
            histogram.zero_count = Count::Int(self.zero);
            histogram.positive_deltas = deltas(&self.positive);
            histogram.negative_deltas = deltas(&self.negative);
        }
        histogram
    }
}

fn deltas(buckets: &[i64]) -> Vec<i64> {
    let mut before = 0;
    buckets.iter().map(|bucket| bucket - std::mem::replace(&mut before, *bucket)).collect()
}
