//! Marks that other programs put beside `meta.json`: `no-compact-mark.json`, `deletion-mark.json`.
//!
//! Thanos and its kin write them; upstream's Prometheus does not know them. A block with the first is left out of
//! compaction, one with the second is no longer served. The content matters to people only, so it is not read.

use std::path::Path;

use firesteel_base::vfs::Vfs;

use crate::BlockError;

/// The marks of one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// Never compact it.
    pub no_compact: bool,
    /// It is to be deleted.
    pub deletion: bool,
}

impl Marks {
    /// Looks which marks are in a block's directory.
    pub fn read(vfs: &dyn Vfs, dir: &Path) -> Result<Self, BlockError> {
        let entries = vfs.list(dir).map_err(BlockError::io("list", dir))?;
        let has = |name: &str| entries.iter().any(|e| !e.is_dir && e.name == name);
        Ok(Self { no_compact: has("no-compact-mark.json"), deletion: has("deletion-mark.json") })
    }
}
