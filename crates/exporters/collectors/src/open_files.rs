//! Files of `/proc` that stay open between scrapes, and reading a file whose size nobody knows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

/// More than the collectors read; a bound, because a collector may make up names.
const MOST_OPEN: usize = 64;
/// The kernel makes most files of `/proc` in pages; nearly all of them fit into this.
const FIRST_READ_BYTES: usize = 16 << 10;
/// No file that a collector reads is as long; one that is has no place in memory.
const MOST_BYTES: usize = 64 << 20;
/// `PROC_SUPER_MAGIC`, linux/magic.h.
const PROCFS: u64 = 0x9fa0;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; FIRST_READ_BYTES]);
}

/// Opening a file of `/proc` costs about as much as reading it. Reading from offset 0 makes its content anew.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles(RwLock<BTreeMap<String, Arc<File>>>);

impl OpenFiles {
    /// Reads all of `path`, which is known here as `key`. Only files of a real procfs stay open: any other file could
    /// be replaced behind our back.
    pub(crate) fn read(&self, key: &str, path: &Path) -> io::Result<String> {
        let known = self.0.read().get(key).cloned();
        if let Some(file) = known {
            match read_all(&file) {
                Ok(text) => return Ok(text),
                // What it belonged to may be gone, such as a namespace or a module: look anew.
                Err(_) => drop(self.0.write().remove(key)),
            }
        }
        let file = File::open(path)?;
        let text = read_all(&file)?;
        let is_procfs = rustix::fs::fstatfs(&file).is_ok_and(|stat| stat.f_type as u64 == PROCFS);
        if is_procfs {
            let mut open = self.0.write();
            if open.len() < MOST_OPEN {
                open.insert(key.to_owned(), Arc::new(file));
            }
        }
        Ok(text)
    }
}

/// Reads a file from its start to its end through a buffer of this thread.
pub(crate) fn read_all(file: &File) -> io::Result<String> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut filled = 0;
        loop {
            match file.read_at(&mut buffer[filled..], filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if filled >= MOST_BYTES {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 MiB"));
            }
            if filled == buffer.len() {
                buffer.resize(filled * 2, 0);
            }
        }
        Ok(String::from_utf8_lossy(&buffer[..filled]).into_owned())
    })
}
