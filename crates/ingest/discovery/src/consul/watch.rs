//! Watchers: the list of services, and the instances of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::error;

use super::agent::{Agent, Index};
use super::services::{Instance, group};
use crate::group::TargetGroup;

/// What a watcher saw.
pub(super) enum News {
    /// All services, with the tags of each.
    Services(BTreeMap<String, Vec<String>>),
    Instances {
        watcher: u64,
        group: TargetGroup,
    },
}

/// How often to ask.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// At most one question in this time, even if everything changes all the time.
    pub(super) refresh: Duration,
    pub(super) retry: Duration,
}

/// Follows the catalog.
pub(super) async fn watch_catalog(agent: Arc<Agent>, pace: Pace, news: mpsc::Sender<News>) {
    let mut ticker = ticker(pace);
    let mut index = Index::default();
    loop {
        ticker.tick().await;
        let filter = agent.config.filter.as_str();
        let took = &agent.metrics.catalog_duration;
        let answer = agent.poll(&["catalog", "services"], &[("filter", filter)], &mut index, took).await;
        match answer {
            Ok(None) => {}
            Ok(Some(services)) => {
                let services: BTreeMap<String, Option<Vec<String>>> = services;
                let services = services.into_iter().map(|(name, tags)| (name, tags.unwrap_or_default())).collect();
                if news.send(News::Services(services)).await.is_err() {
                    return;
                }
            }
            Err(err) => {
                error!(discovery = "consul", %err, "Error refreshing service list");
                agent.metrics.failures.inc();
                tokio::time::sleep(pace.retry).await;
            }
        }
    }
}

/// Follows a service.
pub(super) async fn watch_service(
    agent: Arc<Agent>,
    name: String,
    datacenter: String,
    watcher: u64,
    pace: Pace,
    news: mpsc::Sender<News>,
) {
    let mut ticker = ticker(pace);
    let mut index = Index::default();
    let config = agent.config.clone();
    let mut extra: Vec<(&str, &str)> = config.tags.iter().map(|tag| ("tag", tag.as_str())).collect();
    extra.push(("filter", &config.health_filter));
    loop {
        ticker.tick().await;
        let took = &agent.metrics.service_duration;
        let answer: Result<Option<Vec<Instance>>, _> =
            agent.poll(&["health", "service", &name], &extra, &mut index, took).await;
        match answer {
            Ok(None) => {}
            Ok(Some(instances)) => {
                let group = group(&name, &datacenter, &instances, &config);
                if news.send(News::Instances { watcher, group }).await.is_err() {
                    return;
                }
            }
            Err(err) => {
                let tags = config.tags.join(",");
                error!(discovery = "consul", service = name, tags, %err, "Error refreshing service");
                agent.metrics.failures.inc();
                tokio::time::sleep(pace.retry).await;
            }
        }
    }
}

fn ticker(pace: Pace) -> tokio::time::Interval {
    let mut ticker = interval(pace.refresh.max(Duration::from_millis(1)));
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}
