//! The scrape manager as the server holds it, and as the API sees it.

use std::sync::{Arc, OnceLock};

use firesteel_api::source::{ActiveTarget, DroppedTarget, TargetMetadata, TargetSource};
use firesteel_client::Registry;
use firesteel_config::Config;
use firesteel_go_compat::Instant;
use firesteel_model::Labels;
use firesteel_scrape::{PoolSnapshot, ScrapeManager, ScrapeOptions};
use firesteel_storage::Appendable;

/// Owns the scrape manager, which starts when storage is open: until then there are no targets.
#[derive(Debug, Default)]
pub(crate) struct Scraping(OnceLock<ScrapeManager>);

impl Scraping {
    /// Starts the manager's threads.
    pub(crate) fn start(
        &self,
        options: ScrapeOptions,
        storage: Arc<dyn Appendable>,
        registry: &Registry,
    ) -> Result<(), String> {
        let manager = ScrapeManager::new(options, storage, registry).map_err(|e| e.to_string())?;
        self.0.set(manager).map_err(|_| "scraping was started twice".to_owned())
    }

    /// Makes the configuration's jobs the ones in force.
    pub(crate) async fn apply(&self, config: &Config) -> Result<(), String> {
        match self.0.get() {
            Some(manager) => manager.apply(config).await.map_err(|e| e.to_string()),
            None => Err("scraping has not started".to_owned()),
        }
    }

    /// Stops all loops and waits for them.
    pub(crate) async fn stop(&self) {
        if let Some(manager) = self.0.get() {
            manager.stop().await;
        }
    }

    fn snapshot(&self) -> Vec<PoolSnapshot> {
        self.0.get().map(ScrapeManager::targets).unwrap_or_default()
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
        self.0.get().map(ScrapeManager::pools).unwrap_or_default()
    }

    fn pool_config(&self, pool: &str) -> Option<String> {
        self.0.get()?.config_of(pool).map(|config| config.to_yaml())
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
}
