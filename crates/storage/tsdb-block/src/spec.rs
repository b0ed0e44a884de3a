//! What a block that is about to be written shall be.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::AtomicBool;

use firesteel_storage::{ChunkView, Encoding};
use ulid::Ulid;

use crate::{BlockDesc, BlockMeta, Compaction, Hint};

/// Length of a chunk segment unless told otherwise.
pub const DEFAULT_SEGMENT_BYTES: u64 = 512 << 20;

/// Name, range and origin of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockSpec {
    pub ulid: Ulid,
    /// Samples from here, in milliseconds; older ones are left out.
    pub min_time: i64,
    /// Samples before this, in milliseconds; newer ones are left out.
    pub max_time: i64,
    /// Level, sources, parents, hints.
    pub compaction: Compaction,
}

impl BlockSpec {
    /// Returns the spec of a block that the head writes: level 1, its own only source.
    pub fn of_head(ulid: Ulid, min_time: i64, max_time: i64) -> Self {
        Self {
            ulid,
            min_time,
            max_time,
            compaction: Compaction { level: 1, sources: vec![ulid], ..Compaction::default() },
        }
    }

    /// Returns the spec of a block of late samples: as the head's, with a parent of zeros as upstream writes it.
    pub fn of_out_of_order_head(ulid: Ulid, min_time: i64, max_time: i64) -> Self {
        let mut spec = Self::of_head(ulid, min_time, max_time);
        spec.compaction.parents.push(BlockDesc { ulid: Ulid::nil(), min_time: 0, max_time: 0 });
        spec.compaction.set(Hint::OutOfOrder);
        spec
    }

    /// Returns the spec of a block of series that left the head early because they are stale.
    pub fn of_stale_series(ulid: Ulid, min_time: i64, max_time: i64) -> Self {
        let mut spec = Self::of_head(ulid, min_time, max_time);
        spec.compaction.set(Hint::StaleSeries);
        spec
    }

    /// Returns the spec of one block rewritten without what is deleted in it: level 1 again, as upstream has it.
    pub fn rewritten(ulid: Ulid, parent: &BlockMeta) -> Self {
        let mut spec = Self::of_head(ulid, parent.min_time, parent.max_time);
        spec.compaction.parents.push(parent.desc());
        for hint in [Hint::OutOfOrder, Hint::StaleSeries, Hint::SelectedSeries] {
            if parent.compaction.has(hint) {
                spec.compaction.set(hint);
            }
        }
        spec
    }

    /// Returns the spec of the block that takes the place of `parents`, which are at least one and sorted by time.
    ///
    /// The hint of late samples stays only if all parents have it, the others if any has (`tsdb/compact.go`,
    /// `CompactBlockMetas`).
    pub fn compacted(ulid: Ulid, parents: &[&BlockMeta]) -> Self {
        let mut compaction = Compaction {
            level: 1 + parents.iter().map(|p| p.compaction.level).max().unwrap_or(0),
            parents: parents.iter().map(|p| p.desc()).collect(),
            ..Compaction::default()
        };
        let sources: BTreeSet<Ulid> = parents.iter().flat_map(|p| p.compaction.sources.iter().copied()).collect();
        compaction.sources = sources.into_iter().collect();
        for hint in [Hint::StaleSeries, Hint::SelectedSeries] {
            if parents.iter().any(|p| p.compaction.has(hint)) {
                compaction.set(hint);
            }
        }
        if parents.iter().all(|p| p.compaction.has(Hint::OutOfOrder)) {
            compaction.set(Hint::OutOfOrder);
        }
        Self {
            ulid,
            min_time: parents.iter().map(|p| p.min_time).min().unwrap_or(0),
            max_time: parents.iter().map(|p| p.max_time).max().unwrap_or(0),
            compaction,
        }
    }
}

/// How to write.
pub struct WriteOptions<'a> {
    /// Chunk segments are cut before they grow beyond this.
    pub segment_bytes: u64,
    /// How floats are encoded that have to be encoded anew: XOR or XOR2.
    pub float_encoding: Encoding,
    /// Set it from another thread, and writing ends with [`crate::BlockError::Cancelled`].
    pub cancelled: Option<&'a AtomicBool>,
    /// Called with each chunk that is written (upstream counts those of level 1 in histograms).
    pub observe: Option<&'a mut dyn FnMut(&ChunkView)>,
}

impl Default for WriteOptions<'_> {
    fn default() -> Self {
        Self { segment_bytes: DEFAULT_SEGMENT_BYTES, float_encoding: Encoding::Xor, cancelled: None, observe: None }
    }
}

impl fmt::Debug for WriteOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteOptions")
            .field("segment_bytes", &self.segment_bytes)
            .field("float_encoding", &self.float_encoding)
            .field("cancelled", &self.cancelled)
            .finish_non_exhaustive()
    }
}
