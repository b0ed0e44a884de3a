//! The chunks of one series from several sources, made one run in which no two overlap.
//!
//! Chunks that overlap no other are taken as they are; equal ones are taken once; the others are decoded, merged and
//! encoded anew, as upstream's compacting merger does it (`storage/merge.go`, `compactChunkIterator`).

use std::fmt::Display;

use firesteel_base::TimeRange;
use firesteel_storage::ChunkView;

use crate::BlockError;
use crate::go_heap::GoHeap;
use crate::querier::covered;
use crate::recode::{merged, without};

/// Merges runs of chunks. Reused for every series.
#[derive(Debug, Default)]
pub(crate) struct ChunkMerger {
    heap: GoHeap<Place>,
    overlapping: Vec<ChunkView>,
}

/// The next chunk of a run.
#[derive(Clone, Copy, Debug)]
struct Place {
    run: usize,
    at: usize,
}

impl ChunkMerger {
    /// Adds the chunks of all runs to `out`. Each run is sorted by least time; chunks of one run may overlap too.
    pub(crate) fn merge(
        &mut self,
        runs: &[Vec<ChunkView>],
        labels: &dyn Display,
        out: &mut Vec<ChunkView>,
    ) -> Result<(), BlockError> {
        let Self { heap, overlapping } = self;
        let key = |p: &Place| runs[p.run].get(p.at).map(|c| (c.min, c.max));
        let less = |a: &Place, b: &Place| key(a) < key(b);
        heap.clear();
        for (run, chunks) in runs.iter().enumerate() {
            if !chunks.is_empty() {
                heap.push(Place { run, at: 0 }, less);
            }
        }
        let advance = |heap: &mut GoHeap<Place>, place: Place| {
            if place.at + 1 < runs[place.run].len() {
                heap.push(Place { at: place.at + 1, ..place }, less);
            }
        };
        while let Some(place) = heap.pop(less) {
            let first = &runs[place.run][place.at];
            advance(heap, place);
            overlapping.clear();
            let (mut max, mut before) = (first.max, first);
            while let Some(next) = heap.first().map(|p| &runs[p.run][p.at]) {
                if next.min > max {
                    break;
                }
                if !same(next, before) {
                    overlapping.push(next.clone());
                    max = max.max(next.max);
                    before = next;
                }
                if let Some(place) = heap.pop(less) {
                    advance(heap, place);
                }
            }
            if overlapping.is_empty() {
                out.push(first.clone());
            } else {
                // The first comes last, as upstream hands it on: it matters for samples of equal times.
                overlapping.push(first.clone());
                merged(overlapping, labels, out)?;
            }
        }
        Ok(())
    }
}

fn same(a: &ChunkView, b: &ChunkView) -> bool {
    (a.min, a.max, a.samples) == (b.min, b.max, b.samples) && a.bytes.as_slice() == b.bytes.as_slice()
}

/// Adds to `out` the chunks without what is deleted or outside `range`.
pub(crate) fn keep(
    chunks: &[ChunkView],
    deleted: &[TimeRange],
    range: TimeRange,
    labels: &dyn Display,
    out: &mut Vec<ChunkView>,
) -> Result<(), BlockError> {
    for chunk in chunks {
        let span = TimeRange { min: chunk.min, max: chunk.max };
        if !span.overlaps(range) || covered(deleted, span) {
            continue;
        }
        let inside = range.min <= span.min && span.max <= range.max;
        if inside && !deleted.iter().any(|d| d.overlaps(span)) && is_whole(chunk) {
            out.push(chunk.clone());
            continue;
        }
        let mut gone = deleted.to_vec();
        if span.min < range.min {
            gone.push(TimeRange { min: span.min, max: range.min.saturating_sub(1) });
        }
        if range.max < span.max {
            gone.push(TimeRange { min: range.max.saturating_add(1), max: span.max });
        }
        without(chunk, &gone, labels, out)?;
    }
    Ok(())
}

/// Returns whether a chunk's header counts just the samples of the view: an open chunk may hold more.
pub(crate) fn is_whole(chunk: &ChunkView) -> bool {
    let head = chunk.bytes.as_slice().first_chunk::<2>();
    head.is_some_and(|&head| crate::segments::sample_count(chunk.encoding, head) == chunk.samples)
}
