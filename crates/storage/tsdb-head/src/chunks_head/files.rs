//! The directory: one file that is written to, older ones that are only read, and maps of all of them.
//!
//! The invariant: `len` bytes of the current file are whole entries, and nothing else is behind them unless `torn` is set;
//! then the next write cuts it first. A file is synced before the next one begins, so only the last can be torn.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_base::vfs::{Mapped, Vfs, VfsFile};
use firesteel_model::SeriesRef;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use super::format::{
    HEADER_BYTES, MAX_FILE_BYTES, entry_at_unverified, entry_bytes, entry_start, file_header, push_entry,
};
use super::{ChunkRef, ChunksHeadError};

/// Entries are handed to the system in runs of about this size.
const RUN_BYTES: usize = 1 << 20;

/// No entry is shorter.
const FIRST_BYTES: usize = entry_bytes(2);

/// A chunk that is to be written; its bytes lie in the batch's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewChunk {
    pub(crate) series: SeriesRef,
    pub(crate) range: (i64, i64),
    pub(crate) encoding: u8,
    pub(crate) out_of_order: bool,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// Where a chunk's bytes went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    pub(crate) file: u32,
    pub(crate) data_at: u32,
}

/// The files of one head.
#[derive(Debug)]
pub(crate) struct ChunkFiles {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    file_bytes_max: u64,
    writer: Mutex<Writer>,
    maps: RwLock<Maps>,
}

#[derive(Debug)]
struct Writer {
    next: u32,
    /// The newest file that was there: whoever wrote it may not have lived to sync it.
    inherited: Option<u32>,
    current: Option<Current>,
    frames: Vec<u8>,
    /// Sum of the older files' lengths.
    older_bytes: u64,
}

#[derive(Debug)]
struct Current {
    number: u32,
    path: PathBuf,
    file: Arc<dyn VfsFile>,
    len: u64,
    torn: bool,
    unsynced: bool,
    name_unsynced: bool,
}

/// The maps of all files, by number. Taken below a shard's lock, held for moments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Maps(Vec<(u32, Arc<Mapped>)>);

impl Maps {
    /// Returns the map of a file, by the low 16 bits of its number.
    #[inline]
    pub(crate) fn get(&self, file: u16) -> Option<&Arc<Mapped>> {
        self.0.iter().rev().find(|(number, _)| *number as u16 == file).map(|(_, map)| map)
    }

    /// Returns the whole number and the length of the file with these low 16 bits.
    pub(crate) fn number(&self, file: u16) -> Option<(u32, u64)> {
        let found = self.0.iter().rev().find(|(number, _)| *number as u16 == file);
        found.map(|(number, map)| (*number, map.len() as u64))
    }

    /// Returns what tells a file from another of the same number, once an entry is in it.
    pub(crate) fn identity(&self, file: u16) -> Option<u32> {
        let first = self.get(file)?.get(HEADER_BYTES..HEADER_BYTES + FIRST_BYTES)?;
        Some(crc32c::crc32c(first))
    }

    /// Returns the series that the entry of a chunk bears, and where the entry begins.
    pub(crate) fn entry_of(&self, file: u16, data_at: u32, len: usize) -> Option<(SeriesRef, ChunkRef)> {
        let (number, _) = self.number(file)?;
        let start = entry_start(data_at, len);
        let entry = entry_at_unverified(self.by_number(number)?, start)?;
        Some((entry.series, ChunkRef::new(number, start)))
    }

    /// Gives the pages that were read back to the system.
    pub(crate) fn release(&self) {
        self.0.iter().for_each(|(_, map)| map.release(0..map.len()));
    }

    pub(super) fn put(&mut self, number: u32, map: Mapped) {
        let map = Arc::new(map);
        match self.0.iter_mut().find(|(n, _)| *n == number) {
            Some(entry) => entry.1 = map,
            None => self.0.push((number, map)),
        }
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(number, _)| *number)
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (u32, &Mapped)> {
        self.0.iter().map(|(number, map)| (*number, &**map))
    }

    pub(crate) fn by_number(&self, number: u32) -> Option<&Arc<Mapped>> {
        self.0.iter().find(|(n, _)| *n == number).map(|(_, map)| map)
    }
}

/// Returns the path of a file.
pub(super) fn file_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}"))
}

impl ChunkFiles {
    /// `maps` are the files that are there, checked.
    pub(super) fn new(vfs: Arc<dyn Vfs>, dir: &Path, maps: Maps) -> Self {
        let inherited = maps.numbers().max();
        let next = inherited.map_or(1, |last| last + 1);
        let older_bytes = maps.0.iter().map(|(_, map)| map.len() as u64).sum();
        Self {
            vfs,
            dir: dir.to_owned(),
            file_bytes_max: MAX_FILE_BYTES,
            writer: Mutex::new(Writer { next, inherited, current: None, frames: Vec::new(), older_bytes }),
            maps: RwLock::new(maps),
        }
    }

    /// Ends files at this many bytes instead, for tests.
    #[cfg(test)]
    pub(crate) fn with_file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes_max = bytes;
        self
    }

    /// Returns the maps; hold them for moments only.
    #[inline]
    pub(crate) fn maps(&self) -> RwLockReadGuard<'_, Maps> {
        self.maps.read()
    }

    /// Returns the path of the file with these low bits of its number, for errors.
    pub(crate) fn path_of(&self, file: u16) -> PathBuf {
        let number = self.maps.read().numbers().find(|n| *n as u16 == file);
        file_path(&self.dir, number.unwrap_or(u32::from(file)))
    }

    /// Writes chunks, and adds to `out` where each went. After an error `out` tells which were written nonetheless: the
    /// first ones. They are with the operating system and in the maps then; [`Self::sync`] makes them safe.
    pub(crate) fn append(
        &self,
        chunks: &[NewChunk],
        bytes: &[u8],
        out: &mut Vec<Written>,
    ) -> Result<(), ChunksHeadError> {
        let mut writer = self.writer.lock();
        writer.frames.clear();
        let mut pending: Vec<Written> = Vec::new();
        for chunk in chunks {
            let data = bytes.get(chunk.from as usize..chunk.to as usize).unwrap_or(&[]);
            let need = entry_bytes(data.len()) as u64;
            if need + HEADER_BYTES as u64 > self.file_bytes_max {
                return Err(ChunksHeadError::TooLarge { bytes: data.len() });
            }
            let end = writer.current.as_ref().map(|c| c.len + writer.frames.len() as u64);
            let full = end.is_none_or(|end| end + need > self.file_bytes_max);
            if full || writer.frames.len() >= RUN_BYTES {
                self.flush(&mut writer)?;
                out.append(&mut pending);
            }
            if full {
                self.cut(&mut writer)?;
            }
            let Writer { current: Some(current), frames, .. } = &mut *writer else { continue };
            let at = current.len + frames.len() as u64;
            let data_at =
                at as u32 + push_entry(frames, chunk.series, chunk.range, chunk.encoding, chunk.out_of_order, data);
            pending.push(Written { file: current.number, data_at });
        }
        self.flush(&mut writer)?;
        out.append(&mut pending);
        writer.frames.shrink_to(2 * RUN_BYTES);
        Ok(())
    }

    /// Writes one chunk and returns its reference.
    #[cfg(test)]
    pub(crate) fn append_one(&self, chunk: NewChunk, bytes: &[u8]) -> Result<(ChunkRef, Written), ChunksHeadError> {
        let mut out = Vec::with_capacity(1);
        self.append(&[chunk], bytes, &mut out)?;
        match out.first() {
            Some(&written) => {
                let start = super::entry_start(written.data_at, (chunk.to - chunk.from) as usize);
                Ok((ChunkRef::new(written.file, start), written))
            }
            None => Err(ChunksHeadError::TooLarge { bytes: bytes.len() }),
        }
    }

    fn flush(&self, writer: &mut Writer) -> Result<(), ChunksHeadError> {
        let Writer { current: Some(current), frames, .. } = writer else { return Ok(()) };
        if frames.is_empty() {
            return Ok(());
        }
        current.mend()?;
        let end = current.len + frames.len() as u64;
        current.torn = true;
        let written = current.file.write_all_at(frames, current.len);
        let mapped = written.and_then(|()| current.file.map());
        frames.clear();
        match mapped {
            Ok(map) => {
                current.len = end;
                current.torn = false;
                current.unsynced = true;
                self.maps.write().put(current.number, map);
                Ok(())
            }
            Err(e) => {
                // Best now, so that a process that ends here leaves a clean file; else before the next write.
                let _ = current.mend();
                Err(ChunksHeadError::io("write head chunks", &current.path)(e))
            }
        }
    }

    /// Ends the current file and begins the next.
    fn cut(&self, writer: &mut Writer) -> Result<(), ChunksHeadError> {
        if let Some(current) = &mut writer.current {
            current.mend()?;
            current.sync(self)?;
            writer.older_bytes += current.len;
            writer.current = None;
        }
        if let Some(number) = writer.inherited {
            // Of two files the older one must not be the shorter after a loss of power: what it lacks would pass for told.
            let path = file_path(&self.dir, number);
            match self.vfs.open_read(&path).and_then(|file| file.sync_data()) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ChunksHeadError::io("sync", &path)(e));
                }
                _ => writer.inherited = None,
            }
        }
        let number = writer.next;
        let path = file_path(&self.dir, number);
        // Somebody may have removed it with all that was in it.
        self.vfs.create_dir_all(&self.dir).map_err(ChunksHeadError::io("create directory", &self.dir))?;
        let created = match self.vfs.create(&path) {
            // What an attempt that failed left behind.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                self.vfs.open_write(&path).and_then(|file| file.set_len(0).map(|()| file))
            }
            other => other,
        };
        let file = created.map_err(ChunksHeadError::io("create", &path))?;
        file.write_all_at(&file_header(), 0).map_err(ChunksHeadError::io("write header of", &path))?;
        writer.next += 1;
        writer.current = Some(Current {
            number,
            path,
            file,
            len: HEADER_BYTES as u64,
            torn: false,
            unsynced: true,
            name_unsynced: true,
        });
        Ok(())
    }

    /// Makes all that was written survive a loss of power.
    pub(crate) fn sync(&self) -> Result<(), ChunksHeadError> {
        match &mut self.writer.lock().current {
            Some(current) => current.sync(self),
            None => Ok(()),
        }
    }

    /// Returns where the next entry may go; all entries before it are written.
    pub(crate) fn end(&self) -> ChunkRef {
        let writer = self.writer.lock();
        match &writer.current {
            Some(current) => ChunkRef::new(current.number, current.len as u32),
            None => ChunkRef::new(writer.next.saturating_sub(1), u32::MAX),
        }
    }

    /// Removes the files before `number`, oldest first, so that what remains has no gap; and lets the next chunk begin a
    /// file, so that this one can go in its turn.
    pub(crate) fn truncate(&self, number: u32) -> Result<(), ChunksHeadError> {
        let mut writer = self.writer.lock();
        if let Some(current) = &mut writer.current
            && current.len > HEADER_BYTES as u64
        {
            current.mend()?;
            current.sync(self)?;
            let len = current.len;
            writer.older_bytes += len;
            writer.current = None;
        }
        let keep_from = writer.current.as_ref().map_or(number, |c| number.min(c.number));
        let mut old: Vec<u32> = self.maps.read().numbers().filter(|&n| n < keep_from).collect();
        if old.is_empty() {
            return Ok(());
        }
        old.sort_unstable();
        for number in old {
            let path = file_path(&self.dir, number);
            match self.vfs.remove_file(&path) {
                // Somebody else removed it; its map served until now.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed.map_err(ChunksHeadError::io("remove", &path))?,
            }
            let mut maps = self.maps.write();
            if let Some(at) = maps.0.iter().position(|(n, _)| *n == number) {
                let (_, map) = maps.0.swap_remove(at);
                writer.older_bytes = writer.older_bytes.saturating_sub(map.len() as u64);
            }
        }
        // As of the log: what was given back must not return with the power.
        self.vfs.sync_dir(&self.dir).map_err(ChunksHeadError::io("sync directory", &self.dir))
    }

    /// Returns the bytes of all files.
    pub(crate) fn size_bytes(&self) -> u64 {
        let writer = self.writer.lock();
        writer.older_bytes + writer.current.as_ref().map_or(0, |c| c.len)
    }
}

impl Current {
    /// Cuts away what a failed write left. Maps end before it.
    fn mend(&mut self) -> Result<(), ChunksHeadError> {
        if self.torn {
            self.file.set_len(self.len).map_err(ChunksHeadError::io("cut torn end of", &self.path))?;
            self.torn = false;
        }
        Ok(())
    }

    fn sync(&mut self, of: &ChunkFiles) -> Result<(), ChunksHeadError> {
        if self.unsynced {
            self.file.sync_data().map_err(ChunksHeadError::io("sync", &self.path))?;
            self.unsynced = false;
        }
        if self.name_unsynced {
            of.vfs.sync_dir(&of.dir).map_err(ChunksHeadError::io("sync directory", &of.dir))?;
            self.name_unsynced = false;
        }
        Ok(())
    }
}
