//! What the handlers need to know, as small read-only traits that the server implements.

use std::pin::Pin;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_go_compat::Instant;
use firesteel_model::{Labels, Matcher, MetricType};
use firesteel_promql::{QueryError, QueryOptions, QueryResult};
use firesteel_promql_syntax::Expr;

/// Answers queries over the server's own store. Called on threads that may block.
pub trait QuerySource: Send + Sync {
    /// Evaluates at one moment.
    fn instant(&self, expr: &Expr, at: TimestampMs, options: &QueryOptions) -> Result<QueryResult, QueryError>;
    /// Evaluates at every `step_ms` from `start` to `end`.
    fn range(
        &self,
        expr: &Expr,
        start: TimestampMs,
        end: TimestampMs,
        step_ms: i64,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError>;
}

/// Where alerts are sent.
pub trait AlertmanagerSource: Send + Sync {
    /// Returns the URLs of the Alertmanagers in use, and of those that relabelling dropped.
    fn alertmanagers(&self) -> (Vec<String>, Vec<String>);
}

/// The targets being scraped.
pub trait TargetSource: Send + Sync {
    /// Returns the targets in force, pools sorted by name and targets as their pool orders them.
    fn active(&self) -> Vec<ActiveTarget>;
    /// Returns the targets that relabelling dropped, in the same order, as far as they were kept.
    fn dropped(&self) -> Vec<DroppedTarget>;
    /// Returns how many were dropped in each pool, sorted by pool.
    fn dropped_counts(&self) -> Vec<(String, usize)>;
    /// Returns the names of the pools, sorted.
    fn pools(&self) -> Vec<String>;
    /// Returns the configuration of a pool as YAML, secrets hidden.
    fn pool_config(&self, pool: &str) -> Option<String>;
    /// Returns what each relabelling rule of a pool makes of these labels; `None` when there is no such pool.
    fn relabel_steps(&self, pool: &str, labels: &Labels) -> Option<Result<Vec<RelabelStep>, String>>;
    /// Calls `each` with what the targets in force say about their metrics.
    fn metadata(&self, each: &mut dyn FnMut(&Labels, TargetMetadata<'_>));
    /// Asks a configured target why it is down; `None` when no pool has it. Whoever lets go of the future ends it.
    fn diagnose<'a>(&'a self, pool: &'a str, url: &'a str) -> BoxFuture<'a, Option<TargetDiagnosis>>;
}

/// A target in force.
#[derive(Clone, Debug)]
pub struct ActiveTarget {
    pub discovered: Labels,
    pub labels: Labels,
    pub pool: String,
    pub url: String,
    /// Empty when the last scrape succeeded.
    pub last_error: String,
    /// `None` before the first scrape.
    pub last_scrape: Option<Instant>,
    pub last_duration_secs: f64,
    /// `up`, `down` or `unknown`.
    pub health: &'static str,
    pub interval: String,
    pub timeout: String,
}

/// One rule, and the labels behind it.
#[derive(Clone, Debug)]
pub struct RelabelStep {
    pub rule: RelabelRule,
    /// Empty from the rule on that drops them.
    pub output: Labels,
    pub keep: bool,
}

/// A relabelling rule as it is shown.
#[derive(Clone, Debug)]
pub struct RelabelRule {
    pub source_labels: Vec<String>,
    pub separator: String,
    pub regex: String,
    /// 0 when not given.
    pub modulus: u64,
    pub target_label: String,
    pub replacement: String,
    pub action: &'static str,
}

/// A target that relabelling dropped.
#[derive(Clone, Debug)]
pub struct DroppedTarget {
    pub discovered: Labels,
    pub pool: String,
}

/// One metric family of one target.
#[derive(Clone, Copy, Debug)]
pub struct TargetMetadata<'a> {
    pub family: &'a str,
    pub metric_type: MetricType,
    pub help: &'a str,
    pub unit: &'a str,
}

/// The rules that are evaluated.
pub trait RuleSource: Send + Sync {
    /// Returns the groups in force, sorted by file and name; alerts only if they are wanted.
    fn groups(&self, with_alerts: bool) -> Vec<RuleGroup>;
}

/// A server without rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRules;

impl RuleSource for NoRules {
    fn groups(&self, _with_alerts: bool) -> Vec<RuleGroup> {
        Vec::new()
    }
}

/// A group of rules.
#[derive(Clone, Debug)]
pub struct RuleGroup {
    pub name: String,
    pub file: String,
    pub rules: Vec<Rule>,
    pub interval_secs: f64,
    pub limit: i64,
    pub evaluation_secs: f64,
    /// `None` before the first evaluation.
    pub last_evaluation: Option<Instant>,
}

/// A rule of either kind.
#[derive(Clone, Debug)]
pub struct Rule {
    pub name: String,
    pub query: String,
    /// Of group and rule; templates as written.
    pub labels: Labels,
    /// `ok`, `err` or `unknown`.
    pub health: &'static str,
    /// Empty when the last evaluation succeeded.
    pub last_error: String,
    pub evaluation_secs: f64,
    pub last_evaluation: Option<Instant>,
    /// Selectors that match nothing in storage, when the rule yields nothing for that reason. Ours.
    pub matches_nothing: Vec<MatchesNothing>,
    /// `None`: it records.
    pub alerting: Option<AlertingRule>,
}

/// What alerting rules have beside.
#[derive(Clone, Debug)]
pub struct AlertingRule {
    /// `unknown`, `inactive`, `pending` or `firing`.
    pub state: &'static str,
    pub hold_secs: f64,
    pub keep_firing_secs: f64,
    /// Templates as written.
    pub annotations: Labels,
    /// `None` when they were not wanted.
    pub alerts: Option<Vec<ActiveAlert>>,
}

/// An alert that is pending or firing.
#[derive(Clone, Debug)]
pub struct ActiveAlert {
    pub labels: Labels,
    pub annotations: Labels,
    /// `pending` or `firing`.
    pub state: &'static str,
    pub active_at: Instant,
    pub keep_firing_since: Option<Instant>,
    pub value: f64,
}

/// A selector that matches no series.
#[derive(Clone, Debug)]
pub struct MatchesNothing {
    /// `FSnnnn`
    pub code: &'static str,
    pub message: String,
    /// The nearest names or values that exist.
    pub near: Vec<String>,
    /// The expression as it should probably read.
    pub fix: Option<String>,
}

/// The server itself.
pub trait StatusSource: Send + Sync {
    /// Returns the configuration in force as YAML, secrets hidden.
    fn config_yaml(&self) -> String;
    /// Returns what the configuration adds to all series that leave this server.
    fn external_labels(&self) -> Labels;
    /// Returns every flag with its value.
    fn flags(&self) -> Vec<(&'static str, String)>;
    /// Returns what runtimeinfo tells.
    fn runtime(&self) -> RuntimeInfo;
    /// Returns how many series there are in memory.
    fn series(&self) -> u64;
    /// Returns the head's statistics, each table with at most `limit` rows.
    fn tsdb(&self, limit: usize) -> TsdbStatus;
    /// Returns the `meta.json` of each loaded block, as a JSON list.
    fn blocks(&self) -> Result<String, String>;
    /// Returns how far the replay of the logs is, in segments: the first, the last, and the one that was read.
    fn wal_replay(&self) -> [u64; 3] {
        [0; 3]
    }
    /// Returns why samples cannot be made durable now; `None` when they can.
    fn storage_fault(&self) -> Option<&'static str>;
    /// Appends the server's own metrics in the form that `accept` asks for; returns the content type.
    fn write_metrics(&self, accept: &str, out: &mut Vec<u8>) -> String;
}

/// Runtime facts; the fields are upstream's, the Go ones mapped to what comes nearest.
#[derive(Clone, Debug)]
pub struct RuntimeInfo {
    pub start_time: Instant,
    pub cwd: String,
    pub hostname: String,
    pub reload_success: bool,
    /// Why the configuration on disk was refused at the last reload; what was loaded before is in force.
    pub reload_error: Option<String>,
    pub last_config_time: Instant,
    pub corruption_count: i64,
    /// Threads stand in for goroutines.
    pub threads: i64,
    pub max_threads: i64,
    /// Bytes; `i64::MAX` = no limit.
    pub memory_limit: i64,
    pub retention: String,
    /// `runtime.gogc` of the configuration; nothing here acts on it.
    pub gogc: i64,
}

/// The head's statistics.
#[derive(Clone, Debug, Default)]
pub struct TsdbStatus {
    pub series: u64,
    pub label_pairs: u64,
    pub chunks: i64,
    pub min_time: TimestampMs,
    pub max_time: TimestampMs,
    pub series_by_metric: Vec<(String, u64)>,
    pub values_by_label: Vec<(String, u64)>,
    pub bytes_by_label: Vec<(String, u64)>,
    pub series_by_pair: Vec<(String, u64)>,
    /// Present only where a bound on series is set.
    pub growth: Option<GrowthStatus>,
}

/// A bound on the series of the head, and who ran into it.
#[derive(Clone, Debug, Default)]
pub struct GrowthStatus {
    pub limit: u64,
    /// Jobs whose new series are refused, with how many were.
    pub refused: Vec<(String, u64)>,
}

/// What changes the store by hand. Called on threads that may block; errors are for the client.
pub trait AdminSource: Send + Sync {
    /// Deletes the samples of matching series in a range, ends included.
    fn delete(&self, range: TimeRange, matchers: &[Matcher]) -> Result<(), String>;
    /// Rewrites the blocks that have deleted samples.
    fn clean_tombstones(&self) -> Result<(), String>;
    /// Writes a snapshot, the head as a block included on demand; returns its directory's name.
    fn snapshot(&self, with_head: bool) -> Result<String, String>;
}

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the lifecycle endpoints set in motion.
pub trait Control: Send + Sync {
    /// Loads the configuration again; the error's text goes to the client.
    fn reload(&self) -> BoxFuture<'_, Result<(), String>>;
    /// Begins the end; returns false when it had begun before.
    fn quit(&self) -> bool;
}

/// What is wrong with a target.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TargetDiagnosis {
    /// `FSnnnn`
    pub code: String,
    pub message: String,
    pub notes: Vec<String>,
    /// What to change; empty when nothing is plain.
    pub remedy: String,
}
