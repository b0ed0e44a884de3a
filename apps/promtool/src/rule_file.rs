//! Rule files as far as they are checked here: structure, names, expressions. Templates are not parsed yet.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use firesteel_go_compat::{parse_duration, quote};
use firesteel_promql_syntax::{ParserOptions, parse as parse_expr};
use firesteel_yaml::{Node, Source, Span, nearest, parse as parse_yaml};

/// The rules of a file, over all groups.
#[derive(Debug, Default)]
pub(crate) struct RuleFile {
    pub(crate) rules: Vec<Rule>,
}

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

const GROUP_KEYS: [&str; 6] = ["name", "interval", "query_offset", "limit", "rules", "labels"];
const RULE_KEYS: [&str; 7] = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];

struct Checker {
    options: ParserOptions,
    /// Faults of structure: with any of them the rules themselves are not looked at.
    structure: Vec<String>,
    faults: Vec<String>,
}

/// Parses a rule file. Errors: every fault, in upstream's words without the file's name.
pub(crate) fn parse(name: &str, text: &str, options: ParserOptions) -> Result<RuleFile, Vec<String>> {
    let source = Source::new(name, text);
    let root = match parse_yaml(&source) {
        Ok(Some(root)) if !root.is_null() => root,
        Ok(_) => return Ok(RuleFile::default()),
        Err(fault) => return Err(vec![fault.upstream.clone().unwrap_or_else(|| fault.message.clone())]),
    };
    let mut checker = Checker { options, structure: Vec::new(), faults: Vec::new() };
    checker.structure(&root);
    if !checker.structure.is_empty() {
        return Err(vec![format!("yaml: unmarshal errors:\n  {}", checker.structure.join("\n  "))]);
    }
    let file = checker.groups(&root);
    if checker.faults.is_empty() { Ok(file) } else { Err(checker.faults) }
}

fn place(span: Span) -> String {
    format!("{}:{}", span.line, span.column)
}

fn scalar<'n>(node: &'n Node, key: &str) -> Option<(&'n Node, &'n str)> {
    let value = node.get(key).filter(|value| !value.is_null())?;
    Some((value, value.text()?)).filter(|(_, text)| !text.is_empty())
}

fn string_map(node: &Node, key: &str) -> BTreeMap<String, String> {
    let pairs = node.get(key).map_or(&[][..], Node::pairs).iter();
    pairs.filter_map(|(name, value)| Some((name.text()?.to_owned(), value.text()?.to_owned()))).collect()
}

impl Checker {
    fn structure(&mut self, root: &Node) {
        self.keys(root, &["groups"], "rulefmt.RuleGroups");
        for group in self.list(root, "groups", "[]rulefmt.RuleGroup") {
            self.keys(group, &GROUP_KEYS, "rulefmt.RuleGroup");
            self.durations(group, &["interval", "query_offset"]);
            for rule in self.list(group, "rules", "[]rulefmt.Rule") {
                self.keys(rule, &RULE_KEYS, "rulefmt.Rule");
                self.durations(rule, &["for", "keep_firing_for"]);
            }
        }
    }

    fn keys(&mut self, node: &Node, known: &[&str], go_type: &str) {
        if node.pairs().is_empty() && !node.is_null() && !matches!(node.kind, firesteel_yaml::Kind::Map(_)) {
            let tag = node.short_tag();
            self.structure.push(format!("line {}: cannot unmarshal {tag} into {go_type}", node.span.line));
        }
        for (key, _) in node.pairs() {
            let word = key.text().unwrap_or("");
            if !known.contains(&word) {
                let advice = nearest(word, known.iter().copied())
                    .map_or(String::new(), |near| format!(" (did you mean {near}?)"));
                self.structure
                    .push(format!("line {}: field {word} not found in type {go_type}{advice}", key.span.line));
            }
        }
    }

    fn list<'n>(&mut self, node: &'n Node, key: &str, go_type: &str) -> &'n [Node] {
        let Some(value) = node.get(key).filter(|value| !value.is_null()) else { return &[] };
        if !matches!(value.kind, firesteel_yaml::Kind::Seq(_)) {
            let tag = value.short_tag();
            self.structure.push(format!("line {}: cannot unmarshal {tag} into {go_type}", value.span.line));
        }
        value.items()
    }

    fn durations(&mut self, node: &Node, keys: &[&str]) {
        for key in keys {
            if let Some((_, text)) = scalar(node, key)
                && let Err(error) = parse_duration(text)
            {
                self.structure.push(error.to_string());
            }
        }
    }

    fn groups(&mut self, root: &Node) -> RuleFile {
        let mut file = RuleFile::default();
        let mut names = HashSet::new();
        for group in root.get("groups").map_or(&[][..], Node::items) {
            let name = scalar(group, "name").map_or("", |(_, text)| text);
            if name.is_empty() {
                self.faults.push(format!("{}: Groupname must not be empty", place(group.span)));
            }
            if !names.insert(name) {
                let at = place(group.span);
                self.faults.push(format!("{at}: groupname: \"{name}\" is repeated in the same file"));
            }
            let interval =
                scalar(group, "interval").and_then(|(_, text)| parse_duration(text).ok()).unwrap_or_default();
            let group_labels = string_map(group, "labels");
            self.faults.extend(label_faults(&group_labels));
            for (at, rule) in group.get("rules").map_or(&[][..], Node::items).iter().enumerate() {
                let (mut rule, faults) = self.rule(rule, &group_labels);
                let head = format!("group {}, rule {}, {}", quote(name), at + 1, quote(&rule.name));
                // upstream puts the place of the fault before the names (model/rulefmt, Error.Error).
                self.faults.extend(faults.into_iter().map(|(place, fault)| format!("{place}{head}: {fault}")));
                name.clone_into(&mut rule.group);
                rule.interval = interval;
                file.rules.push(rule);
            }
        }
        file
    }

    /// Returns the rule, and its faults with their places.
    fn rule(&self, node: &Node, group_labels: &BTreeMap<String, String>) -> (Rule, Vec<(String, String)>) {
        let mut faults: Vec<(String, String)> = Vec::new();
        let mut fault = |at: &str, text: &str| {
            let at = if at.is_empty() { String::new() } else { format!("{at}: ") };
            faults.push((at, text.to_owned()));
        };
        let record = scalar(node, "record");
        let alert = scalar(node, "alert");
        match (record, alert) {
            (Some((record, _)), Some((alert, _))) => {
                let at = format!("{}: {}", place(record.span), place(alert.span));
                fault(&at, "only one of 'record' and 'alert' must be set");
            }
            (None, None) => fault("0:0: 0:0", "one of 'record' or 'alert' must be set"),
            _ => {}
        }
        match scalar(node, "expr") {
            None => fault("0:0", "field 'expr' must be set in rule"),
            Some((expr, text)) => {
                if let Err(error) = parse_expr(text, self.options) {
                    fault(&place(expr.span), &format!("could not parse expression: {error}"));
                }
            }
        }
        if let Some((record, name)) = record {
            let at = place(record.span);
            if !string_map(node, "annotations").is_empty() {
                fault(&at, "invalid field 'annotations' in recording rule");
            }
            for key in ["for", "keep_firing_for"] {
                let set = scalar(node, key).and_then(|(_, text)| parse_duration(text).ok());
                if set.is_some_and(|duration| !duration.is_zero()) {
                    fault(&at, &format!("invalid field '{key}' in recording rule"));
                }
            }
            if name.contains(['{', '}']) {
                fault(&at, &format!("braces present in the recording rule name; should it be in expr?: {name}"));
            }
        }
        let own = string_map(node, "labels");
        for text in label_faults(&own) {
            fault("", &text);
        }
        let name = alert.or(record).map_or("", |(_, text)| text).to_owned();
        let mut labels = group_labels.clone();
        labels.extend(own);
        let rule = Rule {
            name,
            labels: labels.into_iter().collect(),
            records: record.is_some(),
            expr: scalar(node, "expr").map_or("", |(_, text)| text).to_owned(),
            ..Rule::default()
        };
        (rule, faults)
    }
}

fn label_faults(labels: &BTreeMap<String, String>) -> Vec<String> {
    let invalid = labels.keys().filter(|name| name.is_empty() || *name == "__name__");
    invalid.map(|name| format!("invalid label name: {name}")).collect()
}
