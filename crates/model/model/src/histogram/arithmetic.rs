//! Adding, subtracting and scaling float histograms, in upstream's order of operations (`float_histogram.go`, 3.14).

use std::borrow::Cow;

use firesteel_base::kahan::inc;

use super::bound::exponential_bound;
use super::bucket::Indexed;
use super::error::Side;
use super::layout::{Layout, compact, reduce};
use super::schema::is_exponential_schema;
use super::{CounterReset, FloatHistogram, HistogramError, Span};

/// What an addition or subtraction has to say about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Added {
    /// One histogram said that its counter was reset, the other that it was not.
    pub reset_collision: bool,
    /// Custom bounds differed; the result has those that both had.
    pub bounds_reconciled: bool,
}

impl FloatHistogram {
    /// Multiplies all counts and the sum. A negative factor makes a gauge histogram.
    pub fn mul(&mut self, factor: f64) {
        self.each(|v| *v *= factor);
        if factor < 0.0 {
            self.counter_reset = CounterReset::Gauge;
        }
    }

    /// Divides all counts and the sum. Division by zero removes all buckets; a negative divisor makes a gauge histogram.
    pub fn div(&mut self, divisor: f64) {
        if divisor == 0.0 {
            for spans in [&mut self.positive_spans, &mut self.negative_spans] {
                spans.clear();
            }
            for buckets in [&mut self.positive_buckets, &mut self.negative_buckets] {
                buckets.clear();
            }
        }
        self.each(|v| *v /= divisor);
        if divisor < 0.0 {
            self.counter_reset = CounterReset::Gauge;
        }
    }

    fn each(&mut self, f: impl Fn(&mut f64)) {
        f(&mut self.zero_count);
        f(&mut self.count);
        f(&mut self.sum);
        self.positive_buckets.iter_mut().for_each(&f);
        self.negative_buckets.iter_mut().for_each(&f);
    }

    /// Adds `other`, reconciling schema, zero threshold and custom bounds. The result may want [`Self::compact`].
    /// Error: exponential and custom buckets do not mix; `self` is then unchanged.
    pub fn add(&mut self, other: &Self) -> Result<Added, HistogramError> {
        self.combine(other, false)
    }

    /// Subtracts `other`, as [`Self::add`] adds. Hints are combined as there: PromQL's `-` marks its result as a gauge itself.
    pub fn sub(&mut self, other: &Self) -> Result<Added, HistogramError> {
        self.combine(other, true)
    }

    fn combine(&mut self, other: &Self, negative: bool) -> Result<Added, HistogramError> {
        let mut added = self.begin(other)?;
        let sign = |v: f64| if negative { -v } else { v };
        if self.uses_custom_buckets() {
            self.count += sign(other.count);
            self.sum += sign(other.sum);
            if self.custom_values == other.custom_values {
                self.add_side(true, negative, &other.positive_spans, &other.positive_buckets);
            } else {
                added.bounds_reconciled = true;
                add_mismatched(self, other, negative, None);
            }
            return Ok(added);
        }
        let (zero_count, _) = self.reconcile_zero_buckets(other, None);
        self.zero_count += sign(zero_count);
        self.count += sign(other.count);
        self.sum += sign(other.sum);
        let (mut positive, mut negatives) = (Buckets::of(other, true), Buckets::of(other, false));
        if other.schema < self.schema {
            self.reduce_resolution(other.schema)?;
        } else if other.schema > self.schema {
            positive.reduce(other.schema, self.schema)?;
            negatives.reduce(other.schema, self.schema)?;
        }
        self.add_side(true, negative, &positive.spans, &positive.counts);
        self.add_side(false, negative, &negatives.spans, &negatives.counts);
        Ok(added)
    }

    /// Adds `other` with compensation for what rounding loses, which gathers in `c` (made here when there is none; the same
    /// buckets as `self`). Error: exponential and custom buckets do not mix; `self` is then unchanged and `c` gone.
    pub fn kahan_add(&mut self, other: &Self, c: &mut Option<Box<Self>>) -> Result<Added, HistogramError> {
        let mut added = match self.begin(other) {
            Ok(added) => added,
            Err(why) => {
                *c = None;
                return Err(why);
            }
        };
        let c = c.get_or_insert_with(|| Box::new(self.compensation()));
        if !self.uses_custom_buckets() {
            let (zero_count, zero_c) = self.reconcile_zero_buckets(other, Some(c));
            (self.zero_count, c.zero_count) = inc(zero_count, self.zero_count, c.zero_count);
            (self.zero_count, c.zero_count) = inc(zero_c, self.zero_count, c.zero_count);
        }
        (self.count, c.count) = inc(other.count, self.count, c.count);
        (self.sum, c.sum) = inc(other.sum, self.sum, c.sum);
        if self.uses_custom_buckets() {
            if self.custom_values == other.custom_values {
                self.kahan_add_side(true, &Buckets::of(other, true), c);
            } else {
                added.bounds_reconciled = true;
                add_mismatched(self, other, false, Some(c));
                c.custom_values.clone_from(&self.custom_values);
            }
            c.positive_spans.clone_from(&self.positive_spans);
            return Ok(added);
        }
        let (mut positive, mut negative) = (Buckets::of(other, true), Buckets::of(other, false));
        if other.schema < self.schema {
            let (from, to) = (self.schema, other.schema);
            kahan_reduce(&mut self.positive_spans, &mut self.positive_buckets, &mut c.positive_buckets, from, to);
            kahan_reduce(&mut self.negative_spans, &mut self.negative_buckets, &mut c.negative_buckets, from, to);
            self.schema = to;
        } else if other.schema > self.schema {
            positive.kahan_reduce(other.schema, self.schema);
            negative.kahan_reduce(other.schema, self.schema);
        }
        self.kahan_add_side(true, &positive, c);
        self.kahan_add_side(false, &negative, c);
        c.schema = self.schema;
        c.zero_threshold = self.zero_threshold;
        c.positive_spans.clone_from(&self.positive_spans);
        c.negative_spans.clone_from(&self.negative_spans);
        Ok(added)
    }

    /// Returns a histogram of the same buckets with nothing in them.
    fn compensation(&self) -> Self {
        Self {
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive_buckets: vec![0.0; self.positive_buckets.len()],
            negative_buckets: vec![0.0; self.negative_buckets.len()],
            counter_reset: self.counter_reset,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            custom_values: self.custom_values.clone(),
        }
    }

    fn begin(&mut self, other: &Self) -> Result<Added, HistogramError> {
        if self.uses_custom_buckets() != other.uses_custom_buckets() {
            return Err(HistogramError::IncompatibleSchema);
        }
        Ok(Added { reset_collision: self.adjust_counter_reset(other.counter_reset), bounds_reconciled: false })
    }

    /// Combines hints and returns whether they contradict each other.
    fn adjust_counter_reset(&mut self, other: CounterReset) -> bool {
        use CounterReset::{Gauge, Unknown};
        let (mine, collision) = match (self.counter_reset, other) {
            (mine, theirs) if mine == theirs => (mine, false),
            (Gauge, _) | (_, Gauge) => (Gauge, false),
            (Unknown, _) | (_, Unknown) => (Unknown, false),
            _ => (Unknown, true),
        };
        self.counter_reset = mine;
        collision
    }

    fn side(&mut self, positive: bool) -> (&mut Vec<Span>, &mut Vec<f64>) {
        if positive {
            (&mut self.positive_spans, &mut self.positive_buckets)
        } else {
            (&mut self.negative_spans, &mut self.negative_buckets)
        }
    }

    fn add_side(&mut self, positive: bool, negative: bool, their_spans: &[Span], theirs: &[f64]) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        let (spans, counts) = self.side(positive);
        let below = skipped(schema, threshold);
        if spans == their_spans && counts.len() == theirs.len() && !below(first_index(their_spans)) {
            for (count, v) in counts.iter_mut().zip(theirs) {
                *count += if negative { -v } else { *v };
            }
            return;
        }
        let mut layout = Layout::new(Vec::with_capacity(spans.len() + 1), Vec::with_capacity(counts.len() + 4));
        let theirs = Indexed::new(their_spans, theirs).skip_while(|(index, _)| below(*index));
        let theirs = theirs.map(|(index, v)| (index, if negative { -v } else { v }));
        for (index, mine, their) in union(Indexed::new(spans, counts), theirs) {
            match (mine, their) {
                (Some(mine), Some(their)) => layout.push(index, mine + their),
                (Some(v), None) | (None, Some(v)) => layout.push(index, v),
                (None, None) => {}
            }
        }
        (*spans, *counts) = (layout.spans, layout.buckets);
    }

    fn kahan_add_side(&mut self, positive: bool, theirs: &Buckets<'_>, c: &mut Self) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        let (spans, counts) = self.side(positive);
        let (_, lost) = c.side(positive);
        lost.resize(counts.len(), 0.0);
        let below = skipped(schema, threshold);
        let add = |their: f64, their_c: f64, mut sum: (f64, f64)| {
            sum = inc(their, sum.0, sum.1);
            if their_c != 0.0 { inc(their_c, sum.0, sum.1) } else { sum }
        };
        let their_c = |i: usize| theirs.lost.get(i).copied().unwrap_or(0.0);
        if spans[..] == theirs.spans[..] && counts.len() == theirs.counts.len() && !below(first_index(spans)) {
            for (i, ((count, lost), v)) in counts.iter_mut().zip(lost.iter_mut()).zip(&theirs.counts[..]).enumerate() {
                (*count, *lost) = add(*v, their_c(i), (*count, *lost));
            }
            return;
        }
        let mut layout = Layout::new(Vec::with_capacity(spans.len() + 1), Vec::with_capacity(counts.len() + 4));
        let mut new_lost = Vec::with_capacity(counts.len() + 4);
        let mine = Indexed::new(spans, counts).zip(lost.iter().copied()).map(|((index, v), c)| (index, (v, c)));
        let other =
            Indexed::new(&theirs.spans, &theirs.counts).enumerate().map(|(i, (index, v))| (index, (v, their_c(i))));
        for (index, mine, their) in union(mine, other.skip_while(|(index, _)| below(*index))) {
            let (count, lost) = match (mine, their) {
                (Some(mine), Some((v, c))) => add(v, c, mine),
                (Some(both), None) | (None, Some(both)) => both,
                (None, None) => continue,
            };
            layout.push(index, count);
            new_lost.push(lost);
        }
        (*spans, *counts) = (layout.spans, layout.buckets);
        *lost = new_lost;
    }

    /// Widens the zero bucket of `self` until it has room for both zero buckets and ends in no populated bucket of either;
    /// returns what `other`'s zero count would be then, with its compensation.
    fn reconcile_zero_buckets(&mut self, other: &Self, mut c: Option<&mut Box<Self>>) -> (f64, f64) {
        let (mut count, mut threshold, mut lost) = (other.zero_count, other.zero_threshold, 0.0);
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (count, threshold, lost) = other.zero_count_for(self.zero_threshold, None);
            }
            if threshold > self.zero_threshold {
                let (mine, at, my_lost) = self.zero_count_for(threshold, c.as_ref().map(|c| &***c));
                (self.zero_count, self.zero_threshold) = (mine, at);
                if let Some(c) = c.as_deref_mut() {
                    c.zero_count = my_lost;
                }
                self.drop_buckets_in_zero_bucket(c.as_deref_mut());
            }
            if threshold.is_nan() || self.zero_threshold.is_nan() {
                break;
            }
        }
        (count, lost)
    }

    /// Returns the zero count for a zero threshold not below the present one, the threshold (raised to the end of the bucket
    /// it fell into, if that is populated), and the compensation of the count.
    pub(super) fn zero_count_for(&self, larger: f64, c: Option<&Self>) -> (f64, f64, f64) {
        let mut lost = c.map_or(0.0, |c| c.zero_count);
        if larger == self.zero_threshold {
            return (self.zero_count, larger, lost);
        }
        let mut threshold = larger;
        let lost_at = |buckets: Option<&Vec<f64>>, i: usize| buckets.and_then(|b| b.get(i)).copied();
        'widen: loop {
            let mut count = self.zero_count;
            for (i, b) in self.positive().enumerate() {
                if b.lower >= threshold {
                    break;
                }
                (count, lost) = inc(b.count, count, lost);
                if let Some(v) = lost_at(c.map(|c| &c.positive_buckets), i) {
                    (count, lost) = inc(v, count, lost);
                }
                if b.upper > threshold {
                    if b.count != 0.0 {
                        threshold = b.upper;
                    }
                    break;
                }
            }
            for (i, b) in self.negative().enumerate() {
                if b.upper <= -threshold {
                    break;
                }
                (count, lost) = inc(b.count, count, lost);
                if let Some(v) = lost_at(c.map(|c| &c.negative_buckets), i) {
                    (count, lost) = inc(v, count, lost);
                }
                if b.lower < -threshold {
                    if b.count != 0.0 {
                        // What was counted of the positive buckets no longer holds.
                        threshold = -b.lower;
                        continue 'widen;
                    }
                    break;
                }
            }
            return (count, threshold, lost);
        }
    }

    fn drop_buckets_in_zero_bucket(&mut self, c: Option<&mut Box<Self>>) {
        let threshold = self.zero_threshold;
        let positive = self.positive().take_while(|b| b.lower < threshold).count();
        let negative = self.negative().take_while(|b| b.upper > -threshold).count();
        let clear = |buckets: &mut [f64], n: usize| buckets.iter_mut().take(n).for_each(|v| *v = 0.0);
        clear(&mut self.positive_buckets, positive);
        clear(&mut self.negative_buckets, negative);
        match c {
            Some(c) => {
                clear(&mut c.positive_buckets, positive);
                clear(&mut c.negative_buckets, negative);
                compact(&mut self.positive_spans, &mut self.positive_buckets, 0, Some(&mut c.positive_buckets));
                compact(&mut self.negative_spans, &mut self.negative_buckets, 0, Some(&mut c.negative_buckets));
            }
            None => self.compact(0),
        }
    }
}

/// One side of the histogram that is added, reduced where need be, with the compensation of that.
struct Buckets<'a> {
    spans: Cow<'a, [Span]>,
    counts: Cow<'a, [f64]>,
    lost: Vec<f64>,
}

impl<'a> Buckets<'a> {
    fn of(h: &'a FloatHistogram, positive: bool) -> Self {
        let (spans, counts) =
            if positive { (&h.positive_spans, &h.positive_buckets) } else { (&h.negative_spans, &h.negative_buckets) };
        Self { spans: Cow::Borrowed(spans), counts: Cow::Borrowed(counts), lost: Vec::new() }
    }

    fn reduce(&mut self, from: i32, to: i32) -> Result<(), HistogramError> {
        reduce(self.spans.to_mut(), self.counts.to_mut(), from, to, Side::None)
    }

    fn kahan_reduce(&mut self, from: i32, to: i32) {
        self.lost.resize(self.counts.len(), 0.0);
        kahan_reduce(self.spans.to_mut(), self.counts.to_mut(), &mut self.lost, from, to);
    }
}

/// Merges buckets into those of a coarser schema, compensated.
fn kahan_reduce(spans: &mut Vec<Span>, counts: &mut Vec<f64>, lost: &mut Vec<f64>, from: i32, to: i32) {
    let shift = from.saturating_sub(to).clamp(0, 31) as u32;
    let mut layout = Layout::new(Vec::with_capacity(spans.len()), Vec::with_capacity(counts.len()));
    let mut new_lost = Vec::with_capacity(counts.len());
    let mut open: Option<(i32, f64, f64)> = None;
    lost.resize(counts.len(), 0.0);
    for ((index, count), c) in Indexed::new(spans, counts).zip(lost.iter().copied()) {
        let index = super::bucket::target_index(index, shift);
        match &mut open {
            Some((at, sum, comp)) if *at == index => {
                (*sum, *comp) = inc(count, *sum, *comp);
                (*sum, *comp) = inc(c, *sum, *comp);
            }
            _ => {
                if let Some((at, sum, comp)) = open.replace((index, count, c)) {
                    layout.push(at, sum);
                    new_lost.push(comp);
                }
            }
        }
    }
    if let Some((at, sum, comp)) = open {
        layout.push(at, sum);
        new_lost.push(comp);
    }
    (*spans, *counts) = (layout.spans, layout.buckets);
    *lost = new_lost;
}

/// Returns whether a bucket of the added histogram is part of the zero bucket and so not to be added again.
fn skipped(schema: i32, threshold: f64) -> impl Fn(i32) -> bool {
    move |index| is_exponential_schema(schema) && exponential_bound(index, schema) <= threshold
}

fn first_index(spans: &[Span]) -> i32 {
    spans.first().map_or(i32::MAX, |span| span.offset)
}

/// Merges two walks over buckets by index.
fn union<T>(
    a: impl Iterator<Item = (i32, T)>,
    b: impl Iterator<Item = (i32, T)>,
) -> impl Iterator<Item = (i32, Option<T>, Option<T>)> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || {
        let index = match (a.peek(), b.peek()) {
            (Some((i, _)), Some((j, _))) => *i.min(j),
            (Some((i, _)), None) | (None, Some((i, _))) => *i,
            (None, None) => return None,
        };
        let mine = a.next_if(|(i, _)| *i == index).map(|(_, v)| v);
        let theirs = b.next_if(|(i, _)| *i == index).map(|(_, v)| v);
        Some((index, mine, theirs))
    })
}

/// Returns the bounds that both have.
fn common_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut b = b.iter().peekable();
    a.iter()
        .copied()
        .filter(|bound| {
            while b.next_if(|other| **other < *bound).is_some() {}
            b.next_if(|other| **other == *bound).is_some()
        })
        .collect()
}

/// Adds or subtracts histograms whose custom bounds differ: both are brought to the bounds they share.
fn add_mismatched(h: &mut FloatHistogram, other: &FloatHistogram, negative: bool, c: Option<&mut Box<FloatHistogram>>) {
    let bounds = common_bounds(&h.custom_values, &other.custom_values);
    let mut sums = vec![(0.0, 0.0); bounds.len() + 1];
    let mut gather = |from: &FloatHistogram, negative: bool, lost: Option<&[f64]>| {
        let mut place = 0;
        for (i, (index, count)) in Indexed::new(&from.positive_spans, &from.positive_buckets).enumerate() {
            let upper = usize::try_from(index).ok().and_then(|index| from.custom_values.get(index));
            place = match upper {
                Some(upper) => (place..bounds.len()).find(|&p| bounds[p] >= *upper).unwrap_or(bounds.len()),
                None => bounds.len(),
            };
            let (sum, comp) = sums[place];
            sums[place] = inc(if negative { -count } else { count }, sum, comp);
            if let Some(lost) = lost.and_then(|lost| lost.get(i)) {
                let (sum, comp) = sums[place];
                sums[place] = inc(*lost, sum, comp);
            }
        }
    };
    gather(h, false, c.as_ref().map(|c| &c.positive_buckets[..]));
    gather(other, negative, None);
    let mut layout = Layout::new(std::mem::take(&mut h.positive_spans), std::mem::take(&mut h.positive_buckets));
    let mut lost = Vec::new();
    for (index, &(sum, comp)) in sums.iter().enumerate() {
        if sum != 0.0 || comp != 0.0 {
            layout.push(index as i32, sum);
            lost.push(comp);
        }
    }
    (h.positive_spans, h.positive_buckets, h.custom_values) = (layout.spans, layout.buckets, bounds);
    if let Some(c) = c {
        c.positive_buckets = lost;
    }
}
