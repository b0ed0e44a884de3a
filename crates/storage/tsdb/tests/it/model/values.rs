//! Samples of every kind: how they are made by dice, and how they are read back.

use firesteel_base::TimestampMs;
use firesteel_model::{CounterReset, FloatHistogram, Histogram, SeriesRef, Span, is_stale_nan, stale_nan};
use firesteel_storage::chunkenc::{SampleKind, SampleReader};
use firesteel_storage::{ChunkView, HistogramSample, HistogramValue};

use crate::dice::Dice;

/// A sample's value in the form in which two of them are compared: layouts without empty buckets, no hints of resets.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Float(u64),
    Int(Box<Histogram>),
    FloatHistogram(Box<FloatHistogram>),
    /// The end of a series, of whichever kind.
    Stale,
}

/// A value as it is appended.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Float(f64),
    Histogram(HistogramValue),
}

impl Given {
    pub(super) fn stale() -> Self {
        Self::Float(stale_nan())
    }

    pub(super) fn is_float(&self) -> bool {
        matches!(self, Self::Float(_))
    }

    pub(super) fn is_stale(&self) -> bool {
        self.value() == Value::Stale
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Float(v) if is_stale_nan(*v) => Value::Stale,
            Self::Float(v) => Value::Float(v.to_bits()),
            Self::Histogram(HistogramValue::Int(h)) => int_value((**h).clone()),
            Self::Histogram(HistogramValue::Float(h)) => float_value((**h).clone()),
        }
    }

    pub(super) fn sample(&self, series: SeriesRef, t: i64) -> Option<HistogramSample> {
        match self {
            Self::Float(_) => None,
            Self::Histogram(value) => {
                Some(HistogramSample { series, t: TimestampMs(t), start_t: TimestampMs(0), value: value.clone() })
            }
        }
    }
}

fn hint(of: CounterReset) -> CounterReset {
    if of == CounterReset::Gauge { of } else { CounterReset::Unknown }
}

fn int_value(mut h: Histogram) -> Value {
    if h.is_stale() {
        return Value::Stale;
    }
    h.counter_reset = hint(h.counter_reset);
    h.compact(0);
    Value::Int(Box::new(h))
}

fn float_value(mut h: FloatHistogram) -> Value {
    if h.is_stale() {
        return Value::Stale;
    }
    h.counter_reset = hint(h.counter_reset);
    h.compact(0);
    Value::FloatHistogram(Box::new(h))
}

/// Returns a histogram of `buckets` buckets each side that grows with `n`.
fn grown(n: u64, buckets: usize, negative: bool) -> Histogram {
    let mut deltas = vec![0i64; buckets];
    if let Some(first) = deltas.first_mut() {
        *first = n as i64 + 1;
    }
    let sides = 1 + u64::from(negative);
    let spans = vec![Span { offset: n as i32 % 3, length: buckets as u32 }];
    let zero_count = n / 2;
    Histogram {
        schema: 2,
        zero_threshold: 0.001,
        zero_count,
        count: (n + 1) * buckets as u64 * sides + zero_count,
        sum: n as f64 * 0.75,
        negative_spans: if negative { spans.clone() } else { Vec::new() },
        negative_buckets: if negative { deltas.clone() } else { Vec::new() },
        positive_spans: spans,
        positive_buckets: deltas,
        ..Histogram::default()
    }
}

fn custom(n: u64) -> Histogram {
    Histogram {
        schema: -53,
        zero_threshold: 0.0,
        zero_count: 0,
        count: (n + 1) * 2,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        custom_values: vec![0.5, 1.0 + (n / 50) as f64],
        ..grown(n, 2, false)
    }
}

/// What a series is mostly made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Int,
    Float,
    CustomInt,
    CustomFloat,
    GaugeInt,
    GaugeFloat,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Counter,
        Self::Gauge,
        Self::Int,
        Self::Float,
        Self::CustomInt,
        Self::CustomFloat,
        Self::GaugeInt,
        Self::GaugeFloat,
    ];

    /// Returns a value; `n` grows with time, and falls back now and then.
    pub(super) fn roll(self, n: u64, dice: &mut Dice) -> Given {
        let int = |h: Histogram| Given::Histogram(HistogramValue::Int(Box::new(h)));
        let float = |h: FloatHistogram| Given::Histogram(HistogramValue::Float(Box::new(h)));
        let gauge = CounterReset::Gauge;
        let n = if dice.below(20) == 0 { n / 3 } else { n };
        let buckets = 1 + (n / 7 % 5) as usize;
        match self {
            Self::Counter => Given::Float(n as f64),
            Self::Gauge => match dice.below(30) {
                0 => Given::Float(f64::INFINITY),
                1 => Given::Float(-0.0),
                2 => Given::Float(f64::NAN),
                _ => Given::Float(dice.below(1000) as f64 / 8.0 - 50.0),
            },
            Self::Int => int(grown(n, buckets, false)),
            Self::Float => float(grown(n, buckets, true).to_float()),
            Self::CustomInt => int(custom(n)),
            Self::CustomFloat => float(custom(n).to_float()),
            Self::GaugeInt => int(Histogram { counter_reset: gauge, ..grown(dice.below(90), buckets, true) }),
            Self::GaugeFloat => {
                float(FloatHistogram { counter_reset: gauge, ..grown(dice.below(90), buckets, false).to_float() })
            }
        }
    }
}

/// Adds the samples of a chunk, which must be in order and within what the chunk says of itself.
pub(super) fn decode(chunk: &ChunkView, out: &mut Vec<(i64, Value)>) {
    let mut reader = SampleReader::of(chunk).expect("has a header");
    let (mut n, mut last) = (0, None);
    while let Some((times, kind)) = reader.advance().expect("decodes") {
        n += 1;
        let value = match kind {
            SampleKind::Float(v) => Given::Float(v).value(),
            SampleKind::Histogram => {
                let mut h = Histogram::default();
                reader.histogram(&mut h).expect("decodes");
                int_value(h)
            }
            SampleKind::FloatHistogram => {
                let mut h = FloatHistogram::default();
                reader.float_histogram(&mut h).expect("decodes");
                float_value(h)
            }
        };
        assert!(last < Some(times.t), "in order within a chunk: {last:?} {:?}", times.t);
        assert!(
            chunk.min <= times.t && times.t <= chunk.max,
            "{:?} outside of {:?}..{:?}",
            times.t,
            chunk.min,
            chunk.max
        );
        last = Some(times.t);
        out.push((times.t.0, value));
    }
    assert_eq!(n, chunk.samples);
}
