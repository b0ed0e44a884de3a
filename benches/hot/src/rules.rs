//! A group of 50 rules over one of 20 targets, as `cargo xtask bench rules` has them: recorded and alerts in equal parts.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::{TimestampMs, TimestampNs};
use firesteel_client::Registry;
use firesteel_config::ValidationScheme;
use firesteel_model::Labels;
use firesteel_promql::{Engine, EngineOptions};
use firesteel_promql_syntax::ParserOptions;
use firesteel_rules::{EngineQueries, EvalContext, LoadOptions, RuleSettings, load_groups};
use firesteel_storage::{AppendOptions, Appendable as _, Queryable, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};

pub(crate) const RULES: u64 = 50;
const TARGETS: u64 = 20;
const START_MS: i64 = 1_700_000_040_000;

/// Evaluates the group once a round, a millisecond apart, over two minutes of data.
pub(crate) fn eval(rounds: u64) {
    let dir = tempfile::tempdir().expect("temp dir");
    let db = Db::open(DbOptions::new(dir.path().join("data"))).expect("opens");
    fill(&db);
    let registry = Registry::new();
    let options = EngineOptions { threads: 2, ..EngineOptions::default() };
    let engine = Arc::new(Engine::new(options, &registry).expect("an engine"));
    let storage: Arc<dyn Queryable> = db.clone();
    let queries = Arc::new(EngineQueries { engine, storage: storage.clone() });
    let cx = EvalContext::new(queries, storage, db.clone(), RuleSettings::default(), &registry);
    let file = dir.path().join("rules.yml");
    std::fs::write(&file, rules()).expect("writable");
    let options = LoadOptions {
        interval: Duration::from_secs(15),
        external_labels: Labels::empty(),
        external_url: String::new(),
        scheme: ValidationScheme::Utf8,
        parser: ParserOptions::default(),
        ignore_unknown_fields: false,
    };
    let groups = load_groups(&[file], &options).expect("rules");
    for round in 0..rounds {
        let at = TimestampNs((START_MS + 120_000 + round as i64) * 1_000_000);
        for group in &groups {
            assert_eq!(group.eval(&cx, at).failures, 0, "all rules can be evaluated");
        }
    }
    db.close().expect("closes");
}

/// 500 series a target: histograms, counters, gauges.
fn fill(db: &Arc<Db>) {
    let mut appender = db.appender();
    let mut series = Vec::new();
    for t in 0..TARGETS {
        let instance = format!("host-{t:02}:9100");
        let mut add = |name: &str, pairs: &[(&str, String)]| {
            let own = [("__name__", name.to_owned()), ("instance", instance.clone()), ("job", "app".to_owned())];
            let labels = Labels::from_pairs(own.iter().chain(pairs).map(|(name, value)| (*name, value.as_str())));
            series.push(appender.series(&labels, &SeriesMeta::default()).expect("a series"));
        };
        add("up", &[]);
        for h in 0..16 {
            let own = [
                ("handler", format!("/api/v1/resource/{h}")),
                ("method", ["GET", "POST", "PUT", "DELETE"][h % 4].to_owned()),
            ];
            for le in ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"] {
                let [handler, method] = own.clone();
                add("http_request_duration_seconds_bucket", &[handler, method, ("le", le.to_owned())]);
            }
            add("http_request_duration_seconds_sum", &own);
            add("http_request_duration_seconds_count", &own);
        }
        for c in 0..175 {
            let own = [("operation", format!("operation-{c:04}")), ("component", "storage-engine".to_owned())];
            let [operation, component] = own;
            let rest = [("result", "success".to_owned()), ("zone", format!("zone-{}", c % 3))];
            let [result, zone] = rest;
            add("app_operations_total", &[operation, component, result, zone]);
        }
        for g in 0..132 {
            let own = [("pool", format!("connection-pool-{g:04}")), ("region", "eu-central".to_owned())];
            add("app_pool_usage_ratio", &own);
        }
    }
    for n in 0..9 {
        let mut rows = SampleBatch::default();
        for (i, series) in series.iter().enumerate() {
            rows.push(*series, TimestampMs(START_MS + n * 15_000), (n * (i as i64 % 17 + 1)) as f64 / 1e3);
        }
        appender.append(&rows, AppendOptions::default(), &mut Vec::new());
    }
    appender.commit().expect("commits");
}

/// The rules of group 3 of `cargo xtask bench rules`.
fn rules() -> String {
    let mut text = "groups:\n- name: group-3\n  rules:\n".to_owned();
    let own = "instance=\"host-03:9100\"";
    for r in 0..RULES {
        let rule = match r % 10 {
            0 => format!("sum by (method) (rate(http_request_duration_seconds_count{{{own}}}[1m]))"),
            1 => format!(
                "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{{{own},method=\"GET\"}}[1m])))"
            ),
            2 => format!("avg by (zone) (rate(app_operations_total{{{own}}}[1m]))"),
            3 => format!("max_over_time(app_pool_usage_ratio{{{own},pool=~\"connection-pool-000.*\"}}[5m])"),
            4 => format!("count(app_operations_total{{{own}}} > 0.01)"),
            5 => format!("app_pool_usage_ratio{{{own},pool=\"connection-pool-{r:04}\"}} > 0.9"),
            6 => format!("up{{{own}}} == 7"),
            7 => format!("rate(app_operations_total{{{own},operation=\"operation-{r:04}\"}}[1m]) > 15"),
            8 => format!("absent(app_operations_total{{{own},operation=\"operation-{r:04}\"}})"),
            _ => format!("sum(rate(app_operations_total{{{own}}}[1m])) / count(app_operations_total{{{own}}}) > 1000"),
        };
        // Writing to a String cannot fail.
        let _ok = if r % 10 < 5 {
            writeln!(text, "  - {{record: 'recorded:{r}', labels: {{group: '3'}}, expr: '{rule}'}}")
        } else {
            writeln!(
                text,
                "  - {{alert: 'Alert{r}', for: 1m, labels: {{severity: page}}, expr: '{rule}', annotations: {{summary: '{{{{ $labels.instance }}}}: {{{{ $value | humanize }}}}'}}}}"
            )
        };
    }
    text
}
