//! Buckets with their bounds, and the ways to walk them.

use std::fmt;
use std::slice;

use firesteel_go_compat::math::log2;

use super::bound::bound;
use super::schema::is_custom_schema;
use super::{FloatHistogram, Histogram, Span};

/// A bucket with its bounds; counts are absolute.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bucket<C = f64> {
    pub lower: f64,
    pub upper: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
    pub count: C,
    /// Number of the bucket within its schema and sign; 0 for the zero bucket.
    pub index: i32,
}

impl<C: Copy> Bucket<C> {
    pub(super) fn of(index: i32, count: C, schema: i32, positive: bool, custom: &[f64]) -> Self {
        let (outer, inner) = (bound(index, schema, custom), bound(index.wrapping_sub(1), schema, custom));
        let (lower, upper) = if positive { (inner, outer) } else { (-outer, -inner) };
        let (lower_inclusive, upper_inclusive) =
            if is_custom_schema(schema) { (index == 0, true) } else { (lower < 0.0, upper > 0.0) };
        Self { lower, upper, lower_inclusive, upper_inclusive, count, index }
    }

    fn zero(threshold: f64, count: C) -> Self {
        Self { lower: -threshold, upper: threshold, lower_inclusive: true, upper_inclusive: true, count, index: 0 }
    }
}

impl Bucket {
    /// Returns which fraction of the bucket's observations lies at or below `v`, which is strictly inside finite bounds:
    /// spread evenly when `linear` (custom and zero buckets), else evenly on a logarithmic scale.
    pub fn fraction_below(&self, v: f64, linear: bool) -> f64 {
        if linear {
            return (v - self.lower) / (self.upper - self.lower);
        }
        let (lower, upper, at) = (log2(self.lower.abs()), log2(self.upper.abs()), log2(v.abs()));
        if v > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
    }
}

impl<C: fmt::Display> fmt::Display for Bucket<C> {
    /// `(0.5,1]:3`, the count as the type prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.lower_inclusive { "[" } else { "(" })?;
        write!(f, "{},{}", super::display::general(self.lower), super::display::general(self.upper))?;
        f.write_str(if self.upper_inclusive { "]" } else { ")" })?;
        write!(f, ":{}", self.count)
    }
}

/// Walks stored buckets as (index, stored value), index ascending; stops where spans or buckets run out.
#[derive(Clone)]
pub(super) struct Indexed<'a, T> {
    spans: slice::Iter<'a, Span>,
    buckets: slice::Iter<'a, T>,
    left: u32,
    next: i32,
}

impl<'a, T> Indexed<'a, T> {
    pub(super) fn new(spans: &'a [Span], buckets: &'a [T]) -> Self {
        Self { spans: spans.iter(), buckets: buckets.iter(), left: 0, next: 0 }
    }
}

impl<T: Copy> Iterator for Indexed<'_, T> {
    type Item = (i32, T);

    #[inline]
    fn next(&mut self) -> Option<(i32, T)> {
        while self.left == 0 {
            let span = self.spans.next()?;
            self.next = self.next.wrapping_add(span.offset);
            self.left = span.length;
        }
        let value = *self.buckets.next()?;
        self.left -= 1;
        let index = self.next;
        self.next = index.wrapping_add(1);
        Some((index, value))
    }
}

/// Walks stored buckets as (index, stored value), index descending.
#[derive(Clone)]
struct IndexedReverse<'a> {
    spans: &'a [Span],
    buckets: slice::Iter<'a, f64>,
    left: u32,
    /// One above the next index.
    end: i32,
    /// What to subtract when the current span is used up.
    gap: i32,
}

impl<'a> IndexedReverse<'a> {
    fn new(spans: &'a [Span], buckets: &'a [f64]) -> Self {
        let end = spans.iter().fold(0i32, |end, s| end.wrapping_add(s.offset).wrapping_add(s.length as i32));
        Self { spans, buckets: buckets.iter(), left: 0, end, gap: 0 }
    }
}

impl Iterator for IndexedReverse<'_> {
    type Item = (i32, f64);

    fn next(&mut self) -> Option<(i32, f64)> {
        while self.left == 0 {
            let (span, before) = self.spans.split_last()?;
            self.spans = before;
            self.end = self.end.wrapping_sub(self.gap);
            self.left = span.length;
            self.gap = span.offset;
        }
        let value = *self.buckets.next_back()?;
        self.left -= 1;
        self.end = self.end.wrapping_sub(1);
        Some((self.end, value))
    }
}

/// Walks buckets as (index, count) in a coarser schema, leaving out those that end at or below `start` (exponential
/// schemas only).
pub(super) struct Merged<'a> {
    inner: Indexed<'a, f64>,
    ahead: Option<(i32, f64)>,
    shift: u32,
    schema: i32,
    start: f64,
    started: bool,
}

impl<'a> Merged<'a> {
    /// `target` must not be finer than `schema`; custom buckets are passed as they are.
    pub(super) fn new(spans: &'a [Span], buckets: &'a [f64], schema: i32, target: i32, start: f64) -> Self {
        let mut inner = Indexed::new(spans, buckets);
        let shift = if is_custom_schema(schema) { 0 } else { schema.saturating_sub(target).clamp(0, 31) as u32 };
        let ahead = inner.next();
        Self { inner, ahead, shift, schema: target, start, started: start == 0.0 || is_custom_schema(schema) }
    }
}

impl Iterator for Merged<'_> {
    type Item = (i32, f64);

    fn next(&mut self) -> Option<(i32, f64)> {
        loop {
            let (first, mut count) = self.ahead?;
            let index = target_index(first, self.shift);
            loop {
                self.ahead = self.inner.next();
                match self.ahead {
                    Some((next, more)) if target_index(next, self.shift) == index => count += more,
                    _ => break,
                }
            }
            if self.started || super::bound::exponential_bound(index, self.schema) > self.start {
                self.started = true;
                return Some((index, count));
            }
        }
    }
}

/// Returns the index of the bucket that holds bucket `index` in a schema coarser by `shift`.
pub(super) fn target_index(index: i32, shift: u32) -> i32 {
    (index.wrapping_sub(1) >> shift).wrapping_add(1)
}

impl Histogram {
    /// Returns the positive buckets, ascending.
    pub fn positive(&self) -> impl Iterator<Item = Bucket<u64>> {
        absolute(&self.positive_spans, &self.positive_buckets)
            .map(|(index, count)| Bucket::of(index, count, self.schema, true, &self.custom_values))
    }

    /// Returns the negative buckets, from the zero bucket down.
    pub fn negative(&self) -> impl Iterator<Item = Bucket<u64>> {
        absolute(&self.negative_spans, &self.negative_buckets)
            .map(|(index, count)| Bucket::of(index, count, self.schema, false, &[]))
    }

    /// Returns the zero bucket.
    pub fn zero_bucket(&self) -> Bucket<u64> {
        Bucket::zero(self.zero_threshold, self.zero_count)
    }
}

fn absolute<'a>(spans: &'a [Span], deltas: &'a [i64]) -> impl Iterator<Item = (i32, u64)> + 'a {
    Indexed::new(spans, deltas).scan(0i64, |count, (index, delta)| {
        *count = count.wrapping_add(delta);
        Some((index, *count as u64))
    })
}

impl FloatHistogram {
    /// Returns the positive buckets, ascending.
    pub fn positive(&self) -> impl Iterator<Item = Bucket> {
        Indexed::new(&self.positive_spans, &self.positive_buckets)
            .map(|(index, count)| Bucket::of(index, count, self.schema, true, &self.custom_values))
    }

    /// Returns the negative buckets, from the zero bucket down.
    pub fn negative(&self) -> impl Iterator<Item = Bucket> {
        Indexed::new(&self.negative_spans, &self.negative_buckets)
            .map(|(index, count)| Bucket::of(index, count, self.schema, false, &[]))
    }

    /// Returns the positive buckets, descending.
    pub fn positive_reverse(&self) -> impl Iterator<Item = Bucket> {
        IndexedReverse::new(&self.positive_spans, &self.positive_buckets)
            .map(|(index, count)| Bucket::of(index, count, self.schema, true, &self.custom_values))
    }

    /// Returns the negative buckets, from the lowest up.
    pub fn negative_reverse(&self) -> impl Iterator<Item = Bucket> {
        IndexedReverse::new(&self.negative_spans, &self.negative_buckets)
            .map(|(index, count)| Bucket::of(index, count, self.schema, false, &[]))
    }

    /// Returns the zero bucket.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket::zero(self.zero_threshold, self.zero_count)
    }

    /// Returns all buckets, ascending; the zero bucket only when it has observations. Buckets that reach into the zero
    /// bucket are cut at its threshold.
    pub fn all(&self) -> impl Iterator<Item = Bucket> {
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        self.negative_reverse().map(|b| self.cut(b)).chain(zero).chain(self.positive().map(|b| self.cut(b)))
    }

    /// Returns all buckets as [`Self::all`] does, descending.
    pub fn all_reverse(&self) -> impl Iterator<Item = Bucket> {
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        self.positive_reverse().map(|b| self.cut(b)).chain(zero).chain(self.negative().map(|b| self.cut(b)))
    }

    fn cut(&self, mut bucket: Bucket) -> Bucket {
        let threshold = self.zero_threshold;
        if bucket.upper < 0.0 && bucket.upper > -threshold {
            bucket.upper = -threshold;
        } else if bucket.lower > 0.0 && bucket.lower < threshold {
            bucket.lower = threshold;
        }
        bucket
    }
}
