//! What a configuration leads to: rule files, credentials, certificates, files of targets, and the targets themselves.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firesteel_config::{
    AlertmanagerConfig, Config, Diagnostic, HttpClientConfig, LabelSet, RelabelRules, ScrapeConfig, TargetGroup,
    load_target_groups, matching_files,
};
use firesteel_go_compat::quote;
use firesteel_model::LabelsBuilder;
use firesteel_scrape::check_targets;
use firesteel_yaml::{Node, Source, Span, parse};

use crate::verdict::Verdict;

/// Why a configuration is refused: in upstream's words, and as diagnostics.
pub(crate) struct Refusal {
    pub(crate) upstream: String,
    pub(crate) faults: Vec<Diagnostic>,
}

impl Refusal {
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let place = Span { line: 1, column: 1, ..Span::default() };
        let source = Source::new(path.to_string_lossy(), "");
        let mut fault = Diagnostic::error(&source, place, "FS0215", "this file cannot be read");
        fault.label(error.to_string());
        Self { upstream: format!("{}: {error}", path.display()), faults: vec![fault] }
    }
}

/// What was found sound.
pub(crate) struct Referenced {
    pub(crate) rule_files: Vec<PathBuf>,
    pub(crate) jobs: Vec<ScrapeConfig>,
}

impl Referenced {
    /// Returns how often the most frequent job scrapes; zero without jobs.
    pub(crate) fn shortest_interval(&self) -> Duration {
        self.jobs.iter().map(|job| job.scrape_interval).min().unwrap_or_default()
    }
}

/// The text of a configuration, to find the places of what is wrong beyond it.
pub(crate) struct References {
    source: Source,
    root: Option<Node>,
}

impl References {
    pub(crate) fn new(path: &Path, text: &str) -> Self {
        let source = Source::new(path.to_string_lossy(), text);
        let root = parse(&source).ok().flatten();
        Self { source, root }
    }

    pub(crate) fn refusal(&self, upstream: String, place: Span, code: &'static str, message: String) -> Refusal {
        let mut fault = Diagnostic::error(&self.source, place, code, message);
        fault.upstream(upstream.clone());
        Refusal { upstream, faults: vec![fault] }
    }

    /// The section that an agent may not have.
    pub(crate) fn agent_section(&self) -> Span {
        let keys = ["alerting", "rule_files", "remote_read", "storage"];
        let found = keys.iter().find_map(|key| self.root.as_ref()?.entry(key));
        found.map_or(first_line(), |(key, _)| key.span)
    }

    /// The value below a job, or the job's name, or the beginning of the file (a job of another file).
    fn in_job(&self, job: &str, path: &[&str]) -> Span {
        let jobs = self.root.as_ref().and_then(|root| root.get("scrape_configs")).map_or(&[][..], Node::items);
        let Some(job) = jobs.iter().find(|item| item.get("job_name").and_then(Node::text) == Some(job)) else {
            return first_line();
        };
        let found = path.iter().try_fold(job, |node, key| node.get(key));
        found.or_else(|| job.get("job_name")).map_or(first_line(), first_word)
    }

    /// Looks at everything that is named; with `syntax_only` at nothing outside of the file.
    pub(crate) fn check(
        &self,
        config: &Config,
        syntax_only: bool,
        verdict: &mut Verdict<'_, '_>,
    ) -> Result<Referenced, Refusal> {
        let rule_files = if syntax_only { Vec::new() } else { self.rule_files(config)? };
        let jobs = if syntax_only {
            config.scrape_configs.clone()
        } else {
            config.all_scrape_configs().map_err(|faults| {
                let said = faults.iter().find_map(|fault| fault.upstream.clone()).unwrap_or_default();
                Refusal { upstream: format!("error loading scrape configs: {said}"), faults }
            })?
        };
        for job in &jobs {
            self.check_job(job, syntax_only, verdict)?;
        }
        for alertmanager in &config.alerting.alertmanagers {
            self.check_alertmanager(alertmanager, config, syntax_only, verdict)?;
        }
        Ok(Referenced { rule_files, jobs })
    }

    /// Returns the rule files that are there; a file named without a `*` must be.
    fn rule_files(&self, config: &Config) -> Result<Vec<PathBuf>, Refusal> {
        let mut found = Vec::new();
        let items = self.root.as_ref().and_then(|root| root.get("rule_files")).map_or(&[][..], Node::items);
        for (at, pattern) in config.rule_files.iter().enumerate() {
            let files = matching_files(pattern.as_path());
            if files.is_empty() && !pattern.as_str().contains('*') {
                let upstream = format!("{} does not point to an existing file", quote(pattern.as_str()));
                let place = items.get(at).map_or(first_line(), |item| item.span);
                let message = format!("{} does not exist", pattern.as_str());
                return Err(self.refusal(upstream, place, "FS0210", message));
            }
            found.extend(files);
        }
        Ok(found)
    }

    fn check_job(&self, job: &ScrapeConfig, syntax_only: bool, verdict: &mut Verdict<'_, '_>) -> Result<(), Refusal> {
        let name = job.job_name.as_str();
        if let Some(authorization) = job.http.authorization.as_ref().filter(|_| !syntax_only) {
            let file = authorization.credentials_file.as_str();
            let what = "authorization credentials or bearer token file";
            self.exists(what, file, self.in_job(name, &["authorization", "credentials_file"]))?;
        }
        self.check_certificates(&job.http, self.in_job(name, &["tls_config"]), syntax_only)?;
        // upstream goes through the kinds of discovery by name.
        let files = job.discovery.file_sd_configs.iter().flat_map(|sd| &sd.files).filter(|_| !syntax_only);
        for pattern in files {
            let found = matching_files(pattern.as_path());
            if found.is_empty() {
                let (file, job) = (quote(pattern.as_str()), quote(&job.job_name));
                verdict.say(format_args!("  WARNING: file {file} for file_sd in scrape job {job} does not exist"));
            }
            for file in found {
                self.file_of_targets(&file, pattern.as_str(), |groups| check_targets(job, groups, false))?;
            }
        }
        for kubernetes in &job.discovery.kubernetes_sd_configs {
            self.check_certificates(&kubernetes.http, self.in_job(name, &["kubernetes_sd_configs"]), syntax_only)?;
        }
        self.static_targets(&job.discovery.static_configs, name, |groups| check_targets(job, groups, true))?;
        Ok(())
    }

    fn check_alertmanager(
        &self,
        config: &AlertmanagerConfig,
        whole: &Config,
        syntax_only: bool,
        verdict: &mut Verdict<'_, '_>,
    ) -> Result<(), Refusal> {
        let scheme = whole.global.metric_name_validation_scheme;
        let use_targets = |groups: &[TargetGroup]| {
            let rules = RelabelRules::new(&config.relabel_configs, scheme).map_err(|error| error.to_string())?;
            let mut targets = groups.iter().flat_map(|group| group.targets.iter().map(move |target| (group, target)));
            targets.try_for_each(|(group, target)| usable_alertmanager(target, &group.labels, config, &rules))
        };
        self.static_targets(&config.discovery.static_configs, "", use_targets)?;
        for pattern in config.discovery.file_sd_configs.iter().flat_map(|sd| &sd.files).filter(|_| !syntax_only) {
            let found = matching_files(pattern.as_path());
            if found.is_empty() {
                let file = quote(pattern.as_str());
                verdict.say(format_args!("  WARNING: file {file} for file_sd in alertmanager config does not exist"));
            }
            for file in found {
                self.file_of_targets(&file, pattern.as_str(), use_targets)?;
            }
        }
        Ok(())
    }

    fn exists(&self, what: &str, path: &str, place: Span) -> Result<(), Refusal> {
        if path.is_empty() || Path::new(path).exists() {
            return Ok(());
        }
        let upstream = format!("error checking {what} {}: stat {path}: no such file or directory", quote(path));
        Err(self.refusal(upstream, place, "FS0211", format!("{path} does not exist")))
    }

    /// Client certificates; authorities and passwords are looked at by nobody before the first scrape.
    fn check_certificates(&self, http: &HttpClientConfig, place: Span, syntax_only: bool) -> Result<(), Refusal> {
        let (cert, key) = (http.tls_config.cert_file.as_str(), http.tls_config.key_file.as_str());
        let alone = match (cert.is_empty(), key.is_empty()) {
            (false, true) => Some(format!("client cert file {} specified without client key file", quote(cert))),
            (true, false) => Some(format!("client key file {} specified without client cert file", quote(key))),
            _ => None,
        };
        if let Some(upstream) = alone {
            return Err(self.refusal(upstream, place, "FS0143", "certificate and key come together".to_owned()));
        }
        if syntax_only {
            return Ok(());
        }
        self.exists("client cert file", cert, place)?;
        self.exists("client key file", key, place)
    }

    fn static_targets(
        &self,
        groups: &[TargetGroup],
        job: &str,
        use_targets: impl Fn(&[TargetGroup]) -> Result<(), String>,
    ) -> Result<(), Refusal> {
        use_targets(groups).map_err(|upstream| {
            let message = format!("a target cannot be used: {upstream}");
            self.refusal(upstream, self.in_job(job, &["static_configs"]), "FS0213", message)
        })
    }

    fn file_of_targets(
        &self,
        file: &Path,
        pattern: &str,
        use_targets: impl Fn(&[TargetGroup]) -> Result<(), String>,
    ) -> Result<(), Refusal> {
        let head = format!("checking SD file {}", quote(pattern));
        let text = fs::read(file).map_err(|error| Refusal::unreadable(file, &error))?;
        let groups = load_target_groups(file, &String::from_utf8_lossy(&text)).map_err(|faults| {
            let said = faults.iter().find_map(|fault| fault.upstream.clone()).unwrap_or_default();
            Refusal { upstream: format!("{head}: {said}"), faults }
        })?;
        use_targets(&groups).map_err(|upstream| {
            let source = Source::new(file.to_string_lossy(), String::from_utf8_lossy(&text));
            let message = format!("a target cannot be used: {upstream}");
            let mut fault = Diagnostic::error(&source, first_line(), "FS0212", message);
            fault.upstream(upstream.clone());
            Refusal { upstream, faults: vec![fault] }
        })
    }
}

/// notifier/alertmanager.go, `AlertmanagerFromGroup`: what is dropped by relabelling may be anything.
fn usable_alertmanager(
    target: &str,
    group: &LabelSet,
    config: &AlertmanagerConfig,
    rules: &RelabelRules,
) -> Result<(), String> {
    let mut labels = LabelsBuilder::new();
    let own: BTreeMap<&str, String> = [
        ("__address__", target.to_owned()),
        ("__scheme__", config.scheme.clone()),
        ("__alerts_path__", format!("{}/api/{}/alerts", config.path_prefix.trim_end_matches('/'), config.api_version)),
    ]
    .into();
    for (name, value) in group.0.iter().map(|(n, v)| (n.as_str(), v)).chain(own.iter().map(|(n, v)| (*n, v))) {
        labels.set(name, value);
    }
    if !rules.apply(&mut labels) {
        return Ok(());
    }
    let address = labels.get("__address__");
    if address.contains('/') { Err(format!("{} is not a valid hostname", quote(address))) } else { Ok(()) }
}

fn first_line() -> Span {
    Span { line: 1, column: 1, ..Span::default() }
}

/// The beginning of a block, or a whole word.
fn first_word(node: &Node) -> Span {
    if node.text().is_some() { node.span } else { Span { end: node.span.start + 1, ..node.span } }
}
