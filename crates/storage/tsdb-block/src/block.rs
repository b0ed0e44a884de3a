//! An open block.
//!
//! Index and chunks never change once a block has its name, so they are mapped; `meta.json` and `tombstones` are replaced
//! as wholes. A block whose files are gone goes on answering as long as somebody holds it. What a failing device does to
//! mapped files: see [`firesteel_base::vfs::Mapped`]; every field and every checksum is verified when it is read, so
//! bytes that rotted are errors that name file and offset.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use firesteel_base::vfs::Vfs;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, Matcher, SeriesRef};
use firesteel_storage::{ChunkView, Querier, Queryable, StorageError};
use parking_lot::{Mutex, RwLock};
use ulid::Ulid;

use crate::block_source::BlockSource;
use crate::find::find;
use crate::index::{INDEX_FILE, Index, LabelReader};
use crate::matcher_cache::MatcherCache;
use crate::querier::BlockQuerier;
use crate::segments::{CHUNKS_DIR, Segments};
use crate::{BlockError, BlockMeta, META_FILE, Marks, TOMBSTONES_FILE, Tombstones};

/// A directory of samples of a range of time. Shared; readers hold it as long as they need it.
#[derive(Debug)]
pub struct Block {
    dir: PathBuf,
    ulid: Ulid,
    /// Queriers hold the block open.
    me: Weak<Self>,
    pub(crate) index: Index,
    pub(crate) segments: Segments,
    pub(crate) cache: MatcherCache,
    meta: RwLock<Arc<BlockMeta>>,
    tombstones: RwLock<Arc<Tombstones>>,
    /// One change of meta and tombstones at a time.
    changing: Mutex<()>,
    meta_bytes: AtomicU64,
    tombstones_bytes: AtomicU64,
}

impl Block {
    /// Opens the block in `dir`. Errors say which file is not as it should be; nothing is changed.
    pub fn open(vfs: &dyn Vfs, dir: &Path) -> Result<Arc<Self>, BlockError> {
        let (meta, meta_bytes) = BlockMeta::read(vfs, dir)?;
        let segments = Segments::open(vfs, &dir.join(CHUNKS_DIR))?;
        let index = Index::open(vfs, &dir.join(INDEX_FILE))?;
        let (tombstones, tombstones_bytes) = Tombstones::read(vfs, dir)?;
        Ok(Arc::new_cyclic(|me| Self {
            dir: dir.to_owned(),
            me: Weak::clone(me),
            ulid: meta.ulid,
            index,
            segments,
            cache: MatcherCache::default(),
            meta: RwLock::new(Arc::new(meta)),
            tombstones: RwLock::new(Arc::new(tombstones)),
            changing: Mutex::new(()),
            meta_bytes: AtomicU64::new(meta_bytes),
            tombstones_bytes: AtomicU64::new(tombstones_bytes),
        }))
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn ulid(&self) -> Ulid {
        self.ulid
    }

    /// Returns `meta.json` as it is now.
    pub fn meta(&self) -> Arc<BlockMeta> {
        Arc::clone(&self.meta.read())
    }

    /// Returns what is deleted.
    pub fn tombstones(&self) -> Arc<Tombstones> {
        Arc::clone(&self.tombstones.read())
    }

    /// Returns the version of the index file.
    pub fn index_version(&self) -> u8 {
        self.index.version()
    }

    /// Returns the bytes of all files, as retention by size counts them.
    pub fn size_bytes(&self) -> u64 {
        self.segments.size_bytes()
            + self.index.file.len() as u64
            + self.meta_bytes.load(Ordering::Relaxed)
            + self.tombstones_bytes.load(Ordering::Relaxed)
    }

    /// Returns upstream's figure for `prometheus_tsdb_symbol_table_size_bytes`.
    pub fn symbol_table_bytes(&self) -> u64 {
        self.index.symbols.upstream_bytes()
    }

    /// Returns the times at which the block may have samples, ends included.
    pub fn range(&self) -> TimeRange {
        self.meta.read().range()
    }

    /// Marks the samples of matching series within `range` as deleted, on disk first. Returns how many series it concerns.
    ///
    /// After an error the block is as before, or the deletion holds in part of what was asked for; asking again is safe.
    pub fn delete(&self, vfs: &dyn Vfs, range: TimeRange, matchers: &[Matcher]) -> Result<usize, BlockError> {
        let _changing = self.changing.lock();
        let mut stones = (*self.tombstones()).clone();
        let mut series = 0;
        for id in find(&self.index, &self.cache, matchers)? {
            let mut entry = self.index.series(id)?;
            entry.labels(|_| {})?;
            let (mut held, mut meets) = (None::<TimeRange>, false);
            entry.chunks(|chunk| {
                let chunk = TimeRange { min: TimestampMs(chunk.min), max: TimestampMs(chunk.max) };
                meets |= chunk.overlaps(range);
                held = Some(TimeRange { min: held.map_or(chunk.min, |h| h.min), max: chunk.max });
            })?;
            if let Some(held) = held.filter(|_| meets) {
                // Not beyond what is there, as upstream: the stone shall say what was deleted, no more.
                let stone = TimeRange { min: range.min.max(held.min), max: range.max.min(held.max) };
                stones.add(SeriesRef(u64::from(id)), stone);
                series += 1;
            }
        }
        if series > 0 {
            self.set_tombstones(vfs, stones)?;
        }
        Ok(series)
    }

    fn set_tombstones(&self, vfs: &dyn Vfs, stones: Tombstones) -> Result<(), BlockError> {
        self.tombstones_bytes.store(stones.write(vfs, &self.dir)?, Ordering::Relaxed);
        let count = stones.len() as u64;
        *self.tombstones.write() = Arc::new(stones);
        self.change_meta(vfs, |meta| meta.stats.num_tombstones = count)
    }

    /// Notes in `meta.json` that a compaction of the block failed.
    pub fn set_compaction_failed(&self, vfs: &dyn Vfs) -> Result<(), BlockError> {
        let _changing = self.changing.lock();
        self.change_meta(vfs, |meta| meta.compaction.failed = true)
    }

    /// Notes in `meta.json` that nothing of the block is needed any more.
    pub fn set_deletable(&self, vfs: &dyn Vfs) -> Result<(), BlockError> {
        let _changing = self.changing.lock();
        self.change_meta(vfs, |meta| meta.compaction.deletable = true)
    }

    fn change_meta(&self, vfs: &dyn Vfs, change: impl FnOnce(&mut BlockMeta)) -> Result<(), BlockError> {
        let mut meta = (*self.meta()).clone();
        change(&mut meta);
        self.meta_bytes.store(meta.write(vfs, &self.dir)?, Ordering::Relaxed);
        *self.meta.write() = Arc::new(meta);
        Ok(())
    }

    /// Reads the marks of other programs.
    pub fn marks(&self, vfs: &dyn Vfs) -> Result<Marks, BlockError> {
        Marks::read(vfs, &self.dir)
    }

    /// Makes the block appear in `parent` as well, by links to its files; the directory is named by the ULID.
    pub fn snapshot(&self, vfs: &dyn Vfs, parent: &Path) -> Result<(), BlockError> {
        let _changing = self.changing.lock();
        let dir = parent.join(self.ulid.to_string());
        let chunks = dir.join(CHUNKS_DIR);
        vfs.create_dir_all(&chunks).map_err(BlockError::io("create", &chunks))?;
        let link = |from: &Path, to: PathBuf| vfs.hard_link(from, &to).map_err(BlockError::io("link", &to));
        for name in [META_FILE, INDEX_FILE] {
            link(&self.dir.join(name), dir.join(name))?;
        }
        if self.tombstones_bytes.load(Ordering::Relaxed) > 0 {
            link(&self.dir.join(TOMBSTONES_FILE), dir.join(TOMBSTONES_FILE))?;
        }
        for path in self.segments.paths() {
            link(path, chunks.join(path.file_name().unwrap_or_default()))?;
        }
        for dir in [chunks.as_path(), dir.as_path(), parent] {
            vfs.sync_dir(dir).map_err(BlockError::io("sync", dir))?;
        }
        Ok(())
    }

    /// Calls `visit` with each matching series and the times from its first to its last chunk, whatever is deleted of it:
    /// for those who look at the block itself.
    pub fn walk(&self, matchers: &[Matcher], mut visit: impl FnMut(&Labels, TimeRange)) -> Result<(), BlockError> {
        let mut reader = LabelReader::default();
        for id in find(&self.index, &self.cache, matchers)? {
            let mut entry = self.index.series(id)?;
            let labels = reader.read(&self.index, &mut entry)?;
            let mut held: Option<TimeRange> = None;
            entry.chunks(|chunk| {
                let min = held.map_or(TimestampMs(chunk.min), |h| h.min);
                held = Some(TimeRange { min, max: TimestampMs(chunk.max) });
            })?;
            if let Some(held) = held {
                visit(&labels, held);
            }
        }
        Ok(())
    }

    /// Calls `visit` with each chunk of matching series, whatever is deleted of it.
    pub fn walk_chunks(&self, matchers: &[Matcher], mut visit: impl FnMut(&ChunkView)) -> Result<(), BlockError> {
        let mut metas = Vec::new();
        for id in find(&self.index, &self.cache, matchers)? {
            let mut entry = self.index.series(id)?;
            entry.labels(|_| {})?;
            metas.clear();
            entry.chunks(|chunk| metas.push(chunk))?;
            for meta in &metas {
                visit(&self.segments.chunk(meta)?);
            }
        }
        Ok(())
    }

    /// Returns the block's series as a source for a new block.
    pub fn source(self: &Arc<Self>) -> Result<BlockSource, BlockError> {
        BlockSource::new(Arc::clone(self))
    }
}

impl Queryable for Block {
    fn querier(&self, range: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        // Blocks live in an `Arc` from the start, so there is one as long as there is a reference.
        let block = self.me.upgrade().ok_or(StorageError::Closed)?;
        Ok(Box::new(BlockQuerier::new(block, range)))
    }
}
