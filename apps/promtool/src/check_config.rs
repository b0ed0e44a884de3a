//! `check config` and `check web-config`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use firesteel_cli::Matches;
use firesteel_config::{Diagnostic, ScrapeConfig, advise, apply_fixes, load};
use firesteel_go_compat::format_duration;
use firesteel_net::server::WebConfigFile;
use firesteel_promql_syntax::ParserOptions;
use firesteel_yaml::{Source, Span};

use crate::{
    Console,
    app::{FAILURE, LINT, SUCCESS},
    check_rules::{Lints, Manner, Outcome, check_files},
    config_references::{Referenced, References, Refusal},
    rule_file::Reading,
    verdict::Verdict,
};

pub(crate) fn run(matches: &Matches, options: ParserOptions, console: &mut Console<'_>) -> u8 {
    let files = matches.args("config-files");
    if let Some(refusal) = missing_file(&files) {
        console.complain(refusal);
        return FAILURE;
    }
    let mut verdict = Verdict::new(matches.text("format"), console);
    let lints = Lints::read(matches.text("lint"), true, &mut verdict);
    let syntax_only = matches.bool("syntax-only");
    let mut outcome = Outcome::default();
    for file in files {
        verdict.say(format_args!("Checking {file}"));
        let referenced = match check(Path::new(file), matches, &mut verdict) {
            Ok(referenced) => {
                if !referenced.rule_files.is_empty() {
                    verdict.say(format_args!("  SUCCESS: {} rule files found", referenced.rule_files.len()));
                }
                verdict.say(format_args!(" SUCCESS: {file} is valid prometheus config file syntax"));
                Some(referenced)
            }
            Err(refusal) => {
                verdict.refuse(format_args!("  FAILED: {}", refusal.upstream), refusal.faults);
                outcome.has_errors = true;
                None
            }
        };
        verdict.say("");
        if let (Some(referenced), false) = (referenced, syntax_only) {
            if lints.too_long_scrape_interval {
                let lookback = matches.duration("query.lookback-delta");
                outcome.has_lints |= too_long_interval(file, &referenced.jobs, lookback, &mut verdict);
            }
            let rule_files: Vec<String> =
                referenced.rule_files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
            let manner = Manner {
                lints,
                reading: Reading {
                    ignore_unknown_fields: matches.bool("ignore-unknown-fields"),
                    scrape_interval: referenced.shortest_interval(),
                    ..Reading::strict(options)
                },
                fix: matches.bool("fix"),
            };
            outcome.merge(check_files(&rule_files, manner, &mut verdict));
        }
    }
    verdict.finish();
    outcome.exit_code(matches.bool("lint-fatal"))
}

/// Returns the refusal of a file that is not there or is none, as the command line gives it.
pub(crate) fn missing_file(files: &[&str]) -> Option<String> {
    let why = files.iter().find_map(|file| match std::fs::metadata(file) {
        Err(_) => Some(format!("path '{file}' does not exist")),
        Ok(about) => about.is_dir().then(|| format!("'{file}' is a directory")),
    });
    why.map(|why| format!("promtool: error: {why}, try --help"))
}

fn check(path: &Path, matches: &Matches, verdict: &mut Verdict<'_, '_>) -> Result<Referenced, Refusal> {
    let unreadable = |error: std::io::Error| Refusal::unreadable(path, &error);
    let mut text = fs::read_to_string(path).map_err(unreadable)?;
    let mut loaded = load(path, &text);
    if matches.bool("fix") && !loaded.diagnostics.is_empty() {
        let fixed = apply_fixes(&text, &loaded.diagnostics);
        if fixed != text {
            fs::write(path, &fixed).map_err(unreadable)?;
            verdict.complain(format_args!("  FIXED: {}", path.display()));
            text = fixed;
            loaded = load(path, &text);
        }
    }
    let upstream = loaded.upstream_error();
    let Some(config) = loaded.config else {
        let upstream = upstream.unwrap_or_else(|| format!("parsing YAML file {}", path.display()));
        return Err(Refusal { upstream, faults: loaded.diagnostics });
    };
    verdict.show(loaded.diagnostics);
    let references = References::new(path, &text);
    if matches.bool("agent")
        && let Some(fault) = config.agent_mode_fault()
    {
        return Err(references.refusal(fault.to_owned(), references.agent_section(), "FS0214", fault.to_owned()));
    }
    let syntax_only = matches.bool("syntax-only");
    if !syntax_only {
        verdict.show(advise(path, &text, &config));
    }
    references.check(&config, syntax_only, verdict)
}

fn too_long_interval(file: &str, jobs: &[ScrapeConfig], lookback: Duration, verdict: &mut Verdict<'_, '_>) -> bool {
    let Some(job) = jobs.iter().find(|job| !lookback.is_zero() && job.scrape_interval >= lookback) else {
        return false;
    };
    let interval = format_duration(job.scrape_interval);
    verdict.complain(format_args!(
        "  FAILED: too long scrape interval found, data point will be marked as stale - job: {}, interval: {interval}",
        job.job_name,
    ));
    let place = Span { line: 1, column: 1, ..Span::default() };
    let message = format!("job \"{}\" is scraped every {interval}, and stale in between", job.job_name);
    verdict.note(Diagnostic::warning(&Source::new(file, ""), place, "FS0217", message));
    true
}

pub(crate) fn run_web(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let files = matches.args("web-config-files");
    if let Some(refusal) = missing_file(&files) {
        console.complain(refusal);
        return FAILURE;
    }
    let mut code = SUCCESS;
    for file in files {
        // As upstream's: with the certificates that it names.
        match WebConfigFile::open(Path::new(file)) {
            Ok(_) => console.complain(format_args!("{file} SUCCESS")),
            Err(message) => {
                console.complain(format_args!("{file} FAILED: {message}"));
                code = FAILURE;
            }
        }
    }
    code
}

impl Outcome {
    /// Returns the exit code; errors count more than lints.
    pub(crate) fn exit_code(self, lint_fatal: bool) -> u8 {
        match self {
            Self { has_errors: true, .. } => FAILURE,
            Self { has_lints: true, .. } if lint_fatal => LINT,
            _ => SUCCESS,
        }
    }
}
