//! The chunks of one series from several sources, made one run in which no two overlap.
//!
//! Chunks that overlap no other are taken as they are; equal ones are taken once; the others are decoded, merged and
//! encoded anew, as upstream's compacting merger does it (`storage/merge.go`, `compactChunkIterator`).

use std::fmt::Display;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_storage::chunkenc::{RowsToChunks, cut_out, decode_rows};
use firesteel_storage::{ChunkView, Encoding, TimeRanges};

use crate::BlockError;
use crate::go_heap::GoHeap;
use crate::recode::merged;

/// Merges runs of chunks. Reused for every series.
#[derive(Debug)]
pub(crate) struct ChunkMerger {
    /// How floats are encoded that have to be encoded anew: XOR or XOR2.
    floats: Encoding,
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
    pub(crate) fn new(floats: Encoding) -> Self {
        Self { floats, heap: GoHeap::default(), overlapping: Vec::new() }
    }

    /// Adds the chunks of all runs to `out`. Each run is sorted by least time; chunks of one run may overlap too.
    pub(crate) fn merge(
        &mut self,
        runs: &[Vec<ChunkView>],
        labels: &dyn Display,
        out: &mut Vec<ChunkView>,
    ) -> Result<(), BlockError> {
        let Self { floats, heap, overlapping } = self;
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
                merged(overlapping, *floats, labels, out)?;
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
    let fault = |what: String| BlockError::Chunk { labels: labels.to_string(), what };
    let from = out.len();
    for chunk in chunks {
        if is_whole(chunk) {
            out.push(chunk.clone());
            continue;
        }
        let mut rows = Vec::new();
        decode_rows(chunk, &mut rows).map_err(|e| fault(e.to_string()))?;
        RowsToChunks::like(chunk.encoding).encode(&rows, out).map_err(|e| fault(e.to_string()))?;
    }
    let mut gone: TimeRanges = deleted.iter().copied().collect();
    if TimestampMs::MIN < range.min {
        gone.add(TimeRange { min: TimestampMs::MIN, max: range.min.saturating_sub(1) });
    }
    if range.max < TimestampMs::MAX {
        gone.add(TimeRange { min: range.max.saturating_add(1), max: TimestampMs::MAX });
    }
    cut_out(out, from, &gone).map_err(|e| fault(e.to_string()))
}

/// Returns whether a chunk's header counts just the samples of the view: an open chunk may hold more.
pub(crate) fn is_whole(chunk: &ChunkView) -> bool {
    let head = chunk.bytes.as_slice().first_chunk::<2>();
    head.is_some_and(|&head| crate::segments::sample_count(chunk.encoding, head) == chunk.samples)
}
