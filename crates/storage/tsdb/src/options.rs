//! How a database is opened. The defaults are upstream's flags' (`--storage.tsdb.*`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{OsVfs, Vfs};

use firesteel_tsdb_wal::{Compression, WalOptions};

/// Settings of one database.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// The data directory (`--storage.tsdb.path`).
    pub dir: PathBuf,
    /// How long samples are kept; `None` keeps them for ever (`--storage.tsdb.retention.time`).
    pub retention: Option<Duration>,
    /// The range of a block (`--storage.tsdb.min-block-duration`): open chunks end at its multiples, and samples older
    /// than the newest by half of it are out of bounds.
    pub min_block_duration: Duration,
    /// How many samples a chunk aims at (`--storage.tsdb.samples-per-chunk`).
    pub samples_per_chunk: u16,
    /// Size of a log segment; a multiple of 32 KiB (`--storage.tsdb.wal-segment-size`).
    pub wal_segment_bytes: u64,
    /// How log records are compressed (`--storage.tsdb.wal-compression` and `-type`).
    pub wal_compression: Compression,
    /// Leave out the lock file (`--storage.tsdb.no-lockfile`).
    pub no_lockfile: bool,
    /// Refuse new series beyond this many; 0 = no limit.
    pub series_limit: u64,
    /// How many bytes of sealed chunks the head may hold before the oldest go although retention would keep them.
    pub head_bytes_max: u64,
    /// How far behind the newest sample an out-of-order one may be; zero takes none.
    pub out_of_order_window: Duration,
    /// How many out-of-order samples of a series are gathered before they become a chunk.
    pub out_of_order_cap: u16,
    /// How many exemplars are kept over all series; 0 keeps none.
    pub exemplars_max: usize,
    /// Keep metadata with the series and in the log (feature `metadata-wal-records`).
    pub metadata_records: bool,
    /// The file system that the log is kept in: a test's may fail on demand. The lock file is the system's in any case.
    pub vfs: Arc<dyn Vfs>,
}

impl DbOptions {
    /// Returns how logs are kept.
    pub(crate) fn wal_options(&self) -> WalOptions {
        WalOptions { segment_bytes: self.wal_segment_bytes, compression: self.wal_compression, ..WalOptions::default() }
    }

    /// Returns upstream's defaults for the directory `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            retention: Some(Duration::from_secs(15 * 24 * 3600)),
            min_block_duration: Duration::from_secs(2 * 3600),
            samples_per_chunk: 120,
            wal_segment_bytes: 128 << 20,
            wal_compression: Compression::Snappy,
            no_lockfile: false,
            series_limit: 0,
            head_bytes_max: 2 << 30,
            out_of_order_window: Duration::ZERO,
            out_of_order_cap: 32,
            exemplars_max: 0,
            metadata_records: false,
            vfs: Arc::new(OsVfs),
        }
    }
}
