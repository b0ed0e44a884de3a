//! The directory and its `lock` file: one process a data directory, as upstream's `tsdbutil.DirLocker`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::DbError;

/// Holds the directory until dropped or released.
#[derive(Debug)]
pub(super) struct DirLock {
    path: PathBuf,
    file: File,
    clean: bool,
}

impl DirLock {
    /// Locks `dir`. A lock file that a process left behind is replaced: then the last stop was not clean.
    pub(super) fn take(dir: &Path) -> Result<Self, DbError> {
        // The lock is the system's, whatever file system holds the rest.
        fs::create_dir_all(dir).map_err(|e| refused("create", dir, e))?;
        let path = dir.join("lock");
        let clean = !path.exists();
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| refused("open the lock file", &path, e))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(DbError::Locked { path }),
            Err(e) => return Err(DbError::Io { what: "lock", path, source: e.into() }),
        }
        // Upstream writes its process id too; a full disk must not keep the server from starting.
        let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(e) = written {
            tracing::warn!(component = "tsdb", file = %path.display(), err = %e, "Could not write the process id to the lock file");
        }
        if !clean {
            tracing::warn!(component = "tsdb", file = %path.display(), "A lockfile from a previous execution already existed. It was replaced");
        }
        Ok(Self { path, file, clean })
    }

    /// Returns whether the last stop was clean.
    pub(super) fn was_clean(&self) -> bool {
        self.clean
    }

    /// Removes the lock file and gives up the lock.
    pub(super) fn release(self) -> Result<(), DbError> {
        let removed = fs::remove_file(&self.path);
        drop(self.file);
        match removed {
            // Somebody was so kind; what counts is that it is gone.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(DbError::Io { what: "remove", path: self.path, source }),
            Ok(()) => Ok(()),
        }
    }
}

/// Tells who owns the nearest existing directory when that is what stands in the way.
pub(super) fn refused(what: &'static str, path: &Path, source: io::Error) -> DbError {
    if source.kind() == io::ErrorKind::PermissionDenied {
        for dir in path.ancestors() {
            if let Ok(about) = fs::metadata(dir)
                && about.is_dir()
            {
                return DbError::NotWritable {
                    path: dir.to_owned(),
                    owner_uid: about.uid(),
                    uid: rustix::process::geteuid().as_raw(),
                    mode: about.mode() & 0o7777,
                    source,
                };
            }
        }
    }
    DbError::Io { what, path: path.to_owned(), source }
}
