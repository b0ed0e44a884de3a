//! `storage`: retention, out-of-order window, chunk encoding, exemplars.

use std::time::Duration;

use firesteel_go_compat::{format_byte_size, quote};
use firesteel_yaml::{Node, Reader};

use crate::ByteSize;
use crate::rules_of_choice::{one_of, wrong};
use crate::section::section;

section! {
    /// The block. `tsdb` is `Some` after loading.
    pub struct StorageConfig("`storage`", "config.StorageConfig", "config.StorageConfig") {
        tsdb: Option<TsdbConfig>,
        exemplars: Option<ExemplarsConfig>,
    }
}

section! {
    /// Settings of the database that take effect on reload.
    pub struct TsdbConfig("`tsdb`", "config.TSDBConfig", "config.plain") check check_tsdb {
        /// upstream: prints under this key, from a Go field without a tag (config/config.go, `TSDBConfig`, 3.14); kept.
        out_of_order_time_window_ms as "outofordertimewindow": i64 [keep],
        out_of_order_time_window: Duration,
        /// Share of stale series, 0 to 1, above which they are compacted early; 0 is off.
        stale_series_compaction_threshold: f64,
        chunk_encoding: ChunkEncodingConfig,
        /// `None` when the block is absent: then the flags hold, see `Config::fill_retention`.
        retention: Option<RetentionConfig>,
    }
}

section! {
    /// Encoding of chunks by type of sample.
    pub struct ChunkEncodingConfig("`chunk_encoding`", "config.ChunkEncodingConfig", "config.ChunkEncodingConfig") {
        /// `xor`, `xor2`, or empty: as the feature flag says.
        floats: String,
    }
}

section! {
    /// How long and how much to keep. When the block is given it takes the place of the flags as a whole.
    pub struct RetentionConfig("`retention`", "config.TSDBRetentionConfig", "config.plain") check check_retention {
        time: Duration,
        size: ByteSize,
        /// Share of the disk, 0 to 100; goes before `size`.
        percentage: f64,
    }
}

section! {
    /// The buffer of exemplars.
    pub struct ExemplarsConfig("`exemplars`", "config.ExemplarsConfig", "config.ExemplarsConfig") {
        /// 0 or below: none are kept.
        max_exemplars: i64,
    }
}

/// Exemplars that are kept when the file does not say how many.
pub const DEFAULT_MAX_EXEMPLARS: i64 = 100_000;

fn check_tsdb(tsdb: &mut TsdbConfig, node: &Node, reader: &mut Reader<'_>) {
    tsdb.out_of_order_time_window_ms = i64::try_from(tsdb.out_of_order_time_window.as_millis()).unwrap_or(i64::MAX);
    let floats = tsdb.chunk_encoding.floats.as_str();
    if let (Some(block), false) = (node.get("chunk_encoding"), floats.is_empty()) {
        let unknown = |word: &str| {
            let word = quote(word.as_bytes());
            format!(
                "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got {word}"
            )
        };
        one_of(block, reader, "floats", floats, &["xor", "xor2"], "", unknown);
    }
}

fn check_retention(retention: &mut RetentionConfig, node: &Node, reader: &mut Reader<'_>) {
    if retention.size.0 < 0 {
        let got = format_byte_size(retention.size.0);
        let upstream = format!("'storage.tsdb.retention.size' must be greater than or equal to 0, got {got}");
        wrong(node, reader, "size", "FS0180", "a size cannot be below zero", upstream);
    }
    if !(0.0..=100.0).contains(&retention.percentage) && !retention.percentage.is_nan() {
        let got = firesteel_go_compat::format_float_as(retention.percentage, firesteel_go_compat::FloatForm::General);
        let upstream = format!("'storage.tsdb.retention.percentage' must be in the range [0, 100], got {got}");
        wrong(node, reader, "percentage", "FS0181", "a percentage lies between 0 and 100", upstream);
    }
}
