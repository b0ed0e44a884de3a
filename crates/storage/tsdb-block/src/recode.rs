//! Chunks made anew: samples taken out, or overlapping chunks made one run.

use std::fmt::Display;
use std::sync::Arc;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_storage::chunkenc::{XorChunk, XorDecoder};
use firesteel_storage::{ChunkBytes, ChunkView, Encoding};

use crate::BlockError;
use crate::go_heap::GoHeap;

/// Chunks made of merged samples hold so many (`storage/series.go`, `seriesToChunkEncoderSplit`).
const SAMPLES_PER_CHUNK: usize = 120;

/// A sample on its way from chunk to chunk.
#[derive(Clone, Copy, Debug)]
struct Row {
    t: TimestampMs,
    value: f64,
}

/// Adds to `out` what is left of a chunk when the samples at `deleted` times are gone: one chunk, or none.
pub(crate) fn without(
    chunk: &ChunkView,
    deleted: &[TimeRange],
    labels: &dyn Display,
    out: &mut Vec<ChunkView>,
) -> Result<(), BlockError> {
    let mut rows = decode(chunk, labels)?;
    rows.retain(|row| !deleted.iter().any(|d| d.contains(row.t)));
    encode(&rows, usize::MAX, labels, out)
}

/// Adds to `out` the samples of chunks that overlap, one a time, in chunks of 120 samples. Where several have a sample of the
/// same time, upstream's choice is taken (`storage/merge.go`, `chainSampleIterator`).
pub(crate) fn merged(chunks: &[ChunkView], labels: &dyn Display, out: &mut Vec<ChunkView>) -> Result<(), BlockError> {
    let runs: Vec<Vec<Row>> = chunks.iter().map(|chunk| decode(chunk, labels)).collect::<Result<_, _>>()?;
    encode(&chained(&runs), SAMPLES_PER_CHUNK, labels, out)
}

/// A place in one of the runs.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    run: usize,
    at: usize,
}

fn chained(runs: &[Vec<Row>]) -> Vec<Row> {
    let row = |c: Cursor| runs[c.run].get(c.at);
    let less = |a: &Cursor, b: &Cursor| row(*a).map(|r| r.t) < row(*b).map(|r| r.t);
    let mut heap = GoHeap::default();
    for (run, _) in runs.iter().enumerate().skip(1).filter(|(_, rows)| !rows.is_empty()) {
        heap.push(Cursor { run, at: 0 }, less);
    }
    let mut out: Vec<Row> = Vec::with_capacity(runs.iter().map(Vec::len).max().unwrap_or(0));
    let mut current = Some(Cursor { run: 0, at: 0 });
    let mut last = None;
    while let Some(mut cursor) = current {
        match row(cursor) {
            Some(here) if Some(here.t) == last => {
                current = Some(Cursor { at: cursor.at + 1, ..cursor });
                continue;
            }
            Some(here) if heap.first().is_none_or(|&top| Some(here.t) < row(top).map(|r| r.t)) => {}
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
        if let Some(here) = row(cursor).filter(|here| Some(here.t) != last) {
            last = Some(here.t);
            out.push(*here);
        }
        current = Some(Cursor { at: cursor.at + 1, ..cursor });
    }
    out
}

fn decode(chunk: &ChunkView, labels: &dyn Display) -> Result<Vec<Row>, BlockError> {
    let fault = |what: String| BlockError::Chunk { labels: labels.to_string(), what };
    match chunk.encoding {
        Encoding::Xor => {
            let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
            let mut rows = Vec::with_capacity(chunk.samples as usize);
            let (mut t, mut v) = ([TimestampMs(0); 128], [0.0; 128]);
            loop {
                let n = decoder.decode_batch(&mut t, &mut v).map_err(|e| fault(e.to_string()))?;
                if n == 0 {
                    return Ok(rows);
                }
                rows.extend(t[..n].iter().zip(&v[..n]).map(|(&t, &value)| Row { t, value }));
            }
        }
        other => Err(fault(format!("samples of encoding {} cannot be taken out one by one", other as u8))),
    }
}

fn encode(rows: &[Row], per_chunk: usize, labels: &dyn Display, out: &mut Vec<ChunkView>) -> Result<(), BlockError> {
    for rows in rows.chunks(per_chunk) {
        let mut chunk = XorChunk::new();
        for row in rows {
            let pushed = chunk.push(row.t, row.value);
            pushed.map_err(|e| BlockError::Chunk { labels: labels.to_string(), what: e.to_string() })?;
        }
        if let [first, .., last] | [first @ last] = rows {
            out.push(view(Encoding::Xor, first.t, last.t, rows.len(), chunk.into_bytes()));
        }
    }
    Ok(())
}

fn view(encoding: Encoding, min: TimestampMs, max: TimestampMs, samples: usize, bytes: Vec<u8>) -> ChunkView {
    let len = bytes.len();
    let bytes = ChunkBytes::Copied(Arc::from(bytes), 0..len);
    ChunkView { min, max, encoding, samples: samples as u32, bytes }
}
