//! `check service-discovery`: finds the targets of a job and shows what becomes of them (upstream: `cmd/promtool/sd.go`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_cli::Matches;
use firesteel_client::Registry;
use firesteel_config::{Diagnostic, RelabelRules, ScrapeConfig, load};
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions, TargetGroup};
use firesteel_model::Labels;
use firesteel_scrape::ExplainedTarget;
use serde::Serialize;

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
};

/// A target as it is printed. Upstream's errors come out as `{}`, for Go cannot print them as JSON; here is their text.
#[derive(Serialize)]
struct Row {
    #[serde(rename = "discoveredLabels")]
    discovered: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) fn run(matches: &Matches, console: &mut Console<'_>) -> u8 {
    match check(matches, console) {
        Ok(text) => {
            // Without an end of line, as upstream; a closed pipe is no error.
            let _nobody_reads = write!(console.out, "{text}");
            SUCCESS
        }
        Err(message) => {
            console.complain(message);
            FAILURE
        }
    }
}

fn check(matches: &Matches, console: &mut Console<'_>) -> Result<String, String> {
    let job = job(matches.arg("config-file"), matches.arg("job"), console)?;
    let rules = RelabelRules::new(&job.relabel_configs, job.metric_name_validation_scheme)
        .map_err(|e| format!("Cannot load config {e}"))?;
    let groups = discover(&job, matches.duration("timeout"))?;
    let mut rows: Vec<Row> = Vec::new();
    // Duplicates are those within one source.
    let mut by_source: BTreeMap<&str, Vec<ExplainedTarget>> = BTreeMap::new();
    for group in &groups {
        let seen = by_source.entry(&group.source).or_default();
        for target in &group.targets {
            let explained = ExplainedTarget::new(&job, &rules, target, &group.labels);
            if !seen.contains(&explained) {
                rows.push(row(&explained));
                seen.push(explained);
            }
        }
    }
    let text = serde_json::to_string_pretty(&rows).map_err(|e| format!("Could not marshal result json: {e}"))?;
    // Go escapes what could end a script in a page; outside of strings there is none of it.
    Ok(text.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e"))
}

fn row(explained: &ExplainedTarget) -> Row {
    let map = |labels: &Labels| labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Row { discovered: map(&explained.discovered), labels: map(&explained.labels), error: explained.error.clone() }
}

fn job(file: &str, name: &str, console: &mut Console<'_>) -> Result<ScrapeConfig, String> {
    let pictures = |faults: &[Diagnostic]| faults.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n");
    let text = fs::read_to_string(file).map_err(|e| format!("Cannot load config {file}: {e}"))?;
    let loaded = load(Path::new(file), &text);
    let upstream = loaded.upstream_error().unwrap_or_default();
    let Some(config) = loaded.config else {
        return Err(format!("Cannot load config {upstream}\n\n{}", pictures(&loaded.diagnostics)));
    };
    for idle in loaded.unsupported.iter().filter(|fault| fault.message.contains("_sd_configs")) {
        console.complain(idle.render().trim_end());
    }
    let jobs =
        config.all_scrape_configs().map_err(|faults| format!("Cannot load scrape configs {}", pictures(&faults)))?;
    let names: String = jobs.iter().map(|job| format!("\n\t{}", job.job_name)).collect();
    let found = jobs.into_iter().find(|job| job.job_name == name);
    found.ok_or_else(|| format!("Job {name} not found. Select one of:{names}"))
}

/// Returns what was found after all of `time`, as upstream does: nobody knows when a provider has said everything.
fn discover(job: &ScrapeConfig, time: Duration) -> Result<Vec<Arc<TargetGroup>>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let manager = DiscoveryManager::new(DiscoveryOptions::default(), &Registry::new());
        let failed = manager.apply([(job.job_name.clone(), &job.discovery)]);
        if let Some(err) = failed.first() {
            return Err(format!("Could not create new discoverer {err}"));
        }
        tokio::time::sleep(time).await;
        let found = manager.watch(&job.job_name).map(|mut watch| watch.current().groups.clone());
        manager.stop().await;
        Ok(found.unwrap_or_default())
    })
}
