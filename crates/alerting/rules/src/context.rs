//! What rules are evaluated with: who answers, who stores, who is told, what time it is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use firesteel_base::{Clock, SystemClock, TimestampMs};
use firesteel_client::Registry;
use firesteel_promql::{Engine, Lane, QueryError, QueryOptions, QueryResult, Value, VectorSample};
use firesteel_promql_syntax::{Expr, ParserOptions, parse};
use firesteel_storage::{Appendable, Queryable};
use firesteel_template::prometheus::{QuerySource, Sample, SampleValue};

use crate::metrics::RuleMetrics;
use crate::view::View;
use crate::{AlertSink, NoSink};

/// Answers the queries of rules. Called on threads that may block.
pub trait RuleQueries: Send + Sync {
    /// Evaluates at one moment.
    fn instant(&self, expr: &Expr, at: TimestampMs, options: &QueryOptions) -> Result<QueryResult, QueryError>;

    /// Evaluates over a view of the storage that [`EvalContext`] was made with, which several rules share. Whoever reads
    /// from elsewhere passes it over.
    fn instant_in(
        &self,
        view: &dyn Queryable,
        expr: &Expr,
        at: TimestampMs,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        let _ = view;
        self.instant(expr, at, options)
    }
}

/// An engine over a store.
#[derive(Clone)]
pub struct EngineQueries {
    pub engine: Arc<Engine>,
    pub storage: Arc<dyn Queryable>,
}

impl fmt::Debug for EngineQueries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineQueries").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl RuleQueries for EngineQueries {
    fn instant(&self, expr: &Expr, at: TimestampMs, options: &QueryOptions) -> Result<QueryResult, QueryError> {
        self.engine.instant(&*self.storage, expr, at, options)
    }

    fn instant_in(
        &self,
        view: &dyn Queryable,
        expr: &Expr,
        at: TimestampMs,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        self.engine.instant(view, expr, at, options)
    }
}

/// Settings that flags make; the defaults are upstream's.
#[derive(Clone, Debug)]
pub struct RuleSettings {
    /// `--web.external-url`, as it leads annotations and notifications back here.
    pub external_url: String,
    /// `--rules.alert.for-outage-tolerance`.
    pub outage_tolerance: Duration,
    /// `--rules.alert.for-grace-period`.
    pub for_grace_period: Duration,
    /// `--rules.alert.resend-delay`.
    pub resend_delay: Duration,
    /// `--query.lookback-delta`: gaps that queries bridge are no outage.
    pub lookback: Duration,
    /// `--rules.max-concurrent-evals`, with the feature `concurrent-rule-eval`: how many independent rules may be
    /// evaluated beside the one that each group evaluates anyway. `None`: one rule of a group after the other.
    pub concurrent_evals: Option<usize>,
    /// How expressions of rules and of `query` in templates are read.
    pub parser: ParserOptions,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self {
            external_url: String::new(),
            outage_tolerance: Duration::from_hours(1),
            for_grace_period: Duration::from_mins(10),
            resend_delay: Duration::from_mins(1),
            lookback: Duration::from_mins(5),
            concurrent_evals: None,
            parser: ParserOptions::default(),
        }
    }
}

/// What rules are evaluated with.
pub struct EvalContext {
    pub(crate) queries: Arc<dyn RuleQueries>,
    /// What rules of a group read views of, where the states of alerts are restored from, and where selectors may match
    /// nothing. The same that `queries` read.
    pub(crate) queryable: Arc<dyn Queryable>,
    pub(crate) store: Arc<dyn Appendable>,
    pub(crate) sink: Arc<dyn AlertSink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: RuleSettings,
    pub(crate) metrics: RuleMetrics,
    /// `global.rule_query_offset`, in nanoseconds: holds for groups that name none, those that a reload leaves alone too.
    query_offset: AtomicU64,
    /// Rules that are evaluated beside others now.
    concurrent: AtomicUsize,
}

impl fmt::Debug for EvalContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvalContext").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl EvalContext {
    /// Returns a context that tells nobody of alerts and reads the machine's clock.
    pub fn new(
        queries: Arc<dyn RuleQueries>,
        queryable: Arc<dyn Queryable>,
        store: Arc<dyn Appendable>,
        settings: RuleSettings,
        registry: &Registry,
    ) -> Self {
        Self {
            queries,
            queryable,
            store,
            sink: Arc::new(NoSink),
            clock: Arc::new(SystemClock),
            settings,
            metrics: RuleMetrics::new(registry),
            query_offset: AtomicU64::new(0),
            concurrent: AtomicUsize::new(0),
        }
    }

    /// Tells `sink` of alerts.
    #[must_use]
    pub fn with_sink(mut self, sink: Arc<dyn AlertSink>) -> Self {
        self.sink = sink;
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how far in the past groups that say nothing of it are evaluated.
    pub fn set_query_offset(&self, offset: Duration) {
        self.query_offset.store(u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn query_offset(&self) -> Duration {
        Duration::from_nanos(self.query_offset.load(Ordering::Relaxed))
    }

    /// Takes one of the places for rules beside others; `None` when all are taken.
    pub(crate) fn place_beside(&self) -> Option<PlaceBeside<'_>> {
        let most = self.settings.concurrent_evals?;
        let more = |n: usize| (n < most).then_some(n + 1);
        self.concurrent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(PlaceBeside(self))
    }

    /// Returns storage as it is now, for rules that do not read what one of them writes.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(&*self.queryable, self.settings.lookback, self.clock.now_ns())
    }

    /// Evaluates to a vector.
    pub(crate) fn vector(
        &self,
        expr: &Expr,
        at: TimestampMs,
        options: &QueryOptions,
    ) -> Result<Vec<VectorSample>, RuleFailure> {
        vector(self.queries.instant(expr, at, options)?)
    }

    /// Evaluates to a vector over a view that other rules have used.
    pub(crate) fn vector_in(
        &self,
        view: &View<'_>,
        expr: &Expr,
        at: TimestampMs,
        options: &QueryOptions,
    ) -> Result<Vec<VectorSample>, RuleFailure> {
        vector(self.queries.instant_in(view, expr, at, &view.options(options))?)
    }
}

/// Returns an answer as a vector; a scalar is one element without labels (`rules/manager.go`, `EngineQueryFunc`).
fn vector(result: QueryResult) -> Result<Vec<VectorSample>, RuleFailure> {
    match result.value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar { t, v } => Ok(vec![VectorSample::float(firesteel_model::Labels::empty(), t, v)]),
        Value::String { .. } | Value::Matrix(_) => Err(RuleFailure::Kind),
    }
}

/// A place taken; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct PlaceBeside<'a>(&'a EvalContext);

impl Drop for PlaceBeside<'_> {
    fn drop(&mut self) {
        self.0.concurrent.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a rule gave nothing, in upstream's words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuleFailure {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("rule result is not a vector or scalar")]
    Kind,
    #[error("vector contains metrics with the same labelset after applying rule labels")]
    DuplicateSeries,
    #[error("vector contains metrics with the same labelset after applying alert labels")]
    DuplicateAlerts,
    #[error("exceeded limit of {limit} with {n} {what}")]
    Limit { limit: usize, n: usize, what: &'static str },
}

impl RuleFailure {
    /// Returns whether somebody ended the query on purpose.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Query(QueryError::Canceled(_)))
    }
}

/// `query` in templates.
pub(crate) struct TemplateQueries<'a> {
    pub(crate) cx: &'a EvalContext,
    pub(crate) options: &'a QueryOptions,
}

impl QuerySource for TemplateQueries<'_> {
    fn query(&self, text: &str, at_ms: i64) -> Result<Vec<Sample>, String> {
        let expr = parse(text, self.cx.settings.parser).map_err(|e| e.to_string())?;
        let options = QueryOptions { text: text.into(), lane: Lane::Rules, ..self.options.clone() };
        let samples = self.cx.vector(&expr, TimestampMs(at_ms), &options).map_err(|e| e.to_string())?;
        Ok(samples.into_iter().map(template_sample).collect())
    }
}

fn template_sample(sample: VectorSample) -> Sample {
    Sample { value: template_value(&sample), labels: sample.labels }
}

/// Returns a sample's value as templates see it.
pub(crate) fn template_value(sample: &VectorSample) -> SampleValue {
    match &sample.histogram {
        Some(h) => SampleValue::Histogram(Box::new((**h).clone())),
        None => SampleValue::Float(sample.v),
    }
}
