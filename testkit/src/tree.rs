//! Trees of files that stand in one text.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// When every file of a tree was written.
const WRITTEN: Duration = Duration::from_secs(1_700_000_000);

/// Writes the tree below a directory. `@@ path` begins a file, `@@ path -> target` is a symbolic link.
pub fn unpack_tree(archive: &str, dir: &Path) -> io::Result<()> {
    for entry in archive.split("@@ ").skip(1) {
        let (head, content) = entry.split_once('\n').unwrap_or((entry, ""));
        let (path, target) = head.split_once(" -> ").map_or((head, None), |(path, target)| (path, Some(target)));
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        match target {
            Some(target) => symlink(target, path)?,
            None => {
                fs::write(&path, content)?;
                File::options().write(true).open(&path)?.set_modified(UNIX_EPOCH + WRITTEN)?;
            }
        }
    }
    Ok(())
}
