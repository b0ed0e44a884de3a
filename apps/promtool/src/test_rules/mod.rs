//! `test rules`: unit tests of rules, as upstream's promtool runs them (cmd/promtool/unittest.go, 3.14).

mod coverage;
mod diff;
mod group;
mod junit;
mod shown;
mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use firesteel_cli::Matches;
use firesteel_config::{PlacedText, RuleTestFile, load_rule_tests, matching_files};
use firesteel_go_compat::Instant;
use firesteel_promql_syntax::ParserOptions;
use firesteel_re2::Regex;

use crate::Console;
use crate::app::{FAILURE, SUCCESS};
use crate::check_config::missing_file;
use crate::verdict::Verdict;
use coverage::Coverage;
use junit::{Case, Suite};

/// What flags say of a run.
#[derive(Debug)]
struct Manner {
    /// Tests of other names are left out.
    run: Option<Regex>,
    debug: bool,
    diff: bool,
    ignore_unknown_fields: bool,
    delayed_name_removal: bool,
    parser: ParserOptions,
}

/// What a file's tests have in common.
struct Common<'a> {
    interval: Duration,
    order: &'a [PlacedText],
    fuzzy: bool,
    rule_files: &'a [PathBuf],
    manner: &'a Manner,
}

/// What is wrong with a file: upstream's words, and where that is if one place is to blame.
#[derive(Debug)]
struct Fault {
    words: String,
    place: Option<firesteel_yaml::Span>,
}

impl Fault {
    fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), place: None }
    }

    fn at(words: impl Into<String>, text: &PlacedText) -> Self {
        Self { words: words.into(), place: Some(text.span) }
    }
}

pub(crate) fn run(matches: &Matches, parser: ParserOptions, console: &mut Console<'_>) -> u8 {
    if let Some(refusal) = missing_file(&matches.args("test-rule-file")) {
        console.complain(refusal);
        return FAILURE;
    }
    let patterns = matches.texts("run");
    let run = match (!patterns.is_empty()).then(|| Regex::new(&patterns.join("|"))).transpose() {
        Ok(run) => run,
        Err(error) => {
            console.complain(format_args!("promtool: error: --run: {error}"));
            return FAILURE;
        }
    };
    let features = matches.texts("enable-feature").join(",");
    let manner = Manner {
        run,
        debug: matches.bool("debug"),
        diff: matches.bool("diff"),
        ignore_unknown_fields: matches.bool("ignore-unknown-fields"),
        delayed_name_removal: features.split(',').any(|name| name == "promql-delayed-name-removal"),
        parser,
    };
    let mut coverage = matches.bool("coverage").then(Coverage::default);
    let mut suites = Vec::new();
    let mut code = SUCCESS;
    for file in matches.args("test-rule-file") {
        let mut suite = Suite::new(file);
        let faults = test_file(file, &manner, &mut suite, coverage.as_mut(), console);
        suites.push(suite);
        if faults {
            code = FAILURE;
        } else {
            console.say("  SUCCESS");
        }
        console.say("");
    }
    let report = matches.text("junit");
    if !report.is_empty()
        && let Err(error) = fs::write(report, junit::xml(&suites))
    {
        console.complain(format_args!("failed to write JUnit XML: {error}"));
    }
    if let Some(coverage) = coverage {
        coverage.show(console);
    }
    code
}

/// Tests a file; returns whether something failed.
fn test_file(
    file: &str,
    manner: &Manner,
    suite: &mut Suite,
    coverage: Option<&mut Coverage>,
    console: &mut Console<'_>,
) -> bool {
    let text = match fs::read(file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            let why = error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase();
            return refuse(&format!("open {file}: {why}"), suite, console);
        }
    };
    let loaded = load_rule_tests(Path::new(file), &text);
    let Some(mut tests) = loaded.tests else {
        refuse(&loaded.upstream, suite, console);
        Verdict::new("text", console).show(loaded.diagnostics);
        return true;
    };
    // upstream reads times with the file, whichever tests are to run.
    if let Some(fault) = tests.tests.iter().find_map(|test| group::start_of(test).err()) {
        refuse(&fault.words, suite, console);
        show_places(file, &text, &[fault], console);
        return true;
    }
    let rule_files = rule_files(Path::new(file), &tests, console);
    suite.timestamp = timestamp();
    if let Some(repeated) = repeated(&tests.group_eval_order) {
        let words = format!("group name repeated in evaluation order: {}", repeated.text);
        refuse(&words, suite, console);
        show_places(file, &text, &[Fault::at(words, repeated)], console);
        return true;
    }
    if tests.evaluation_interval.is_zero() {
        tests.evaluation_interval = Duration::from_mins(1);
    }
    let common = Common {
        interval: tests.evaluation_interval,
        order: &tests.group_eval_order,
        fuzzy: tests.fuzzy_compare,
        rule_files: &rule_files,
        manner,
    };
    let mut coverage = coverage;
    let mut faults = Vec::new();
    for (at, test) in tests.tests.iter_mut().enumerate() {
        if manner.run.as_ref().is_some_and(|run| !run.is_match(&test.name)) {
            continue;
        }
        let name = if test.name.is_empty() { format!("unnamed#{at}") } else { test.name.clone() };
        if test.interval.is_zero() {
            test.interval = tests.evaluation_interval;
        }
        let found = group::test(&name, test, &common, coverage.as_deref_mut(), console);
        suite.cases.push(Case { name, failures: found.iter().map(|fault| fault.words.clone()).collect(), error: None });
        faults.extend(found);
    }
    if faults.is_empty() {
        return false;
    }
    console.complain("  FAILED:");
    for fault in &faults {
        console.complain(&fault.words);
        console.say("");
    }
    show_places(file, &text, &faults, console);
    true
}

fn refuse(words: &str, suite: &mut Suite, console: &mut Console<'_>) -> bool {
    suite.abort(words);
    console.complain("  FAILED:");
    console.complain(words);
    console.say("");
    true
}

/// Draws the places of faults that have one.
fn show_places(file: &str, text: &str, faults: &[Fault], console: &mut Console<'_>) {
    let source = firesteel_yaml::Source::new(file, text);
    let pictures = faults.iter().filter_map(|fault| {
        let words = fault.words.trim().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Some(firesteel_config::Diagnostic::error(&source, fault.place?, "FS0217", words))
    });
    Verdict::new("text", console).show(pictures.collect());
}

/// The files that patterns name; a pattern that names none is only told of.
fn rule_files(file: &Path, tests: &RuleTestFile, console: &mut Console<'_>) -> Vec<PathBuf> {
    let dir = file.parent().unwrap_or(Path::new(""));
    let mut files = Vec::new();
    for pattern in &tests.rule_files {
        let pattern = dir.join(&pattern.text);
        let found = matching_files(&pattern);
        if found.is_empty() {
            console.complain(format_args!("  WARNING: no file match pattern {}", pattern.display()));
        }
        files.extend(found);
    }
    files
}

fn repeated(order: &[PlacedText]) -> Option<&PlacedText> {
    order.iter().enumerate().find(|(at, name)| order[..*at].iter().any(|known| known.text == name.text)).map(|(_, n)| n)
}

/// Now, as a report says it.
fn timestamp() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let at = Instant::from_unix_ms(since.as_secs() as i64 * 1000).to_rfc3339();
    at.trim_end_matches('Z').to_owned()
}
