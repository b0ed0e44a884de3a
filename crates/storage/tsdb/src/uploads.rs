//! Blocks that a shipper has still to upload (`--storage.tsdb.delay-compact-file.path`): compaction leaves them alone.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use firesteel_tsdb_block::BlockMeta;
use parking_lot::Mutex;
use serde::Deserialize;

/// How long the file's content is taken for current (`cmd/prometheus/main.go`).
const CURRENT: Duration = Duration::from_secs(60);

/// The shipper's file, such as Thanos' `thanos.shipper.json`.
#[derive(Debug)]
pub(crate) struct Uploads {
    path: PathBuf,
    read: Mutex<Option<(Instant, BTreeSet<String>)>>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    uploaded: Vec<String>,
}

impl Uploads {
    pub(crate) fn new(path: PathBuf) -> Self {
        tracing::info!(
            path = %path.display(),
            "Compactions will be delayed for blocks not marked as uploaded in the file tracking uploads"
        );
        Self { path, read: Mutex::default() }
    }

    /// Returns whether a block may be compacted: it is a compacted one, or uploaded, or the file cannot be read.
    pub(crate) fn may_compact(&self, meta: &BlockMeta) -> bool {
        if meta.compaction.level > 1 {
            return true;
        }
        let mut read = self.read.lock();
        if read.as_ref().is_none_or(|(at, _)| at.elapsed() >= CURRENT) {
            match self.load() {
                Ok(uploaded) => *read = Some((Instant::now(), uploaded)),
                Err(err) => {
                    tracing::warn!(err, "cannot read TSDB upload meta file");
                    return true;
                }
            }
        }
        read.as_ref().is_none_or(|(_, uploaded)| uploaded.contains(&meta.ulid.to_string()))
    }

    fn load(&self) -> Result<BTreeSet<String>, String> {
        let path = self.path.display();
        let bytes = std::fs::read(&self.path).map_err(|e| format!("open {path}: {e}"))?;
        let content: Content =
            serde_json::from_slice(&bytes).map_err(|e| format!("unable to parse upload meta file {path}: {e}"))?;
        Ok(content.uploaded.into_iter().collect())
    }
}
