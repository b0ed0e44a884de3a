//! Changing the layout of buckets without changing what they count: compaction and coarser resolution.

use super::bucket::{Indexed, target_index};
use super::error::Side;
use super::schema::is_custom_schema;
use super::span::buckets_of;
use super::{FloatHistogram, Histogram, HistogramError, Span};

/// What a bucket stores: a float count or a delta of integer counts.
pub(super) trait Stored: Copy + PartialEq + Default {
    /// Whether values are differences to the bucket before.
    const DELTAS: bool;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
}

impl Stored for f64 {
    const DELTAS: bool = false;

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }
}

impl Stored for i64 {
    const DELTAS: bool = true;

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
}

/// Buckets of one sign on their way to a new layout: pushed by index, ascending, as absolute counts.
pub(super) struct Layout<T> {
    pub(super) spans: Vec<Span>,
    pub(super) buckets: Vec<T>,
    end: i32,
    last: T,
}

impl<T: Stored> Layout<T> {
    pub(super) fn new(spans: Vec<Span>, mut buckets: Vec<T>) -> Self {
        let mut spans = spans;
        spans.clear();
        buckets.clear();
        Self { spans, buckets, end: 0, last: T::default() }
    }

    /// Adds the bucket `index` with an absolute count.
    pub(super) fn push(&mut self, index: i32, count: T) {
        let gap = index.wrapping_sub(self.end);
        match self.spans.last_mut() {
            Some(span) if gap == 0 => span.length += 1,
            _ => self.spans.push(Span { offset: gap, length: 1 }),
        }
        self.buckets.push(if T::DELTAS { count.minus(self.last) } else { count });
        self.last = count;
        self.end = index.wrapping_add(1);
    }
}

/// Returns the absolute counts of stored buckets by index.
fn counts<'a, T: Stored>(spans: &'a [Span], buckets: &'a [T]) -> impl Iterator<Item = (i32, T)> + 'a {
    let mut count = T::default();
    Indexed::new(spans, buckets).map(move |(index, stored)| {
        count = if T::DELTAS { count.plus(stored) } else { stored };
        (index, count)
    })
}

/// Removes empty buckets from the ends of spans and runs of more than `max_empty` from their middles, and bridges gaps of
/// at most `max_empty` with empty buckets. A bucket is empty when `also` holds nothing for it either.
pub(super) fn compact<T: Stored>(
    spans: &mut Vec<Span>,
    buckets: &mut Vec<T>,
    max_empty: usize,
    also: Option<&mut Vec<f64>>,
) {
    let zero = T::default();
    let nothing_empty = || counts(spans, buckets).all(|(_, count)| count != zero);
    let spans_fine =
        || spans.iter().all(|s| s.length > 0 && i64::from(s.offset) > max_empty.min(i64::MAX as usize) as i64);
    if nothing_empty() && spans_fine() && buckets.len() == buckets_of(spans) {
        return;
    }
    let old: Vec<(i32, T)> = counts(spans, buckets).collect();
    let old_also = also.as_deref().cloned();
    let beside = |i: usize| old_also.as_ref().and_then(|v| v.get(i)).copied().unwrap_or(0.0);
    let mut layout = Layout::new(std::mem::take(spans), std::mem::take(buckets));
    let mut new_also = Vec::new();
    let mut end: Option<i32> = None;
    for (i, &(index, count)) in old.iter().enumerate() {
        if count == zero && beside(i) == 0.0 {
            continue;
        }
        if let Some(end) = end
            && index.wrapping_sub(end) as i64 as usize <= max_empty
        {
            for between in end..index {
                layout.push(between, zero);
                new_also.push(0.0);
            }
        }
        layout.push(index, count);
        new_also.push(beside(i));
        end = Some(index.wrapping_add(1));
    }
    *spans = layout.spans;
    *buckets = layout.buckets;
    if let Some(also) = also {
        *also = new_also;
    }
}

/// Merges buckets into those of a coarser schema.
pub(super) fn reduce<T: Stored>(
    spans: &mut Vec<Span>,
    buckets: &mut Vec<T>,
    from: i32,
    to: i32,
    side: Side,
) -> Result<(), HistogramError> {
    check_reducible(spans, buckets.len(), side)?;
    let shift = from.saturating_sub(to).clamp(0, 31) as u32;
    let mut layout = Layout::new(Vec::with_capacity(spans.len()), Vec::with_capacity(buckets.len() / 2 + 1));
    let mut open: Option<(i32, T)> = None;
    for (index, count) in counts(spans, buckets) {
        let index = target_index(index, shift);
        match &mut open {
            Some((at, sum)) if *at == index => *sum = sum.plus(count),
            _ => {
                if let Some((at, sum)) = open.replace((index, count)) {
                    layout.push(at, sum);
                }
            }
        }
    }
    if let Some((at, sum)) = open {
        layout.push(at, sum);
    }
    *spans = layout.spans;
    *buckets = layout.buckets;
    Ok(())
}

fn check_reducible(spans: &[Span], have: usize, side: Side) -> Result<(), HistogramError> {
    for (i, span) in spans.iter().enumerate().skip(1) {
        if span.offset < 0 {
            return Err(HistogramError::SpanNegativeOffset { side, number: i + 1, offset: span.offset });
        }
    }
    match buckets_of(spans) {
        need if need > have => Err(HistogramError::TooFewBuckets { have }),
        need if need < have => Err(HistogramError::SpansBucketsMismatch { side, need, have }),
        _ => Ok(()),
    }
}

fn check_schemas(from: i32, to: i32) -> Result<(), HistogramError> {
    if is_custom_schema(from) {
        return Err(HistogramError::CannotReduceCustom);
    }
    if is_custom_schema(to) {
        return Err(HistogramError::CannotReduceToCustom);
    }
    if to >= from {
        return Err(HistogramError::CannotReduce { from, to });
    }
    Ok(())
}

impl Histogram {
    /// Removes empty buckets and bridges gaps as [`FloatHistogram::compact`] does.
    pub fn compact(&mut self, max_empty: usize) {
        compact(&mut self.positive_spans, &mut self.positive_buckets, max_empty, None);
        compact(&mut self.negative_spans, &mut self.negative_buckets, max_empty, None);
    }

    /// Merges buckets into those of a coarser exponential schema. Errors: `schema` is not coarser, either is custom, or
    /// spans and buckets do not fit; the histogram is then of no use.
    pub fn reduce_resolution(&mut self, schema: i32) -> Result<(), HistogramError> {
        check_schemas(self.schema, schema)?;
        reduce(&mut self.positive_spans, &mut self.positive_buckets, self.schema, schema, Side::None)?;
        reduce(&mut self.negative_spans, &mut self.negative_buckets, self.schema, schema, Side::None)?;
        self.schema = schema;
        Ok(())
    }
}

impl FloatHistogram {
    /// Removes empty buckets at the ends of spans and runs of more than `max_empty` empty ones, and bridges gaps of at most
    /// `max_empty` buckets with empty ones.
    pub fn compact(&mut self, max_empty: usize) {
        compact(&mut self.positive_spans, &mut self.positive_buckets, max_empty, None);
        compact(&mut self.negative_spans, &mut self.negative_buckets, max_empty, None);
    }

    /// Merges buckets into those of a coarser exponential schema. Errors: `schema` is not coarser, either is custom, or
    /// spans and buckets do not fit; the histogram is then of no use.
    pub fn reduce_resolution(&mut self, schema: i32) -> Result<(), HistogramError> {
        check_schemas(self.schema, schema)?;
        reduce(&mut self.positive_spans, &mut self.positive_buckets, self.schema, schema, Side::None)?;
        reduce(&mut self.negative_spans, &mut self.negative_buckets, self.schema, schema, Side::None)?;
        self.schema = schema;
        Ok(())
    }
}
