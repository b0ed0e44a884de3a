//! The scrape manager as the server holds it, and as the API sees it.

use std::sync::{Arc, OnceLock};

use firesteel_api::source::{
    ActiveTarget, BoxFuture, DroppedTarget, RelabelRule, RelabelStep, TargetDiagnosis, TargetMetadata, TargetSource,
};
use firesteel_client::Registry;
use firesteel_config::{Config, RelabelConfig, RelabelRules};
use firesteel_go_compat::Instant;
use firesteel_model::Labels;
use firesteel_scrape::{PoolSnapshot, ScrapeManager, ScrapeOptions, diagnose};
use firesteel_storage::Appendable;
use tokio::sync::Semaphore;

/// Owns the scrape manager, which starts when storage is open: until then there are no targets.
#[derive(Debug)]
pub(crate) struct Scraping {
    manager: OnceLock<ScrapeManager>,
    /// Targets that are diagnosed at the same time: each gets a handful of requests.
    diagnosing: Semaphore,
}

impl Default for Scraping {
    fn default() -> Self {
        Self { manager: OnceLock::new(), diagnosing: Semaphore::new(2) }
    }
}

impl Scraping {
    /// Starts the manager's threads.
    pub(crate) fn start(
        &self,
        options: ScrapeOptions,
        storage: Arc<dyn Appendable>,
        registry: &Registry,
    ) -> Result<(), String> {
        let manager = ScrapeManager::new(options, storage, registry).map_err(|e| e.to_string())?;
        self.manager.set(manager).map_err(|_| "scraping was started twice".to_owned())
    }

    /// Makes the configuration's jobs the ones in force.
    pub(crate) async fn apply(&self, config: &Config) -> Result<(), String> {
        match self.manager.get() {
            Some(manager) => manager.apply(config).await.map_err(|e| e.to_string()),
            None => Err("scraping has not started".to_owned()),
        }
    }

    /// Stops all loops and waits for them.
    pub(crate) async fn stop(&self) {
        if let Some(manager) = self.manager.get() {
            manager.stop().await;
        }
    }

    fn snapshot(&self) -> Vec<PoolSnapshot> {
        self.manager.get().map(ScrapeManager::targets).unwrap_or_default()
    }
}

impl TargetSource for Scraping {
    fn active(&self) -> Vec<ActiveTarget> {
        let mut all = Vec::new();
        for pool in self.snapshot() {
            for (target, discovered) in pool.active {
                let last = target.last_scrape();
                let (interval, timeout) = target.interval_and_timeout_text();
                all.push(ActiveTarget {
                    discovered,
                    labels: target.public_labels(),
                    pool: pool.name.clone(),
                    url: target.url.clone(),
                    last_error: last.error,
                    last_scrape: last.at.map(|at| Instant::from_unix_ms(at.0)),
                    last_duration_secs: last.duration.as_secs_f64(),
                    health: last.health.as_str(),
                    interval,
                    timeout,
                });
            }
        }
        all
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        let of_pool = |pool: PoolSnapshot| {
            let name = pool.name;
            pool.dropped.into_iter().map(move |discovered| DroppedTarget { discovered, pool: name.clone() })
        };
        self.snapshot().into_iter().flat_map(of_pool).collect()
    }

    fn dropped_counts(&self) -> Vec<(String, usize)> {
        self.snapshot().into_iter().map(|pool| (pool.name, pool.dropped_count)).collect()
    }

    fn pools(&self) -> Vec<String> {
        self.manager.get().map(ScrapeManager::pools).unwrap_or_default()
    }

    fn pool_config(&self, pool: &str) -> Option<String> {
        self.manager.get()?.config_of(pool).map(|config| config.to_yaml())
    }

    fn relabel_steps(&self, pool: &str, labels: &Labels) -> Option<Result<Vec<RelabelStep>, String>> {
        let config = self.manager.get()?.config_of(pool)?;
        let rules = RelabelRules::new(&config.relabel_configs, config.metric_name_validation_scheme);
        let shown = |rule: &RelabelConfig| RelabelRule {
            source_labels: rule.source_labels.iter().map(|name| name.0.clone()).collect(),
            separator: rule.separator.clone(),
            regex: rule.regex.pattern.clone(),
            modulus: rule.modulus.0,
            target_label: rule.target_label.clone(),
            replacement: rule.replacement.clone(),
            action: rule.action.name(),
        };
        let step = |(rule, output): (&RelabelConfig, Option<Labels>)| RelabelStep {
            rule: shown(rule),
            keep: output.is_some(),
            output: output.unwrap_or_else(Labels::empty),
        };
        let steps = rules.map(|rules| config.relabel_configs.iter().zip(rules.steps(labels)).map(step).collect());
        Some(steps.map_err(|e| e.to_string()))
    }

    fn metadata(&self, each: &mut dyn FnMut(&Labels, TargetMetadata<'_>)) {
        for (target, _) in self.snapshot().into_iter().flat_map(|pool| pool.active) {
            let labels = target.public_labels();
            target.with_metadata(|store| {
                for (family, about) in store.iter() {
                    let about =
                        TargetMetadata { family, metric_type: about.metric_type, help: &about.help, unit: &about.unit };
                    each(&labels, about);
                }
            });
        }
    }

    fn diagnose<'a>(&'a self, pool: &'a str, url: &'a str) -> BoxFuture<'a, Option<TargetDiagnosis>> {
        Box::pin(async move {
            let config = self.manager.get()?.config_of(pool)?;
            let active = self.snapshot().into_iter().find(|snapshot| snapshot.name == pool)?.active;
            let (target, _) = active.into_iter().find(|(target, _)| target.url == url)?;
            // Closed never; and whoever hangs up gives the place back.
            let _place = self.diagnosing.acquire().await.ok()?;
            let found = diagnose(&config, &target).await;
            let code = found.code.to_owned();
            Some(TargetDiagnosis { code, message: found.message, notes: found.notes, remedy: found.remedy })
        })
    }
}
