//! Rule files to groups.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firesteel_config::{RuleChecks, RuleGroup, Severity, TextFault, ValidationScheme, load_rules, matching_files};
use firesteel_model::Labels;
use firesteel_promql::CancelFlag;
use firesteel_promql_syntax::{ParserOptions, parse};
use firesteel_template::Value;
use firesteel_template::prometheus::check_alert_template;

use crate::alerting::AlertParts;
use crate::group::GroupParts;
use crate::rule::{RuleCore, all_pairs};
use crate::{AlertingRule, Group, RecordingRule, Rule, RulesError};

/// How rule files are read, and what their groups take from the configuration.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// `global.evaluation_interval`: for groups that name none.
    pub interval: Duration,
    pub external_labels: Labels,
    pub external_url: String,
    pub scheme: ValidationScheme,
    pub parser: ParserOptions,
    pub ignore_unknown_fields: bool,
}

/// A file of rules, or one that the program carries within itself.
#[derive(Clone, Debug)]
pub enum RuleFile {
    Path(PathBuf),
    Embedded { name: String, text: String },
}

impl RuleFile {
    fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Embedded { name, .. } => Path::new(name),
        }
    }

    fn read(&self, options: &LoadOptions) -> Result<Vec<RuleGroup>, RulesError> {
        match self {
            Self::Path(path) => read(path, options.scheme, options.parser, options.ignore_unknown_fields),
            Self::Embedded { text, .. } => {
                checked(self.path(), text, options.scheme, options.parser, options.ignore_unknown_fields)
            }
        }
    }
}

/// Reads groups from files. When one file is refused, all are.
///
/// Of two groups of one file and name, which two patterns that name one file can yield, the later counts.
pub fn load_groups(files: &[PathBuf], options: &LoadOptions) -> Result<Vec<Group>, RulesError> {
    let files: Vec<RuleFile> = files.iter().cloned().map(RuleFile::Path).collect();
    load_files(&files, options)
}

/// As [`load_groups`], of files that need not be on disk.
pub(crate) fn load_files(files: &[RuleFile], options: &LoadOptions) -> Result<Vec<Group>, RulesError> {
    let mut groups: Vec<Group> = Vec::new();
    let external = Value::string_map(&options.external_labels);
    for file in files {
        for group in file.read(options)? {
            let group = build(file.path(), group, options, &external)?;
            groups.retain(|known| known.key() != group.key());
            groups.push(group);
        }
    }
    note_shared_names(&mut groups);
    Ok(groups)
}

fn note_shared_names(groups: &mut [Group]) {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for rule in groups.iter().flat_map(Group::rules).filter_map(Rule::alerting) {
        *uses.entry(rule.core.name().to_owned()).or_default() += 1;
    }
    for rule in groups.iter_mut().flat_map(Group::rules_mut) {
        if let Rule::Alerting(rule) = rule {
            rule.shares_name = uses.get(rule.core.name()).is_some_and(|n| *n > 1);
        }
    }
}

/// Checks all files that patterns name, as the server does before it starts and at each reload.
pub fn check_files(patterns: &[&Path], scheme: ValidationScheme, parser: ParserOptions) -> Result<(), RulesError> {
    for pattern in patterns {
        for file in matching_files(pattern) {
            let absolute = std::path::absolute(&file).unwrap_or(file);
            let file = std::fs::canonicalize(&absolute).unwrap_or(absolute);
            read(&file, scheme, parser, false).map_err(|inner| RulesError::Pattern {
                file,
                pattern: pattern.to_path_buf(),
                inner: Box::new(inner),
            })?;
        }
    }
    Ok(())
}

/// Returns what stops the parser in an expression, as a fault inside its text.
pub fn expression_fault(expr: &str, options: ParserOptions) -> Option<TextFault> {
    let errors = parse(expr, options).err()?;
    let error = errors.first();
    let end = error.span.end.max(error.span.start + 1).min(expr.len());
    let (code, label, suggestion) = match &error.hint {
        Some(hint) => (hint.code, Some(hint.message.clone()), hint.suggestion.clone()),
        None => ("FS1000", None, None),
    };
    Some(TextFault {
        severity: Severity::Error,
        code,
        range: error.span.start.min(end)..end,
        message: format!("this expression cannot be parsed: {}", error.message),
        label,
        upstream: error.to_string(),
        suggestion,
    })
}

/// Returns what upstream refuses in a label or annotation of an alert.
fn template_fault(alert: &str, text: &str) -> Option<TextFault> {
    // Without an action there is nothing to be wrong.
    let error = text.contains("{{").then(|| check_alert_template(alert, text).err()).flatten()?.to_string();
    Some(TextFault {
        severity: Severity::Error,
        code: "FS0212",
        range: 0..text.len(),
        message: format!("this template cannot be used: {error}"),
        label: None,
        upstream: error,
        suggestion: None,
    })
}

fn read(
    file: &Path,
    scheme: ValidationScheme,
    parser: ParserOptions,
    ignore_unknown_fields: bool,
) -> Result<Vec<RuleGroup>, RulesError> {
    let bytes = std::fs::read(file).map_err(|e| RulesError::Read { file: file.to_owned(), why: go_text(&e) })?;
    checked(file, &String::from_utf8_lossy(&bytes), scheme, parser, ignore_unknown_fields)
}

fn checked(
    file: &Path,
    text: &str,
    scheme: ValidationScheme,
    parser: ParserOptions,
    ignore_unknown_fields: bool,
) -> Result<Vec<RuleGroup>, RulesError> {
    let expression = |text: &str| expression_fault(text, parser).into_iter().collect();
    let template = |alert: &str, text: &str| template_fault(alert, text).into_iter().collect();
    let checks = RuleChecks { scheme, ignore_unknown_fields, expression: &expression, template: &template };
    let loaded = load_rules(file, text, &checks);
    match loaded.rules {
        Some(rules) => Ok(rules.groups),
        None => Err(RulesError::Refused {
            file: file.to_owned(),
            upstream: loaded.upstream,
            faults: loaded.diagnostics.into_iter().filter(firesteel_config::Diagnostic::is_error).collect(),
        }),
    }
}

fn build(file: &Path, group: RuleGroup, options: &LoadOptions, external: &Value) -> Result<Group, RulesError> {
    let file_name = file.to_string_lossy().into_owned();
    let cancel = CancelFlag::new();
    let mut rules = Vec::with_capacity(group.rules.len());
    for rule in group.rules {
        let expr = parse(&rule.expr.text, options.parser).map_err(|e| RulesError::Refused {
            file: file.to_owned(),
            upstream: vec![e.to_string()],
            faults: Vec::new(),
        })?;
        let mut labels = group.labels.clone();
        labels.extend(rule.labels);
        let name = if rule.alert.is_empty() { &rule.record } else { &rule.alert };
        let core = RuleCore::new(name, expr, all_pairs(&labels), (&file_name, &group.name), &cancel, options.parser);
        rules.push(if rule.alert.is_empty() {
            Rule::Recording(RecordingRule { core })
        } else {
            Rule::Alerting(AlertingRule::new(
                core,
                AlertParts {
                    hold: rule.for_,
                    keep_firing_for: rule.keep_firing_for,
                    annotations: all_pairs(&rule.annotations),
                    external_labels: external,
                    external_url: &options.external_url,
                },
            ))
        });
    }
    Ok(Group::new(GroupParts {
        name: group.name,
        file: file_name,
        interval: if group.interval.is_zero() { options.interval } else { group.interval },
        query_offset: group.query_offset,
        limit: group.limit,
        rules,
        cancel,
    }))
}

/// Go's words for the usual failures.
fn go_text(error: &std::io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
}
