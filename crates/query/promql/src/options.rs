//! What an engine and a single query may be told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{CancelFlag, ExplainWhat, KnownRows, MemoryLimits};

/// Settings of an engine; the defaults are upstream's.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// How far back an instant selector looks for a sample.
    pub lookback: Duration,
    /// How long a query may take, its wait in the queue included.
    pub timeout: Duration,
    /// How many samples a query may hold at once; 0 = no limit.
    pub max_samples: usize,
    /// How many bytes queries may hold. Upstream has no such limit, so there is none by default.
    pub memory: MemoryLimits,
    /// How many threads evaluate queries; 0 = as many as there are cores.
    pub threads: usize,
    /// How many queries may be evaluated at once; the others wait. 0 = no limit.
    pub max_concurrent: usize,
    /// The step of subqueries that name none: `global.evaluation_interval`.
    pub subquery_step: Duration,
    pub features: EngineFeatures,
}

/// Feature flags that change evaluation (`--enable-feature`).
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineFeatures {
    /// `promql-delayed-name-removal`: metric names are dropped at the end only.
    pub delayed_name_removal: bool,
    /// `type-and-unit-labels`: `__type__` says what a counter is.
    pub type_and_unit_labels: bool,
    /// `use-start-timestamps`: start timestamps tell counter resets, and `start_timestamp` shows them.
    pub use_start_timestamps: bool,
    /// `promql-per-step-stats`: count samples for each step when a query asks for it.
    pub per_step_stats: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            lookback: Duration::from_mins(5),
            timeout: Duration::from_mins(2),
            max_samples: 50_000_000,
            memory: MemoryLimits::default(),
            threads: 0,
            max_concurrent: 20,
            subquery_step: Duration::from_mins(1),
            features: EngineFeatures::default(),
        }
    }
}

/// Settings of one query.
#[derive(Clone, Debug, Default)]
pub struct QueryOptions {
    /// The query as written: annotations quote places in it as `line:column`. Empty: they name no place.
    pub text: Arc<str>,
    /// Overrides the engine's lookback when it is not zero.
    pub lookback: Option<Duration>,
    /// The moment after which the query times out; the engine's own timeout counts beside it.
    pub deadline: Option<Instant>,
    pub cancel: CancelFlag,
    /// Count samples per step, if the engine has the feature.
    pub per_step_stats: bool,
    /// How many series the answer needs at least; 0 = all. More may come. Who wants statistics of the whole, or remarks about
    /// series that are not among them, asks for all.
    pub limit: usize,
    /// What the answer does not depend on is left unread: statistics are then of what was read.
    pub leave_unread: bool,
    /// What the answer tells about how it came about.
    pub explain: ExplainWhat,
    /// Who asks: a query log says so.
    pub origin: QueryOrigin,
    pub lane: Lane,
    /// Rows that queries of the same moment, over the same view of storage, share.
    pub known: Option<Arc<KnownRows>>,
}

/// Where a query runs, and what it may have to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lane {
    /// Behind the gate of `max_concurrent`, on the query threads, which stand below other work.
    #[default]
    Queries,
    /// At once, on threads of its own with the priority of the process: heavy queries do not hold rules up. Whoever asks
    /// sees to it that not too many ask at once.
    Rules,
}

/// Who asked a query.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum QueryOrigin {
    /// The server itself, or a tool.
    #[default]
    Internal,
    /// A request; `client_ip` without its port.
    Http { client_ip: String, method: String, path: String },
    /// The evaluation of a rule group.
    RuleGroup { file: String, name: String },
}
