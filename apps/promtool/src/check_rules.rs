//! `check rules`: rule files, and rules that appear twice.

use std::fmt::Write as _;
use std::fs;

use firesteel_cli::Matches;
use firesteel_promql_syntax::ParserOptions;

use crate::{
    Console,
    app::FAILURE,
    check_config::missing_file,
    rule_file::{RuleFile, parse},
};

/// Which lints apply.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lints {
    pub(crate) duplicate_rules: bool,
    pub(crate) too_long_scrape_interval: bool,
}

impl Lints {
    /// Reads a comma separated list; unknown words are warned about.
    pub(crate) fn read(list: &str, of_config: bool, console: &mut Console<'_>) -> Self {
        let mut lints = Self::default();
        for word in list.split(',') {
            match word {
                "all" => lints = Self { duplicate_rules: true, too_long_scrape_interval: of_config },
                "duplicate-rules" => lints.duplicate_rules = true,
                "too-long-scrape-interval" if of_config => lints.too_long_scrape_interval = true,
                "none" => return Self::default(),
                other => console.say(format_args!("WARNING: unknown lint option: {other}")),
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
    pub(crate) fn merge(&mut self, other: Self) {
        self.has_errors |= other.has_errors;
        self.has_lints |= other.has_lints;
    }
}

pub(crate) fn run(matches: &Matches, options: ParserOptions, console: &mut Console<'_>) -> u8 {
    let files = matches.args("rule-files");
    if let Some(refusal) = missing_file(&files) {
        console.complain(refusal);
        return FAILURE;
    }
    let lints = Lints::read(matches.text("lint"), false, console);
    let outcome = if files.is_empty() {
        console.say("Checking standard input");
        let mut bytes = Vec::new();
        match console.input.read_to_end(&mut bytes) {
            Ok(_) => check_text("", &bytes, lints, options, console),
            Err(error) => {
                console.complain(format_args!("  FAILED: {error}"));
                Outcome { has_errors: true, has_lints: false }
            }
        }
    } else {
        let files: Vec<String> = files.into_iter().map(str::to_owned).collect();
        check_files(&files, lints, options, console)
    };
    outcome.exit_code(matches.bool("lint-fatal"))
}

pub(crate) fn check_files(
    files: &[String],
    lints: Lints,
    options: ParserOptions,
    console: &mut Console<'_>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for file in files {
        console.say(format_args!("Checking {file}"));
        outcome.merge(match fs::read(file) {
            Ok(bytes) => check_text(file, &bytes, lints, options, console),
            Err(error) => {
                console.complain(format_args!("  FAILED:\n{file}: open {file}: {error}"));
                Outcome { has_errors: true, has_lints: false }
            }
        });
    }
    outcome
}

fn check_text(file: &str, bytes: &[u8], lints: Lints, options: ParserOptions, console: &mut Console<'_>) -> Outcome {
    let rules = match parse(file, &String::from_utf8_lossy(bytes), options) {
        Ok(rules) => rules,
        Err(faults) => {
            console.complain("  FAILED:");
            let prefix = if file.is_empty() { String::new() } else { format!("{file}: ") };
            for fault in faults {
                console.complain(format_args!("{prefix}{fault}"));
            }
            return Outcome { has_errors: true, has_lints: false };
        }
    };
    let duplicates = if lints.duplicate_rules { duplicates(&rules) } else { Vec::new() };
    if duplicates.is_empty() {
        console.say(format_args!("  SUCCESS: {} rules found\n", rules.rules.len()));
        return Outcome::default();
    }
    let mut report = format!("  FAILED:\nlint error {} duplicate rule(s) found.\n", duplicates.len());
    for (metric, labels) in &duplicates {
        let _ = write!(report, "Metric: {metric}\nLabel(s):\n");
        for (name, value) in labels {
            let _ = writeln!(report, "\t{name}: {value}");
        }
    }
    report.push_str("Might cause inconsistency while recording expressions");
    console.complain(report);
    console.say("");
    Outcome { has_errors: false, has_lints: true }
}

/// A rule's name with its labels, sorted.
type Identity = (String, Vec<(String, String)>);

fn duplicates(file: &RuleFile) -> Vec<Identity> {
    let mut identities: Vec<Identity> =
        file.rules.iter().map(|rule| (rule.name.clone(), rule.labels.clone())).collect();
    identities.sort();
    let mut found: Vec<Identity> = Vec::new();
    for pair in identities.windows(2) {
        if let [a, b] = pair
            && a == b
            && found.last() != Some(b)
        {
            found.push(b.clone());
        }
    }
    found
}
