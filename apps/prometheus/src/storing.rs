//! The database before and after it is open: HTTP listens first, so handlers hold this and get `Closed` until then.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use firesteel_base::TimeRange;
use firesteel_config::Config;
use firesteel_model::Matcher;
use firesteel_remote::StoreSource;
use firesteel_storage::{Appendable, ExemplarQueryable, Querier, Queryable, SeriesExemplars, StorageError};
use firesteel_tsdb::{Db, DbError, DbOptions};

use crate::Options;

/// A place for the database; set once.
#[derive(Debug, Default)]
pub(crate) struct LateDb(OnceLock<Arc<Db>>);

impl LateDb {
    /// Opens the database; blocks while its log is replayed.
    pub(crate) fn open(&self, options: DbOptions) -> Result<Arc<Db>, DbError> {
        let db = Db::open(options)?;
        // A second open would be a mistake of the caller; the first database stays.
        let _ = self.0.set(db.clone());
        Ok(db)
    }

    /// Returns the database once it is open.
    pub(crate) fn get(&self) -> Option<&Arc<Db>> {
        self.0.get()
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
    const DEFAULT: usize = 100_000;
    config.storage.exemplars.as_ref().map_or(DEFAULT, |e| usize::try_from(e.max_exemplars).unwrap_or(0))
}

/// Returns how far behind samples may be.
pub(crate) fn out_of_order_window(config: &Config) -> Duration {
    config.storage.tsdb.as_ref().map(|tsdb| tsdb.out_of_order_time_window).unwrap_or_default()
}

/// Returns what gives the database to those who append, once it is open.
pub(crate) fn store_source(db: Arc<LateDb>) -> StoreSource {
    Arc::new(move || db.get().map(|db| db.clone() as Arc<dyn Appendable>))
}

/// Returns how long the configuration keeps samples; `None` is for ever.
pub(crate) fn retention(config: &Config) -> Option<Duration> {
    let of_file = config.storage.tsdb.as_ref().and_then(|tsdb| tsdb.retention.as_ref());
    of_file.map(|r| r.time).filter(|time| !time.is_zero())
}

/// Returns how the flags and the configuration want the database.
pub(crate) fn db_options(options: &Options, config: &Config) -> DbOptions {
    DbOptions {
        retention: retention(config),
        min_block_duration: options.min_block_duration,
        samples_per_chunk: options.samples_per_chunk,
        wal_segment_bytes: options.wal_segment_bytes,
        wal_compression: options.wal_compression,
        no_lockfile: options.no_lockfile,
        exemplars_max: if options.scrape.exemplars { exemplars_max(config) } else { 0 },
        metadata_records: options.scrape.append_metadata,
        out_of_order_window: out_of_order_window(config),
        ..DbOptions::new(&options.data_dir)
    }
}
