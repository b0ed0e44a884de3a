//! Chunks without the samples that were deleted.

use firesteel_base::TimeRange;

use super::{ChunkError, RowsToChunks, decode_rows};
use crate::{ChunkView, TimeRanges};

/// Drops from `chunks[from..]` the samples that lie in `deleted`: untouched chunks stay as they are, covered ones go, the
/// others are encoded again.
pub fn cut_out(chunks: &mut Vec<ChunkView>, from: usize, deleted: &TimeRanges) -> Result<(), ChunkError> {
    if deleted.is_empty() {
        return Ok(());
    }
    let tail = chunks.split_off(from);
    for chunk in tail {
        let range = TimeRange { min: chunk.min, max: chunk.max };
        if deleted.covers(range) {
            continue;
        }
        if !deleted.overlaps(range) {
            chunks.push(chunk);
            continue;
        }
        let mut rows = Vec::new();
        decode_rows(&chunk, &mut rows)?;
        rows.retain(|row| !deleted.contains(row.t));
        // A part of a chunk's samples is never more than a chunk holds.
        let fits = RowsToChunks::like(chunk.encoding).encode(&rows, chunks);
        debug_assert!(fits.is_ok(), "{fits:?}");
    }
    chunks[from..].sort_by_key(|chunk| chunk.min);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use firesteel_base::TimestampMs;

    use super::*;
    use crate::chunkenc::{XorChunk, XorDecoder};
    use crate::{ChunkBytes, Encoding};

    fn samples(chunks: &[ChunkView]) -> Vec<(i64, f64)> {
        let mut out = Vec::new();
        for chunk in chunks {
            let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
            let (mut t, mut v) = ([TimestampMs(0); 128], [0.0; 128]);
            loop {
                let n = decoder.decode_batch(&mut t, &mut v).expect("decodes");
                if n == 0 {
                    break;
                }
                out.extend((0..n).map(|i| (t[i].0, v[i])));
            }
        }
        out
    }

    #[test]
    fn what_is_deleted_is_gone_and_nothing_else() {
        let mut chunks = Vec::new();
        for first in [0i64, 100, 200] {
            let mut chunk = XorChunk::new();
            for i in 0..50 {
                chunk.push(TimestampMs(first + i), (first + i) as f64 * 1.37).expect("fits");
            }
            let bytes = chunk.into_bytes();
            let len = bytes.len();
            chunks.push(ChunkView {
                min: TimestampMs(first),
                max: TimestampMs(first + 49),
                encoding: Encoding::Xor,
                // The reader sees 48 of them.
                samples: 48,
                bytes: ChunkBytes::Copied(Arc::from(bytes), 0..len),
            });
        }
        let all = samples(&chunks);
        let range = |min, max| TimeRange { min: TimestampMs(min), max: TimestampMs(max) };
        for deleted in [
            vec![],
            vec![range(50, 99)],
            vec![range(10, 120)],
            vec![range(0, 10), range(20, 20), range(47, 99)],
            vec![range(0, 47)],
            vec![range(90, 160)],
            vec![range(-5, 500)],
            vec![range(0, 46), range(201, 500)],
        ] {
            let deleted: TimeRanges = deleted.into_iter().collect();
            let mut left = chunks.clone();
            cut_out(&mut left, 0, &deleted).expect("decodes");
            let want: Vec<_> = all.iter().copied().filter(|s| !deleted.contains(TimestampMs(s.0))).collect();
            assert_eq!(samples(&left), want, "{deleted:?}");
            let mut tail = chunks.clone();
            cut_out(&mut tail, 1, &deleted).expect("decodes");
            assert_eq!(samples(&tail[..1]), samples(&chunks[..1]));
        }
    }
}
