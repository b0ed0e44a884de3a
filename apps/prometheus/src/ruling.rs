//! The rule manager as the server holds it, and as the API sees it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use firesteel_api::source::{ActiveAlert, AlertingRule, MatchesNothing, QuerySource, Rule, RuleGroup, RuleSource};
use firesteel_base::{TimestampMs, TimestampNs};
use firesteel_client::Registry;
use firesteel_config::{Config, matching_files};
use firesteel_go_compat::Instant;
use firesteel_model::Alert;
use firesteel_promql::{QueryError, QueryOptions, QueryResult};
use firesteel_promql_syntax::{Expr, ParserOptions};
use firesteel_rules::{
    AlertSink, EvalContext, Group, LoadOptions, RuleFile, RuleManager, RuleQueries, RuleSettings, RulesError,
    check_files,
};
use firesteel_storage::Queryable;
use firesteel_tsdb::Db;

use crate::notifying::Notifying;
use crate::wire::Queries;

impl RuleQueries for Queries {
    fn instant(&self, expr: &Expr, at: TimestampMs, options: &QueryOptions) -> Result<QueryResult, QueryError> {
        QuerySource::instant(self, expr, at, options)
    }

    fn instant_in(
        &self,
        view: &dyn Queryable,
        expr: &Expr,
        at: TimestampMs,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        self.instant_over(view, expr, at, options)
    }
}

/// Owns the rule manager, which starts when storage is open: until then there are no rules.
#[derive(Debug)]
pub(crate) struct Ruling {
    manager: OnceLock<RuleManager>,
    embedded: Vec<RuleFile>,
}

impl AlertSink for Notifying {
    fn send(&self, alerts: Vec<Alert>) {
        self.0.send(&alerts);
    }
}

impl Ruling {
    /// Takes names and texts of files that are in force whatever the configuration says.
    pub(crate) fn new(embedded: &[(String, String)]) -> Self {
        let one = |(name, text): &(String, String)| RuleFile::Embedded { name: name.clone(), text: text.clone() };
        Self { manager: OnceLock::new(), embedded: embedded.iter().map(one).collect() }
    }

    /// Starts the manager, without groups.
    pub(crate) fn start(
        &self,
        settings: RuleSettings,
        queries: Arc<Queries>,
        db: Arc<Db>,
        notifying: Arc<Notifying>,
        registry: &Registry,
    ) -> Result<(), String> {
        let cx = EvalContext::new(queries, db.clone(), db, settings, registry).with_sink(notifying);
        self.manager.set(RuleManager::new(cx)).map_err(|_| "rules were started twice".to_owned())
    }

    /// Makes the configuration's rule files the ones in force.
    pub(crate) async fn apply(&self, config: &Config, external_url: &str, parser: ParserOptions) -> Result<(), String> {
        let Some(manager) = self.manager.get() else { return Err("rules have not started".to_owned()) };
        let named = config.rule_files.iter().flat_map(|pattern| matching_files(pattern.as_path())).map(RuleFile::Path);
        let files = self.embedded.iter().cloned().chain(named).collect();
        let options = LoadOptions {
            interval: config.global.evaluation_interval,
            external_labels: config.global.external_labels.to_labels(),
            external_url: external_url.to_owned(),
            scheme: config.global.metric_name_validation_scheme,
            parser,
            ignore_unknown_fields: false,
        };
        manager.update(files, options, config.global.rule_query_offset).await.map_err(|err| {
            tracing::error!(component = "rule manager", %err, "loading groups failed");
            for fault in err.faults() {
                tracing::error!(component = "rule manager", "{}", fault.render());
            }
            "error loading rules, previous rule set restored".to_owned()
        })
    }

    /// Ends all evaluations and waits for them.
    pub(crate) async fn stop(&self) {
        if let Some(manager) = self.manager.get() {
            manager.stop().await;
        }
    }
}

/// Checks the rule files that a configuration names.
pub(crate) fn check(config: &Config, parser: ParserOptions) -> Result<(), RulesError> {
    let patterns: Vec<&Path> = config.rule_files.iter().map(firesteel_config::FilePath::as_path).collect();
    check_files(&patterns, config.global.metric_name_validation_scheme, parser)
}

impl RuleSource for Ruling {
    fn groups(&self, with_alerts: bool) -> Vec<RuleGroup> {
        let Some(manager) = self.manager.get() else { return Vec::new() };
        manager.groups().iter().map(|group| shown(group, with_alerts)).collect()
    }
}

fn shown(group: &Group, with_alerts: bool) -> RuleGroup {
    let times = group.times();
    RuleGroup {
        name: group.name().to_owned(),
        file: group.file().to_owned(),
        rules: group.rules().iter().map(|rule| shown_rule(rule, with_alerts)).collect(),
        interval_secs: group.interval().as_secs_f64(),
        limit: group.limit(),
        evaluation_secs: times.took.as_secs_f64(),
        last_evaluation: times.last_evaluation.map(instant),
    }
}

fn shown_rule(rule: &firesteel_rules::Rule, with_alerts: bool) -> Rule {
    let (core, status) = (rule.core(), rule.core().status());
    let nothing = |one: &firesteel_rules::NothingMatched| MatchesNothing {
        code: one.code,
        message: one.message.clone(),
        near: one.near.clone(),
        fix: one.fix.clone(),
    };
    Rule {
        name: core.name().to_owned(),
        query: core.query().to_string(),
        labels: core.labels().clone(),
        health: status.health.as_str(),
        last_error: status.last_error.to_string(),
        evaluation_secs: status.took.as_secs_f64(),
        last_evaluation: status.at.map(instant),
        matches_nothing: status.nothing.iter().map(nothing).collect(),
        alerting: rule.alerting().map(|alerting| AlertingRule {
            state: alerting.state().as_str(),
            hold_secs: alerting.hold().as_secs_f64(),
            keep_firing_secs: alerting.keep_firing_for().as_secs_f64(),
            annotations: alerting.annotations().clone(),
            alerts: with_alerts.then(|| {
                let mut alerts = alerting.active_alerts();
                alerts.sort_by(|a, b| a.0.cmp(&b.0));
                let one = |(labels, alert): (_, firesteel_rules::ActiveAlert)| ActiveAlert {
                    labels,
                    annotations: alert.annotations,
                    state: alert.state.as_str(),
                    active_at: instant(alert.active_at),
                    keep_firing_since: alert.keep_firing_since.map(instant),
                    value: alert.value,
                };
                alerts.into_iter().map(one).collect()
            }),
        }),
    }
}

fn instant(at: TimestampNs) -> Instant {
    Instant::from_unix_ns(at.0)
}
