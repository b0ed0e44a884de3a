//! How large the disk is, how much of it is free, and how much a directory takes.

use std::path::Path;

use firesteel_base::vfs::Vfs;
use rustix::fs::statvfs;

/// Returns the size in bytes of the file system that holds `dir`; 0 when it cannot be told.
pub(crate) fn size_bytes(dir: &Path) -> u64 {
    space(dir).map_or(0, |space| space.size)
}

/// Room on a file system, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Space {
    /// What an ordinary user may still write.
    pub(crate) free: u64,
    pub(crate) size: u64,
}

/// Returns how much room there is; `None` when it cannot be told.
pub(crate) fn space(dir: &Path) -> Option<Space> {
    let bytes = |blocks: u64, size: u64| blocks.saturating_mul(size);
    statvfs(dir).ok().map(|fs| Space { free: bytes(fs.f_bavail, fs.f_frsize), size: bytes(fs.f_blocks, fs.f_frsize) })
}

/// Returns the bytes of all files below a directory; what vanishes meanwhile does not count.
pub(crate) fn used_bytes(vfs: &dyn Vfs, dir: &Path) -> u64 {
    let Ok(entries) = vfs.list(dir) else { return 0 };
    let of = |name: &str, is_dir| {
        let path = dir.join(name);
        if is_dir { used_bytes(vfs, &path) } else { vfs.open_read(&path).and_then(|f| f.len()).unwrap_or(0) }
    };
    entries.iter().map(|entry| of(&entry.name, entry.is_dir)).sum()
}
