//! The engine: runs queries on its own threads within its limits.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firesteel_base::TimestampMs;
use firesteel_client::Registry;
use firesteel_promql_syntax::{Expr, ValueType};
use firesteel_storage::Queryable;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::cancel::Stop;
use crate::context::{Context, Limits};
use crate::gate::Gate;
use crate::grid::Grid;
use crate::metrics::EngineMetrics;
use crate::operators::{Flow, Input, build, build_root, inner_grid, range_samples};
use crate::plan::{Plan, PlanContext, RangeSource, Root, Within, extent, lower};
use crate::tile::Tile;
use crate::{EngineOptions, MatrixSeries, QueryError, QueryOptions, QueryResult, QueryStats, Value, VectorSample};

/// How far below other work the query threads stand (`nice`): ingest goes first.
const NICE: i32 = 5;

/// Evaluates PromQL over a [`Queryable`]. Shared by all who query; owns the query threads.
pub struct Engine {
    options: EngineOptions,
    pool: ThreadPool,
    gate: Gate,
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
        Ok(Self { options, pool, gate, metrics })
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
            return Ok(QueryResult { value, warnings: Vec::new(), infos: Vec::new(), stats: QueryStats::default() });
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
        let _slot = self.gate.enter(&options.cancel, deadline)?;
        let mut stats = QueryStats { exec_queue: began.elapsed(), ..QueryStats::default() };
        let evaluation = Instant::now();
        let root = lower(expr, times)?;
        let lookback = options.lookback.filter(|lookback| !lookback.is_zero()).unwrap_or(self.options.lookback);
        let lookback_ms = to_ms(lookback);
        let querier = storage.querier(extent_of(&root, times, lookback_ms))?;
        let stop = Stop { cancel: options.cancel.clone(), deadline };
        let limits = Limits { stop, max_samples: self.options.max_samples };
        let threads = self.pool.current_num_threads();
        let cx = Context::new(querier.as_ref(), lookback_ms, self.options.features, threads, limits);
        cx.check()?;
        stats.preparation = evaluation.elapsed();
        let inner = Instant::now();
        let mut value = self.pool.install(|| evaluate(&root, expr.value_type(), grid, &cx, instant));
        stats.inner_eval = inner.elapsed();
        if let Ok(Value::Matrix(matrix)) = &mut value {
            let sort = Instant::now();
            matrix.sort_by(|a, b| a.labels.cmp(&b.labels));
            stats.result_sort = sort.elapsed();
        }
        (stats.samples_total, stats.samples_read, stats.samples_peak) = cx.counts();
        stats.eval_total = evaluation.elapsed();
        stats.exec_total = began.elapsed();
        // A query that failed has cost something too.
        self.metrics.observe(&stats);
        let value = value?;
        cx.check()?;
        let (warnings, infos) = cx.notes(&options.text);
        Ok(QueryResult { value, warnings, infos, stats })
    }
}

fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Returns which times the query may look at.
fn extent_of(root: &Root, times: PlanContext, lookback_ms: i64) -> firesteel_base::TimeRange {
    let (sources, plans): (&[&RangeSource], &[&Plan]) = match root {
        Root::Steps(plan) => (&[], &[plan]),
        Root::Range(source) => (&[source], &[]),
        Root::String(_) => (&[], &[]),
    };
    extent(sources, plans, times.start, times.end, lookback_ms)
}

fn evaluate(
    root: &Root,
    value_type: ValueType,
    grid: Grid,
    cx: &Context<'_>,
    instant: bool,
) -> Result<Value, QueryError> {
    let t = TimestampMs(grid.start);
    match root {
        Root::String(s) => Ok(Value::String { t, s: s.clone() }),
        Root::Range(RangeSource::Series { selector, range_ms }) => {
            Ok(Value::Matrix(range_samples(cx, selector, *range_ms, grid.start)?))
        }
        Root::Range(RangeSource::Subquery(subquery)) => {
            let Some(inner) = inner_grid(subquery, grid) else { return Ok(Value::Matrix(Vec::new())) };
            let operator = if cx.delayed_names() {
                build_root(&subquery.expr, inner, cx)?
            } else {
                build(&subquery.expr, inner, cx)?
            };
            Ok(Value::Matrix(matrix(Input::new(operator), inner, cx)?))
        }
        Root::Steps(plan) => {
            let input = Input::new(build_root(plan, grid, cx)?);
            if !instant {
                return Ok(Value::Matrix(matrix(input, grid, cx)?));
            }
            let vector = vector(input, t, cx)?;
            if value_type == ValueType::Scalar {
                let v = vector.first().map_or(f64::NAN, |sample| sample.v);
                return Ok(Value::Scalar { t, v });
            }
            Ok(Value::Vector(vector))
        }
    }
}

fn vector(mut input: Input, t: TimestampMs, cx: &Context<'_>) -> Result<Vec<VectorSample>, QueryError> {
    let series = input.prepare(cx)?;
    let mut vector = Vec::with_capacity(series.len());
    let mut tile = Tile::default();
    while input.next(cx, &mut tile)? == Flow::More {
        for i in 0..tile.n_rows() {
            let row = tile.row(i);
            let histogram = row.histogram(0).cloned();
            let Some(v) = row.get(0).or(histogram.is_some().then_some(0.0)) else { continue };
            vector.push(VectorSample { labels: series[tile.first + i].labels.clone(), t, v, histogram });
        }
    }
    Ok(vector)
}

fn matrix(mut input: Input, grid: Grid, cx: &Context<'_>) -> Result<Vec<MatrixSeries>, QueryError> {
    let series = input.prepare(cx)?;
    let mut matrix = Vec::new();
    let mut tile = Tile::default();
    while input.next(cx, &mut tile)? == Flow::More {
        for i in 0..tile.n_rows() {
            let row = tile.row(i);
            if row.is_empty() {
                continue;
            }
            let labels = series[tile.first + i].labels.clone();
            let (t, v) = if row.is_full() {
                ((0..grid.n).map(|step| TimestampMs(grid.at(step))).collect(), row.values.to_vec())
            } else {
                row.points().map(|(step, v)| (TimestampMs(grid.at(step)), v)).unzip()
            };
            let histograms = row.histogram_points().map(|(step, h)| (TimestampMs(grid.at(step)), Arc::clone(h)));
            matrix.push(MatrixSeries { labels, t, v, histograms: histograms.collect() });
        }
    }
    Ok(matrix)
}

/// An engine is shared between threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Engine>>();
};
