//! Diagnostics for machines: JSON for scripts, SARIF for code scanning, workflow commands for GitHub's check marks.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{Diagnostic, Fix, Severity};

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportFormat {
    /// One object: `diagnostics`, `errors`, `warnings`.
    Json,
    /// SARIF 2.1.0, one run.
    Sarif,
    /// One `::error …` or `::warning …` line each.
    Github,
}

/// Returns the report, ending in a line feed (an empty list of GitHub's lines is empty).
pub fn report(diagnostics: &[Diagnostic], format: ReportFormat) -> String {
    match format {
        ReportFormat::Json => pretty(&as_json(diagnostics)),
        ReportFormat::Sarif => pretty(&as_sarif(diagnostics)),
        ReportFormat::Github => as_github(diagnostics),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn as_json(diagnostics: &[Diagnostic]) -> Value {
    let edits = |fix: &Fix| -> Vec<Value> {
        fix.edits.iter().map(|edit| json!({"start": edit.start, "end": edit.end, "text": edit.text})).collect()
    };
    let items: Vec<Value> = diagnostics
        .iter()
        .map(|d| {
            json!({
                "code": d.code,
                "severity": word(d.severity),
                "file": d.file,
                "line": d.line,
                "column": d.column,
                "length": d.len,
                "message": d.message,
                "label": d.label,
                "notes": d.notes,
                "upstream": d.upstream,
                "edits": d.fix.as_ref().map(edits),
            })
        })
        .collect();
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    json!({"diagnostics": items, "errors": errors, "warnings": diagnostics.len() - errors})
}

fn as_sarif(diagnostics: &[Diagnostic]) -> Value {
    let codes: BTreeSet<&str> = diagnostics.iter().map(|d| d.code).collect();
    let rules: Vec<Value> = codes
        .into_iter()
        .map(|code| match firesteel_explain::page(code) {
            Some(page) => json!({
                "id": code,
                "shortDescription": {"text": page.title},
                "help": {"text": page.text, "markdown": page.text},
            }),
            None => json!({"id": code}),
        })
        .collect();
    let results: Vec<Value> = diagnostics.iter().map(sarif_result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "firesteel", "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn sarif_result(d: &Diagnostic) -> Value {
    let artifact = json!({"uri": d.file});
    let mut result = json!({
        "ruleId": d.code,
        "level": word(d.severity),
        "message": {"text": whole_message(d)},
        "locations": [{"physicalLocation": {
            "artifactLocation": artifact,
            "region": {"startLine": d.line, "startColumn": d.column, "endColumn": d.column + d.len},
        }}],
    });
    if let (Some(fix), Some(object)) = (&d.fix, result.as_object_mut()) {
        let replacements: Vec<Value> = fix
            .edits
            .iter()
            .map(|edit| {
                json!({
                    "deletedRegion": {"byteOffset": edit.start, "byteLength": edit.end - edit.start},
                    "insertedContent": {"text": edit.text},
                })
            })
            .collect();
        let change = json!({"artifactLocation": artifact, "replacements": replacements});
        object.insert("fixes".to_owned(), json!([{"artifactChanges": [change]}]));
    }
    result
}

/// The message with what stands beside the carets.
fn whole_message(d: &Diagnostic) -> String {
    d.label.as_ref().map_or_else(|| d.message.clone(), |label| format!("{}: {label}", d.message))
}

/// <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>
fn as_github(diagnostics: &[Diagnostic]) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut out = String::new();
    for d in diagnostics {
        let _ = writeln!(
            out,
            "::{} file={},line={},col={},endColumn={},title={}::{}",
            word(d.severity),
            property(&d.file),
            d.line,
            d.column,
            d.column + d.len,
            d.code,
            data(&whole_message(d))
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, Span};

    fn found() -> Vec<Diagnostic> {
        let source = Source::new("dir/a:b.yml", "global:\n  scarpe: 1\n");
        let span = Span { line: 2, column: 3, start: 10, end: 16 };
        let mut error = Diagnostic::error(&source, span, "FS0102", "`scarpe` is 100% wrong");
        error.label("did you mean\n`scrape`?").upstream("line 2: field").fix(Fix::replace(span, "scrape"));
        vec![error, Diagnostic::warning(&source, span, "FS0201", "nothing")]
    }

    #[test]
    fn json_has_every_field() {
        let value: Value = serde_json::from_str(&report(&found(), ReportFormat::Json)).expect("JSON");
        assert_eq!((&value["errors"], &value["warnings"]), (&json!(1), &json!(1)));
        let want = json!({
            "code": "FS0102", "severity": "error", "file": "dir/a:b.yml", "line": 2, "column": 3, "length": 6,
            "message": "`scarpe` is 100% wrong", "label": "did you mean\n`scrape`?", "notes": [],
            "upstream": "line 2: field", "edits": [{"start": 10, "end": 16, "text": "scrape"}],
        });
        assert_eq!(value["diagnostics"][0], want);
        assert_eq!(value["diagnostics"][1]["edits"], Value::Null);
        assert_eq!(report(&[], ReportFormat::Json).lines().count(), 5);
    }

    #[test]
    fn sarif_names_rules_places_and_fixes() {
        let value: Value = serde_json::from_str(&report(&found(), ReportFormat::Sarif)).expect("JSON");
        let run = &value["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "FS0102");
        assert!(run["tool"]["driver"]["rules"][0]["help"]["text"].as_str().is_some_and(|t| t.contains("Fix: ")));
        let result = &run["results"][0];
        assert_eq!(result["level"], "error");
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!(*region, json!({"startLine": 2, "startColumn": 3, "endColumn": 9}));
        let replacement = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(replacement["deletedRegion"], json!({"byteOffset": 10, "byteLength": 6}));
        assert_eq!(run["results"][1]["level"], "warning");
        assert_eq!(run["results"][1].get("fixes"), None);
    }

    #[test]
    fn github_lines_are_escaped() {
        let want = "::error file=dir/a%3Ab.yml,line=2,col=3,endColumn=9,title=FS0102::`scarpe` is 100%25 wrong: did you \
                    mean%0A`scrape`?\n::warning file=dir/a%3Ab.yml,line=2,col=3,endColumn=9,title=FS0201::nothing\n";
        assert_eq!(report(&found(), ReportFormat::Github), want);
        assert_eq!(report(&[], ReportFormat::Github), "");
    }
}
