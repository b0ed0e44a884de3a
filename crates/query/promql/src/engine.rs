//! The engine: runs queries on its own threads within its limits.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_promql_syntax::{Expr, ValueType};
use firesteel_storage::Queryable;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::budget::{HeldMemory, Memory};
use crate::cancel::Stop;
use crate::context::{Context, Limits, Shared};
use crate::empty::{Whole, is_empty, why_empty};
use crate::evaluate::{evaluate, extent_of};
use crate::gate::Gate;
use crate::grid::Grid;
use crate::metrics::EngineMetrics;
use crate::operators::SharedLeaves;
use crate::plan::{PlanContext, Root, Within, leave_labels_out, lower};
use crate::trace::Node;
use crate::{EngineOptions, Explain, Lane, QueryError, QueryOptions, QueryResult, QueryStats, Value};

/// How far below other work the query threads stand (`nice`): ingest goes first.
const NICE: i32 = 5;

/// A few series of so long a time are done by the caller's own thread.
const ALONE_MS: i64 = 26 * 3_600_000;

/// How many tiles of an operator the caller's own thread makes before query threads are woken. Nobody waits for a rule,
/// and groups run side by side as it is: for them what counts is what all threads spend together.
const fn tiles_alone(lane: Lane) -> usize {
    match lane {
        Lane::Queries => 1,
        Lane::Rules => 128,
    }
}

/// Evaluates PromQL over a [`Queryable`]. Shared by all who query; owns the query threads.
pub struct Engine {
    options: EngineOptions,
    pool: ThreadPool,
    /// Threads of [`Lane::Rules`], from its first query on; `None` inside when the system gave none.
    rules: OnceLock<Option<ThreadPool>>,
    gate: Gate,
    memory: Arc<Memory>,
    metrics: EngineMetrics,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts an engine with its threads; its metrics are registered on `registry`.
    ///
    /// Errors when the system gives no threads.
    pub fn new(options: EngineOptions, registry: &Registry) -> Result<Self, QueryError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .thread_name(|i| format!("fs-query-{i}"))
            .start_handler(|_| {
                // Without the right to it, queries simply have the priority of the process.
                let _ = rustix::process::setpriority_process(None, NICE);
            })
            .build()
            .map_err(|e| QueryError::Execution(format!("cannot start query threads: {e}")))?;
        let gate = Gate::new(options.max_concurrent);
        let metrics = EngineMetrics::new(registry, options.max_concurrent);
        let memory = Memory::new(options.memory, EngineMetrics::memory(registry));
        Ok(Self { options, pool, rules: OnceLock::new(), gate, memory, metrics })
    }

    /// Returns the threads of a lane.
    fn pool_of(&self, lane: Lane) -> &ThreadPool {
        let threads = || {
            let builder = ThreadPoolBuilder::new().num_threads(self.options.threads);
            builder.thread_name(|i| format!("fs-rules-{i}")).build().ok()
        };
        match lane {
            Lane::Queries => &self.pool,
            Lane::Rules => self.rules.get_or_init(threads).as_ref().unwrap_or(&self.pool),
        }
    }

    /// Returns the engine's settings.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Evaluates an expression at one moment.
    pub fn instant(
        &self,
        storage: &dyn Queryable,
        expr: &Expr,
        at: TimestampMs,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        let times = self.plan_context(at.0, at.0, 0);
        self.run(storage, expr, times, Grid::instant(at), options, true)
    }

    /// Evaluates an expression at `start`, `start + step` and so on up to `end`.
    ///
    /// `step_ms` must be positive. Errors when the expression is no scalar or instant vector.
    pub fn range(
        &self,
        storage: &dyn Queryable,
        expr: &Expr,
        start: TimestampMs,
        end: TimestampMs,
        step_ms: i64,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        let value_type = expr.value_type();
        if !matches!(value_type, ValueType::Vector | ValueType::Scalar) {
            return Err(QueryError::Parse(format!(
                "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                value_type.documented()
            )));
        }
        if step_ms <= 0 {
            return Err(QueryError::Parse("zero or negative query resolution step widths are not accepted".to_owned()));
        }
        let Some(grid) = Grid::range(start.0, end.0, step_ms) else {
            let value = Value::Matrix(Vec::new());
            return Ok(QueryResult {
                value,
                warnings: Vec::new(),
                infos: Vec::new(),
                stats: QueryStats::default(),
                explain: Explain::default(),
                held: HeldMemory::default(),
            });
        };
        self.run(storage, expr, self.plan_context(start.0, end.0, step_ms), grid, options, false)
    }

    fn plan_context(&self, start: i64, end: i64, step_ms: i64) -> PlanContext {
        PlanContext {
            start,
            end,
            step_ms,
            subquery_step_ms: to_ms(self.options.subquery_step),
            within: Within::default(),
        }
    }

    fn run(
        &self,
        storage: &dyn Queryable,
        expr: &Expr,
        times: PlanContext,
        grid: Grid,
        options: &QueryOptions,
        instant: bool,
    ) -> Result<QueryResult, QueryError> {
        let began = Instant::now();
        self.metrics.queries.inc();
        let outcome = self.run_counted(storage, expr, times, grid, options, instant, began);
        self.metrics.queries.dec();
        outcome
    }

    fn run_counted(
        &self,
        storage: &dyn Queryable,
        expr: &Expr,
        times: PlanContext,
        grid: Grid,
        options: &QueryOptions,
        instant: bool,
        began: Instant,
    ) -> Result<QueryResult, QueryError> {
        let own_deadline = began.checked_add(self.options.timeout);
        let deadline = match (own_deadline, options.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let _slot = match options.lane {
            Lane::Queries => Some(self.gate.enter(&options.cancel, deadline)?),
            Lane::Rules => None,
        };
        let mut stats = QueryStats { exec_queue: began.elapsed(), ..QueryStats::default() };
        let evaluation = Instant::now();
        let mut root = lower(expr, times)?;
        leave_labels_out(&mut root);
        let lookback = options.lookback.filter(|lookback| !lookback.is_zero()).unwrap_or(self.options.lookback);
        let lookback_ms = to_ms(lookback);
        let extent = extent_of(&root, times, lookback_ms);
        let querier = storage.querier(extent)?;
        let stop = Stop { cancel: options.cancel.clone(), deadline };
        let account = self.memory.open();
        // A part of the rows is all that a part of the answer needs.
        let features = &self.options.features;
        let by_rows = matches!(&root, Root::Steps(plan) if plan.is_by_rows()) && !features.type_and_unit_labels;
        let limits = Limits {
            stop,
            account: Arc::clone(&account.0),
            max_samples: self.options.max_samples,
            series: if by_rows { options.limit } else { 0 },
            leave_unread: options.leave_unread,
            // The answer to a range query begins with the least labels.
            sorted: by_rows && options.limit > 0 && !instant,
            tiles_alone: tiles_alone(options.lane),
            known: options.known.clone().filter(|_| options.limit == 0 && !options.leave_unread),
        };
        let pool = self.pool_of(options.lane);
        let threads = pool.current_num_threads();
        let shared = Shared::new(querier.as_ref(), lookback_ms, self.options.features, threads, limits);
        let node = Node::root(&account.0, options.explain.plan);
        let cx = Context::new(&shared, &node);
        cx.check()?;
        stats.preparation = evaluation.elapsed();
        let inner = Instant::now();
        let evaluated = || evaluate(&root, expr.value_type(), grid, &cx, instant);
        let is_short = extent.max.0.saturating_sub(extent.min.0) <= ALONE_MS;
        let may_be_small = is_short && matches!(root, Root::Steps(_)) && !options.explain.plan;
        let small = if may_be_small { shared.alone(evaluated) } else { None };
        let mut value = small.unwrap_or_else(|| pool.install(evaluated));
        stats.inner_eval = inner.elapsed();
        if let Ok((Value::Matrix(matrix), _)) = &mut value {
            let sort = Instant::now();
            matrix.sort_by(|a, b| a.labels.cmp(&b.labels));
            stats.result_sort = sort.elapsed();
        }
        (stats.samples_total, stats.samples_read, stats.samples_peak) = cx.counts();
        stats.eval_total = evaluation.elapsed();
        stats.exec_total = began.elapsed();
        // A query that failed has cost something too.
        self.metrics.observe(&stats);
        let value =
            value.and_then(|value| cx.check().map(|()| value)).map_err(|e| name_dearest(e, &node, &options.text));
        let (value, held) = value?;
        let (warnings, infos) = cx.notes(&options.text);
        let plan = options.explain.plan.then(|| node.explain_query(&options.text));
        let empty = if options.explain.empty && is_empty(&value) {
            let evaluate = |part: &Expr, grid: Grid| {
                let root = lower(part, times)?;
                // Leaves are shared within one evaluation.
                *shared.leaves.lock() = SharedLeaves::default();
                let (value, _) =
                    pool.install(|| evaluate(&root, part.value_type(), grid, &cx, instant && grid.is_instant()))?;
                Ok(value)
            };
            let whole = Whole { expr, times, lookback_ms };
            Some(why_empty(whole, grid, storage, &cx, &evaluate)?)
        } else {
            None
        };
        let explain = Explain { plan, empty };
        Ok(QueryResult { value, warnings, infos, stats, explain, held: HeldMemory::new(held) })
    }
}

/// Says in an error about memory what the most of it was for.
fn name_dearest(error: QueryError, node: &Node, query: &str) -> QueryError {
    match error {
        QueryError::OverBudget(mut over) => {
            over.dearest = node.dearest(query);
            QueryError::OverBudget(over)
        }
        other => other,
    }
}

fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// An engine is shared between threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Engine>>();
};
