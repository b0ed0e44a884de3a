//! `etcd_sd_configs`: keys below a prefix, whose values name targets; listed once, then watched through etcd's JSON gateway.
//!
//! Ours: upstream has no etcd. See docs/etcd-discovery.md.

mod gateway;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_client::Counter;
use firesteel_config::sd::EtcdSd;
use tokio::time::Instant;
use tracing::{error, warn};

use self::gateway::{Event, Gateway, Listed, Watched};
use self::value::groups_of;
use crate::discoverer::{BoxedDiscoverer, BuildContext, Discoverer, Kind, Sink, boxed};
use crate::error::DiscoveryError;
use crate::group::TargetGroup;

/// The first pause after an error; it doubles up to the longest.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

impl Kind for EtcdSd {
    const NAME: &'static str = "etcd";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let gateway = Gateway::new(self, context)?;
        let failures = context.metrics.etcd_failures.clone();
        Ok(boxed(Etcd { config: self.clone(), gateway, failures, keys: BTreeMap::new() }))
    }
}

struct Etcd {
    config: EtcdSd,
    gateway: Gateway,
    failures: Counter,
    /// How many groups each key had.
    keys: BTreeMap<String, usize>,
}

impl Discoverer for Etcd {
    async fn run(mut self, sink: Sink) {
        let mut pause = RETRY_MIN;
        loop {
            match self.follow(&sink, &mut pause).await {
                Ok(()) => {}
                Err(err) => {
                    // What was found stays.
                    self.failures.inc();
                    error!(discovery = "etcd", prefix = self.config.prefix, %err, "Error following keys");
                    self.gateway.next_endpoint();
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }
}

impl Etcd {
    /// Lists all keys, then watches them until it is time to list them again.
    async fn follow(&mut self, sink: &Sink, pause: &mut Duration) -> Result<(), DiscoveryError> {
        let listed = self.gateway.list(&self.config.prefix).await?;
        let mut revision = listed.revision;
        sink.send(self.replace_all(listed));
        *pause = RETRY_MIN;
        let until = Instant::now() + self.config.refresh_interval;
        let mut stream = self.gateway.watch(&self.config.prefix, revision + 1).await?;
        loop {
            let Ok(next) = tokio::time::timeout_at(until, stream.next()).await else { return Ok(()) };
            match next? {
                // Events that were thrown away before we saw them: the list knows what they led to.
                Watched::Compacted => return Ok(()),
                Watched::Events { events, revision: at } => {
                    revision = revision.max(at);
                    let groups: Vec<TargetGroup> = events.into_iter().flat_map(|event| self.take(event)).collect();
                    if !groups.is_empty() {
                        sink.send(groups);
                    }
                }
            }
        }
    }

    fn replace_all(&mut self, listed: Listed) -> Vec<TargetGroup> {
        let mut groups = Vec::new();
        let gone: Vec<String> = self.keys.keys().filter(|key| !listed.values.contains_key(*key)).cloned().collect();
        for key in gone {
            groups.extend(self.take(Event { key, value: None }));
        }
        for (key, value) in listed.values {
            groups.extend(self.take(Event { key, value: Some(value) }));
        }
        groups
    }

    /// Returns the groups of a key as they are now, and empty ones for those that are no more.
    fn take(&mut self, event: Event) -> Vec<TargetGroup> {
        let had = self.keys.get(&event.key).copied().unwrap_or(0);
        let gone = |from: usize| (from..had).map(|at| TargetGroup::gone(format!("{}:{at}", event.key)));
        let Some(value) = event.value else {
            self.keys.remove(&event.key);
            return gone(0).collect();
        };
        match groups_of(&event.key, &self.config.prefix, &value) {
            Ok(mut groups) => {
                let has = groups.len();
                groups.extend(gone(has));
                self.keys.insert(event.key, has);
                groups
            }
            Err(err) => {
                self.failures.inc();
                warn!(discovery = "etcd", key = event.key, err, "Value names no targets; the key keeps what it had");
                self.keys.entry(event.key).or_insert(0);
                Vec::new()
            }
        }
    }
}
