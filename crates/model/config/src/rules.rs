//! Rule files: groups of recording and alerting rules. Expressions and templates stay text, with their places.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_yaml::{Node, Out, Reader, Span};

use crate::decode::Decode;
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
