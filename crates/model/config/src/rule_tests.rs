//! Files of `promtool test rules`. Series, expressions and labels stay text, with their places.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use firesteel_yaml::{Diagnostic, Reader, Source, parse};

use crate::decode::Decode;
use crate::rules::PlacedText;
use crate::section::section;

section! {
    /// A file of tests of rules.
    pub struct RuleTestFile("a file of tests", "main.unitTestFile", "main.unitTestFile") {
        /// Patterns, relative to the file.
        rule_files: Vec<PlacedText> [keep],
        /// 0: a minute.
        evaluation_interval: Duration,
        group_eval_order: Vec<PlacedText> [keep],
        tests: Vec<RuleTestGroup> [keep],
        fuzzy_compare: bool,
    }
}

section! {
    /// Series, and what rules and expressions make of them.
    pub struct RuleTestGroup("a test", "main.testGroup", "main.testGroup") {
        /// Between the values of a series; 0: the evaluation interval.
        interval: Duration [keep],
        input_series: Vec<InputSeries> [keep],
        alert_rule_test: Vec<AlertTest>,
        promql_expr_test: Vec<ExprTest>,
        external_labels: BTreeMap<String, String>,
        external_url: String,
        name: String,
        /// RFC 3339 or seconds.
        start_timestamp: PlacedText,
    }
}

section! {
    /// A series in the notation of test scripts.
    pub struct InputSeries("a series", "main.series", "main.series") {
        series: PlacedText [keep],
        values: PlacedText [keep],
    }
}

section! {
    /// Which alerts of a name fire at a time.
    pub struct AlertTest("a test of an alert", "main.alertTestCase", "main.alertTestCase") {
        eval_time: Duration [keep],
        alertname: PlacedText [keep],
        exp_alerts: Vec<ExpectedAlert> [keep],
    }
}

section! {
    /// An alert that must fire.
    pub struct ExpectedAlert("an expected alert", "main.alert", "main.alert") {
        exp_labels: BTreeMap<String, String> [keep],
        exp_annotations: BTreeMap<String, String> [keep],
    }
}

section! {
    /// What an expression yields at a time.
    pub struct ExprTest("a test of an expression", "main.promqlTestCase", "main.promqlTestCase") {
        expr: PlacedText [keep],
        eval_time: Duration [keep],
        exp_samples: Vec<ExpectedSample> [keep],
    }
}

section! {
    /// A sample that must come out.
    pub struct ExpectedSample("an expected sample", "main.sample", "main.sample") {
        labels: PlacedText [keep],
        value: f64 [keep],
        /// If it is not empty, the value does not count.
        histogram: PlacedText [keep],
    }
}

/// What came out of a file of tests.
#[derive(Debug)]
pub struct LoadedRuleTests {
    pub tests: Option<RuleTestFile>,
    /// All faults, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What upstream says; empty when the file is accepted.
    pub upstream: String,
}

/// Reads a file of tests.
pub fn load_rule_tests(path: &Path, text: &str) -> LoadedRuleTests {
    let source = Source::new(path.to_string_lossy(), text);
    let node = match parse(&source) {
        Err(fault) => {
            let upstream = fault.upstream.clone().unwrap_or_else(|| fault.message.clone());
            return LoadedRuleTests { tests: None, diagnostics: vec![*fault], upstream };
        }
        Ok(node) => node,
    };
    let mut reader = Reader::new(&source);
    let mut tests = RuleTestFile::default();
    if let Some(node) = node.filter(|node| !node.is_null()) {
        tests.decode(&node, &mut reader);
    }
    let refused = reader.error_count() > 0;
    let mut found = reader.into_found();
    found.sort_by_key(|fault| (fault.line, fault.column));
    let texts: Vec<&str> = found.iter().filter(|f| f.is_error()).filter_map(|f| f.upstream.as_deref()).collect();
    let upstream = match texts.iter().find(|text| !text.starts_with("line ")) {
        // What a type of its own refuses ends the reading at once.
        Some(text) => (*text).to_owned(),
        None if texts.is_empty() => String::new(),
        None => format!("yaml: unmarshal errors:\n  {}", texts.join("\n  ")),
    };
    LoadedRuleTests { tests: (!refused).then_some(tests), diagnostics: found, upstream }
}
