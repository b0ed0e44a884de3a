//! `check config` and `check web-config`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firesteel_cli::Matches;
use firesteel_config::{Config, Diagnostic, ScrapeConfig, apply_fixes, load, matching_files};
use firesteel_go_compat::{format_duration, quote};
use firesteel_net::server::WebConfigFile;
use firesteel_promql_syntax::ParserOptions;

use crate::{
    Console,
    app::{FAILURE, LINT, SUCCESS},
    check_rules::{Lints, Outcome, check_files},
};

/// What a configuration leads to.
struct Referenced {
    rule_files: Vec<PathBuf>,
    jobs: Vec<ScrapeConfig>,
}

pub(crate) fn run(matches: &Matches, options: ParserOptions, console: &mut Console<'_>) -> u8 {
    let files = matches.args("config-files");
    if let Some(refusal) = missing_file(&files) {
        console.complain(refusal);
        return FAILURE;
    }
    let lints = Lints::read(matches.text("lint"), true, console);
    let syntax_only = matches.bool("syntax-only");
    let mut outcome = Outcome::default();
    for file in files {
        console.say(format_args!("Checking {file}"));
        let referenced = match check(Path::new(file), matches, console) {
            Ok(referenced) => {
                if !referenced.rule_files.is_empty() {
                    console.say(format_args!("  SUCCESS: {} rule files found", referenced.rule_files.len()));
                }
                console.say(format_args!(" SUCCESS: {file} is valid prometheus config file syntax"));
                Some(referenced)
            }
            Err(message) => {
                console.complain(format_args!("  FAILED: {message}"));
                outcome.has_errors = true;
                None
            }
        };
        console.say("");
        if let (Some(referenced), false) = (referenced, syntax_only) {
            if lints.too_long_scrape_interval {
                outcome.has_lints |=
                    too_long_interval(&referenced.jobs, matches.duration("query.lookback-delta"), console);
            }
            let rule_files: Vec<String> =
                referenced.rule_files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
            outcome.merge(check_files(&rule_files, lints, options, console));
        }
    }
    outcome.exit_code(matches.bool("lint-fatal"))
}

/// Returns the refusal of a file that is not there, as the command line gives it.
pub(crate) fn missing_file(files: &[&str]) -> Option<String> {
    let missing = files.iter().find(|file| !Path::new(file).exists())?;
    Some(format!("promtool: error: path '{missing}' does not exist, try --help"))
}

fn check(path: &Path, matches: &Matches, console: &mut Console<'_>) -> Result<Referenced, String> {
    let mut text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut loaded = load(path, &text);
    if matches.bool("fix") && !loaded.diagnostics.is_empty() {
        let fixed = apply_fixes(&text, &loaded.diagnostics);
        if fixed != text {
            fs::write(path, &fixed).map_err(|error| format!("{}: {error}", path.display()))?;
            console.complain(format_args!("  FIXED: {}", path.display()));
            text = fixed;
            loaded = load(path, &text);
        }
    }
    let upstream = loaded.upstream_error();
    let Some(config) = loaded.config else {
        let mut message = upstream.unwrap_or_else(|| format!("parsing YAML file {}", path.display()));
        message.push_str("\n\n");
        message.push_str(&pictures(&loaded.diagnostics));
        return Err(message);
    };
    for warning in &loaded.diagnostics {
        console.complain(warning.render().trim_end());
    }
    if matches.bool("agent")
        && let Some(fault) = config.agent_mode_fault()
    {
        return Err(fault.to_owned());
    }
    let syntax_only = matches.bool("syntax-only");
    let rule_files = if syntax_only { Vec::new() } else { rule_files(&config)? };
    let jobs = if syntax_only {
        config.scrape_configs.clone()
    } else {
        config.all_scrape_configs().map_err(|faults| format!("error loading scrape configs:\n{}", pictures(&faults)))?
    };
    for job in &jobs {
        if !syntax_only {
            check_job_files(job, console)?;
        }
    }
    Ok(Referenced { rule_files, jobs })
}

pub(crate) fn pictures(diagnostics: &[Diagnostic]) -> String {
    let pictures: Vec<String> =
        diagnostics.iter().map(|diagnostic| diagnostic.render().trim_end().to_owned()).collect();
    pictures.join("\n\n")
}

/// Returns the rule files that are there; a file named without a `*` must be.
fn rule_files(config: &Config) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for pattern in &config.rule_files {
        let files = matching_files(pattern.as_path());
        if files.is_empty() && !pattern.as_str().contains('*') {
            return Err(format!("{} does not point to an existing file", quote(pattern.as_str())));
        }
        found.extend(files);
    }
    Ok(found)
}

/// Checks that the files a job names can be found.
fn check_job_files(job: &ScrapeConfig, console: &mut Console<'_>) -> Result<(), String> {
    let exists = |path: &str| path.is_empty() || Path::new(path).exists();
    let missing = |what: &str, path: &str| {
        let shown = quote(path);
        format!("error checking {what} {shown}: stat {path}: no such file or directory")
    };
    if let Some(authorization) = &job.http.authorization {
        let file = authorization.credentials_file.as_str();
        if !exists(file) {
            return Err(missing("authorization credentials or bearer token file", file));
        }
    }
    let tls = &job.http.tls_config;
    for (what, file) in [("client cert file", tls.cert_file.as_str()), ("client key file", tls.key_file.as_str())] {
        if !exists(file) {
            return Err(missing(what, file));
        }
    }
    for pattern in job.discovery.file_sd_configs.iter().flat_map(|sd| &sd.files) {
        if matching_files(pattern.as_path()).is_empty() {
            let (file, job) = (quote(pattern.as_str()), quote(&job.job_name));
            console.say(format_args!("  WARNING: file {file} for file_sd in scrape job {job} does not exist"));
        }
    }
    Ok(())
}

fn too_long_interval(jobs: &[ScrapeConfig], lookback: Duration, console: &mut Console<'_>) -> bool {
    let too_long = jobs.iter().find(|job| !lookback.is_zero() && job.scrape_interval >= lookback);
    if let Some(job) = too_long {
        console.complain(format_args!(
            "  FAILED: too long scrape interval found, data point will be marked as stale - job: {}, interval: {}",
            job.job_name,
            format_duration(job.scrape_interval)
        ));
    }
    too_long.is_some()
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
