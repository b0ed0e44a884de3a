//! A data directory for reading alone, as tools do it beside a server or without: nothing is locked and nothing changes on
//! disk (upstream's `tsdb.DBReadOnly`).

use std::io;
use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{DirEntry, Mapped, OsVfs, Vfs, VfsFile};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_storage::{MergeQuerier, Querier, Queryable, StorageError};
use firesteel_tsdb_block::{Block, Hint, Ulid};
use firesteel_tsdb_head::{Head, HeadQuerier, Log};

use crate::{DbError, DbOptions, ReplayProgress, head_begin, replay};

/// The blocks and the replayed head of a directory, as they were when it was opened.
#[derive(Debug)]
pub struct ReadOnlyDb {
    blocks: Vec<Arc<Block>>,
    head: Arc<Head>,
}

impl ReadOnlyDb {
    /// Reads the directory. A torn end of the log is passed over, as a server would cut it.
    ///
    /// Errors: a block or the log cannot be read.
    pub fn open(dir: &Path) -> Result<Self, DbError> {
        let vfs: Arc<dyn Vfs> = Arc::new(Forgetful(OsVfs));
        let mut blocks = Vec::new();
        for entry in vfs.list(dir).map_err(DbError::io("list", dir))? {
            if entry.is_dir && Ulid::from_string(&entry.name).is_ok() {
                blocks.push(Block::open(vfs.as_ref(), &dir.join(&entry.name))?);
            }
        }
        blocks.sort_by_key(|block| (block.meta().min_time, block.ulid()));
        let in_order = |block: &&Arc<Block>| {
            let meta = block.meta();
            ![Hint::OutOfOrder, Hint::StaleSeries, Hint::SelectedSeries].iter().any(|&hint| meta.compaction.has(hint))
        };
        let end = blocks.iter().filter(in_order).map(|block| block.meta().max_time).max();
        let end = end.max(head_begin::read(vfs.as_ref(), dir)?);
        let head = Head::new(DbOptions::new(dir).head_options(), Log::default());
        let chunks = dir.join("chunks_head");
        if chunks.is_dir() {
            head.open_chunks_head(Arc::clone(&vfs), &chunks, end.unwrap_or(i64::MIN), None)?;
        }
        let log = dir.join("wal");
        if log.is_dir() {
            replay::replay(&head, &vfs, &log, false, &ReplayProgress::default())?;
        }
        Ok(Self { blocks, head })
    }

    /// Returns the times of the oldest and the newest sample, ends included, as far as blocks and head tell; `None` for an
    /// empty directory.
    pub fn time_range(&self) -> Option<TimeRange> {
        let of_head =
            self.head.time_range().map(|(min, max)| TimeRange { min: TimestampMs(min), max: TimestampMs(max) });
        let ranges = self.blocks.iter().map(|block| block.range()).chain(of_head);
        ranges.reduce(|a, b| TimeRange { min: a.min.min(b.min), max: a.max.max(b.max) })
    }
}

impl Queryable for ReadOnlyDb {
    fn querier(&self, range: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        let mut parts: Vec<Box<dyn Querier>> = vec![Box::new(HeadQuerier::new(Arc::clone(&self.head), range))];
        for block in self.blocks.iter().filter(|block| block.range().overlaps(range)) {
            parts.push(block.querier(range)?);
        }
        Ok(MergeQuerier::over(parts))
    }
}

/// Reads, and forgets what it is told to change: what opening a directory would repair on disk is repaired in memory only.
#[derive(Debug)]
struct Forgetful(OsVfs);

impl Vfs for Forgetful {
    fn create(&self, _: &Path) -> io::Result<Arc<dyn VfsFile>> {
        Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem))
    }
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(ForgetfulFile(self.0.open_read(path)?)))
    }
    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        self.0.open_read(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.0.list(dir)
    }
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn remove_file(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn hard_link(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct ForgetfulFile(Arc<dyn VfsFile>);

impl VfsFile for ForgetfulFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Ok(())
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn map(&self) -> io::Result<Mapped> {
        self.0.map()
    }
}
