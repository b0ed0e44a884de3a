//! Native buckets of a histogram: exponential, each made by its first observation, kept below a limit.

use std::time::Duration;

use firesteel_model::histogram::{CounterReset, Histogram, SCHEMA_MIN, Span, exponential_index};

/// How native buckets are laid out and bounded. The default is what all of upstream's own histograms have.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NativeBuckets {
    /// 2 to the power of `schema` buckets for each doubling; −4 to 8.
    pub schema: i32,
    /// Values up to so much from zero are counted as zero.
    pub zero_threshold: f64,
    /// Once there are more buckets than this, the histogram begins anew or its buckets get wider.
    pub max_buckets: usize,
    /// It begins anew if it is at least so old. One whose buckets got wider begins anew at this age.
    pub min_reset: Duration,
}

impl Default for NativeBuckets {
    fn default() -> Self {
        // 3 is the finest whose buckets grow by 10 % at the most: client_golang's factor 1.1. The threshold is 2^-128.
        let zero_threshold = f64::from_bits((1023 - 128) << 52);
        Self { schema: 3, zero_threshold, max_buckets: 100, min_reset: Duration::from_hours(1) }
    }
}

/// The counts. A bucket takes 16 bytes.
#[derive(Clone, Debug)]
pub(crate) struct NativeCounts {
    pub(crate) layout: NativeBuckets,
    /// The present one: coarser than that of the layout when there were too many buckets.
    schema: i32,
    zero_count: u64,
    positive: Side,
    negative: Side,
}

impl NativeCounts {
    pub(crate) fn new(layout: NativeBuckets) -> Self {
        let (positive, negative) = (Side::default(), Side::default());
        Self { layout, schema: layout.schema, zero_count: 0, positive, negative }
    }

    /// Counts a value that is not NaN; returns whether there are too many buckets now.
    pub(crate) fn observe(&mut self, v: f64) -> bool {
        let side = if v > self.layout.zero_threshold {
            &mut self.positive
        } else if v < -self.layout.zero_threshold {
            &mut self.negative
        } else {
            self.zero_count += 1;
            return false;
        };
        side.count(exponential_index(v, self.schema));
        self.positive.0.len() + self.negative.0.len() > self.layout.max_buckets
    }

    /// Makes each bucket twice as wide, unless they are as wide as can be.
    pub(crate) fn widen(&mut self) {
        if self.schema > SCHEMA_MIN {
            self.schema -= 1;
            self.positive.widen();
            self.negative.widen();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.layout);
    }

    /// Returns the buckets in the model's form.
    pub(crate) fn read(&self, count: u64, sum: f64) -> Histogram {
        let (positive_spans, positive_buckets) = self.positive.spans();
        let (negative_spans, negative_buckets) = self.negative.spans();
        Histogram {
            counter_reset: CounterReset::Unknown,
            schema: self.schema,
            zero_threshold: self.layout.zero_threshold,
            zero_count: self.zero_count,
            count,
            sum,
            positive_spans,
            negative_spans,
            positive_buckets,
            negative_buckets,
            custom_values: Vec::new(),
        }
    }
}

/// Buckets of one sign: index and count, by index.
#[derive(Clone, Debug, Default)]
struct Side(Vec<(i32, u64)>);

impl Side {
    fn count(&mut self, index: i32) {
        match self.0.binary_search_by_key(&index, |bucket| bucket.0) {
            Ok(at) => self.0[at].1 += 1,
            Err(at) => self.0.insert(at, (index, 1)),
        }
    }

    fn widen(&mut self) {
        for bucket in &mut self.0 {
            bucket.0 = (bucket.0 + 1) >> 1;
        }
        self.0.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 += later.1;
            }
            same
        });
    }

    /// Returns spans and deltas. Gaps of one or two buckets are filled, as client_golang fills them.
    fn spans(&self) -> (Vec<Span>, Vec<i64>) {
        let (mut spans, mut deltas) = (Vec::<Span>::new(), Vec::with_capacity(self.0.len()));
        let (mut next, mut last) = (0, 0i64);
        for &(index, count) in &self.0 {
            let gap = index - next;
            match spans.last_mut() {
                Some(span) if gap <= 2 => {
                    for _ in 0..gap {
                        deltas.push(-last);
                        last = 0;
                    }
                    span.length += gap as u32 + 1;
                }
                _ => spans.push(Span { offset: gap, length: 1 }),
            }
            deltas.push(count as i64 - last);
            (next, last) = (index + 1, count as i64);
        }
        (spans, deltas)
    }
}
