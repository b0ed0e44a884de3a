//! `consul_sd_configs`: services of a Consul catalog, followed by blocking queries (upstream: `discovery/consul`).

mod agent;
mod services;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firesteel_client::{Counter, Summary};
use firesteel_config::sd::ConsulSd;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tracing::error;

use self::agent::Agent;
use self::watch::{News, watch_catalog, watch_service};
use crate::discoverer::{BoxedDiscoverer, BuildContext, Discoverer, Kind, Sink, boxed};
use crate::error::DiscoveryError;
use crate::group::TargetGroup;

/// How long to wait after an error; less when `refresh_interval` is shorter.
const RETRY: Duration = Duration::from_secs(15);
const RETRY_MIN: Duration = Duration::from_millis(100);
/// News that may wait; watchers wait when there is more.
const NEWS_MAX: usize = 64;

impl Kind for ConsulSd {
    const NAME: &'static str = "consul";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let metrics = ConsulMetrics::of(context);
        let agent = Agent::new(self, metrics, context.metrics.dialers.named("consul_sd"))?;
        Ok(boxed(Consul { config: self.clone(), agent: Arc::new(agent) }))
    }
}

/// Instruments of `consul_sd_configs`.
#[derive(Clone, Debug)]
pub(crate) struct ConsulMetrics {
    pub(crate) failures: Counter,
    pub(crate) catalog_duration: Summary,
    pub(crate) service_duration: Summary,
}

impl ConsulMetrics {
    fn of(context: &BuildContext) -> Self {
        context.metrics.consul.clone()
    }

    pub(crate) fn new(r: &firesteel_client::Registry) -> Self {
        let duration = r.summary_vec(
            "prometheus_sd_consul_rpc_duration_seconds",
            "The duration of a Consul RPC call in seconds.",
            &["endpoint", "call"],
            &[0.5, 0.9, 0.99],
        );
        Self {
            failures: r.counter("prometheus_sd_consul_rpc_failures_total", "The number of Consul RPC call failures."),
            catalog_duration: duration.with(&["catalog", "services"]),
            service_duration: duration.with(&["catalog", "service"]),
        }
    }
}

struct Consul {
    config: ConsulSd,
    agent: Arc<Agent>,
}

/// A service that is followed.
struct Followed {
    task: AbortHandle,
    /// Tells its news from those of an earlier watcher of the same name.
    watcher: u64,
}

impl Discoverer for Consul {
    async fn run(self, sink: Sink) {
        let retry = RETRY.min(self.config.refresh_interval).max(RETRY_MIN);
        let datacenter = loop {
            match self.agent.datacenter().await {
                Ok(name) => break name,
                Err(err) => {
                    error!(discovery = "consul", %err, "Error retrieving datacenter name");
                    self.agent.metrics.failures.inc();
                    tokio::time::sleep(retry).await;
                }
            }
        };
        let config = &self.config;
        // Dropping the set ends the watchers.
        let mut watchers = JoinSet::new();
        let (news, mut heard) = mpsc::channel(NEWS_MAX);
        let mut followed: BTreeMap<String, Followed> = BTreeMap::new();
        let mut next_watcher = 0;
        let mut follow = |name: &str, followed: &mut BTreeMap<String, Followed>, watchers: &mut JoinSet<()>| {
            next_watcher += 1;
            let (agent, news) = (Arc::clone(&self.agent), news.clone());
            let every = watch::Pace { refresh: config.refresh_interval, retry };
            let task =
                watchers.spawn(watch_service(agent, name.to_owned(), datacenter.clone(), next_watcher, every, news));
            followed.insert(name.to_owned(), Followed { task, watcher: next_watcher });
        };
        if config.services.is_empty() || !config.tags.is_empty() || !config.filter.is_empty() {
            let every = watch::Pace { refresh: config.refresh_interval, retry };
            watchers.spawn(watch_catalog(Arc::clone(&self.agent), every, news.clone()));
        } else {
            for name in &config.services {
                follow(name, &mut followed, &mut watchers);
            }
        }
        while let Some(message) = heard.recv().await {
            match message {
                News::Services(names) => {
                    for name in names.iter().filter(|(name, tags)| wants(config, name, tags)).map(|(name, _)| name) {
                        if !followed.contains_key(name) {
                            follow(name, &mut followed, &mut watchers);
                        }
                    }
                    let gone: Vec<String> =
                        followed.keys().filter(|name| !names.contains_key(*name)).cloned().collect();
                    for service in gone.iter().filter_map(|name| followed.remove(name)) {
                        service.task.abort();
                    }
                    // Also where nothing was found: the first word.
                    sink.send(gone.into_iter().map(TargetGroup::gone).collect());
                    while watchers.try_join_next().is_some() {}
                }
                // What a watcher said before it was ended may still come.
                News::Instances { watcher, group } => {
                    if followed.get(&group.source).is_some_and(|service| service.watcher == watcher) {
                        sink.send(vec![group]);
                    }
                }
            }
        }
    }
}

fn wants(config: &ConsulSd, name: &str, tags: &[String]) -> bool {
    (config.services.is_empty() || config.services.iter().any(|wanted| wanted == name))
        && config.tags.iter().all(|tag| tags.contains(tag))
}
