//! What integer and float histograms differ in: their counts, and how those are coded.

use std::fmt::Debug;

use firesteel_model::{CounterReset, FloatHistogram, Histogram, Span, is_stale_nan};

use super::ChunkError;
use super::bit_buffer::BitBuffer;
use super::bit_reader::BitReader;
use super::histogram_layout::Layout;
use super::xor_value::XorValue;
use crate::Encoding;

/// A histogram as the coders see it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, K: Kind> {
    pub(super) hint: CounterReset,
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) zero_count: K::Count,
    pub(super) count: K::Count,
    pub(super) sum: f64,
    pub(super) spans: [&'a [Span]; 2],
    pub(super) buckets: [&'a [K::Bucket]; 2],
    pub(super) bounds: &'a [f64],
}

impl<K: Kind> View<'_, K> {
    pub(super) fn is_stale(&self) -> bool {
        is_stale_nan(self.sum)
    }

    /// Returns a staleness marker: nothing but the sum.
    pub(super) fn stale(sum: f64) -> Self {
        Self {
            hint: CounterReset::Unknown,
            schema: 0,
            zero_threshold: 0.0,
            zero_count: K::Count::default(),
            count: K::Count::default(),
            sum,
            spans: [&[], &[]],
            buckets: [&[], &[]],
            bounds: &[],
        }
    }
}

/// One of the two kinds of histograms. Sealed: its methods speak of types of this module.
pub trait Kind: Copy + Clone + Debug + Default + 'static {
    type Histogram: Clone + Debug + Default;
    /// What buckets hold: deltas, or absolute counts.
    type Bucket: Copy + Debug + Default + PartialOrd;
    type Count: Copy + Debug + Default + PartialOrd;
    /// What coding remembers from sample to sample.
    type Values: Clone + Debug + Default;
    /// Upstream's counter reset header of a chunk that starts because buckets, bounds or the like changed, or the sample
    /// before was stale (`Unknown`), or because the chunk before is one of gauges.
    const CUT_FROM_GAUGE: Header;
    /// The same when a chunk's first sample is compared with the chunk before.
    const LIKE_BEFORE: fn(Header) -> Header;

    /// Returns the chunk encoding, with start timestamps or without.
    fn encoding(with_starts: bool) -> Encoding;
    fn view(h: &Self::Histogram) -> View<'_, Self>;
    /// Turns buckets into absolute counts and back.
    fn absolute(buckets: &[Self::Bucket], out: &mut Vec<Self::Bucket>);
    fn stored(counts: &mut [Self::Bucket]);

    fn last(values: &Self::Values) -> View<'_, Self>;
    fn last_buckets(values: &Self::Values, side: usize, out: &mut Vec<Self::Bucket>);
    fn put_first(values: &mut Self::Values, out: &mut BitBuffer, h: &View<'_, Self>);
    fn put_next(values: &mut Self::Values, out: &mut BitBuffer, h: &View<'_, Self>);
    fn take_first(values: &mut Self::Values, from: &mut BitReader<'_>, layout: &Layout) -> Result<(), ChunkError>;
    fn take_next(values: &mut Self::Values, from: &mut BitReader<'_>) -> Result<(), ChunkError>;
    fn resumed(values: &mut Self::Values);
}

/// What a chunk says of counter resets before its first sample, in the two top bits of a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Header {
    #[default]
    Unknown = 0b0000_0000,
    NotReset = 0b0100_0000,
    Reset = 0b1000_0000,
    Gauge = 0b1100_0000,
}

impl Header {
    /// Bits of the byte that are the header's.
    pub(super) const MASK: u8 = 0b1100_0000;

    pub(super) fn of(byte: u8) -> Self {
        match byte >> 6 {
            0 => Self::Unknown,
            1 => Self::NotReset,
            2 => Self::Reset,
            _ => Self::Gauge,
        }
    }

    /// Returns the hint of the sample with that number, from 0. The chunk before may be gone or new, so that nothing is said
    /// of a first sample unless it is a gauge's.
    pub(super) fn hint(self, sample: u32) -> CounterReset {
        match self {
            Self::Gauge => CounterReset::Gauge,
            _ if sample > 0 => CounterReset::NotReset,
            _ => CounterReset::Unknown,
        }
    }
}

fn buckets_of(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.length as usize).sum()
}

/// Histograms of integer counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Int;

/// Counts and buckets as deltas of deltas, the sum as XOR.
#[derive(Clone, Debug, Default)]
pub struct IntValues {
    pub(super) count: u64,
    pub(super) zero_count: u64,
    count_delta: i64,
    zero_count_delta: i64,
    pub(super) sum: XorValue,
    pub(super) buckets: [Vec<i64>; 2],
    deltas: [Vec<i64>; 2],
}

impl Kind for Int {
    type Histogram = Histogram;
    type Bucket = i64;
    type Count = u64;
    type Values = IntValues;
    const CUT_FROM_GAUGE: Header = Header::NotReset;
    const LIKE_BEFORE: fn(Header) -> Header = |header| header;

    fn encoding(with_starts: bool) -> Encoding {
        if with_starts { Encoding::HistogramSt } else { Encoding::Histogram }
    }

    fn view(h: &Histogram) -> View<'_, Self> {
        View {
            hint: h.counter_reset,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            zero_count: h.zero_count,
            count: h.count,
            sum: h.sum,
            spans: [&h.positive_spans, &h.negative_spans],
            buckets: [&h.positive_buckets, &h.negative_buckets],
            bounds: &h.custom_values,
        }
    }

    fn absolute(buckets: &[i64], out: &mut Vec<i64>) {
        let mut count = 0i64;
        out.clear();
        out.extend(buckets.iter().map(|delta| {
            count = count.wrapping_add(*delta);
            count
        }));
    }

    fn stored(counts: &mut [i64]) {
        let mut before = 0;
        for count in counts {
            (before, *count) = (*count, count.wrapping_sub(before));
        }
    }

    fn last(values: &IntValues) -> View<'_, Self> {
        View {
            zero_count: values.zero_count,
            count: values.count,
            buckets: [&values.buckets[0], &values.buckets[1]],
            ..View::stale(values.sum.value())
        }
    }

    fn last_buckets(values: &IntValues, side: usize, out: &mut Vec<i64>) {
        Self::absolute(&values.buckets[side], out);
    }

    fn put_first(values: &mut IntValues, out: &mut BitBuffer, h: &View<'_, Self>) {
        *values = IntValues {
            count: h.count,
            zero_count: h.zero_count,
            sum: XorValue::new(h.sum),
            buckets: h.buckets.map(<[i64]>::to_vec),
            deltas: h.buckets.map(|b| vec![0; b.len()]),
            ..IntValues::default()
        };
        out.put_varbit_unsigned(h.count);
        out.put_varbit_unsigned(h.zero_count);
        out.put_float(h.sum);
        for &v in h.buckets.iter().copied().flatten() {
            out.put_varbit(v);
        }
    }

    fn put_next(values: &mut IntValues, out: &mut BitBuffer, h: &View<'_, Self>) {
        let mut counter = |last: &mut u64, delta: &mut i64, now: u64| {
            let step = now.wrapping_sub(*last) as i64;
            // A marker's counts are nothing, and written as no change.
            out.put_varbit(if is_stale_nan(h.sum) { 0 } else { step.wrapping_sub(*delta) });
            (*last, *delta) = (now, step);
        };
        counter(&mut values.count, &mut values.count_delta, h.count);
        counter(&mut values.zero_count, &mut values.zero_count_delta, h.zero_count);
        values.sum.put(out, h.sum);
        for side in 0..2 {
            let state = values.buckets[side].iter_mut().zip(&mut values.deltas[side]);
            for (&now, (last, delta)) in h.buckets[side].iter().zip(state) {
                let step = now.wrapping_sub(*last);
                out.put_varbit(step.wrapping_sub(*delta));
                (*last, *delta) = (now, step);
            }
        }
    }

    fn take_first(values: &mut IntValues, from: &mut BitReader<'_>, layout: &Layout) -> Result<(), ChunkError> {
        values.count = from.varbit_unsigned()?;
        values.zero_count = from.varbit_unsigned()?;
        (values.count_delta, values.zero_count_delta) = (0, 0);
        values.sum = XorValue::new(from.float()?);
        for (side, spans) in [&layout.positive, &layout.negative].into_iter().enumerate() {
            let n = buckets_of(spans);
            let (buckets, deltas) = (&mut values.buckets[side], &mut values.deltas[side]);
            buckets.clear();
            deltas.clear();
            deltas.resize(n, 0);
            for _ in 0..n {
                buckets.push(from.varbit()?);
            }
        }
        Ok(())
    }

    fn take_next(values: &mut IntValues, from: &mut BitReader<'_>) -> Result<(), ChunkError> {
        values.count_delta = values.count_delta.wrapping_add(from.varbit()?);
        values.count = values.count.wrapping_add(values.count_delta as u64);
        values.zero_count_delta = values.zero_count_delta.wrapping_add(from.varbit()?);
        values.zero_count = values.zero_count.wrapping_add(values.zero_count_delta as u64);
        values.sum.take(from)?;
        if is_stale_nan(values.sum.value()) {
            return Ok(());
        }
        for side in 0..2 {
            for (last, delta) in values.buckets[side].iter_mut().zip(&mut values.deltas[side]) {
                *delta = delta.wrapping_add(from.varbit()?);
                *last = last.wrapping_add(*delta);
            }
        }
        Ok(())
    }

    fn resumed(values: &mut IntValues) {
        values.sum.resumed();
    }
}

/// Histograms of float counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Float;

/// All as XOR.
#[derive(Clone, Debug, Default)]
pub struct FloatValues {
    pub(super) count: XorValue,
    pub(super) zero_count: XorValue,
    pub(super) sum: XorValue,
    pub(super) buckets: [Vec<XorValue>; 2],
}

impl Kind for Float {
    type Histogram = FloatHistogram;
    type Bucket = f64;
    type Count = f64;
    type Values = FloatValues;
    // upstream: float histograms only tell resets from all else (chunkenc/float_histogram.go, 3.14).
    const CUT_FROM_GAUGE: Header = Header::Unknown;
    const LIKE_BEFORE: fn(Header) -> Header = |header| match header {
        Header::Reset => Header::Reset,
        _ => Header::NotReset,
    };

    fn encoding(with_starts: bool) -> Encoding {
        if with_starts { Encoding::FloatHistogramSt } else { Encoding::FloatHistogram }
    }

    fn view(h: &FloatHistogram) -> View<'_, Self> {
        View {
            hint: h.counter_reset,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            zero_count: h.zero_count,
            count: h.count,
            sum: h.sum,
            spans: [&h.positive_spans, &h.negative_spans],
            buckets: [&h.positive_buckets, &h.negative_buckets],
            bounds: &h.custom_values,
        }
    }

    fn absolute(buckets: &[f64], out: &mut Vec<f64>) {
        out.clear();
        out.extend_from_slice(buckets);
    }

    fn stored(_: &mut [f64]) {}

    fn last(values: &FloatValues) -> View<'_, Self> {
        View { zero_count: values.zero_count.value(), count: values.count.value(), ..View::stale(values.sum.value()) }
    }

    fn last_buckets(values: &FloatValues, side: usize, out: &mut Vec<f64>) {
        out.clear();
        out.extend(values.buckets[side].iter().map(|v| v.value()));
    }

    fn put_first(values: &mut FloatValues, out: &mut BitBuffer, h: &View<'_, Self>) {
        *values = FloatValues {
            count: XorValue::new(h.count),
            zero_count: XorValue::new(h.zero_count),
            sum: XorValue::new(h.sum),
            buckets: h.buckets.map(|b| b.iter().map(|&v| XorValue::new(v)).collect()),
        };
        for &v in [&h.count, &h.zero_count, &h.sum].into_iter().chain(h.buckets.iter().copied().flatten()) {
            out.put_float(v);
        }
    }

    fn put_next(values: &mut FloatValues, out: &mut BitBuffer, h: &View<'_, Self>) {
        values.count.put(out, h.count);
        values.zero_count.put(out, h.zero_count);
        values.sum.put(out, h.sum);
        for (buckets, state) in h.buckets.iter().zip(&mut values.buckets) {
            for (&v, state) in buckets.iter().zip(state) {
                state.put(out, v);
            }
        }
    }

    fn take_first(values: &mut FloatValues, from: &mut BitReader<'_>, layout: &Layout) -> Result<(), ChunkError> {
        values.count = XorValue::new(from.float()?);
        values.zero_count = XorValue::new(from.float()?);
        values.sum = XorValue::new(from.float()?);
        for (buckets, spans) in values.buckets.iter_mut().zip([&layout.positive, &layout.negative]) {
            buckets.clear();
            for _ in 0..buckets_of(spans) {
                buckets.push(XorValue::new(from.float()?));
            }
        }
        Ok(())
    }

    fn take_next(values: &mut FloatValues, from: &mut BitReader<'_>) -> Result<(), ChunkError> {
        values.count.take(from)?;
        values.zero_count.take(from)?;
        values.sum.take(from)?;
        if is_stale_nan(values.sum.value()) {
            return Ok(());
        }
        for value in values.buckets.iter_mut().flatten() {
            value.take(from)?;
        }
        Ok(())
    }

    fn resumed(values: &mut FloatValues) {
        let head = [&mut values.count, &mut values.zero_count, &mut values.sum];
        head.into_iter().chain(values.buckets.iter_mut().flatten()).for_each(XorValue::resumed);
    }
}
