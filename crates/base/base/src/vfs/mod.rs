//! The file system as storage sees it: a small trait, so that tests can tear, drop and refuse writes.
//!
//! [`OsVfs`] is the real one, [`FaultVfs`] an in-memory one with faults on demand. Files are written at positions, so a
//! writer that knows how much of its file is good can simply write there again after a failure.

mod fault;
mod mapped;
mod os;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use fault::{Crash, FaultVfs, Faults};
pub use mapped::Mapped;
pub use os::OsVfs;

/// Operations on paths. Errors are the system's; callers add the path.
pub trait Vfs: Send + Sync + Debug {
    /// Creates a file for writing and reading; error if it exists.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>>;
    /// Opens an existing file for writing and reading.
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>>;
    /// Opens an existing file for reading.
    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>>;
    /// Returns what is in a directory, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;
    /// Creates a directory and those above it, where missing.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and all in it.
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Renames a file or a directory; a file in the way is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name, as snapshots do; error if that name is taken.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes creations, removals and renames in the directory survive a loss of power.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// An open file. Shared: one thread may write while another syncs.
pub trait VfsFile: Send + Sync + Debug {
    /// Reads at `offset`; returns the number of bytes, 0 at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at `offset`, all or an error; after an error any part may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts the file or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes content and length survive a loss of power.
    fn sync_data(&self) -> io::Result<()>;
    /// Returns the length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Returns the file's bytes as far as it goes now. What is written behind them later takes a new map; what is written
    /// over them may show or not. The file must not be cut while the map lives.
    fn map(&self) -> io::Result<Mapped>;
    /// Returns whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }
}

/// A name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    pub name: String,
    pub is_dir: bool,
}

impl dyn Vfs + '_ {
    /// Maps a whole file.
    pub fn map(&self, path: &Path) -> io::Result<Mapped> {
        self.open_read(path)?.map()
    }

    /// Reads a whole file.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open_read(path)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
        let mut done = 0;
        while done < bytes.len() {
            match file.read_at(&mut bytes[done..], done as u64)? {
                0 => break,
                n => done += n,
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    /// Puts a file in the place of another in one step: after a crash there is the old one or the new one (or, when there
    /// was none, perhaps none), never a part. Passes through `<path>.tmp`.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut tmp = path.as_os_str().to_owned();
        tmp.push(".tmp");
        let tmp = Path::new(&tmp);
        match self.remove_file(tmp) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = self.create(tmp)?;
        file.write_all_at(bytes, 0)?;
        file.sync_data()?;
        self.rename(tmp, path)?;
        path.parent().map_or(Ok(()), |dir| self.sync_dir(dir))
    }
}

#[cfg(test)]
mod tests;
