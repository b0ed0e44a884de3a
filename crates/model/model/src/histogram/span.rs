//! Which buckets are there, and what is known of counter resets.

/// A run of neighbouring buckets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Span {
    /// Gap to the previous span, or the index of the first bucket (which may be negative) in the first span.
    pub offset: i32,
    /// Number of buckets.
    pub length: u32,
}

/// What is known of a counter reset between a histogram and the one before it. The numbers are upstream's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum CounterReset {
    /// Nothing is known: whoever needs it has to compare.
    #[default]
    Unknown = 0,
    /// The counter was reset right before this histogram.
    Reset = 1,
    /// It was not.
    NotReset = 2,
    /// A gauge histogram, to which resets do not apply.
    Gauge = 3,
}

/// Returns whether both lists describe the same buckets; spans without buckets count as part of the gap behind them.
pub(super) fn spans_match(a: &[Span], b: &[Span]) -> bool {
    normal(a).eq(normal(b))
}

/// Returns the spans that have buckets, gaps of empty spans added to the next.
pub(super) fn normal(spans: &[Span]) -> impl Iterator<Item = Span> {
    let mut gap = 0i32;
    spans.iter().filter_map(move |span| {
        gap = gap.wrapping_add(span.offset);
        (span.length > 0).then(|| Span { offset: std::mem::take(&mut gap), length: span.length })
    })
}

/// Returns the number of buckets that the spans describe.
pub(super) fn buckets_of(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.length as usize).sum()
}
