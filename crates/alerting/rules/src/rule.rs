//! What recording and alerting rules have in common.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::TimestampNs;
use firesteel_model::{Labels, push_packed};
use firesteel_promql::{CancelFlag, Lane, QueryOptions, QueryOrigin};
use firesteel_promql_syntax::Expr;
use parking_lot::Mutex;

use crate::{AlertingRule, RecordingRule};

/// A rule of a group.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once per load, and most rules of the world are alerts")]
pub enum Rule {
    Recording(RecordingRule),
    Alerting(AlertingRule),
}

/// What a rule computes and how it fares.
#[derive(Debug)]
pub struct RuleCore {
    name: String,
    labels: Labels,
    pub(crate) expr: Expr,
    /// Options of the rule's queries, its text among them.
    pub(crate) options: QueryOptions,
    status: Mutex<RuleStatus>,
}

/// How a rule fared the last time.
#[derive(Clone, Debug, Default)]
pub struct RuleStatus {
    pub health: Health,
    /// Empty when all went well.
    pub last_error: Arc<str>,
    pub took: Duration,
    /// When the last evaluation began, by the clock.
    pub at: Option<TimestampNs>,
    /// Selectors that match nothing in storage, when that is why the rule yields nothing.
    pub nothing: Arc<[NothingMatched]>,
}

/// A selector that matches no series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NothingMatched {
    /// `FS1031` (metric), `FS1032` (label or value), `FS1033` (combination).
    pub code: &'static str,
    pub message: String,
    /// The nearest names or values that exist.
    pub near: Vec<String>,
    /// The whole expression as it should probably read.
    pub fix: Option<String>,
}

/// Whether the last evaluation succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Health {
    #[default]
    Unknown,
    Good,
    Bad,
}

impl Health {
    /// Returns the word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Bad => "err",
        }
    }
}

impl Rule {
    /// Returns what it has in common with other rules.
    pub fn core(&self) -> &RuleCore {
        match self {
            Self::Recording(rule) => &rule.core,
            Self::Alerting(rule) => &rule.core,
        }
    }

    /// Returns the alerting rule, if it is one.
    pub fn alerting(&self) -> Option<&AlertingRule> {
        match self {
            Self::Alerting(rule) => Some(rule),
            Self::Recording(_) => None,
        }
    }

    /// Returns whether another rule is written the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (a, b) = (self.core(), other.core());
        let core = a.name == b.name && a.options.text == b.options.text && a.labels == b.labels;
        core && match (self, other) {
            (Self::Recording(_), Self::Recording(_)) => true,
            (Self::Alerting(a), Self::Alerting(b)) => a.is_same(b),
            _ => false,
        }
    }
}

impl RuleCore {
    /// `file` and `group` name the group for the query log.
    pub(crate) fn new(
        name: &str,
        expr: Expr,
        labels: Labels,
        (file, group): (&str, &str),
        cancel: &CancelFlag,
        parser: firesteel_promql_syntax::ParserOptions,
    ) -> Self {
        // upstream evaluates the expression as it prints it (rules/recording.go, `Eval`): places in messages are of that.
        let text = expr.to_string();
        let expr = firesteel_promql_syntax::parse(&text, parser).unwrap_or(expr);
        let options = QueryOptions {
            text: text.into(),
            cancel: cancel.clone(),
            origin: QueryOrigin::RuleGroup { file: file.to_owned(), name: group.to_owned() },
            lane: Lane::Rules,
            ..QueryOptions::default()
        };
        Self { name: name.to_owned(), labels, expr, options, status: Mutex::default() }
    }

    /// Returns the name of the recorded metric or of the alert.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the labels of group and rule, templates as written; values may be empty.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Returns the expression.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Returns the expression as upstream prints it.
    pub fn query(&self) -> &Arc<str> {
        &self.options.text
    }

    /// Returns how the rule fared.
    pub fn status(&self) -> RuleStatus {
        self.status.lock().clone()
    }

    pub(crate) fn succeeded(&self) {
        let mut status = self.status.lock();
        status.health = Health::Good;
        if !status.last_error.is_empty() {
            status.last_error = Arc::default();
        }
    }

    pub(crate) fn failed(&self, error: &str) {
        let mut status = self.status.lock();
        status.health = Health::Bad;
        status.last_error = error.into();
    }

    pub(crate) fn evaluated(&self, at: TimestampNs, took: Duration) {
        let mut status = self.status.lock();
        (status.at, status.took) = (Some(at), took);
    }

    pub(crate) fn set_nothing(&self, nothing: Arc<[NothingMatched]>) {
        self.status.lock().nothing = nothing;
    }

    pub(crate) fn is_marked(&self) -> bool {
        !self.status.lock().nothing.is_empty()
    }

    pub(crate) fn took(&self) -> Duration {
        self.status.lock().took
    }
}

/// Packs pairs as they are, empty values included: upstream's `labels.FromMap` keeps them.
pub(crate) fn all_pairs(pairs: &BTreeMap<String, String>) -> Labels {
    let mut packed = Vec::new();
    for (name, value) in pairs {
        push_packed(&mut packed, name);
        push_packed(&mut packed, value);
    }
    Labels::from_packed(&packed)
}
