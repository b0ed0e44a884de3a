//! The series that random expressions ask for, in storage and in lists.

use std::rc::Rc;

use firesteel_base::TimestampMs;
use firesteel_model::{CounterReset, FloatHistogram, Labels, Span, stale_nan};
use firesteel_promql::testscript::TestStorage;
use firesteel_promql::{Engine, QueryOptions, Value};
use firesteel_testkit::Random;

use crate::engine::expr;
use crate::naive::{Datum, Histogram, Series, Stored};

/// How long the data is.
pub(crate) const LENGTH_MS: i64 = 40 * 60_000;

/// A sample to be stored.
struct New {
    t: i64,
    start: i64,
    datum: NewDatum,
}

enum NewDatum {
    Float(f64),
    Histogram(FloatHistogram),
}

/// The same series twice.
pub(crate) struct World {
    pub(crate) storage: TestStorage,
    pub(crate) series: Vec<Series>,
}

/// Times with now and then a gap, some longer than the lookback; some are whole minutes, so that windows end on them.
fn times(random: &mut Random) -> Vec<i64> {
    let mut out = Vec::new();
    let mut t = random.below(8) as i64 * 15_000;
    let jitter = [0, 0, 333][random.below(3)];
    while t < LENGTH_MS {
        out.push(t + jitter);
        t += if random.chance(4) {
            120_000 + random.below(40) as i64 * 15_000
        } else {
            15_000 + random.below(3) as i64 * 15_000
        };
    }
    out
}

/// What kind of values a series has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    /// Multiples of 1/8, so that sums are exact.
    Gauge,
    /// A gauge with NaN and infinities.
    Strange,
    /// Numbers of every size.
    Noise,
    One,
    Exponential,
    Custom,
    /// A histogram that goes up and down.
    Shape,
    /// Floats and histograms by turns.
    Mixed,
}

/// The state of a series of histograms.
struct Buckets {
    schema: i32,
    threshold: f64,
    zero: f64,
    positive: Vec<f64>,
    negative: Vec<f64>,
    offset: i32,
    sum: f64,
    custom: Vec<f64>,
}

impl Buckets {
    fn new(random: &mut Random, kind: Kind) -> Self {
        let custom = kind == Kind::Custom;
        let bounds = [vec![0.5, 1.0, 2.0, 5.0], vec![1.0, 2.0, 10.0], vec![-1.0, 0.0, 1.0, 2.0, 5.0]];
        let bounds = if custom { bounds[random.below(3)].clone() } else { Vec::new() };
        let negatives = if custom || random.chance(50) { 0 } else { 3 };
        Self {
            schema: if custom { -53 } else { random.below(4) as i32 - 1 },
            threshold: if custom { 0.0 } else { [0.0, 0.001, 1.0][random.below(3)] },
            zero: 0.0,
            positive: vec![0.0; if custom { bounds.len() + 1 } else { 2 + random.below(5) }],
            negative: vec![0.0; negatives],
            offset: if custom { 0 } else { random.below(5) as i32 - 2 },
            sum: 0.0,
            custom: bounds,
        }
    }

    fn clear(&mut self) {
        self.positive.iter_mut().chain(&mut self.negative).for_each(|count| *count = 0.0);
        (self.zero, self.sum) = (0.0, 0.0);
    }

    fn next(&mut self, random: &mut Random, kind: Kind) -> FloatHistogram {
        if kind == Kind::Shape || random.chance(3) {
            self.clear();
        }
        if kind != Kind::Custom && random.chance(2) {
            self.schema = (self.schema - 1).max(-2);
        }
        for count in self.positive.iter_mut().chain(&mut self.negative) {
            *count += [0.0, 0.0, 1.0, 2.0, 0.5][random.below(5)];
        }
        if kind != Kind::Custom {
            self.zero += random.below(2) as f64;
        }
        self.sum += random.below(80) as f64 / 8.0 - 2.0;
        let count = self.positive.iter().chain(&self.negative).sum::<f64>() + self.zero;
        let spans = |counts: &[f64], offset: i32| match counts.len() {
            0 => Vec::new(),
            n => vec![Span { offset, length: n as u32 }],
        };
        let mut h = FloatHistogram {
            counter_reset: if kind == Kind::Shape { CounterReset::Gauge } else { CounterReset::Unknown },
            schema: self.schema,
            zero_threshold: self.threshold,
            zero_count: self.zero,
            count,
            sum: if random.chance(1) { f64::NAN } else { self.sum },
            positive_spans: spans(&self.positive, self.offset),
            negative_spans: spans(&self.negative, 0),
            positive_buckets: self.positive.clone(),
            negative_buckets: self.negative.clone(),
            custom_values: self.custom.clone(),
        };
        h.compact(0);
        h
    }
}

fn samples(random: &mut Random, kind: Kind) -> Vec<New> {
    let (mut total, mut buckets) = (random.below(50) as f64, Buckets::new(random, kind));
    let with_starts = kind == Kind::Counter && random.chance(60);
    let (mut began, mut out) = (0, Vec::<New>::new());
    for t in times(random) {
        let before = out.last().map_or(0, |sample| sample.t);
        let datum = match kind {
            _ if random.chance(1) => NewDatum::Float(stale_nan()),
            Kind::Counter => {
                if random.chance(4) {
                    total = 0.0;
                    began = [before, i64::midpoint(before, t), t, 0][random.below(4)];
                }
                total += random.below(40) as f64;
                NewDatum::Float(total)
            }
            Kind::Gauge => NewDatum::Float(random.below(400) as f64 / 8.0 - 10.0),
            Kind::Strange => {
                let usual = random.below(400) as f64 / 8.0 - 10.0;
                NewDatum::Float([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, usual, usual][random.below(7)])
            }
            Kind::Noise => {
                let size = [1.0, 1e3, 1e-5, 1e12, 1e300][random.below(5)];
                NewDatum::Float((random.bits() as f64 / u64::MAX as f64 - 0.4) * size)
            }
            Kind::One => NewDatum::Float(1.0),
            Kind::Mixed if random.chance(40) => NewDatum::Float(random.below(100) as f64),
            _ => NewDatum::Histogram(buckets.next(random, kind)),
        };
        let start = if with_starts { began } else { 0 };
        out.push(New { t, start, datum });
    }
    out
}

/// A name, what it measures, and the labels that its series have beside job and instance.
type Metric = (&'static str, Kind, &'static [(&'static str, &'static str)]);

const METRICS: [Metric; 15] = [
    ("events_total", Kind::Counter, &[("code", "200")]),
    ("events_total", Kind::Counter, &[("code", "500")]),
    ("level", Kind::Gauge, &[]),
    ("strange", Kind::Strange, &[("n", "10")]),
    ("noise", Kind::Noise, &[]),
    ("target_info", Kind::One, &[("version", "v1"), ("zone", "x")]),
    ("build_info", Kind::One, &[("version", "v2")]),
    ("spread", Kind::Exponential, &[]),
    ("bounds", Kind::Custom, &[]),
    ("shape", Kind::Shape, &[("__type__", "gauge")]),
    ("mixed", Kind::Mixed, &[("n", "9")]),
    ("typed", Kind::Counter, &[("__type__", "counter"), ("__unit__", "bytes")]),
    ("size_bucket", Kind::Counter, &[("le", "1")]),
    ("size_bucket", Kind::Counter, &[("le", "2.5")]),
    ("size_bucket", Kind::Counter, &[("le", "+Inf")]),
];

impl World {
    /// Makes the series of `seed`.
    pub(crate) fn new(seed: u64, engine: &Engine) -> Self {
        let mut random = Random::new(seed);
        let (mut storage, mut series) = (TestStorage::new(), Vec::new());
        for (name, kind, more) in METRICS {
            for (job, instance) in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")] {
                let mut pairs = vec![("__name__", name), ("job", job), ("instance", instance)];
                pairs.extend(more);
                let labels = Labels::from_pairs(pairs);
                let samples = samples(&mut random, kind);
                let floats = samples.iter().filter_map(|sample| match sample.datum {
                    NewDatum::Float(v) => Some((TimestampMs(sample.t), TimestampMs(sample.start), v)),
                    NewDatum::Histogram(_) => None,
                });
                storage.append_with_starts(&labels, floats);
                let histograms = samples.iter().filter_map(|sample| match &sample.datum {
                    NewDatum::Histogram(h) => Some((TimestampMs(sample.t), h.clone())),
                    NewDatum::Float(_) => None,
                });
                storage.append_histograms(&labels, histograms);
                let stored = samples.into_iter().map(|sample| {
                    let datum = match sample.datum {
                        NewDatum::Float(v) => Datum::Float(v),
                        NewDatum::Histogram(h) => Datum::Histogram(Rc::new(Histogram::from(&h))),
                    };
                    Stored { t: sample.t, start: sample.start, datum }
                });
                series.push(Series { labels, drop_name: false, samples: stored.collect() });
            }
        }
        let mut world = Self { storage, series };
        world.take_histograms_as_stored(engine);
        world
    }

    /// Storage decides what a histogram says about resets and which empty buckets it spells out: both sides start there.
    fn take_histograms_as_stored(&mut self, engine: &Engine) {
        let all = expr("{__name__=~\".+\"}[2h]");
        let answer = engine.instant(&self.storage, &all, TimestampMs(LENGTH_MS * 2), &QueryOptions::default());
        let Value::Matrix(all) = answer.expect("plain data").value else { panic!("a range vector is asked for") };
        for stored in all {
            let known = self.series.iter_mut().find(|series| series.labels == stored.labels).expect("it was stored");
            for (t, h) in &stored.histograms {
                let sample = known.samples.iter_mut().find(|sample| sample.t == t.0).expect("it was stored");
                sample.datum = Datum::Histogram(Rc::new(Histogram::from(h.as_ref())));
            }
        }
    }
}
