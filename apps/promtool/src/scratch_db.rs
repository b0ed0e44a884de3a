//! A database for one run, in a directory of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firesteel_tsdb::{Db, DbOptions};

/// A directory that goes when it is dropped.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("promtool-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A database that goes, files and all, when it is dropped.
#[derive(Debug)]
pub(crate) struct ScratchDb {
    db: Option<Arc<Db>>,
    _dir: Scratch,
}

impl ScratchDb {
    /// Opens an empty one.
    pub(crate) fn open() -> Result<Self, String> {
        const DAY: Duration = Duration::from_hours(24);
        let dir = Scratch::new().map_err(|error| error.to_string())?;
        let options = DbOptions {
            background: false,
            no_lockfile: true,
            min_block_duration: DAY,
            max_block_duration: DAY,
            ..DbOptions::new(&dir.0)
        };
        let db = Db::open(options).map_err(|error| error.to_string())?;
        Ok(Self { db: Some(db), _dir: dir })
    }

    pub(crate) fn db(&self) -> &Arc<Db> {
        self.db.as_ref().expect("it is there until this is dropped")
    }
}

impl Drop for ScratchDb {
    fn drop(&mut self) {
        // The files go with the directory; whatever closing finds wrong with them does not matter.
        if let Some(db) = self.db.take() {
            let _ = db.close();
        }
    }
}
