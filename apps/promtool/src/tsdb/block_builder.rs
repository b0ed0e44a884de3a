//! Samples gathered in memory, as chunks, until they are written as one block.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use firesteel_base::{FastHashMap, TimestampMs, vfs::OsVfs};
use firesteel_model::Labels;
use firesteel_storage::chunkenc::{ChunkFull, XorChunk};
use firesteel_storage::{ChunkBytes, ChunkView, Encoding};
use firesteel_tsdb_block::{BlockError, BlockMeta, BlockSpec, LabelledSource, Ulid, WriteOptions, write_block};

/// Upstream's smallest block, and the factor from one size to the next.
const RANGE_MS: i64 = 2 * 3600 * 1000;
const FACTOR: i64 = 3;
const SIZES: u32 = 10;
/// How many samples a chunk takes, as in the head.
const CHUNK_SAMPLES: u32 = 120;

/// Returns the range of the blocks to write: two hours, or the largest size that is not above `max`.
pub(crate) fn block_range_ms(max: Duration) -> i64 {
    let max = i64::try_from(max.as_millis()).unwrap_or(i64::MAX);
    (0..SIZES).map(|n| RANGE_MS * FACTOR.pow(n)).take_while(|range| *range <= max).last().unwrap_or(RANGE_MS)
}

/// One block to be.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    /// Where a series stands in `series`.
    places: FastHashMap<Labels, usize>,
    series: Vec<Building>,
}

/// A series' samples: in order they are encoded as they come, what comes late waits to be sorted.
#[derive(Debug, Default)]
pub(crate) struct Building {
    open: XorChunk,
    samples: u32,
    min: i64,
    max: i64,
    sealed: Vec<ChunkView>,
    late: Vec<(i64, f64)>,
}

impl Building {
    /// Adds a sample. Of two at the same time the first one stays.
    pub(crate) fn add(&mut self, t: i64, v: f64) -> Result<(), ChunkFull> {
        let began = self.samples > 0 || !self.sealed.is_empty();
        if began && t <= self.max {
            if t < self.max {
                self.late.push((t, v));
            }
            return Ok(());
        }
        self.push(t, v)
    }

    fn push(&mut self, t: i64, v: f64) -> Result<(), ChunkFull> {
        if self.samples == CHUNK_SAMPLES {
            self.seal();
        }
        if self.samples == 0 {
            self.min = t;
        }
        self.open.push(TimestampMs(t), v)?;
        self.max = t;
        self.samples += 1;
        Ok(())
    }

    fn seal(&mut self) {
        if self.samples == 0 {
            return;
        }
        let bytes: Arc<[u8]> = std::mem::take(&mut self.open).into_bytes().into();
        let len = bytes.len();
        self.sealed.push(ChunkView {
            min: TimestampMs(self.min),
            max: TimestampMs(self.max),
            encoding: Encoding::Xor,
            samples: self.samples,
            bytes: ChunkBytes::Copied(bytes, 0..len),
        });
        self.samples = 0;
    }

    /// Returns the chunks by least time; those of late samples overlap the others, which the block's writer resolves.
    fn chunks(mut self) -> Result<Vec<ChunkView>, ChunkFull> {
        self.seal();
        let mut late = std::mem::take(&mut self.late);
        late.sort_by_key(|(t, _)| *t);
        late.dedup_by_key(|(t, _)| *t);
        for (t, v) in late {
            self.push(t, v)?;
        }
        self.seal();
        self.sealed.sort_by_key(|chunk| chunk.min);
        Ok(self.sealed)
    }
}

impl BlockBuilder {
    /// Returns a series, beginning it when it is new.
    pub(crate) fn series(&mut self, labels: &Labels) -> &mut Building {
        let at = self.places.get(labels).copied().unwrap_or_else(|| {
            self.places.insert(labels.clone(), self.series.len());
            self.series.push(Building::default());
            self.series.len() - 1
        });
        &mut self.series[at]
    }

    /// Writes a block below `dir`, its range that of its samples as upstream has it; none when there is no sample.
    pub(crate) fn write(mut self, dir: &Path) -> Result<Option<BlockMeta>, String> {
        let mut series = Vec::with_capacity(self.series.len());
        let (mut min_time, mut max_time) = (i64::MAX, i64::MIN);
        for (labels, at) in self.places {
            let chunks = std::mem::take(&mut self.series[at]).chunks().map_err(|error| error.to_string())?;
            min_time = chunks.iter().map(|chunk| chunk.min.0).fold(min_time, i64::min);
            max_time = chunks.iter().map(|chunk| chunk.max.0.saturating_add(1)).fold(max_time, i64::max);
            series.push((labels, chunks));
        }
        if min_time > max_time {
            return Ok(None);
        }
        let spec = BlockSpec::of_head(Ulid::from_datetime(SystemTime::now()), min_time, max_time);
        let written: Result<_, BlockError> =
            write_block(&OsVfs, dir, &spec, &mut LabelledSource::new(series), &mut WriteOptions::default());
        written.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_hours_times_powers_of_three() {
        let hours = |h: u64| block_range_ms(Duration::from_secs(h * 3600)) / 3_600_000;
        assert_eq!([0, 2, 5, 6, 17, 18, 1_000_000].map(hours), [2, 2, 2, 6, 6, 18, 39_366]);
    }
}
