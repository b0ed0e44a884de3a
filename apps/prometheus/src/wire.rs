//! Who sees whom: the API's sources on top of the server's parts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use firesteel_api::source::{
    AdminSource, BoxFuture, Control, GrowthStatus, QuerySource, RuntimeInfo, StatusSource, TsdbStatus,
};
use firesteel_base::{Clock, SystemClock, TimeRange, TimestampMs};
use firesteel_client::Registry;
use firesteel_config::Config;
use firesteel_expfmt::{Exposition, negotiate};
use firesteel_go_compat::Instant;
use firesteel_model::{Labels, Matcher};
use firesteel_promql::{Engine, QueryError, QueryOptions, QueryResult};
use firesteel_promql_syntax::Expr;
use firesteel_storage::Queryable;
use firesteel_tsdb::{BlockMeta, NamedCount};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::host;
use crate::metrics::ServerMetrics;
use crate::queries_active::ActiveQueries;
use crate::query_log::QueryLog;
use crate::reload::Refused;
use crate::storing::{LateDb, retention, retention_text};

/// Queries over the database, noted in `queries.active`.
pub(crate) struct Queries {
    pub(crate) engine: Engine,
    pub(crate) db: Arc<LateDb>,
    pub(crate) active: OnceLock<ActiveQueries>,
    pub(crate) log: QueryLog,
}

impl Queries {
    /// Evaluates at one moment over `storage`, which shows what the database holds.
    pub(crate) fn instant_over(
        &self,
        storage: &dyn Queryable,
        expr: &Expr,
        at: TimestampMs,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        let _noted = self.active.get().and_then(|a| a.begin(&options.text));
        let result = self.engine.instant(storage, expr, at, options);
        self.log.note(options, [at, at], 0, &result);
        result
    }
}

impl QuerySource for Queries {
    fn instant(&self, expr: &Expr, at: TimestampMs, options: &QueryOptions) -> Result<QueryResult, QueryError> {
        self.instant_over(&*self.db, expr, at, options)
    }

    fn range(
        &self,
        expr: &Expr,
        start: TimestampMs,
        end: TimestampMs,
        step_ms: i64,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        let _noted = self.active.get().and_then(|a| a.begin(&options.text));
        let result = self.engine.range(&*self.db, expr, start, end, step_ms, options);
        self.log.note(options, [start, end], step_ms, &result);
        result
    }
}

/// What the status pages show.
pub(crate) struct Status {
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) flags: Vec<(&'static str, String)>,
    pub(crate) registry: Registry,
    pub(crate) metrics: ServerMetrics,
    pub(crate) db: Arc<LateDb>,
    pub(crate) started: Instant,
    pub(crate) refused: Refused,
}

impl StatusSource for Status {
    fn config_yaml(&self) -> String {
        self.config.load().to_yaml()
    }

    fn external_labels(&self) -> Labels {
        Labels::from_pairs(&self.config.load().global.external_labels.0)
    }

    fn flags(&self) -> Vec<(&'static str, String)> {
        self.flags.clone()
    }

    fn runtime(&self) -> RuntimeInfo {
        RuntimeInfo {
            start_time: self.started,
            cwd: std::env::current_dir().map_or_else(
                |_| "<error retrieving current working directory>".to_owned(),
                |d| d.display().to_string(),
            ),
            hostname: host::hostname(),
            reload_success: self.metrics.config_ok.value() != 0.0,
            reload_error: self.refused.load().as_deref().cloned(),
            last_config_time: Instant { unix_secs: self.metrics.config_at.value() as i64, nanos: 0, offset_secs: 0 },
            corruption_count: 0,
            threads: host::threads(),
            gogc: self.config.load().runtime.gogc,
            max_threads: host::cores() as i64,
            memory_limit: i64::MAX,
            retention: retention_text(&retention(&self.config.load())),
        }
    }

    fn series(&self) -> u64 {
        self.db.get().map_or(0, |db| db.head_stats().series)
    }

    fn tsdb(&self, limit: usize) -> TsdbStatus {
        let Some(db) = self.db.get() else { return TsdbStatus::default() };
        let head = db.head_stats();
        let tables = db.status(limit);
        let rows = |list: Vec<NamedCount>| list.into_iter().map(|n| (n.name, n.count)).collect();
        TsdbStatus {
            series: head.series,
            label_pairs: head.label_pairs,
            chunks: head.chunks as i64,
            // An empty head shows the two extremes, as upstream's does.
            min_time: head.min_time.unwrap_or(TimestampMs::MAX),
            max_time: head.max_time.unwrap_or(TimestampMs::MIN),
            series_by_metric: rows(tables.series_by_metric_name),
            values_by_label: rows(tables.values_by_label_name),
            bytes_by_label: rows(tables.memory_bytes_by_label_name),
            series_by_pair: rows(tables.series_by_label_pair),
            growth: match db.growth() {
                (0, _) => None,
                (limit, refused) => Some(GrowthStatus { limit, refused }),
            },
        }
    }

    fn blocks(&self) -> Result<String, String> {
        let db = self.db.get().ok_or_else(not_open)?;
        // Upstream shows its own fields only.
        let own = |meta: Arc<BlockMeta>| BlockMeta { extra: serde_json::Map::new(), ..(*meta).clone() };
        let metas: Vec<BlockMeta> = db.blocks().into_iter().map(own).collect();
        serde_json::to_string(&metas).map_err(|e| e.to_string())
    }

    fn wal_replay(&self) -> [u64; 3] {
        let replayed = self.db.replayed();
        [replayed.min, replayed.max, replayed.current]
    }

    fn storage_fault(&self) -> Option<&'static str> {
        self.db.get().and_then(|db| db.health().refuses_pushes())
    }

    fn write_metrics(&self, accept: &str, out: &mut Vec<u8>) -> String {
        let _served = self.metrics.page.serve();
        // Upstream's own page is text or protobuf: its handler has OpenMetrics switched off.
        let (format, escaping) = negotiate(accept, &[Exposition::Protobuf]);
        format.write(&self.registry.gather(), escaping, out);
        format.content_type(escaping)
    }
}

/// Changes to the database by hand.
pub(crate) struct Admin {
    pub(crate) db: Arc<LateDb>,
}

fn not_open() -> String {
    "TSDB not ready".to_owned()
}

impl AdminSource for Admin {
    fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<(), String> {
        self.db.get().ok_or_else(not_open)?.delete(range, matchers).map(|_| ()).map_err(|e| e.to_string())
    }

    fn clean_tombstones(&self) -> Result<(), String> {
        self.db.get().ok_or_else(not_open)?.clean_tombstones().map_err(|e| e.to_string())
    }

    fn snapshot(&self, with_head: bool) -> Result<String, String> {
        let db = self.db.get().ok_or_else(not_open)?;
        let now = Instant::from_unix_ms(Clock::now(&SystemClock).0).to_rfc3339();
        let dice = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0) >> 1;
        let name = format!("{}-{dice:016x}", now.replace(['-', ':'], ""));
        let dir = db.options().dir.join("snapshots").join(&name);
        std::fs::create_dir_all(&dir).map_err(|e| format!("create snapshot directory: {e}"))?;
        db.snapshot(&dir, with_head).map_err(|e| format!("create snapshot: {e}"))?;
        Ok(name)
    }
}

/// A reload that somebody waits for.
pub(crate) type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// The lifecycle endpoints' end of the line.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    pub(crate) reloads: mpsc::Sender<ReloadRequest>,
    pub(crate) quit: CancellationToken,
    pub(crate) quitting: AtomicBool,
}

impl Control for Lifecycle {
    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let (done, outcome) = oneshot::channel();
            let gone = || "the server is shutting down".to_owned();
            self.reloads.send(done).await.map_err(|_| gone())?;
            outcome.await.map_err(|_| gone())?
        })
    }

    fn quit(&self) -> bool {
        let first = !self.quitting.swap(true, Ordering::AcqRel);
        self.quit.cancel();
        first
    }
}
