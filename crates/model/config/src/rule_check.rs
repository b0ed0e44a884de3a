//! Reading a rule file and holding it against what must be true of it: model/rulefmt of upstream.
//!
//! What stands in expressions and templates is for others to say: they come in as [`RuleChecks`].

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use firesteel_go_compat::quote;
use firesteel_yaml::{Diagnostic, Fix, Kind, Node, Reader, Severity, Source, Span, parse};

use crate::decode::Decode;
use crate::naming::ValidationScheme;
use crate::rules::{Rule, RuleGroups};
use crate::rules_of_choice::{first_key_span, key_span, wrong};

/// A fault inside a text: an expression or a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextFault {
    /// An error refuses the file, a warning does not.
    pub severity: Severity,
    pub code: &'static str,
    /// The bytes of the text it is about.
    pub range: Range<usize>,
    pub message: String,
    /// What to do.
    pub label: Option<String>,
    /// Upstream's words, without what leads to the rule; none for a warning.
    pub upstream: String,
    /// The whole text as it should read.
    pub suggestion: Option<String>,
}

/// What a rule file is held against.
#[derive(Clone, Copy)]
pub struct RuleChecks<'a> {
    pub scheme: ValidationScheme,
    pub ignore_unknown_fields: bool,
    /// Looks at an expression.
    pub expression: &'a dyn Fn(&str) -> Vec<TextFault>,
    /// Looks at a template of the alert of that name.
    pub template: &'a dyn Fn(&str, &str) -> Vec<TextFault>,
}

impl fmt::Debug for RuleChecks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleChecks").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl RuleChecks<'static> {
    /// Structure and names only; expressions and templates are any text.
    pub fn structure(scheme: ValidationScheme) -> Self {
        Self { scheme, ignore_unknown_fields: false, expression: &|_| Vec::new(), template: &|_, _| Vec::new() }
    }
}

/// What came out of a rule file.
#[derive(Debug)]
pub struct LoadedRules {
    /// `None` when a diagnostic is an error.
    pub rules: Option<RuleGroups>,
    /// All faults and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What upstream says about the file, one text per fault, without the file's name; empty when it is accepted.
    pub upstream: Vec<String>,
}

/// Reads a rule file.
pub fn load_rules(path: &Path, text: &str, checks: &RuleChecks<'_>) -> LoadedRules {
    let source = Source::new(path.to_string_lossy(), text).mended_by("check rules");
    let mut reader = Reader::new(&source).dropping_empty_items().ignoring_unknown_keys(checks.ignore_unknown_fields);
    let mut rules = RuleGroups::default();
    match parse(&source) {
        Err(fault) => {
            let said = fault.upstream.clone().unwrap_or_else(|| fault.message.clone());
            // upstream reads the file twice, and says what fails twice (model/rulefmt, `Parse`).
            return LoadedRules { rules: None, diagnostics: vec![*fault], upstream: vec![said.clone(), said] };
        }
        Ok(None) => {}
        Ok(Some(node)) if matches!(node.kind, Kind::Seq(_)) => without_groups(&node, &mut reader),
        Ok(Some(node)) if node.is_null() => {}
        Ok(Some(node)) => {
            rules.decode(&node, &mut reader);
            if reader.error_count() == 0 {
                check_groups(&rules, &node, checks, &mut reader);
            }
        }
    }
    let refused = reader.error_count() > 0;
    let mut found = reader.into_found();
    let upstream = said_by_upstream(&found);
    found.sort_by_key(|fault| (fault.line, fault.column));
    LoadedRules { rules: (!refused).then_some(rules), diagnostics: found, upstream }
}

/// Returns upstream's texts. Faults of structure come first and alone, twice where its second reading meets them too.
fn said_by_upstream(found: &[Diagnostic]) -> Vec<String> {
    let texts: Vec<&str> = found.iter().filter(|f| f.is_error()).filter_map(|f| f.upstream.as_deref()).collect();
    // A duration that cannot be read ends the reading at once.
    if let Some(fault) = found.iter().find(|fault| fault.code == "FS0130") {
        return vec![fault.upstream.clone().unwrap_or_default(); 2];
    }
    let of_type: Vec<&str> = texts.iter().copied().filter(|text| text.starts_with("line ")).collect();
    if of_type.is_empty() {
        return texts.into_iter().map(str::to_owned).collect();
    }
    let headline = |lines: &[String]| format!("yaml: unmarshal errors:\n  {}", lines.join("\n  "));
    let first: Vec<String> = of_type.iter().map(|text| (*text).to_owned()).collect();
    let second: Vec<String> = of_type.iter().filter_map(|text| second_reading(text)).collect();
    let mut out = vec![headline(&first)];
    if !second.is_empty() {
        out.push(headline(&second));
    }
    out
}

/// The second reading takes names and expressions as they are, knows no unknown keys, and has types of its own.
fn second_reading(text: &str) -> Option<String> {
    if text.contains("not found in type") {
        return None;
    }
    let renamed = text
        .replace("rulefmt.RuleGroups", "rulefmt.ruleGroups")
        .replace("rulefmt.RuleGroup", "rulefmt.RuleGroupNode")
        .replace("rulefmt.Rule", "rulefmt.RuleNode")
        .replace("rulefmt.RuleNodeGroupNode", "rulefmt.RuleGroupNode");
    Some(renamed)
}

fn without_groups(node: &Node, reader: &mut Reader<'_>) {
    let span = Span { end: node.span.start + 1, ..node.span };
    let line = span.line;
    let mended = indented_under_groups(reader.source(), node);
    reader
        .error(span, "FS0114", "a rule file starts with \"groups:\"; yours starts with a list")
        .label("wrap it: write `groups:` above")
        .upstream(format!("line {line}: cannot unmarshal !!seq into rulefmt.RuleGroups"))
        .fix(mended);
}

/// A list may stand right under its key without further indentation.
fn indented_under_groups(source: &Source, node: &Node) -> Fix {
    let flow = source.text().get(node.span.start..).is_some_and(|text| text.starts_with('['));
    Fix::insert(source.offset(node.span.line, 1), if flow { "groups: " } else { "groups:\n" })
}

fn check_groups(rules: &RuleGroups, root: &Node, checks: &RuleChecks<'_>, reader: &mut Reader<'_>) {
    let mut names = BTreeSet::new();
    let items = |node: &Node, key: &str| -> Vec<Node> {
        let items = node.get(key).map_or(&[][..], Node::items).iter();
        items.filter(|item| !item.is_null()).cloned().collect()
    };
    for (group, node) in rules.groups.iter().zip(&items(root, "groups")) {
        // upstream takes the place from a node that its reader never fills (model/rulefmt, `RuleGroupNode`).
        if group.name.is_empty() {
            wrong(node, reader, "name", "FS0117", "this group has no `name`", "0:0: Groupname must not be empty")
                .label("give `name: …`");
        }
        if !names.insert(group.name.as_str()) {
            let upstream = format!("0:0: groupname: \"{}\" is repeated in the same file", group.name);
            wrong(node, reader, "name", "FS0192", format!("there is already a group \"{}\"", group.name), upstream)
                .label("rename one, or put the rules together");
        }
        check_names(group.labels.keys(), node.get("labels"), checks.scheme, "label", "", reader);
        for (at, (rule, node)) in group.rules.iter().zip(&items(node, "rules")).enumerate() {
            let name = if rule.alert.is_empty() { &rule.record } else { &rule.alert };
            let whose =
                format!("group {}, rule {}, {}: ", quote(group.name.as_bytes()), at + 1, quote(name.as_bytes()));
            OneRule { rule, node, whose, checks }.check(reader);
        }
    }
}

struct OneRule<'a> {
    rule: &'a Rule,
    node: &'a Node,
    /// `group "g", rule 1, "name": `
    whose: String,
    checks: &'a RuleChecks<'a>,
}

impl OneRule<'_> {
    fn check(&self, reader: &mut Reader<'_>) {
        self.check_kind(reader);
        self.check_expression(reader);
        if !self.rule.record.is_empty() {
            self.check_record(reader);
        }
        let (rule, node, whose, scheme) = (self.rule, self.node, self.whose.as_str(), self.checks.scheme);
        check_names(rule.labels.keys(), node.get("labels"), scheme, "label", whose, reader);
        check_names(rule.annotations.keys(), node.get("annotations"), scheme, "annotation", whose, reader);
        if !rule.alert.is_empty() {
            self.check_templates("label", "labels", reader);
            self.check_templates("annotation", "annotations", reader);
        }
    }

    /// Line and column of a value as upstream prints them.
    fn place(&self, key: &str, source: &Source) -> String {
        let Some((name, value)) = self.node.entry(key).filter(|(_, value)| !value.is_null()) else {
            return "0:0".to_owned();
        };
        let (mut line, mut column) = (value.span.line, value.span.column);
        // Go's place of a block scalar is that of its indicator.
        if line > name.span.line
            && let Some(at) = source.line(name.span.line).rfind(['|', '>'])
        {
            (line, column) = (name.span.line, source.line(name.span.line)[..at].chars().count() + 1);
        }
        format!("{line}:{column}")
    }

    fn check_kind(&self, reader: &mut Reader<'_>) {
        let both = format!(
            "{}: {}: {}",
            self.place("record", reader.source()),
            self.place("alert", reader.source()),
            self.whose
        );
        match (self.rule.record.is_empty(), self.rule.alert.is_empty()) {
            (false, false) => {
                let place = key_span(self.node, "alert");
                reader
                    .error(
                        key_span(self.node, "record"),
                        "FS0142",
                        format!("this rule has `record` and `alert` ({}:{})", place.line, place.column),
                    )
                    .label("keep one")
                    .upstream(format!("{both}only one of 'record' and 'alert' must be set"));
            }
            (true, true) => {
                reader
                    .error(first_key_span(self.node), "FS0193", "this rule has neither `alert` nor `record`")
                    .label("give it one of the two")
                    .upstream(format!("{both}one of 'record' or 'alert' must be set"));
            }
            _ => {}
        }
    }

    fn check_expression(&self, reader: &mut Reader<'_>) {
        let (place, whose) = (self.place("expr", reader.source()), &self.whose);
        if self.rule.expr.text.is_empty() {
            let upstream = format!("{place}: {whose}field 'expr' must be set in rule");
            wrong(self.node, reader, "expr", "FS0117", "this rule has no `expr`", upstream).label("give `expr: …`");
            return;
        }
        let Some(node) = self.node.get("expr") else { return };
        for fault in (self.checks.expression)(&self.rule.expr.text) {
            let upstream = format!("{place}: {whose}could not parse expression: {}", fault.upstream);
            note(reader, node, fault, upstream);
        }
    }

    fn check_record(&self, reader: &mut Reader<'_>) {
        let (rule, place, whose) = (self.rule, self.place("record", reader.source()), &self.whose);
        for (key, given) in [
            ("annotations", !rule.annotations.is_empty()),
            ("for", !rule.for_.is_zero()),
            ("keep_firing_for", !rule.keep_firing_for.is_zero()),
        ] {
            if given {
                let upstream = format!("{place}: {whose}invalid field '{key}' in recording rule");
                reader
                    .error(
                        key_span(self.node, key),
                        "FS0194",
                        format!("`{key}` is for alerting rules; this one records"),
                    )
                    .label("remove it")
                    .upstream(upstream);
            }
        }
        let name = &rule.record;
        let legacy_ok = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
        if self.checks.scheme == ValidationScheme::Legacy && !legacy_ok {
            let upstream = format!("{place}: {whose}invalid recording rule name: {name}");
            let message = format!("`{name}` cannot be a metric's name");
            wrong(self.node, reader, "record", "FS0195", message, upstream);
        }
        if name.contains(['{', '}']) {
            let upstream =
                format!("{place}: {whose}braces present in the recording rule name; should it be in expr?: {name}");
            let message = "a metric's name with braces; are they part of `expr`?";
            wrong(self.node, reader, "record", "FS0195", message, upstream);
        }
    }

    fn check_templates(&self, what: &str, block: &str, reader: &mut Reader<'_>) {
        let Some(block) = self.node.get(block) else { return };
        for (key, value) in block.pairs() {
            let (Some(name), Some(text)) = (key.text(), value.text()) else { continue };
            for mut fault in (self.checks.template)(&self.rule.alert, text) {
                let upstream = format!("{}{what} {}: {}", self.whose, quote(name.as_bytes()), fault.upstream);
                fault.message = format!("{what} `{name}`: {}", fault.message);
                note(reader, value, fault, upstream);
            }
        }
    }
}

/// Notes a fault inside a value, at its place in the file.
fn note(reader: &mut Reader<'_>, node: &Node, fault: TextFault, upstream: String) {
    let source = reader.source();
    let span = source.inner_span(node, fault.range);
    let fix = fault.suggestion.and_then(|meant| rewritten(source, node, &meant));
    let found = match fault.severity {
        Severity::Error => reader.error(span, fault.code, fault.message).upstream(upstream),
        Severity::Warning => reader.warning(span, fault.code, fault.message),
    };
    if let Some(label) = fault.label {
        found.label(label);
    }
    if let Some(fix) = fix {
        found.fix(fix);
    }
}

/// Returns the change that gives a scalar another text: the shortest run that differs, if the rest stands in the file as
/// it is in the text.
fn rewritten(source: &Source, node: &Node, meant: &str) -> Option<Fix> {
    let text = node.text()?;
    let alike = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        let mut bytes = 0;
        while let (Some(x), Some(y)) = (a.next(), b.next()) {
            if x != y {
                break;
            }
            bytes += x.len_utf8();
        }
        bytes
    };
    let head = alike(&mut text.chars(), &mut meant.chars());
    let tail = alike(&mut text.get(head..)?.chars().rev(), &mut meant.get(head..)?.chars().rev());
    let span = source.inner_span(node, head..text.len() - tail);
    let (old, new) = (text.get(head..text.len() - tail)?, meant.get(head..meant.len() - tail)?);
    let raw = source.text().get(node.span.start..node.span.end)?;
    let stands = source.text().get(span.start..span.end) == Some(old);
    let quoted = raw.starts_with(['"', '\'']);
    // What would end a plain scalar or its quotes needs a person.
    let safe = if quoted { !new.contains(['"', '\'', '\\']) } else { !new.contains(": ") && !new.contains(" #") };
    (stands && safe && span.start >= node.span.start).then(|| Fix::replace(span, new))
}

fn check_names<'a>(
    names: impl Iterator<Item = &'a String>,
    block: Option<&Node>,
    scheme: ValidationScheme,
    what: &str,
    whose: &str,
    reader: &mut Reader<'_>,
) {
    let Some(block) = block else { return };
    for name in names {
        if !scheme.is_valid_label_name(name) || (what == "label" && name == "__name__") {
            reader
                .error(key_span(block, name), "FS0133", format!("`{name}` cannot be the name of a {what}"))
                .upstream(format!("{whose}invalid {what} name: {name}"));
        }
    }
}
