//! `scrape_config_files`: more jobs, in files of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use firesteel_go_compat::{glob_paths, quote};
use firesteel_yaml::{Diagnostic, Node, Reader, Severity, Source, Span, parse};

use crate::decode::Decode;
use crate::scrape::{ScrapeConfigFile, inherit};
use crate::{Config, ScrapeConfig};

impl Config {
    /// Returns all jobs: those of the main file, then those of `scrape_config_files`, which are read now.
    ///
    /// Errors: every fault of every file. A pattern that matches nothing is fine.
    pub fn all_scrape_configs(&self) -> Result<Vec<ScrapeConfig>, Vec<Diagnostic>> {
        let mut jobs = self.scrape_configs.clone();
        let mut owners: BTreeMap<String, String> =
            jobs.iter().map(|job| (job.job_name.clone(), "main config file".to_owned())).collect();
        let mut found = Vec::new();
        for file in self.scrape_config_files.iter().flat_map(|pattern| matching_files(pattern.as_path())) {
            let shown =
                quote(std::path::absolute(&file).unwrap_or(file.clone()).to_string_lossy().as_bytes()).to_string();
            match fs::read(&file) {
                Ok(bytes) => {
                    let source = Source::new(file.to_string_lossy(), String::from_utf8_lossy(&bytes));
                    let (more, mut faults) = self.read_jobs(&source, &file, &shown, &mut owners);
                    for upstream in faults.iter_mut().filter_map(|fault| fault.upstream.as_mut()) {
                        *upstream = format!("{shown}: {upstream}");
                    }
                    jobs.extend(more);
                    found.extend(faults);
                }
                Err(error) => {
                    let source = Source::new(file.to_string_lossy(), "");
                    let mut fault = Diagnostic::error(
                        &source,
                        Span { line: 1, column: 1, ..Span::default() },
                        "FS0191",
                        error.to_string(),
                    );
                    fault.upstream(format!("{shown}: {error}"));
                    found.push(fault);
                }
            }
        }
        if found.iter().any(|fault| fault.severity == Severity::Error) { Err(found) } else { Ok(jobs) }
    }

    fn read_jobs(
        &self,
        source: &Source,
        file: &Path,
        shown: &str,
        owners: &mut BTreeMap<String, String>,
    ) -> (Vec<ScrapeConfig>, Vec<Diagnostic>) {
        let mut reader = Reader::new(source);
        let mut content = ScrapeConfigFile::default();
        let node = match parse(source) {
            Err(fault) => return (Vec::new(), vec![*fault]),
            Ok(None) => return (Vec::new(), Vec::new()),
            Ok(Some(node)) => node,
        };
        content.decode(&node, &mut reader);
        let items = node.get("scrape_configs").map_or(&[][..], Node::items).iter().filter(|item| !item.is_null());
        for (job, item) in content.scrape_configs.iter_mut().zip(items) {
            inherit(job, &self.global, item, None, &mut reader);
            if let Some(owner) = owners.get(&job.job_name) {
                let name = quote(job.job_name.as_bytes());
                let span = crate::rules_of_choice::value_span(item, "job_name");
                reader
                    .error(span, "FS0141", format!("job \"{}\" is already defined in {owner}", job.job_name))
                    .label("rename one")
                    .upstream(format!("found multiple scrape configs with job name {name}, first found in {owner}"));
            } else {
                owners.insert(job.job_name.clone(), shown.to_owned());
            }
        }
        content.set_directory(file.parent().unwrap_or(Path::new("")));
        (content.scrape_configs, reader.into_diagnostics())
    }
}

/// Returns what a path with `*`, `?` or `[…]` in any of its parts matches, by directory and name.
pub fn matching_files(pattern: &Path) -> Vec<PathBuf> {
    glob_paths(pattern)
}
