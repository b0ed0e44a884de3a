//! Rule files with all that is looked at inside them: structure, names, expressions, templates.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use firesteel_config::{LoadedRules, RuleChecks, ValidationScheme, load_rules};
use firesteel_promql_syntax::ParserOptions;

use crate::{rule_expression, rule_template};

/// A rule as the other commands want it.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    /// The alert's name, or that of the recorded metric.
    pub(crate) name: String,
    /// Labels of the group and the rule, sorted.
    pub(crate) labels: Vec<(String, String)>,
    /// Whether it records, and does not alert.
    pub(crate) records: bool,
    pub(crate) expr: String,
    /// The name of its group.
    pub(crate) group: String,
    /// How often its group is evaluated; zero when the file does not say.
    pub(crate) interval: Duration,
}

/// How rule files are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) parser: ParserOptions,
    pub(crate) ignore_unknown_fields: bool,
    /// How often the series are scraped, for advice on windows that are too short; zero when nobody knows.
    pub(crate) scrape_interval: Duration,
}

impl Reading {
    pub(crate) fn strict(parser: ParserOptions) -> Self {
        Self { parser, ignore_unknown_fields: false, scrape_interval: Duration::ZERO }
    }
}

/// Reads a rule file.
pub(crate) fn read(name: &str, text: &str, how: Reading) -> LoadedRules {
    let expression = |expr: &str| rule_expression::faults(expr, how.parser, how.scrape_interval);
    let template = |alert: &str, text: &str| rule_template::fault(alert, text).into_iter().collect();
    let checks = RuleChecks {
        scheme: ValidationScheme::Utf8,
        ignore_unknown_fields: how.ignore_unknown_fields,
        expression: &expression,
        template: &template,
    };
    load_rules(Path::new(name), text, &checks)
}

/// Returns the rules of a file, over all groups; none when it is refused.
pub(crate) fn rules(loaded: LoadedRules) -> Vec<Rule> {
    let mut out = Vec::new();
    for group in loaded.rules.map_or(Vec::new(), |file| file.groups) {
        for rule in group.rules {
            let mut labels: BTreeMap<String, String> = group.labels.clone();
            labels.extend(rule.labels);
            let records = !rule.record.is_empty();
            out.push(Rule {
                name: if rule.alert.is_empty() { rule.record } else { rule.alert },
                labels: labels.into_iter().collect(),
                records,
                expr: rule.expr.text,
                group: group.name.clone(),
                interval: group.interval,
            });
        }
    }
    out
}
