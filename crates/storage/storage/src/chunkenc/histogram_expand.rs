//! Bringing the buckets of a chunk and of a new histogram to one layout.

use std::cmp::Ordering;

use firesteel_model::Span;

/// The buckets of one sign that the chunk or the new histogram has, index ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Union {
    /// Index; whether the chunk has the bucket; whether the histogram has it.
    buckets: Vec<(i32, bool, bool)>,
    /// The histogram has buckets that the chunk lacks.
    pub(super) forward: bool,
    /// The chunk has buckets that the histogram lacks.
    pub(super) backward: bool,
}

impl Union {
    /// Returns the union for counters: `None` when a bucket lost observations or a populated one is gone, which is a reset.
    pub(super) fn of_counter<B: Copy + Default + PartialOrd>(a: (&[Span], &[B]), b: (&[Span], &[B])) -> Option<Self> {
        Self::of(a, b, |a, b| match (a, b) {
            (Some(a), Some(b)) => a <= b || a.partial_cmp(&b).is_none(),
            (Some(a), None) => a == B::default(),
            _ => true,
        })
    }

    /// Returns the union for gauges, whose counts may fall.
    pub(super) fn of_gauge(a: &[Span], b: &[Span]) -> Self {
        Self::of::<()>((a, &[]), (b, &[]), |_, _| true).unwrap_or_default()
    }

    fn of<B: Copy>(
        (a, a_counts): (&[Span], &[B]),
        (b, b_counts): (&[Span], &[B]),
        fine: impl Fn(Option<B>, Option<B>) -> bool,
    ) -> Option<Self> {
        let mut union = Self::default();
        let mut a = indexes(a).enumerate().map(|(i, index)| (index, a_counts.get(i).copied())).peekable();
        let mut b = indexes(b).enumerate().map(|(i, index)| (index, b_counts.get(i).copied())).peekable();
        loop {
            let order = match (a.peek(), b.peek()) {
                (Some((i, _)), Some((j, _))) => i.cmp(j),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Some(union),
            };
            let mine = if order.is_le() { a.next() } else { None };
            let theirs = if order.is_ge() { b.next() } else { None };
            if !fine(mine.and_then(|m| m.1), theirs.and_then(|t| t.1)) {
                return None;
            }
            union.forward |= mine.is_none();
            union.backward |= theirs.is_none();
            if let Some((index, _)) = mine.or(theirs) {
                union.buckets.push((index, mine.is_some(), theirs.is_some()));
            }
        }
    }

    /// Returns the spans of all buckets.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut end = 0;
        for &(index, ..) in &self.buckets {
            match spans.last_mut() {
                Some(span) if index == end => span.length += 1,
                _ => spans.push(Span { offset: index.wrapping_sub(end), length: 1 }),
            }
            end = index.wrapping_add(1);
        }
        spans
    }

    /// Gives absolute counts of the chunk's buckets (`chunk`) or the histogram's a place for each bucket, empty where there
    /// was none.
    pub(super) fn expand<B: Copy + Default>(&self, counts: &[B], chunk: bool, out: &mut Vec<B>) {
        let mut counts = counts.iter().copied();
        out.clear();
        out.extend(self.buckets.iter().map(|&(_, in_chunk, in_histogram)| {
            let there = if chunk { in_chunk } else { in_histogram };
            if there { counts.next().unwrap_or_default() } else { B::default() }
        }));
    }
}

/// Returns the indexes of the buckets that spans describe.
fn indexes(spans: &[Span]) -> impl Iterator<Item = i32> {
    let mut next = 0i32;
    spans.iter().flat_map(move |span| {
        let first = next.wrapping_add(span.offset);
        next = first.wrapping_add(span.length as i32);
        (0..span.length).map(move |i| first.wrapping_add(i as i32))
    })
}
