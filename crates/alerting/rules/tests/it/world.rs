//! A database, an engine, a clock that stands still, and somebody who takes alerts.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firesteel_base::{Clock as _, ManualClock, TimestampNs};
use firesteel_client::Registry;
use firesteel_config::ValidationScheme;
use firesteel_model::{Alert, Labels};
use firesteel_promql::{Engine, EngineOptions, QueryOptions, Value};
use firesteel_promql_syntax::{ParserOptions, parse};
use firesteel_rules::{
    AlertSink, EngineQueries, EvalContext, Group, LoadOptions, RuleSettings, RulesError, load_groups,
};
use firesteel_storage::{AppendOptions, Appendable as _, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};
use tempfile::TempDir;

/// The first evaluation that tests make: a whole minute.
pub(crate) const T0: TimestampNs = TimestampNs(1_700_000_040_000_000_000);

/// Keeps what it is given, with the time.
#[derive(Debug)]
pub(crate) struct Kept {
    clock: Arc<ManualClock>,
    pub(crate) alerts: Mutex<Vec<(TimestampNs, Alert)>>,
}

impl AlertSink for Kept {
    fn send(&self, alerts: Vec<Alert>) {
        assert!(!alerts.is_empty());
        // The clock cuts off what is finer than a millisecond.
        let now = self.clock.now_ns().after(Duration::from_millis(1));
        self.alerts.lock().expect("no panic").extend(alerts.into_iter().map(|alert| (now, alert)));
    }
}

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) db: Arc<Db>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sink: Arc<Kept>,
    pub(crate) cx: EvalContext,
    pub(crate) registry: Registry,
    settings: RuleSettings,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(RuleSettings::default())
    }

    pub(crate) fn with(settings: RuleSettings) -> Self {
        let settings = RuleSettings { external_url: "http://here".to_owned(), ..settings };
        let dir = tempfile::tempdir().expect("temp dir");
        let db = Db::open(DbOptions::new(dir.path().join("data"))).expect("opens");
        let registry = Registry::new();
        let options = EngineOptions { threads: 1, ..EngineOptions::default() };
        let engine = Arc::new(Engine::new(options, &registry).expect("an engine"));
        let clock = Arc::new(ManualClock::new(T0.to_ms()));
        let sink = Arc::new(Kept { clock: clock.clone(), alerts: Mutex::default() });
        let cx = context(&engine, &db, &sink, &clock, &settings, &registry);
        Self { dir, db, engine, clock, sink, cx, registry, settings }
    }

    /// A new context over the same data, as after a restart.
    pub(crate) fn restart(&mut self) {
        self.registry = Registry::new();
        self.cx = context(&self.engine, &self.db, &self.sink, &self.clock, &self.settings, &self.registry);
    }

    pub(crate) fn load(&self, text: &str) -> Result<Vec<Group>, RulesError> {
        let file = self.write("rules.yml", text);
        load_groups(&[file], &options())
    }

    pub(crate) fn group(&self, text: &str) -> Group {
        self.load(text).unwrap_or_else(|e| panic!("{e}\n{text}")).pop().expect("a group")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.dir.path().join(name);
        fs::write(&file, text).expect("writable");
        file
    }

    /// Sets the clock.
    pub(crate) fn set(&self, at: TimestampNs) {
        self.clock.advance(at.to_ms().0 - self.clock.now().0);
    }

    /// Stores a sample: `name{a="b"}`.
    pub(crate) fn feed(&self, series: &str, at: TimestampNs, v: f64) {
        let labels = firesteel_promql_syntax::parse_metric(series).unwrap_or_else(|e| panic!("{series}: {e}"));
        let mut appender = self.db.appender();
        let mut rows = SampleBatch::default();
        rows.push(appender.series(&labels, &SeriesMeta::default()).expect("a series"), at.to_ms(), v);
        let mut rejected = Vec::new();
        appender.append(&rows, AppendOptions::default(), &mut rejected);
        assert_eq!(rejected, []);
        appender.commit().expect("commits");
    }

    /// Evaluates at a time, by the clock too.
    pub(crate) fn eval(&self, group: &Group, at: TimestampNs) {
        self.set(at);
        group.eval(&self.cx, at);
    }

    /// Returns the answer of an expression, a line an element: `{labels} value`.
    pub(crate) fn ask(&self, text: &str, at: TimestampNs) -> Vec<String> {
        let expr = parse(text, ParserOptions::ALL).expect("parses");
        let result = self.engine.instant(&*self.db, &expr, at.to_ms(), &QueryOptions::default()).expect("an answer");
        let mut lines: Vec<String> = match result.value {
            Value::Vector(samples) => samples.iter().map(|s| format!("{} {}", s.labels, s.v)).collect(),
            Value::Matrix(series) => series
                .iter()
                .map(|s| {
                    let points = s.t.iter().zip(&s.v).map(|(t, v)| format!("{v}@{}", (t.0 - T0.to_ms().0) / 1000));
                    format!("{} {}", s.labels, points.collect::<Vec<_>>().join(" "))
                })
                .collect(),
            other => panic!("{other:?}"),
        };
        lines.sort();
        lines
    }

    /// Returns what a metric of ours says, with its labels; 0 when it is not there.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name == name);
        family.and_then(|family| family.metrics.first()).map_or(0.0, |metric| match &metric.value {
            firesteel_model::MetricValue::Counter { value, .. } => *value,
            firesteel_model::MetricValue::Gauge(v) => *v,
            other => panic!("{other:?}"),
        })
    }

    pub(crate) fn sent(&self) -> Vec<(TimestampNs, Alert)> {
        self.sink.alerts.lock().expect("no panic").clone()
    }
}

fn context(
    engine: &Arc<Engine>,
    db: &Arc<Db>,
    sink: &Arc<Kept>,
    clock: &Arc<ManualClock>,
    settings: &RuleSettings,
    registry: &Registry,
) -> EvalContext {
    let queries = Arc::new(EngineQueries { engine: engine.clone(), storage: db.clone() });
    EvalContext::new(queries, db.clone(), db.clone(), settings.clone(), registry)
        .with_sink(sink.clone())
        .with_clock(clock.clone())
}

pub(crate) fn options() -> LoadOptions {
    LoadOptions {
        interval: Duration::from_secs(15),
        external_labels: Labels::from_pairs([("dc", "x")]),
        external_url: "http://here".to_owned(),
        scheme: ValidationScheme::Utf8,
        parser: ParserOptions::default(),
        ignore_unknown_fields: false,
    }
}

/// Returns the `i`-th evaluation of a group: slots of 15 seconds from the first after `T0` on.
pub(crate) fn slot(group: &Group, i: u32) -> TimestampNs {
    group.slot(T0).after(group.interval() * (i + 1))
}

pub(crate) fn secs(at: TimestampNs) -> i64 {
    (at.to_ms().0 - T0.to_ms().0) / 1000
}

pub(crate) fn after(secs: u64) -> TimestampNs {
    T0.after(Duration::from_secs(secs))
}
