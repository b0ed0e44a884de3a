//! How a database is opened. The defaults are upstream's flags' (`--storage.tsdb.*`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{OsVfs, Vfs};

use firesteel_tsdb_head::{Head, HeadOptions};
use firesteel_tsdb_wal::{Compression, WalOptions};

use crate::{ReplayProgress, Retention};

/// Settings of one database.
#[derive(Clone, Debug)]
pub struct DbOptions {
    /// The data directory (`--storage.tsdb.path`).
    pub dir: PathBuf,
    /// How much is kept (`--storage.tsdb.retention.*`, `storage.tsdb.retention` of the file).
    pub retention: Retention,
    /// The range of a block (`--storage.tsdb.min-block-duration`): open chunks end at its multiples, and samples older
    /// than the newest by half of it are out of bounds.
    pub min_block_duration: Duration,
    /// The longest range that compaction makes (`--storage.tsdb.max-block-duration`).
    pub max_block_duration: Duration,
    /// Size of a block's chunk segment (`--storage.tsdb.max-block-chunk-segment-size`).
    pub block_segment_bytes: u64,
    /// How often the directory is looked at for blocks (`--storage.tsdb.block-reload-interval`).
    pub block_reload_interval: Duration,
    /// Merge blocks that overlap (`--storage.tsdb.allow-overlapping-compaction`).
    pub overlapping_compaction: bool,
    /// Wait this long before a head that is due is cut (the feature `delayed-compaction`).
    pub compaction_delay: Duration,
    /// Names the blocks that are uploaded; others of level 1 are not compacted (`--storage.tsdb.delay-compact-file.path`).
    pub delay_compact_file: Option<PathBuf>,
    /// How many samples a chunk aims at (`--storage.tsdb.samples-per-chunk`).
    pub samples_per_chunk: u16,
    /// Size of a log segment; a multiple of 32 KiB (`--storage.tsdb.wal-segment-size`).
    pub wal_segment_bytes: u64,
    /// How many bytes of records may wait in memory while a log cannot be written.
    pub wal_backlog_bytes: usize,
    /// How log records are compressed (`--storage.tsdb.wal-compression` and `-type`).
    pub wal_compression: Compression,
    /// Leave out the lock file (`--storage.tsdb.no-lockfile`).
    pub no_lockfile: bool,
    /// Refuse new series beyond this many; 0 = no limit.
    pub series_limit: u64,
    /// How many bytes of chunks the head may hold in memory, while no block can be written, before the oldest go.
    pub head_bytes_max: u64,
    /// How far behind the newest sample an out-of-order one may be; zero takes none.
    pub out_of_order_window: Duration,
    /// How many out-of-order samples of a series are gathered before they become a chunk.
    pub out_of_order_cap: u16,
    /// How many exemplars are kept over all series; 0 keeps none.
    pub exemplars_max: usize,
    /// Keep metadata with the series and in the log (feature `metadata-wal-records`).
    pub metadata_records: bool,
    /// Write floats as XOR2 (feature `xor2-encoding`, `storage.tsdb.chunk_encoding.floats`).
    pub xor2: bool,
    /// Write histogram chunks with room for start timestamps (feature `histograms-st-encoding`).
    pub histogram_starts: bool,
    /// Keep start timestamps in the logs (feature `st-storage`); wants `xor2`.
    pub starts: bool,
    /// Append a zero at each start timestamp that is new (feature `created-timestamp-zero-ingestion`).
    pub zero_at_start: bool,
    /// Write a snapshot of the head when closed, and read one when opened (feature `memory-snapshot-on-shutdown`).
    pub memory_snapshot: bool,
    /// With less free space than this, samples that must be durable are refused; 0 = never.
    pub low_space_bytes: u64,
    /// Shows how far the replay is while the database opens.
    pub replay_progress: ReplayProgress,
    /// Compact, map and reload by threads of its own; otherwise only when asked to.
    pub background: bool,
    /// The file system that all but the lock file is kept in: a test's may fail on demand.
    pub vfs: Arc<dyn Vfs>,
}

impl DbOptions {
    /// Returns how logs are kept.
    pub(crate) fn wal_options(&self) -> WalOptions {
        WalOptions {
            segment_bytes: self.wal_segment_bytes,
            compression: self.wal_compression,
            backlog_bytes: self.wal_backlog_bytes,
            ..WalOptions::default()
        }
    }

    /// Returns upstream's defaults for the directory `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            retention: Retention::of_time(Duration::from_hours(15 * 24)),
            min_block_duration: Duration::from_hours(2),
            max_block_duration: Duration::from_hours(36),
            block_segment_bytes: firesteel_tsdb_block::DEFAULT_SEGMENT_BYTES,
            block_reload_interval: Duration::from_mins(1),
            overlapping_compaction: true,
            compaction_delay: Duration::ZERO,
            delay_compact_file: None,
            samples_per_chunk: 120,
            wal_segment_bytes: 128 << 20,
            wal_backlog_bytes: WalOptions::default().backlog_bytes,
            wal_compression: Compression::Snappy,
            no_lockfile: false,
            series_limit: 0,
            head_bytes_max: 2 << 30,
            out_of_order_window: Duration::ZERO,
            out_of_order_cap: 32,
            exemplars_max: 0,
            metadata_records: false,
            memory_snapshot: false,
            xor2: false,
            histogram_starts: false,
            starts: false,
            zero_at_start: false,
            low_space_bytes: 64 << 20,
            replay_progress: ReplayProgress::default(),
            background: true,
            vfs: Arc::new(OsVfs),
        }
    }

    /// Returns how the head is to be laid out.
    pub(crate) fn head_options(&self) -> HeadOptions {
        HeadOptions {
            chunk_range_ms: i64::try_from(self.min_block_duration.as_millis()).unwrap_or(i64::MAX),
            samples_per_chunk: self.samples_per_chunk,
            series_limit: self.series_limit,
            shards: Head::shards_for_machine(),
            out_of_order_window_ms: i64::try_from(self.out_of_order_window.as_millis()).unwrap_or(i64::MAX),
            out_of_order_cap: self.out_of_order_cap,
            exemplars_max: self.exemplars_max,
            metadata_records: self.metadata_records,
            xor2: self.xor2,
            histogram_starts: self.histogram_starts,
            starts: self.starts,
            zero_at_start: self.zero_at_start,
            ..HeadOptions::default()
        }
    }
}
