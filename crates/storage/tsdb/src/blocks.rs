//! The blocks of a database: which are on disk, which of them are open, which are to go.
//!
//! The directory is the truth: it is read again at every reload, so blocks that others put there or took away come and go.
//! A block that cannot be read is set aside: it stays where it is, is told of once, and is tried again at each reload,
//! while the rest serves. Upstream stops there with an error (`tsdb/db.go`, `reloadBlocks`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_base::vfs::Vfs;
use firesteel_tsdb_block::{Block, BlockMeta, Marks, Ulid, repair_index_version};
use parking_lot::{Mutex, RwLock};

use crate::instruments::Instruments;
use crate::retention::{Beyond, Retention, beyond};
use crate::{DbError, overlaps};

const FOR_DELETION: &str = ".tmp-for-deletion";
/// What a block's or a chunk snapshot's directory ends with when it is half made or half deleted.
const TMP: [&str; 3] = [".tmp-for-creation", FOR_DELETION, ".tmp"];

/// What is wrong with the blocks that cannot be opened, by their names.
type Corrupt = BTreeMap<String, String>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Blocks {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    /// Sorted by least time.
    open: RwLock<Arc<[Arc<Block>]>>,
    /// Directories that cannot be read, with what was said about them.
    set_aside: Mutex<BTreeMap<String, String>>,
    /// The description that was logged last.
    overlapping: Mutex<String>,
}

/// What a reload needs to know beside the directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) retention: Retention,
    /// The file system's size; 0 = not known.
    pub(crate) disk_bytes: u64,
    /// Bytes of logs and head chunks, which count against a bound on size.
    pub(crate) head_bytes: u64,
    /// Overlapping blocks are merged in time, so they are worth a word.
    pub(crate) warn_of_overlaps: bool,
}

impl Blocks {
    /// Returns the blocks of `dir`, none of them open yet. Removes what a crash left half made or half deleted.
    pub(crate) fn new(vfs: Arc<dyn Vfs>, dir: &Path) -> Result<Self, DbError> {
        for entry in vfs.list(dir).map_err(DbError::io("list", dir))? {
            let of_block = |name: &str| is_block_name(name) || name.starts_with("chunk_snapshot.");
            if entry.is_dir && TMP.iter().any(|end| entry.name.strip_suffix(end).is_some_and(of_block)) {
                let path = dir.join(&entry.name);
                tracing::info!(component = "tsdb", dir = %path.display(), "Found and deleted tmp dir");
                vfs.remove_dir_all(&path).map_err(DbError::io("remove", &path))?;
            } else if entry.is_dir && is_block_name(&entry.name) {
                // What is wrong beside that, opening the block tells.
                if let Ok(true) = repair_index_version(vfs.as_ref(), &dir.join(&entry.name)) {
                    tracing::info!(component = "tsdb", ulid = entry.name, "Fixing broken block");
                }
            }
        }
        Ok(Self {
            vfs,
            dir: dir.to_owned(),
            open: RwLock::new(Arc::from([])),
            set_aside: Mutex::default(),
            overlapping: Mutex::default(),
        })
    }

    /// Returns the open blocks, sorted by least time.
    pub(crate) fn list(&self) -> Arc<[Arc<Block>]> {
        Arc::clone(&self.open.read())
    }

    /// Returns whether a block serves.
    pub(crate) fn is_open(&self, ulid: Ulid) -> bool {
        self.list().iter().any(|block| block.ulid() == ulid)
    }

    /// Returns why a block of the directory does not serve, if it could not be read.
    pub(crate) fn why_set_aside(&self, ulid: Ulid) -> Option<String> {
        self.set_aside.lock().get(&ulid.to_string()).cloned()
    }

    /// Returns where the head begins: the greatest end of a block that holds samples in order.
    pub(crate) fn in_order_end(&self) -> Option<i64> {
        use firesteel_tsdb_block::Hint::{OutOfOrder, SelectedSeries, StaleSeries};
        let list = self.list();
        let metas = list.iter().map(|b| b.meta());
        let in_order =
            metas.filter(|m| ![OutOfOrder, StaleSeries, SelectedSeries].iter().any(|&h| m.compaction.has(h)));
        in_order.map(|m| m.max_time).max()
    }

    /// Reads the directory again: opens new blocks, deletes those that others replace or that are beyond retention.
    pub(crate) fn reload(&self, policy: &Policy, instruments: &Instruments) -> Result<(), DbError> {
        let done = self.read_and_delete(policy, instruments);
        instruments.reloads.inc();
        if done.is_err() || !self.set_aside.lock().is_empty() {
            instruments.reloads_failed.inc();
        }
        done
    }

    fn read_and_delete(&self, policy: &Policy, instruments: &Instruments) -> Result<(), DbError> {
        let (loadable, mut corrupt) = self.open_all()?;
        let metas: Vec<(Arc<BlockMeta>, u64)> = loadable.iter().map(|b| (b.meta(), b.size_bytes())).collect();
        let Beyond { blocks: mut deletable, by_time, by_size } = beyond(
            metas.iter().map(|(meta, bytes)| (meta.as_ref(), *bytes)),
            &policy.retention,
            policy.disk_bytes,
            policy.head_bytes,
        );
        instruments.time_retentions.inc_by(u64::from(by_time));
        instruments.size_retentions.inc_by(u64::from(by_size));
        // Whether they exist or not: a crash may have come between a compaction and the deletion of its parents.
        for parent in metas.iter().flat_map(|(meta, _)| &meta.compaction.parents) {
            if corrupt.remove(&parent.ulid.to_string()).is_some() {
                tracing::warn!(
                    component = "tsdb", block = %parent.ulid,
                    "Found corrupted block, but replaced by compacted one so it's safe to delete. This should not happen with atomic deletes."
                );
            }
            deletable.insert(parent.ulid);
        }
        self.tell_of_corrupt(corrupt, instruments);
        let mut kept: Vec<Arc<Block>> = loadable.into_iter().filter(|b| !deletable.contains(&b.ulid())).collect();
        kept.sort_by_key(|b| b.meta().min_time);
        instruments.blocks_bytes.set(kept.iter().map(|b| b.size_bytes()).sum::<u64>() as f64);
        if policy.warn_of_overlaps {
            self.tell_of_overlaps(&kept);
        }
        *self.open.write() = Arc::from(kept);
        self.delete(&parents_first(deletable, metas.iter().map(|(meta, _)| meta.as_ref())))
    }

    /// Opens every block of the directory, or takes it from those that are open already; returns what cannot be opened.
    fn open_all(&self) -> Result<(Vec<Arc<Block>>, Corrupt), DbError> {
        let known = self.list();
        let (mut loadable, mut corrupt) = (Vec::new(), BTreeMap::new());
        for entry in self.vfs.list(&self.dir).map_err(DbError::io("list", &self.dir))? {
            if !entry.is_dir || !is_block_name(&entry.name) {
                continue;
            }
            if let Some(open) = known.iter().find(|b| b.ulid().to_string() == entry.name) {
                loadable.push(Arc::clone(open));
                continue;
            }
            let marks = Marks::read(self.vfs.as_ref(), &self.dir.join(&entry.name)).unwrap_or_default();
            if marks.deletion {
                // Another program's business: it is neither served nor touched.
                continue;
            }
            match Block::open(self.vfs.as_ref(), &self.dir.join(&entry.name)) {
                Ok(block) => loadable.push(block),
                Err(e) => {
                    corrupt.insert(entry.name, e.to_string());
                }
            }
        }
        Ok((loadable, corrupt))
    }

    fn tell_of_corrupt(&self, corrupt: BTreeMap<String, String>, instruments: &Instruments) {
        let mut before = self.set_aside.lock();
        for (block, err) in &corrupt {
            if before.get(block) != Some(err) {
                tracing::error!(
                    component = "tsdb",
                    block,
                    err,
                    "Block is corrupted and set aside; the other blocks are served. Repair it, or move it away"
                );
            }
        }
        for block in before.keys().filter(|b| !corrupt.contains_key(*b)) {
            tracing::info!(component = "tsdb", block, "Block that was set aside is readable again, or gone");
        }
        instruments.blocks_set_aside.set(corrupt.len() as f64);
        *before = corrupt;
    }

    fn tell_of_overlaps(&self, blocks: &[Arc<Block>]) {
        let metas: Vec<Arc<BlockMeta>> = blocks.iter().map(|b| b.meta()).collect();
        let metas: Vec<&BlockMeta> = metas.iter().map(Arc::as_ref).collect();
        let detail = overlaps::describe(&metas).unwrap_or_default();
        let mut before = self.overlapping.lock();
        if *before != detail && !detail.is_empty() {
            tracing::warn!(component = "tsdb", detail, "Overlapping blocks found during reloadBlocks");
        }
        *before = detail;
    }

    /// Deletes the directories of these blocks in their order, where they exist, up to the first that cannot be deleted. A
    /// query that reads one goes on: its files are mapped.
    fn delete(&self, ulids: &[Ulid]) -> Result<(), DbError> {
        for ulid in ulids {
            let path = self.dir.join(ulid.to_string());
            let gone = self.dir.join(format!("{ulid}{FOR_DELETION}"));
            // In one step and for good before anything of it goes: half a block must not come back.
            match self.vfs.rename(&path, &gone) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(DbError::Io { what: "rename for deletion", path, source }),
            }
            self.vfs.sync_dir(&self.dir).map_err(DbError::io("sync", &self.dir))?;
            self.vfs.remove_dir_all(&gone).map_err(DbError::io("remove", &gone))?;
            tracing::info!(component = "tsdb", block = %ulid, "Deleting obsolete block");
        }
        Ok(())
    }

    /// Deletes a block that was written and could not be loaded, as far as that goes.
    pub(crate) fn discard(&self, ulid: Ulid) {
        if let Err(e) = self.delete(&[ulid]) {
            tracing::error!(component = "tsdb", block = %ulid, err = %e, "Deleting a block that could not be loaded failed");
        }
    }
}

/// Returns the blocks in the order in which they may go: each behind its parents, which would serve again if it went before.
fn parents_first<'a>(mut deletable: BTreeSet<Ulid>, metas: impl Iterator<Item = &'a BlockMeta> + Clone) -> Vec<Ulid> {
    let mut order = Vec::with_capacity(deletable.len());
    while !deletable.is_empty() {
        let mut waiting = BTreeSet::new();
        for meta in metas.clone().filter(|meta| deletable.contains(&meta.ulid)) {
            let parents = &meta.compaction.parents;
            if parents.iter().any(|parent| parent.ulid != meta.ulid && deletable.contains(&parent.ulid)) {
                waiting.insert(meta.ulid);
            }
        }
        if waiting.len() == deletable.len() {
            // Parents of each other, which nobody writes.
            waiting.clear();
        }
        order.extend(deletable.difference(&waiting));
        deletable = waiting;
    }
    order
}

/// Returns whether a directory of this name is a block.
fn is_block_name(name: &str) -> bool {
    Ulid::from_string(name).is_ok_and(|ulid| ulid.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(blocks: &[(u128, &[u128])], deletable: &[u128], expected: &[u128]) {
        let metas: Vec<BlockMeta> = blocks
            .iter()
            .map(|(ulid, parents)| {
                let desc = |p: &u128| format!(r#"{{"ulid":"{}","minTime":0,"maxTime":1}}"#, Ulid::from(*p));
                let parents: Vec<String> = parents.iter().map(desc).collect();
                let text = format!(
                    r#"{{"ulid":"{}","minTime":0,"maxTime":1,"version":1,"compaction":{{"parents":[{}]}}}}"#,
                    Ulid::from(*ulid),
                    parents.join(",")
                );
                BlockMeta::parse(text.as_bytes(), Path::new("x")).expect("a meta")
            })
            .collect();
        let deletable = deletable.iter().map(|&ulid| Ulid::from(ulid)).collect();
        let expected: Vec<Ulid> = expected.iter().map(|&ulid| Ulid::from(ulid)).collect();
        assert_eq!(parents_first(deletable, metas.iter()), expected, "{blocks:?}");
    }

    #[test]
    fn parents_go_first() {
        check(&[], &[], &[]);
        // The names of one millisecond are in no order.
        check(&[(1, &[2]), (2, &[3]), (3, &[]), (4, &[1])], &[1, 2, 3], &[3, 2, 1]);
        // Parents that are gone, or that stay, hold nobody back.
        check(&[(1, &[7]), (2, &[3]), (3, &[])], &[1, 2, 7], &[2, 7, 1]);
        // Of foreign making: itself, and each other.
        check(&[(1, &[1]), (2, &[3]), (3, &[2])], &[1, 2, 3], &[1, 2, 3]);
    }
}
