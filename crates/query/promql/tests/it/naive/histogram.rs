//! Native histograms as maps from bucket to count, and arithmetic on them.
//!
//! What is shared with the engine's model: where the buckets of a schema end (a table of constants) and how a histogram is
//! printed.

use std::collections::BTreeMap;

use firesteel_model::{CounterReset, FloatHistogram, Span};

use super::sums::add;

pub(crate) type Buckets = BTreeMap<i32, f64>;

const CUSTOM: i32 = firesteel_model::histogram::CUSTOM_BUCKETS_SCHEMA;

/// A histogram; a bucket that is there with nothing in it is not the same as one that is not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    pub(crate) hint: CounterReset,
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) zero_count: f64,
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) positive: Buckets,
    pub(crate) negative: Buckets,
    pub(crate) custom: Vec<f64>,
}

/// Exponential and custom buckets do not combine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incompatible;

/// What there is to be said of a sum or difference.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remarks {
    /// One said that the counter was reset, the other that it was not.
    pub(crate) collision: bool,
    /// Custom bounds differed.
    pub(crate) reconciled: bool,
}

/// A bucket with its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

fn unpacked(spans: &[Span], counts: &[f64]) -> Buckets {
    let mut out = Buckets::new();
    let (mut index, mut counts) = (0, counts.iter());
    for span in spans {
        index += span.offset;
        for _ in 0..span.length {
            out.insert(index, *counts.next().expect("as many counts as the spans say"));
            index += 1;
        }
    }
    out
}

fn packed(buckets: &Buckets) -> (Vec<Span>, Vec<f64>) {
    let (mut spans, mut next) = (Vec::<Span>::new(), 0);
    for index in buckets.keys() {
        match spans.last_mut() {
            Some(span) if *index == next => span.length += 1,
            _ => spans.push(Span { offset: index - next, length: 1 }),
        }
        next = index + 1;
    }
    (spans, buckets.values().copied().collect())
}

impl From<&FloatHistogram> for Histogram {
    fn from(h: &FloatHistogram) -> Self {
        Self {
            hint: h.counter_reset,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            zero_count: h.zero_count,
            count: h.count,
            sum: h.sum,
            positive: unpacked(&h.positive_spans, &h.positive_buckets),
            negative: unpacked(&h.negative_spans, &h.negative_buckets),
            custom: h.custom_values.clone(),
        }
    }
}

/// Moves buckets to a coarser schema.
fn coarser(buckets: &Buckets, from: i32, to: i32) -> Buckets {
    let mut out = Buckets::new();
    for (index, count) in buckets {
        out.entry(((index - 1) >> (from - to)) + 1).and_modify(|sum| *sum += count).or_insert(*count);
    }
    out
}

impl Histogram {
    pub(crate) fn is_custom(&self) -> bool {
        self.schema == CUSTOM
    }

    pub(crate) fn to_model(&self) -> FloatHistogram {
        let ((positive_spans, positive_buckets), (negative_spans, negative_buckets)) =
            (packed(&self.positive), packed(&self.negative));
        FloatHistogram {
            counter_reset: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum: self.sum,
            positive_spans,
            negative_spans,
            positive_buckets,
            negative_buckets,
            custom_values: self.custom.clone(),
        }
    }

    /// Returns where a bucket of either sign ends, as an absolute value.
    pub(crate) fn bound(&self, index: i32) -> f64 {
        if self.is_custom() {
            return usize::try_from(index)
                .map_or(f64::NEG_INFINITY, |index| self.custom.get(index).copied().unwrap_or(f64::INFINITY));
        }
        let alone = FloatHistogram {
            schema: self.schema,
            positive_spans: vec![Span { offset: index, length: 1 }],
            positive_buckets: vec![1.0],
            ..FloatHistogram::default()
        };
        alone.positive().next().expect("it has one bucket").upper
    }

    pub(crate) fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        Bucket { lower: self.bound(index - 1), upper: self.bound(index), count }
    }

    pub(crate) fn negative_bucket(&self, index: i32, count: f64) -> Bucket {
        Bucket { lower: -self.bound(index), upper: -self.bound(index - 1), count }
    }

    /// Returns all buckets from the least to the greatest; none reaches into the zero bucket.
    pub(crate) fn all(&self) -> Vec<Bucket> {
        let negative = self.negative.iter().rev().map(|(index, count)| {
            let mut bucket = self.negative_bucket(*index, *count);
            if bucket.upper < 0.0 && bucket.upper > -self.zero_threshold {
                bucket.upper = -self.zero_threshold;
            }
            bucket
        });
        let positive = self.positive.iter().map(|(index, count)| {
            let mut bucket = self.positive_bucket(*index, *count);
            if bucket.lower > 0.0 && bucket.lower < self.zero_threshold {
                bucket.lower = self.zero_threshold;
            }
            bucket
        });
        let zero = Bucket { lower: -self.zero_threshold, upper: self.zero_threshold, count: self.zero_count };
        negative.chain((self.zero_count > 0.0).then_some(zero)).chain(positive).collect()
    }

    /// Removes buckets with nothing in them.
    pub(crate) fn compacted(mut self) -> Self {
        self.positive.retain(|_, count| *count != 0.0);
        self.negative.retain(|_, count| *count != 0.0);
        self
    }

    fn each(&mut self, change: impl Fn(&mut f64)) {
        change(&mut self.zero_count);
        change(&mut self.count);
        change(&mut self.sum);
        self.positive.values_mut().chain(self.negative.values_mut()).for_each(change);
    }

    pub(crate) fn times(&self, factor: f64) -> Self {
        let mut out = self.clone();
        out.each(|v| *v *= factor);
        if factor < 0.0 {
            out.hint = CounterReset::Gauge;
        }
        out
    }

    pub(crate) fn divided(&self, by: f64) -> Self {
        let mut out = self.clone();
        out.each(|v| *v /= by);
        if by == 0.0 {
            out.positive.clear();
            out.negative.clear();
        } else if by < 0.0 {
            out.hint = CounterReset::Gauge;
        }
        out
    }

    pub(crate) fn at_schema(&self, schema: i32) -> Self {
        if schema == self.schema {
            return self.clone();
        }
        Self {
            hint: CounterReset::Unknown,
            schema,
            positive: coarser(&self.positive, self.schema, schema),
            negative: coarser(&self.negative, self.schema, schema),
            ..self.clone()
        }
    }

    pub(crate) fn overflows(&self) -> bool {
        let all = [self.zero_count, self.count, self.sum];
        let mut all = all.iter().chain(self.positive.values()).chain(self.negative.values()).chain(&self.custom);
        all.any(|v| v.is_infinite())
    }

    /// Returns whether both are the same bit for bit, whatever they say about resets.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        let same = |a: &Buckets, b: &Buckets| {
            a.len() == b.len() && a.iter().zip(b).all(|((i, a), (j, b))| i == j && a.to_bits() == b.to_bits())
        };
        self.schema == other.schema
            && self.count.to_bits() == other.count.to_bits()
            && self.sum.to_bits() == other.sum.to_bits()
            && self.custom == other.custom
            && self.zero_threshold == other.zero_threshold
            && self.zero_count.to_bits() == other.zero_count.to_bits()
            && same(&self.positive, &other.positive)
            && same(&self.negative, &other.negative)
    }

    /// Settles what the sum says about resets; returns whether the two contradict each other.
    fn settle_hint(&mut self, other: CounterReset) -> bool {
        use CounterReset::{Gauge, Unknown};
        match (self.hint, other) {
            (a, b) if a == b => false,
            (Gauge, _) | (Unknown, CounterReset::Reset | CounterReset::NotReset) => false,
            (_, Gauge) => {
                self.hint = Gauge;
                false
            }
            (_, Unknown) => {
                self.hint = Unknown;
                false
            }
            _ => {
                self.hint = Unknown;
                true
            }
        }
    }

    /// Returns the count of the zero bucket, and its width, if it were at least as wide as `threshold`. `lost` is the part
    /// that earlier sums lost, and the third result the part that this one loses.
    fn zero_for(&self, mut threshold: f64, lost: Option<&Self>) -> (f64, f64, f64) {
        let mut zero_lost = lost.map_or(0.0, |lost| lost.zero_count);
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold, zero_lost);
        }
        'again: loop {
            let mut zero = self.zero_count;
            for (index, count) in &self.positive {
                let bucket = self.positive_bucket(*index, *count);
                if bucket.lower >= threshold {
                    break;
                }
                (zero, zero_lost) = add(bucket.count, zero, zero_lost);
                if let Some(lost) = lost {
                    (zero, zero_lost) = add(lost.positive.get(index).copied().unwrap_or(0.0), zero, zero_lost);
                }
                if bucket.upper > threshold {
                    if bucket.count != 0.0 {
                        threshold = bucket.upper;
                    }
                    break;
                }
            }
            for (index, count) in &self.negative {
                let bucket = self.negative_bucket(*index, *count);
                if bucket.upper <= -threshold {
                    break;
                }
                (zero, zero_lost) = add(bucket.count, zero, zero_lost);
                if let Some(lost) = lost {
                    (zero, zero_lost) = add(lost.negative.get(index).copied().unwrap_or(0.0), zero, zero_lost);
                }
                if bucket.lower < -threshold {
                    if bucket.count != 0.0 {
                        threshold = -bucket.lower;
                        continue 'again;
                    }
                    break;
                }
            }
            return (zero, threshold, zero_lost);
        }
    }

    /// Empties what the zero bucket covers, and removes what is empty.
    fn clear_zero(&mut self, mut lost: Option<&mut Self>) {
        let alike = Self { schema: self.schema, custom: self.custom.clone(), ..Self::default() };
        let threshold = self.zero_threshold;
        let covered = |index: i32| alike.bound(index - 1) < threshold;
        let sides = |h: &mut Self| {
            for (index, count) in h.positive.iter_mut().chain(h.negative.iter_mut()) {
                if covered(*index) {
                    *count = 0.0;
                }
            }
        };
        sides(self);
        if let Some(lost) = lost.as_deref_mut() {
            sides(lost);
        }
        let keep = |own: &mut Buckets, lost: Option<&mut Buckets>| match lost {
            None => own.retain(|_, count| *count != 0.0),
            Some(lost) => {
                let both = own.clone();
                own.retain(|index, count| *count != 0.0 || lost.get(index).is_some_and(|lost| *lost != 0.0));
                lost.retain(|index, lost| both.get(index).is_some_and(|own| *own != 0.0) || *lost != 0.0);
            }
        };
        match lost {
            None => {
                keep(&mut self.positive, None);
                keep(&mut self.negative, None);
            }
            Some(lost) => {
                keep(&mut self.positive, Some(&mut lost.positive));
                keep(&mut self.negative, Some(&mut lost.negative));
            }
        }
    }

    /// Makes the zero buckets equally wide; returns what the other's holds then, and what its sum lost.
    fn reconcile_zero(&mut self, other: &Self, mut lost: Option<&mut Self>) -> (f64, f64) {
        let (mut zero, mut threshold, mut zero_lost) = (other.zero_count, other.zero_threshold, 0.0);
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (zero, threshold, zero_lost) = other.zero_for(self.zero_threshold, None);
            }
            if threshold > self.zero_threshold {
                let (own, width, own_lost) = self.zero_for(threshold, lost.as_deref());
                (self.zero_count, self.zero_threshold) = (own, width);
                if let Some(lost) = lost.as_deref_mut() {
                    lost.zero_count = own_lost;
                }
                self.clear_zero(lost.as_deref_mut());
            }
        }
        (zero, zero_lost)
    }

    /// Returns `self + sign × other`.
    fn combined(&self, other: &Self, sign: f64) -> Result<(Self, Remarks), Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        let mut out = self.clone();
        let mut remarks = Remarks { collision: out.settle_hint(other.hint), reconciled: false };
        if !self.is_custom() {
            let (zero, _) = out.reconcile_zero(other, None);
            out.zero_count += sign * zero;
        }
        out.count += sign * other.count;
        out.sum += sign * other.sum;
        if self.is_custom() && self.custom != other.custom {
            remarks.reconciled = true;
            let mut lost = Buckets::new();
            out.reconcile_bounds(other, sign, &mut lost);
            return Ok((out, remarks));
        }
        let schema = self.schema.min(other.schema);
        if self.schema != schema {
            out.positive = coarser(&out.positive, self.schema, schema);
            out.negative = coarser(&out.negative, self.schema, schema);
            out.schema = schema;
        }
        let other = Self { custom: other.custom.clone(), ..other.at_schema(schema) };
        let threshold = out.zero_threshold;
        let alike = Self { schema, custom: out.custom.clone(), ..Self::default() };
        let join = |own: &mut Buckets, others: &Buckets| {
            for (index, count) in others {
                if alike.is_custom() || alike.bound(*index) > threshold {
                    own.entry(*index).and_modify(|sum| *sum += sign * count).or_insert(sign * count);
                }
            }
        };
        join(&mut out.positive, &other.positive);
        join(&mut out.negative, &other.negative);
        Ok((out, remarks))
    }

    pub(crate) fn plus(&self, other: &Self) -> Result<(Self, Remarks), Incompatible> {
        self.combined(other, 1.0)
    }

    pub(crate) fn minus(&self, other: &Self) -> Result<(Self, Remarks), Incompatible> {
        self.combined(other, -1.0)
    }

    /// Adds histograms whose custom bounds differ: only bounds that both have are kept.
    fn reconcile_bounds(&mut self, other: &Self, sign: f64, lost: &mut Buckets) {
        let shared: Vec<f64> = self.custom.iter().copied().filter(|bound| other.custom.contains(bound)).collect();
        let place = |h: &Self, index: i32| {
            let at = usize::try_from(index).unwrap_or(0);
            let bound = h.custom.get(at);
            bound.map_or(shared.len(), |bound| shared.iter().position(|shared| shared >= bound).unwrap_or(shared.len()))
                as i32
        };
        let mut sums = BTreeMap::<i32, (f64, f64)>::new();
        for (index, count) in &self.positive {
            let (sum, c) = sums.entry(place(self, *index)).or_default();
            (*sum, *c) = add(*count, *sum, *c);
            if let Some(more) = lost.get(index) {
                (*sum, *c) = add(*more, *sum, *c);
            }
        }
        for (index, count) in &other.positive {
            let (sum, c) = sums.entry(place(other, *index)).or_default();
            (*sum, *c) = add(sign * count, *sum, *c);
        }
        sums.retain(|_, (sum, c)| *sum != 0.0 || *c != 0.0);
        self.positive = sums.iter().map(|(index, (sum, _))| (*index, *sum)).collect();
        *lost = sums.iter().map(|(index, (_, c))| (*index, *c)).collect();
        self.custom = shared;
    }

    /// Adds with compensation: `lost` is what earlier sums lost, `None` at first.
    pub(crate) fn add_compensated(&mut self, other: &Self, lost: &mut Option<Self>) -> Result<Remarks, Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        let mut remarks = Remarks { collision: self.settle_hint(other.hint), reconciled: false };
        let lost = lost.get_or_insert_with(|| {
            let empty = |buckets: &Buckets| buckets.keys().map(|index| (*index, 0.0)).collect();
            Self {
                hint: self.hint,
                schema: self.schema,
                zero_threshold: self.zero_threshold,
                positive: empty(&self.positive),
                negative: empty(&self.negative),
                custom: self.custom.clone(),
                ..Self::default()
            }
        });
        if !self.is_custom() {
            let (zero, zero_lost) = self.reconcile_zero(other, Some(lost));
            (self.zero_count, lost.zero_count) = add(zero, self.zero_count, lost.zero_count);
            (self.zero_count, lost.zero_count) = add(zero_lost, self.zero_count, lost.zero_count);
        }
        (self.count, lost.count) = add(other.count, self.count, lost.count);
        (self.sum, lost.sum) = add(other.sum, self.sum, lost.sum);
        if self.is_custom() && self.custom != other.custom {
            remarks.reconciled = true;
            self.reconcile_bounds(other, 1.0, &mut lost.positive);
            lost.custom.clone_from(&self.custom);
            return Ok(remarks);
        }
        let schema = self.schema.min(other.schema);
        if self.schema != schema {
            let from = self.schema;
            coarser_compensated(&mut self.positive, &mut lost.positive, from, schema);
            coarser_compensated(&mut self.negative, &mut lost.negative, from, schema);
            self.schema = schema;
        }
        let threshold = self.zero_threshold;
        let alike = Self { schema, custom: self.custom.clone(), ..Self::default() };
        let join = |own: &mut Buckets, lost: &mut Buckets, others: &Buckets| {
            let (mut others, mut others_lost) = (others.clone(), Buckets::new());
            if other.schema != schema {
                others_lost = others.keys().map(|index| (*index, 0.0)).collect();
                coarser_compensated(&mut others, &mut others_lost, other.schema, schema);
            }
            for (index, count) in others {
                if !alike.is_custom() && alike.bound(index) <= threshold {
                    continue;
                }
                let more = others_lost.get(&index).copied().unwrap_or(0.0);
                match own.get_mut(&index) {
                    None => {
                        own.insert(index, count);
                        lost.insert(index, more);
                    }
                    Some(sum) => {
                        let c = lost.entry(index).or_default();
                        (*sum, *c) = add(count, *sum, *c);
                        if more != 0.0 {
                            (*sum, *c) = add(more, *sum, *c);
                        }
                    }
                }
            }
        };
        join(&mut self.positive, &mut lost.positive, &other.positive);
        join(&mut self.negative, &mut lost.negative, &other.negative);
        lost.schema = schema;
        lost.zero_threshold = threshold;
        Ok(remarks)
    }

    /// Returns whether a counter was reset between `previous` and this.
    pub(crate) fn is_reset_after(&self, previous: &Self) -> bool {
        match self.hint {
            CounterReset::Reset => return true,
            CounterReset::NotReset => return false,
            CounterReset::Unknown | CounterReset::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.is_custom() {
            if !previous.is_custom() {
                return true;
            }
            if self.custom != previous.custom {
                return self.is_reset_between_shared_bounds(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero, threshold, _) = previous.zero_for(self.zero_threshold, None);
        if threshold != self.zero_threshold || self.zero_count < zero {
            return true;
        }
        let fell = |own: &Buckets, before: &Buckets| {
            coarser(before, previous.schema, self.schema).iter().any(|(index, before)| {
                let counts = self.is_custom() || self.bound(*index) > self.zero_threshold;
                counts && own.get(index).map_or(*before != 0.0, |own| own < before)
            })
        };
        fell(&self.positive, &previous.positive) || fell(&self.negative, &previous.negative)
    }

    fn is_reset_between_shared_bounds(&self, previous: &Self) -> bool {
        let mut shared: Vec<f64> =
            self.custom.iter().copied().filter(|bound| previous.custom.contains(bound)).collect();
        shared.push(f64::INFINITY);
        let mut below = f64::NEG_INFINITY;
        shared.into_iter().any(|bound| {
            let within = |h: &Self| {
                let inside = |index: &i32| h.bound(*index) > below && h.bound(*index) <= bound;
                h.positive.iter().filter(|(index, _)| inside(index)).map(|(_, count)| count).sum::<f64>()
            };
            let fell = within(self) < within(previous);
            below = bound;
            fell
        })
    }
}

/// Moves buckets and what they lost to a coarser schema.
fn coarser_compensated(own: &mut Buckets, lost: &mut Buckets, from: i32, to: i32) {
    let (mut sums, mut sums_lost) = (Buckets::new(), Buckets::new());
    for (index, count) in own.iter() {
        let target = ((index - 1) >> (from - to)) + 1;
        let more = lost.get(index).copied().unwrap_or(0.0);
        match sums.get_mut(&target) {
            None => {
                sums.insert(target, *count);
                sums_lost.insert(target, more);
            }
            Some(sum) => {
                let c = sums_lost.entry(target).or_default();
                (*sum, *c) = add(*count, *sum, *c);
                (*sum, *c) = add(more, *sum, *c);
            }
        }
    }
    (*own, *lost) = (sums, sums_lost);
}
