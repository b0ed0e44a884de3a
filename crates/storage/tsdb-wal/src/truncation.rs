//! Letting go of old segments once the head has given their samples to a block.

use firesteel_base::TimestampMs;
use firesteel_model::SeriesRef;

use super::{CheckpointStats, Wal, WalError, list_segments, write_checkpoint};

impl Wal {
    /// Makes a checkpoint of the first two thirds of the segments, at least two, and removes them; as upstream's head does
    /// at each truncation. Returns `None` when there are too few.
    ///
    /// `keep` says which series are still needed, `min_t` is the least time of samples that are. Committers go on meanwhile.
    pub fn checkpoint(
        &self,
        keep: &mut dyn FnMut(SeriesRef) -> bool,
        min_t: TimestampMs,
    ) -> Result<Option<CheckpointStats>, WalError> {
        // With little ingestion the current segment would otherwise hold everything for days.
        self.next_segment()?;
        let segments = list_segments(self.vfs().as_ref(), self.dir())?;
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(None) };
        // The last one is being written.
        let Some(last) = last.index.checked_sub(1) else { return Ok(None) };
        let to = first.index + (last.max(first.index) - first.index) * 2 / 3;
        if to <= first.index {
            return Ok(None);
        }
        let stats = write_checkpoint(self.vfs(), self.dir(), to, self.compression(), keep, min_t)?;
        self.truncate(to + 1)?;
        self.delete_checkpoints(to)?;
        Ok(Some(stats))
    }
}
