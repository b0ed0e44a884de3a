//! `check rules`: rule files, and rules that appear twice.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use firesteel_cli::Matches;
use firesteel_config::{Diagnostic, RuleGroups, apply_fixes};
use firesteel_go_compat::quote;
use firesteel_promql_syntax::ParserOptions;
use firesteel_yaml::{Source, Span};

use crate::{
    Console,
    app::FAILURE,
    check_config::missing_file,
    never_firing,
    rule_file::{self, Reading},
    verdict::Verdict,
};

/// Which lints apply.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lints {
    pub(crate) duplicate_rules: bool,
    pub(crate) too_long_scrape_interval: bool,
}

impl Lints {
    /// Reads a comma separated list; unknown words are warned about.
    pub(crate) fn read(list: &str, of_config: bool, verdict: &mut Verdict<'_, '_>) -> Self {
        let mut lints = Self::default();
        for word in list.split(',') {
            match word {
                "all" => lints = Self { duplicate_rules: true, too_long_scrape_interval: of_config },
                "duplicate-rules" => lints.duplicate_rules = true,
                "too-long-scrape-interval" if of_config => lints.too_long_scrape_interval = true,
                "none" => return Self::default(),
                other => verdict.say(format_args!("WARNING: unknown lint option: {}", quote(other))),
            }
        }
        lints
    }
}

/// What checks found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) has_errors: bool,
    pub(crate) has_lints: bool,
}

impl Outcome {
    pub(crate) const REFUSED: Self = Self { has_errors: true, has_lints: false };

    /// This and what comparing with stored data gave.
    fn and(mut self, found: Result<bool, String>, verdict: &mut Verdict<'_, '_>) -> Self {
        match found {
            Ok(found) => self.has_lints |= found,
            Err(error) => {
                verdict.complain(format_args!("  FAILED: {error}"));
                self.has_errors = true;
            }
        }
        self
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.has_errors |= other.has_errors;
        self.has_lints |= other.has_lints;
    }
}

/// How files are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) lints: Lints,
    pub(crate) reading: Reading,
    /// Write back what can be mended without a doubt.
    pub(crate) fix: bool,
}

pub(crate) fn run(matches: &Matches, options: ParserOptions, console: &mut Console<'_>) -> u8 {
    let files = matches.args("rule-files");
    if let Some(refusal) = missing_file(&files) {
        console.complain(refusal);
        return FAILURE;
    }
    let mut verdict = Verdict::new(matches.text("format"), console);
    let manner = Manner {
        lints: Lints::read(matches.text("lint"), false, &mut verdict),
        reading: Reading { ignore_unknown_fields: matches.bool("ignore-unknown-fields"), ..Reading::strict(options) },
        fix: matches.bool("fix"),
    };
    let outcome = if files.is_empty() {
        verdict.say("Checking standard input");
        match verdict.read_input() {
            Ok(text) => check_text("", &text, manner, &mut verdict),
            Err(error) => {
                verdict.complain(format_args!("  FAILED: {error}"));
                Outcome::REFUSED
            }
        }
    } else {
        let files: Vec<String> = files.into_iter().map(str::to_owned).collect();
        let outcome = check_files(&files, manner, &mut verdict);
        let dir = matches.text("data-dir");
        if dir.is_empty() || outcome.has_errors {
            outcome
        } else {
            outcome.and(
                never_firing::warn(
                    &files,
                    Path::new(dir),
                    (options, manner.reading.ignore_unknown_fields),
                    &mut verdict,
                ),
                &mut verdict,
            )
        }
    };
    verdict.finish();
    outcome.exit_code(matches.bool("lint-fatal"))
}

pub(crate) fn check_files(files: &[String], manner: Manner, verdict: &mut Verdict<'_, '_>) -> Outcome {
    let mut outcome = Outcome::default();
    for file in files {
        verdict.say(format_args!("Checking {file}"));
        outcome.merge(match read_and_mend(file, manner, verdict) {
            Ok(text) => check_text(file, &text, manner, verdict),
            Err(error) => {
                let place = Span { line: 1, column: 1, ..Span::default() };
                let mut fault = Diagnostic::error(&Source::new(file, ""), place, "FS0215", "this file cannot be read");
                fault.label(error.to_string());
                verdict.complain(format_args!("  FAILED:\n{file}: open {file}: {error}"));
                verdict.note(fault);
                Outcome::REFUSED
            }
        });
    }
    outcome
}

fn read_and_mend(file: &str, manner: Manner, verdict: &mut Verdict<'_, '_>) -> std::io::Result<String> {
    let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
    if !manner.fix {
        return Ok(text);
    }
    let found = rule_file::read(file, &text, manner.reading).diagnostics;
    let fixed = apply_fixes(&text, &found.into_iter().filter(Diagnostic::is_error).collect::<Vec<_>>());
    if fixed != text {
        fs::write(Path::new(file), &fixed)?;
        verdict.complain(format_args!("  FIXED: {file}"));
    }
    Ok(fixed)
}

fn check_text(file: &str, text: &str, manner: Manner, verdict: &mut Verdict<'_, '_>) -> Outcome {
    let loaded = rule_file::read(file, text, manner.reading);
    if loaded.rules.is_none() {
        verdict.complain("  FAILED:");
        let prefix = if file.is_empty() { String::new() } else { format!("{file}: ") };
        for said in &loaded.upstream {
            verdict.complain(format_args!("{prefix}{said}"));
        }
        verdict.show(loaded.diagnostics);
        return Outcome::REFUSED;
    }
    let doubled = if manner.lints.duplicate_rules { duplicates(loaded.rules.as_ref()) } else { Vec::new() };
    let count =
        loaded.rules.as_ref().map_or(0, |file| file.groups.iter().map(|group| group.rules.len()).sum::<usize>());
    verdict.show(loaded.diagnostics);
    if doubled.is_empty() {
        verdict.say(format_args!("  SUCCESS: {count} rules found\n"));
        return Outcome::default();
    }
    let mut report = format!("  FAILED:\nlint error {} duplicate rule(s) found.\n", doubled.len());
    let source = Source::new(file, text);
    for Doubled { name, labels, place } in &doubled {
        let _ = write!(report, "Metric: {name}\nLabel(s):\n");
        for (name, value) in labels {
            let _ = writeln!(report, "\t{name}: {value}");
        }
        let mut fault = Diagnostic::warning(&source, *place, "FS0216", format!("the rule `{name}` stands twice"));
        fault.label("with the same labels");
        verdict.note(fault);
    }
    report.push_str("Might cause inconsistency while recording expressions");
    verdict.complain(report);
    verdict.say("");
    Outcome { has_errors: false, has_lints: true }
}

/// A rule of which there are several, and the place of one of them.
struct Doubled {
    name: String,
    labels: Vec<(String, String)>,
    place: Span,
}

fn duplicates(file: Option<&RuleGroups>) -> Vec<Doubled> {
    let mut all: Vec<Doubled> = Vec::new();
    for group in file.map_or(&[][..], |file| &file.groups) {
        for rule in &group.rules {
            let mut labels = group.labels.clone();
            labels.extend(rule.labels.clone());
            let name = if rule.alert.is_empty() { &rule.record } else { &rule.alert };
            let (name, place) = (name.clone(), rule.expr.span);
            all.push(Doubled { name, labels: labels.into_iter().collect(), place });
        }
    }
    all.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    let same = |a: &Doubled, b: &Doubled| a.name == b.name && a.labels == b.labels;
    let mut found: Vec<Doubled> = Vec::new();
    let mut before: Option<Doubled> = None;
    for rule in all {
        let again = before.as_ref().is_some_and(|before| same(before, &rule));
        let known = found.last().is_some_and(|last| same(last, &rule));
        match (again, known) {
            (true, false) => found.push(rule),
            (true, true) => {}
            (false, _) => before = Some(rule),
        }
    }
    found
}
