//! The database before and after it is open: HTTP listens first, so handlers hold this and get `Closed` until then.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use firesteel_base::TimeRange;
use firesteel_config::{Config, DEFAULT_MAX_EXEMPLARS};
use firesteel_go_compat::{format_byte_size, format_duration};
use firesteel_model::Matcher;
use firesteel_remote::StoreSource;
use firesteel_storage::{Appendable, ExemplarQueryable, Querier, Queryable, SeriesExemplars, StorageError};
use firesteel_tsdb::{Db, DbError, DbOptions, ReplayProgress, ReplayedSegments, Retention};
use tracing::{info, warn};

use crate::Options;

/// Upstream's bound on retention.
const LONGEST_RETENTION: Duration = Duration::from_hours(100 * 365 * 24);
/// Upstream's bound on the range of a block that is not given by flag.
const LONGEST_BLOCK: Duration = Duration::from_hours(31 * 24);
const LEAST_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// A place for the database; set once.
#[derive(Debug, Default)]
pub(crate) struct LateDb {
    db: OnceLock<Arc<Db>>,
    replay: ReplayProgress,
}

impl LateDb {
    /// Opens the database; blocks while its log is replayed.
    pub(crate) fn open(&self, options: DbOptions) -> Result<Arc<Db>, DbError> {
        let db = Db::open(DbOptions { replay_progress: self.replay.clone(), ..options })?;
        // A second open would be a mistake of the caller; the first database stays.
        let _ = self.db.set(db.clone());
        Ok(db)
    }

    /// Returns the database once it is open.
    pub(crate) fn get(&self) -> Option<&Arc<Db>> {
        self.db.get()
    }

    /// Returns how far the replay of its log is.
    pub(crate) fn replayed(&self) -> ReplayedSegments {
        self.replay.read()
    }
}

impl Queryable for LateDb {
    fn querier(&self, range: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        self.get().ok_or(StorageError::Closed)?.querier(range)
    }
}

impl ExemplarQueryable for LateDb {
    fn exemplars(&self, range: TimeRange, matchers: &[&[Matcher]]) -> Vec<SeriesExemplars> {
        self.get().map(|db| db.exemplars(range, matchers)).unwrap_or_default()
    }
}

/// Returns how many exemplars the configuration keeps, when the feature is on.
pub(crate) fn exemplars_max(config: &Config) -> usize {
    let max = config.storage.exemplars.as_ref().map_or(DEFAULT_MAX_EXEMPLARS, |e| e.max_exemplars);
    usize::try_from(max).unwrap_or(0)
}

/// Returns how far behind samples may be.
pub(crate) fn out_of_order_window(config: &Config) -> Duration {
    config.storage.tsdb.as_ref().map(|tsdb| tsdb.out_of_order_time_window).unwrap_or_default()
}

/// Returns the share of stale series from which on they leave the head early; 0 is off.
pub(crate) fn stale_series_threshold(config: &Config) -> f64 {
    config.storage.tsdb.as_ref().map_or(0.0, |tsdb| tsdb.stale_series_compaction_threshold)
}

/// Returns whether floats are to be written as XOR2: what the file says, else `unsaid`.
pub(crate) fn xor2(config: &Config, unsaid: bool) -> bool {
    match config.storage.tsdb.as_ref().map(|tsdb| tsdb.chunk_encoding.floats.as_str()) {
        Some("xor") => false,
        Some("xor2") => true,
        _ => unsaid,
    }
}

/// Returns what gives the database to those who append, once it is open.
pub(crate) fn store_source(db: Arc<LateDb>) -> StoreSource {
    Arc::new(move || db.get().map(|db| db.clone() as Arc<dyn Appendable>))
}

/// Returns what the configuration keeps. The flags are its defaults.
pub(crate) fn retention(config: &Config) -> Retention {
    let of_file = config.storage.tsdb.as_ref().and_then(|tsdb| tsdb.retention.as_ref());
    of_file.map_or(Retention::UNLIMITED, |r| Retention {
        time: r.time.min(LONGEST_RETENTION),
        size_bytes: u64::try_from(r.size.0).unwrap_or(0),
        percentage: r.percentage,
    })
}

/// Returns the retention as runtimeinfo shows it: `15d or 1GiB or 20%`.
pub(crate) fn retention_text(retention: &Retention) -> String {
    let mut parts = Vec::new();
    if !retention.time.is_zero() {
        parts.push(format_duration(retention.time));
    }
    if retention.size_bytes > 0 {
        parts.push(format_byte_size(i64::try_from(retention.size_bytes).unwrap_or(i64::MAX)));
    }
    if retention.percentage > 0.0 {
        parts.push(format!("{}%", retention.percentage));
    }
    parts.join(" or ")
}

/// Tells what is kept; upstream does at the start and at each change.
pub(crate) fn tell_retention(retention: &Retention) {
    let duration = format_duration(retention.time);
    let size = format_byte_size(i64::try_from(retention.size_bytes).unwrap_or(i64::MAX));
    info!(duration, size, percentage = retention.percentage, "TSDB retention updated");
}

/// Returns the flags as the API shows them. Those that flags and file decide together show what came of it, as upstream's
/// do, whose variables are changed (`cmd/prometheus/main.go`): programs beside a server read them there.
pub(crate) fn shown_flags(options: &Options, config: &Config) -> Vec<(&'static str, String)> {
    let retention = retention(config);
    let mut flags = options.flags.clone();
    for (name, value) in &mut flags {
        match *name {
            "storage.tsdb.retention.time" => *value = format_duration(retention.time),
            "storage.tsdb.retention.size" => {
                *value = format_byte_size(i64::try_from(retention.size_bytes).unwrap_or(i64::MAX));
            }
            "storage.tsdb.max-block-duration" => *value = format_duration(max_block_duration(options, &retention)),
            _ => {}
        }
    }
    flags
}

/// Returns the range of the largest blocks: a tenth of what is kept, but no more than a month (`cmd/prometheus/main.go`).
fn max_block_duration(options: &Options, retention: &Retention) -> Duration {
    let tenth = retention.time / 10;
    let of_retention = if tenth.is_zero() { LONGEST_BLOCK } else { tenth.min(LONGEST_BLOCK) };
    options.max_block_duration.unwrap_or(of_retention)
}

/// Returns how the flags and the configuration want the database.
pub(crate) fn db_options(options: &Options, config: &Config) -> DbOptions {
    let retention = retention(config);
    if retention.percentage > 0.0 && retention.size_bytes > 0 {
        warn!("storage.tsdb.retention.size is ignored, because storage.tsdb.retention.percentage is specified");
    }
    if options.block_reload_interval < LEAST_RELOAD_INTERVAL {
        warn!(
            "The option --storage.tsdb.block-reload-interval is set to a value less than 1s. Setting it to 1s to avoid overload."
        );
    }
    DbOptions {
        min_block_duration: options.min_block_duration,
        max_block_duration: max_block_duration(options, &retention),
        retention,
        block_segment_bytes: options.block_segment_bytes,
        block_reload_interval: options.block_reload_interval.max(LEAST_RELOAD_INTERVAL),
        overlapping_compaction: options.overlapping_compaction,
        compaction_delay: options.compaction_delay_percent.map_or(Duration::ZERO, |percent| {
            // Any number will do: servers that were started together shall not compact together.
            let dice = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
            options.min_block_duration.mul_f64(f64::from(percent) / 100.0 * (dice as f64 / u64::MAX as f64))
        }),
        delay_compact_file: options.delay_compact_file.clone(),
        series_limit: options.head_series_limit,
        samples_per_chunk: options.samples_per_chunk,
        wal_segment_bytes: options.wal_segment_bytes,
        wal_compression: options.wal_compression,
        no_lockfile: options.no_lockfile,
        exemplars_max: if options.scrape.exemplars { exemplars_max(config) } else { 0 },
        metadata_records: options.scrape.append_metadata,
        memory_snapshot: options.memory_snapshot,
        xor2: xor2(config, options.starts.xor2),
        histogram_starts: options.starts.in_histograms,
        starts: options.starts.stored,
        zero_at_start: options.starts.as_zero,
        out_of_order_window: out_of_order_window(config),
        ..DbOptions::new(&options.data_dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_show_what_came_of_flags_and_file() {
        let check = |words: &[&str], file: &str, want: [&str; 3]| {
            let words = words.iter().map(|w| (*w).to_owned());
            let (options, _) = Options::parse(words).expect("a command line");
            let loaded = firesteel_config::load_with("p.yml".as_ref(), file, &options.defaults);
            let flags = shown_flags(&options, &loaded.config.expect("a configuration"));
            let names = ["retention.time", "retention.size", "max-block-duration"].map(|n| format!("storage.tsdb.{n}"));
            let shown = names.map(|name| flags.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone()));
            assert_eq!(shown, want.map(|v| Some(v.to_owned())), "{file}");
        };
        check(&[], "", ["15d", "0B", "1d12h"]);
        check(&["--storage.tsdb.retention.size=1GB"], "", ["0s", "1GiB", "31d"]);
        check(&["--storage.tsdb.retention.time=1y"], "", ["1y", "0B", "31d"]);
        check(&["--storage.tsdb.max-block-duration=2h"], "", ["15d", "0B", "2h"]);
        let in_file = "storage: {tsdb: {retention: {time: 3d}}}";
        check(&["--storage.tsdb.retention.time=9d"], in_file, ["3d", "0B", "7h12m"]);
        check(
            &["--storage.tsdb.retention.time=9d"],
            "storage: {tsdb: {retention: {size: 3GB}}}",
            ["0s", "3GiB", "31d"],
        );
    }

    #[test]
    fn retention_is_shown_as_upstream_shows_it() {
        let check = |hours, size_bytes, percentage, want: &str| {
            let shown = retention_text(&Retention { time: Duration::from_hours(hours), size_bytes, percentage });
            assert_eq!(shown, want);
        };
        check(360, 0, 0.0, "15d");
        check(360, 1 << 30, 0.0, "15d or 1GiB");
        check(0, 512 << 20, 12.5, "512MiB or 12.5%");
        check(0, 0, 0.0, "");
    }
}
