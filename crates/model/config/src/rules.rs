//! Rule files: groups of recording and alerting rules. Expressions and templates stay text, with their places.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use firesteel_yaml::{Diagnostic, Fix, Kind, Node, Out, Reader, Source, Span, parse};

use crate::decode::Decode;
use crate::naming::ValidationScheme;
use crate::rules_of_choice::{at_most_one, first_key_span, key_span, missing, wrong};
use crate::section::section;

section! {
    /// A rule file.
    pub struct RuleGroups("a rule file", "rulefmt.RuleGroups", "rulefmt.RuleGroups") {
        groups: Vec<RuleGroup> [keep],
    }
}

section! {
    /// Rules evaluated one after the other at one interval.
    pub struct RuleGroup("a rule group", "rulefmt.RuleGroup", "rulefmt.RuleGroup") {
        /// Unique in the file.
        name: String [keep],
        /// 0: the global evaluation interval.
        interval: Duration,
        query_offset: Option<Duration>,
        /// How many series or alerts one rule may make; 0 is no limit.
        limit: i64,
        rules: Vec<Rule> [keep],
        labels: BTreeMap<String, String>,
    }
}

section! {
    /// A recording rule (`record`) or an alerting rule (`alert`).
    pub struct Rule("a rule", "rulefmt.Rule", "rulefmt.Rule"), misplaced MISPLACED {
        record: String,
        alert: String,
        expr: PlacedText [keep],
        for_ as "for": Duration,
        keep_firing_for: Duration,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
    }
}

const MISPLACED: &[(&str, &str)] =
    &[("severity", "labels"), ("summary", "annotations"), ("description", "annotations")];

/// Text and where it stands, for messages about what is inside it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlacedText {
    pub text: String,
    pub span: Span,
}

impl Decode for PlacedText {
    fn go_type() -> String {
        "string".to_owned()
    }
    fn zero() -> Self {
        Self::default()
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        if let Some(text) = reader.string(node) {
            *self = Self { text, span: node.span };
        }
    }
    fn is_zero(&self) -> bool {
        self.text.is_empty()
    }
    fn encode(&self) -> Out {
        Out::Str(self.text.clone())
    }
}

/// Reads a rule file. Expressions are not parsed here; the caller has their text and place.
pub fn load_rules(path: &Path, text: &str, scheme: ValidationScheme) -> (Option<RuleGroups>, Vec<Diagnostic>) {
    let source = Source::new(path.to_string_lossy(), text);
    let mut reader = Reader::new(&source);
    let mut rules = RuleGroups::default();
    match parse(&source) {
        Err(fault) => return (None, vec![*fault]),
        Ok(None) => {}
        Ok(Some(node)) if matches!(node.kind, Kind::Seq(_)) => without_groups(&node, &mut reader),
        Ok(Some(node)) => {
            rules.decode(&node, &mut reader);
            check_groups(&rules, &node, scheme, &mut reader);
        }
    }
    let refused = reader.error_count() > 0;
    ((!refused).then_some(rules), reader.into_diagnostics())
}

fn without_groups(node: &Node, reader: &mut Reader<'_>) {
    let span = Span { end: node.span.start + 1, ..node.span };
    let line = span.line;
    reader
        .error(span, "FS0114", "a rule file starts with \"groups:\"; yours starts with a list")
        .label("wrap it: write `groups:` above")
        .upstream(format!("line {line}: cannot unmarshal !!seq into rulefmt.RuleGroups"))
        .fix(Fix::insert(span.start, "groups:\n"));
}

fn check_groups(rules: &RuleGroups, root: &Node, scheme: ValidationScheme, reader: &mut Reader<'_>) {
    let mut names = BTreeSet::new();
    let items = root.get("groups").map_or(&[][..], Node::items);
    for (group, node) in rules.groups.iter().zip(items) {
        let place = node.span;
        let at = format!("{}:{}", place.line, place.column);
        if group.name.is_empty() {
            reader
                .within("group", |reader| missing(node, reader, "name", format!("{at}: Groupname must not be empty")));
        } else if !names.insert(group.name.as_str()) {
            let upstream = format!("{at}: groupname: \"{}\" is repeated in the same file", group.name);
            wrong(node, reader, "name", "FS0192", format!("there is already a group \"{}\"", group.name), upstream)
                .label("rename one, or put the rules together");
        }
        check_names(group.labels.keys(), node.get("labels"), scheme, "label", reader);
        let rules = node.get("rules").map_or(&[][..], Node::items);
        for (at, (rule, node)) in group.rules.iter().zip(rules).enumerate() {
            let name = if rule.alert.is_empty() { &rule.record } else { &rule.alert };
            let whose = format!("group \"{}\", rule {}, \"{name}\"", group.name, at + 1);
            check_rule(rule, node, &whose, scheme, reader);
        }
    }
}

fn check_rule(rule: &Rule, node: &Node, whose: &str, scheme: ValidationScheme, reader: &mut Reader<'_>) {
    let place = |key: &str| {
        let span = node.get(key).map_or(Span::default(), |value| value.span);
        format!("{}:{}: {whose}", span.line, span.column)
    };
    if !rule.record.is_empty() && !rule.alert.is_empty() {
        let upstream = format!("{}: only one of 'record' and 'alert' must be set", place("record"));
        at_most_one(node, reader, &["record", "alert"], &upstream);
    }
    if rule.record.is_empty() && rule.alert.is_empty() {
        let upstream = format!("0:0: {whose}: one of 'record' or 'alert' must be set");
        reader
            .error(first_key_span(node), "FS0193", "this rule has neither `alert` nor `record`")
            .label("give it one of the two")
            .upstream(upstream);
    }
    if rule.expr.text.is_empty() {
        let upstream = format!("{}: field 'expr' must be set in rule", place("expr"));
        reader.within("rule", |reader| missing(node, reader, "expr", upstream));
    }
    if !rule.record.is_empty() {
        for (key, given) in [
            ("annotations", !rule.annotations.is_empty()),
            ("for", !rule.for_.is_zero()),
            ("keep_firing_for", !rule.keep_firing_for.is_zero()),
        ] {
            if given {
                let upstream = format!("{}: invalid field '{key}' in recording rule", place("record"));
                let span = key_span(node, key);
                reader
                    .error(span, "FS0194", format!("`{key}` is for alerting rules; this one records"))
                    .label("remove it")
                    .upstream(upstream);
            }
        }
        let name = &rule.record;
        let legacy_ok = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
        if scheme == ValidationScheme::Legacy && !legacy_ok {
            let upstream = format!("{}: invalid recording rule name: {name}", place("record"));
            wrong(node, reader, "record", "FS0195", format!("`{name}` cannot be a metric's name"), upstream);
        } else if name.contains(['{', '}']) {
            let upstream = format!(
                "{}: braces present in the recording rule name; should it be in expr?: {name}",
                place("record")
            );
            wrong(node, reader, "record", "FS0195", "a metric's name with braces; are they part of `expr`?", upstream);
        }
    }
    check_names(rule.labels.keys(), node.get("labels"), scheme, "label", reader);
    check_names(rule.annotations.keys(), node.get("annotations"), scheme, "annotation", reader);
}

fn check_names<'a>(
    names: impl Iterator<Item = &'a String>,
    block: Option<&Node>,
    scheme: ValidationScheme,
    what: &str,
    reader: &mut Reader<'_>,
) {
    let Some(block) = block else { return };
    for name in names {
        if !scheme.is_valid_label_name(name) || (what == "label" && name == "__name__") {
            reader
                .error(key_span(block, name), "FS0133", format!("`{name}` cannot be the name of a {what}"))
                .upstream(format!("invalid {what} name: {name}"));
        }
    }
}
