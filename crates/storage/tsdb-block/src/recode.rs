//! Overlapping chunks made one run.

use std::fmt::Display;

use firesteel_base::TimestampMs;
use firesteel_storage::chunkenc::{Row, RowValue, RowsToChunks, decode_rows};
use firesteel_storage::{ChunkView, Encoding};

use crate::BlockError;
use crate::go_heap::GoHeap;

/// Stands where a row was taken from.
const TAKEN: Row = Row { t: TimestampMs(0), start: TimestampMs(0), value: RowValue::Float(0.0) };

/// Adds to `out` the samples of chunks that overlap, one a time, in chunks of 120 samples, floats as `floats` says. Where
/// several have a sample of the same time, upstream's choice is taken (`storage/merge.go`, `chainSampleIterator`).
pub(crate) fn merged(
    chunks: &[ChunkView],
    floats: Encoding,
    labels: &dyn Display,
    out: &mut Vec<ChunkView>,
) -> Result<(), BlockError> {
    let fault = |what: String| BlockError::Chunk { labels: labels.to_string(), what };
    let mut runs = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let mut rows = Vec::new();
        decode_rows(chunk, &mut rows).map_err(|e| fault(e.to_string()))?;
        runs.push(rows);
    }
    RowsToChunks::merged(floats).encode(&chained(runs), out).map_err(|e| fault(e.to_string()))
}

/// A place in one of the runs.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    run: usize,
    at: usize,
}

fn chained(mut runs: Vec<Vec<Row>>) -> Vec<Row> {
    let times: Vec<Vec<TimestampMs>> = runs.iter().map(|rows| rows.iter().map(|r| r.t).collect()).collect();
    let time = |c: Cursor| times[c.run].get(c.at).copied();
    let less = |a: &Cursor, b: &Cursor| time(*a) < time(*b);
    let mut heap = GoHeap::default();
    for (run, _) in runs.iter().enumerate().skip(1).filter(|(_, rows)| !rows.is_empty()) {
        heap.push(Cursor { run, at: 0 }, less);
    }
    let mut out: Vec<Row> = Vec::with_capacity(runs.iter().map(Vec::len).max().unwrap_or(0));
    let mut current = Some(Cursor { run: 0, at: 0 });
    let mut last = None;
    while let Some(mut cursor) = current {
        match time(cursor) {
            Some(here) if Some(here) == last => {
                current = Some(Cursor { at: cursor.at + 1, ..cursor });
                continue;
            }
            Some(here) if heap.first().is_none_or(|&top| Some(here) < time(top)) => {}
            here => {
                if here.is_some() {
                    heap.push(cursor, less);
                }
                match heap.pop(less) {
                    Some(next) => cursor = next,
                    None => break,
                }
            }
        }
        if let Some(here) = time(cursor).filter(|&here| Some(here) != last) {
            last = Some(here);
            if let Some(row) = runs[cursor.run].get_mut(cursor.at) {
                out.push(std::mem::replace(row, TAKEN));
            }
        }
        current = Some(Cursor { at: cursor.at + 1, ..cursor });
    }
    out
}
