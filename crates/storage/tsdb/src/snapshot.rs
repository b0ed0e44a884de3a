//! Snapshots: hard links to the files of all blocks, and on demand the head as one more block.

use std::path::Path;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_tsdb_block::{BlockSpec, Ulid};

use crate::DbError;
use crate::compaction::Compaction;

impl Compaction {
    /// Writes everything that is stored into `dir`, which must exist, be empty and not be the data directory itself. After
    /// an error `dir` is gone: what is not whole must not pass for a backup, nor take space.
    pub(crate) fn snapshot(&self, dir: &Path, with_head: bool) -> Result<(), DbError> {
        if dir == self.dir() {
            return Err(DbError::Snapshot("cannot snapshot into base directory"));
        }
        if dir.to_str().is_some_and(|name| Ulid::from_string(name).is_ok()) {
            return Err(DbError::Snapshot("dir must not be a valid ULID"));
        }
        let _one = self.exclusive();
        let written = self.write_snapshot(dir, with_head);
        if written.is_err()
            && let Err(e) = self.vfs().remove_dir_all(dir)
        {
            tracing::warn!(component = "tsdb", dir = %dir.display(), err = %e, "Removing an unfinished snapshot failed");
        }
        written
    }

    fn write_snapshot(&self, dir: &Path, with_head: bool) -> Result<(), DbError> {
        for block in self.blocks.list().iter() {
            tracing::info!(component = "tsdb", block = %block.ulid(), "Snapshotting block");
            block.snapshot(self.vfs(), dir)?;
        }
        if with_head && let Some((min, max)) = self.head.time_range() {
            // Blocks end before their `max_time`.
            let spec = BlockSpec::of_head(Ulid::generate(), min, max.saturating_add(1));
            let mut source = self.head.source(TimeRange { min: TimestampMs(min), max: TimestampMs(max) });
            self.write_to(dir, spec, &mut source)?;
            drop(source);
            self.snapshot_late_samples(dir)?;
        }
        self.vfs().sync_dir(dir).map_err(DbError::io("sync", dir))
    }

    /// Writes blocks of the samples that came late; they stay in the head. Upstream's snapshots are without them
    /// (`tsdb/db.go`, 3.14), which a backup should not be.
    fn snapshot_late_samples(&self, dir: &Path) -> Result<(), DbError> {
        let Some(cut) = self.head.begin_out_of_order_cut()? else { return Ok(()) };
        let written = self.write_late_blocks(&cut, dir, &mut Vec::new());
        self.head.cancel_out_of_order_cut(&cut);
        written
    }
}
