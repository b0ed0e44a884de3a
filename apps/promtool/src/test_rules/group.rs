//! One test: series go in, rules are evaluated step by step, alerts and expressions are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use firesteel_base::{TimestampMs, TimestampNs};
use firesteel_client::Registry;
use firesteel_config::{AlertTest, ExpectedSample, ExprTest, RuleTestGroup, ValidationScheme};
use firesteel_go_compat::{format_duration, format_go_duration, parse_api_time, quote};
use firesteel_model::Labels;
use firesteel_promql::testscript::{InputValue, parse_input_series};
use firesteel_promql::{Engine, EngineFeatures, EngineOptions, QueryOptions, Value, VectorSample};
use firesteel_promql_syntax::{parse, parse_metric};
use firesteel_rules::{
    AlertState, AlertingRule, EngineQueries, EvalContext, Group, LoadOptions, Rule, RuleSettings, load_groups,
};

use super::coverage::Coverage;
use super::shown::{self, Alert, Pairs, Sample, indented};
use super::store::Store;
use super::{Common, Fault, diff};
use crate::Console;

/// Runs a test; returns what failed.
pub(super) fn test(
    name: &str,
    test: &RuleTestGroup,
    common: &Common<'_>,
    coverage: Option<&mut Coverage>,
    console: &mut Console<'_>,
) -> Vec<Fault> {
    let began = Instant::now();
    if common.manner.debug {
        console.complain(format_args!("DEBUG: Starting test {name}"));
    }
    let faults = match Running::new(test, common) {
        Err(faults) => faults,
        Ok(mut running) => {
            running.watches = coverage.is_some();
            let faults = running.all(console);
            if let Some(coverage) = coverage {
                coverage.add(&running.groups, &running.yielded, &running.asserted);
            }
            faults
        }
    };
    if common.manner.debug {
        let took = format_go_duration(i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX));
        console.complain(format_args!("DEBUG: Test {name} finished, took {took}"));
    }
    faults
}

struct Running<'a> {
    test: &'a RuleTestGroup,
    common: &'a Common<'a>,
    start: TimestampMs,
    store: Store,
    engine: Arc<Engine>,
    cx: EvalContext,
    groups: Vec<Group>,
    /// Names of alerts that fired when a test looked at them.
    asserted: BTreeSet<String>,
    /// Rules whose expression yielded something, by places of group and rule; noted if `watches`.
    yielded: BTreeSet<(usize, usize)>,
    watches: bool,
}

fn ns(at: TimestampMs) -> TimestampNs {
    TimestampNs(at.0.saturating_mul(1_000_000))
}

impl<'a> Running<'a> {
    fn new(test: &'a RuleTestGroup, common: &'a Common<'a>) -> Result<Self, Vec<Fault>> {
        let one = |fault: Fault| vec![fault];
        let start = start_of(test).map_err(one)?;
        let store = Store::new(&test.input_series, start, test.interval).map_err(one)?;
        let options = EngineOptions {
            timeout: Duration::from_secs(100),
            max_samples: 10_000,
            threads: 1,
            max_concurrent: 0,
            subquery_step: common.interval,
            features: EngineFeatures {
                delayed_name_removal: common.manner.delayed_name_removal,
                ..EngineFeatures::default()
            },
            ..EngineOptions::default()
        };
        let registry = Registry::new();
        let engine = Engine::new(options, &registry).map_err(|error| one(Fault::new(error.to_string())))?;
        let engine = Arc::new(engine);
        let queries = EngineQueries { engine: Arc::clone(&engine), storage: Arc::clone(store.db()) as _ };
        let settings = RuleSettings {
            external_url: test.external_url.clone(),
            parser: common.manner.parser,
            ..RuleSettings::default()
        };
        let db = store.db();
        let cx =
            EvalContext::new(Arc::new(queries), Arc::clone(db) as _, Arc::clone(db) as _, settings, &Registry::new());
        let load = LoadOptions {
            interval: test.interval,
            external_labels: Labels::from_pairs(&test.external_labels),
            external_url: test.external_url.clone(),
            scheme: ValidationScheme::Utf8,
            parser: common.manner.parser,
            ignore_unknown_fields: common.manner.ignore_unknown_fields,
        };
        let mut groups = load_groups(common.rule_files, &load)
            .map_err(|error| error.lines().into_iter().map(Fault::new).collect::<Vec<_>>())?;
        // Groups that the order does not name rank with the first one, as upstream's look-up of what is not there.
        groups.sort_by_key(|group| common.order.iter().position(|name| name.text == group.name()).unwrap_or(0));
        Ok(Self {
            test,
            common,
            start,
            store,
            engine,
            cx,
            groups,
            asserted: BTreeSet::new(),
            yielded: BTreeSet::new(),
            watches: false,
        })
    }

    fn all(&mut self, console: &mut Console<'_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut by_time: BTreeMap<Duration, Vec<&'a AlertTest>> = BTreeMap::new();
        for alert in &self.test.alert_rule_test {
            if alert.alertname.text.is_empty() {
                let group = if self.test.name.is_empty() {
                    String::new()
                } else {
                    format!(" (in TestGroup {})", self.test.name)
                };
                let time = format_duration(alert.eval_time);
                return vec![Fault::new(format!(
                    "an item under alert_rule_test misses required attribute alertname at eval_time {time}{group}"
                ))];
            }
            by_time.entry(alert.eval_time).or_default().push(alert);
        }
        let mut waiting: Vec<(Duration, Vec<&AlertTest>)> = by_time.into_iter().rev().collect();
        let (last, step) = (self.last_time(), self.common.interval);
        let mut since = Duration::ZERO;
        while since <= last {
            let at = TimestampMs(self.start.0.saturating_add(since.as_millis() as i64));
            if let Err(fault) = self.store.advance(at) {
                faults.push(fault);
            } else {
                let failed = self.evaluate(at);
                if self.watches {
                    self.note_yields(at);
                }
                if !failed.is_empty() {
                    faults.extend(failed);
                    return faults;
                }
            }
            // An alert is looked at after the last evaluation that is not later.
            while let Some((_, tests)) = waiting.pop_if(|(time, _)| since <= *time && *time < since + step) {
                for test in tests {
                    faults.extend(self.compare_alerts(test));
                }
            }
            since += step;
        }
        for test in &self.test.promql_expr_test {
            faults.extend(self.compare_samples(test).err());
        }
        if self.common.manner.debug {
            self.dump(console);
        }
        faults
    }

    fn last_time(&self) -> Duration {
        let alerts = self.test.alert_rule_test.iter().map(|test| test.eval_time);
        alerts.chain(self.test.promql_expr_test.iter().map(|test| test.eval_time)).max().unwrap_or_default()
    }

    /// Evaluates all groups; returns rules that failed.
    fn evaluate(&self, at: TimestampMs) -> Vec<Fault> {
        let mut faults = Vec::new();
        for group in &self.groups {
            group.eval(&self.cx, ns(at));
            for rule in group.rules() {
                let core = rule.core();
                let error = core.status().last_error;
                if !error.is_empty() {
                    let time = format_go_duration(ns(at).0);
                    faults.push(Fault::new(format!("    rule: {}, time: {time}, err: {error}", core.name())));
                }
            }
        }
        faults
    }

    /// Notes which rules yield something now.
    fn note_yields(&mut self, at: TimestampMs) {
        for (group_at, group) in self.groups.iter().enumerate() {
            for (rule_at, rule) in group.rules().iter().enumerate() {
                let key = (group_at, rule_at);
                let yields = || match rule.alerting() {
                    Some(alerting) => !alerting.active_alerts().is_empty(),
                    None => self.query(rule.core().query(), at).is_ok_and(|samples| !samples.is_empty()),
                };
                if !self.yielded.contains(&key) && yields() {
                    self.yielded.insert(key);
                }
            }
        }
    }

    fn firing(&self, name: &str) -> Vec<Alert> {
        let named = |rule: &&Rule| rule.core().name() == name;
        let rules = self.groups.iter().flat_map(Group::rules).filter(named).filter_map(Rule::alerting);
        let mut alerts: Vec<Alert> = rules
            .flat_map(AlertingRule::active_alerts)
            .filter(|(_, alert)| alert.state == AlertState::Firing)
            .map(|(labels, alert)| Alert { labels: to_pairs(&labels), annotations: to_pairs(&alert.annotations) })
            .collect();
        alerts.sort();
        alerts
    }

    fn compare_alerts(&mut self, test: &AlertTest) -> Option<Fault> {
        let name = &test.alertname.text;
        let got = self.firing(name);
        if !got.is_empty() {
            self.asserted.insert(name.clone());
        }
        let expected = test.exp_alerts.iter().map(|alert| {
            let mut labels = alert.exp_labels.clone();
            labels.insert("alertname".to_owned(), name.clone());
            Alert {
                labels: labels.into_iter().collect(),
                annotations: alert.exp_annotations.clone().into_iter().collect(),
            }
        });
        let mut expected: Vec<Alert> = expected.collect();
        expected.sort();
        if expected == got {
            return None;
        }
        let group = if self.test.name.is_empty() { String::new() } else { format!("    name: {},\n", self.test.name) };
        let head = format!("{group}    alertname: {name}, time: {}, \n        ", format_duration(test.eval_time));
        const INDENT: &str = "            ";
        let words = if self.common.manner.diff {
            format!("{head}diff: {}", indented(&diff::alerts(&expected, &got), INDENT))
        } else {
            let (expected, got) = (indented(&shown::alerts(&expected), INDENT), indented(&shown::alerts(&got), INDENT));
            format!("{head}exp:{expected}, \n        got:{got}")
        };
        Some(Fault::at(words, &test.alertname))
    }

    fn compare_samples(&self, test: &ExprTest) -> Result<(), Fault> {
        let head = format!("    expr: {}, time: {},", quote(&test.expr.text), format_duration(test.eval_time));
        let fault = |error: String| Fault::at(format!("{head} err: {error}"), &test.expr);
        let at = TimestampMs(self.start.0.saturating_add(test.eval_time.as_millis() as i64));
        let mut got: Vec<Sample> = self
            .query(&test.expr.text, at)
            .map_err(fault)?
            .into_iter()
            .map(|sample| Sample {
                labels: to_pairs(&sample.labels),
                value: if sample.histogram.is_some() { 0.0 } else { sample.v },
                histogram: sample.histogram.map(|h| h.test_expression()).unwrap_or_default(),
            })
            .collect();
        let mut expected = Vec::with_capacity(test.exp_samples.len());
        for sample in &test.exp_samples {
            expected.push(expected_sample(sample).map_err(|error| {
                let words = format!("{head} err: labels {}: {error}", quote(&sample.labels.text));
                Fault::at(words, &sample.labels)
            })?);
        }
        expected.sort_by(|a, b| a.labels.cmp(&b.labels));
        got.sort_by(|a, b| a.labels.cmp(&b.labels));
        let alike = expected.len() == got.len()
            && expected.iter().zip(&got).all(|(expected, got)| expected.equals(got, self.common.fuzzy));
        if alike {
            return Ok(());
        }
        let (expected, got) = (shown::samples(&expected), shown::samples(&got));
        Err(Fault::at(format!("{head}\n        exp: {expected}\n        got: {got}"), &test.expr))
    }

    fn query(&self, text: &str, at: TimestampMs) -> Result<Vec<VectorSample>, String> {
        let expr = parse(text, self.common.manner.parser).map_err(|errors| errors.to_string())?;
        let options = QueryOptions { text: text.into(), ..QueryOptions::default() };
        let result = self.engine.instant(&**self.store.db(), &expr, at, &options).map_err(|error| error.to_string())?;
        match result.value {
            Value::Vector(samples) => Ok(samples),
            Value::Scalar { t, v } => Ok(vec![VectorSample::float(Labels::empty(), t, v)]),
            Value::String { .. } | Value::Matrix(_) => Err("rule result is not a vector or scalar".to_owned()),
        }
    }

    /// Shows all series up to the last time, rounded up to a second.
    fn dump(&self, console: &mut Console<'_>) {
        let seconds = (self.last_time() + Duration::from_secs(1)).as_secs();
        let window = format_go_duration((seconds as i64).saturating_mul(1_000_000_000));
        let text = format!("{{__name__=~\".+\"}}[{window}]");
        let at = TimestampMs(self.start.0.saturating_add(seconds as i64 * 1000));
        let answer = parse(&text, self.common.manner.parser).map_err(|errors| errors.to_string()).and_then(|expr| {
            let options = QueryOptions::default();
            self.engine.instant(&**self.store.db(), &expr, at, &options).map_err(|error| error.to_string())
        });
        match answer.map(|result| result.value) {
            Err(error) => {
                console.complain(format_args!("DEBUG: Failed query exec, expr: {}, err: {error}", quote(&text)));
            }
            Ok(Value::Matrix(series)) => {
                console.complain(format_args!("DEBUG: Dump of all data (input_series and rules) at {window}:"));
                if series.is_empty() {
                    console.complain("");
                }
                for one in series {
                    console.complain(format_args!("{} =>", shown::pairs(&to_pairs(&one.labels))));
                    for (t, v) in one.t.iter().zip(&one.v) {
                        let value = firesteel_go_compat::format_float(*v);
                        console.complain(format_args!("{value} @[{}]", t.0));
                    }
                    for (t, h) in &one.histograms {
                        console.complain(format_args!("{h} @[{}]", t.0));
                    }
                }
            }
            Ok(_) => console.complain("DEBUG: Got unexpected type"),
        }
    }
}

fn to_pairs(labels: &Labels) -> Pairs {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(super) fn start_of(test: &RuleTestGroup) -> Result<TimestampMs, Fault> {
    let text = &test.start_timestamp;
    if text.text.is_empty() {
        return Ok(TimestampMs(0));
    }
    match parse_api_time(&text.text) {
        Ok(at) => Ok(TimestampMs(at.unix_ms())),
        Err(error) => Err(Fault::at(error.to_string(), text)),
    }
}

fn expected_sample(sample: &ExpectedSample) -> Result<Sample, String> {
    let labels = parse_metric(&sample.labels.text).map_err(|errors| errors.to_string())?;
    let mut histogram = String::new();
    if !sample.histogram.text.is_empty() {
        let (_, values) = parse_input_series(&format!("{{}} {}", sample.histogram.text))?;
        histogram = match values.as_slice() {
            [Some(InputValue::Histogram(h))] => h.test_expression(),
            [Some(InputValue::Float(v))] => return Err(format!("expected histogram, got {}", six_digits(*v))),
            [None] => return Err("expected histogram, got _".to_owned()),
            more => return Err(format!("expected 1 value, got {}", more.len())),
        };
    }
    Ok(Sample { labels: to_pairs(&labels), value: if histogram.is_empty() { sample.value } else { 0.0 }, histogram })
}

/// `%f`
fn six_digits(v: f64) -> String {
    if v.is_finite() { format!("{v:.6}") } else { firesteel_go_compat::format_float(v).to_string() }
}
