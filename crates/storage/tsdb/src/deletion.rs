//! Deleting series for good: first they are only hidden, by tombstones; cleaning rewrites the blocks without them.

use std::sync::Arc;
use std::time::Instant;

use firesteel_base::TimeRange;
use firesteel_model::Matcher;
use firesteel_tsdb_block::{Block, BlockSpec, Ulid};

use crate::DbError;
use crate::compaction::Compaction;

impl Compaction {
    /// Hides the samples of matching series in a range, ends included, in blocks and head; returns of how many series, those
    /// of each block for themselves. What is hidden stays so after a crash.
    pub(crate) fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<usize, DbError> {
        let mut state = self.exclusive();
        self.sync_dropped(&mut state)?;
        // A failed compaction may have left a whole block that is not open yet, or whose name came or went without being
        // synced: loaded later or back after a loss of power, it would know nothing of this deletion.
        self.vfs().sync_dir(self.dir()).map_err(DbError::io("sync", self.dir()))?;
        self.reload_locked()?;
        // The block may go that tells a start to leave out of the log what is deleted here.
        self.write_begin()?;
        let late = self.head.late_within(range, matchers);
        if !late.is_empty() {
            // In blocks they can be deleted, and what comes late from now on is not hidden. The log must not bring them back.
            self.cut_late_samples()?;
        }
        if let Some(wal) = self.head.late_log().wal() {
            // Nor those that were cut earlier.
            self.head.trim_late_log()?;
            self.vfs().sync_dir(wal.dir()).map_err(DbError::io("sync", wal.dir()))?;
        }
        let mut n = 0;
        for block in self.blocks.list().iter().filter(|b| b.range().overlaps(range)) {
            n += block.delete(self.vfs(), range, matchers)?;
        }
        let in_head = self.head.delete(range, matchers, &late)?;
        if in_head > 0
            && let Some(wal) = self.head.log.wal()
        {
            wal.sync()?;
        }
        Ok(n + in_head)
    }

    /// Rewrites the blocks that have tombstones, until none has.
    pub(crate) fn clean_tombstones(&self) -> Result<(), DbError> {
        let _one = self.exclusive();
        let began = Instant::now();
        let done = self.clean_all();
        self.instruments.tombstone_cleanup.observe_duration(began.elapsed());
        done
    }

    fn clean_all(&self) -> Result<(), DbError> {
        let next = || self.blocks.list().iter().find(|b| !b.tombstones().is_empty()).cloned();
        while let Some(block) = next() {
            self.clean(&block)?;
        }
        Ok(())
    }

    fn clean(&self, block: &Arc<Block>) -> Result<(), DbError> {
        let ulid = Ulid::generate();
        let written = self.write(BlockSpec::rewritten(ulid, &block.meta()), &mut block.source()?)?;
        match written {
            // The new block names this one as its parent: loading it deletes this one.
            Some(meta) => self.load_written(meta.ulid),
            // Nothing is left of it, and no block is there to say so.
            None => {
                block.set_deletable(self.vfs())?;
                self.reload_locked()
            }
        }
    }
}
