//! A manager with one set, and what it finds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use firesteel_client::Registry;
use firesteel_config::SdConfigs;
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions, LabelMap, SetTargets, SetWatch};
use firesteel_model::MetricValue;

/// One set of targets.
pub(crate) struct Follow {
    pub(crate) registry: Registry,
    pub(crate) manager: DiscoveryManager,
    watch: SetWatch,
}

impl Follow {
    pub(crate) fn start(configs: &SdConfigs) -> Self {
        Self::start_with(configs, "/etc/resolv.conf".into())
    }

    pub(crate) fn start_with(configs: &SdConfigs, resolv_conf: PathBuf) -> Self {
        Self::start_as(configs, DiscoveryOptions { resolv_conf, ..Default::default() })
    }

    pub(crate) fn start_as(configs: &SdConfigs, options: DiscoveryOptions) -> Self {
        let registry = Registry::new();
        let options = DiscoveryOptions { pause_max: Duration::from_millis(50), ..options };
        let manager = DiscoveryManager::new(options, &registry);
        manager.apply([("set".to_owned(), configs)]);
        let watch = manager.watch("set").expect("a set");
        Self { registry, manager, watch }
    }

    /// Waits until the set is as it should be.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&[LabelMap]) -> bool) -> Vec<LabelMap> {
        let watch = &mut self.watch;
        let wait = async {
            loop {
                let found = merged(&watch.current());
                if holds(&found) {
                    return found;
                }
                assert!(watch.changed().await, "the set is gone while waiting for: {what}");
            }
        };
        let Ok(found) = tokio::time::timeout(Duration::from_secs(60), wait).await else {
            let found = merged(&self.watch.current());
            let some: Vec<_> = found.iter().take(5).collect();
            panic!("waited in vain for: {what}; there are {} targets: {some:?}", found.len());
        };
        found
    }

    /// Waits until the addresses are these, in whatever order.
    pub(crate) async fn until_addresses(&mut self, want: &[&str]) {
        let mut want: Vec<&str> = want.to_vec();
        want.sort_unstable();
        self.until(&format!("{want:?}"), |found| addresses(found) == want).await;
    }

    /// Returns the value of a counter or gauge.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name == name).expect("registered");
        match family.metrics[0].value {
            MetricValue::Counter { value, .. } | MetricValue::Gauge(value) => value,
            ref other => panic!("{name} is {other:?}"),
        }
    }

    /// Waits until a counter or gauge has at least a value.
    pub(crate) async fn until_metric(&self, name: &str, least: f64) {
        let wait = async {
            while self.metric(name) < least {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let outcome = tokio::time::timeout(Duration::from_secs(60), wait).await;
        assert!(outcome.is_ok(), "{name} never became {least}");
    }
}

/// Returns the labels of all targets as the scraper sees them, sorted; empty ones left out.
fn merged(found: &SetTargets) -> Vec<LabelMap> {
    let mut all = Vec::new();
    for group in &found.groups {
        for target in &group.targets {
            let mut labels: BTreeMap<String, String> = group.labels.clone();
            labels.extend(target.clone());
            labels.retain(|_, value| !value.is_empty());
            all.push(labels);
        }
    }
    all.sort();
    all
}

/// Returns the addresses, sorted.
pub(crate) fn addresses(found: &[LabelMap]) -> Vec<&str> {
    let mut all: Vec<&str> = found.iter().map(|labels| labels["__address__"].as_str()).collect();
    all.sort_unstable();
    all
}

/// Reads a file of expected label sets; `SERVER` stands for the address of the test's server.
pub(crate) fn golden(text: &str, server: &str) -> Vec<LabelMap> {
    let mut all: Vec<LabelMap> = serde_json::from_str(&text.replace("SERVER", server)).expect("golden JSON");
    all.sort();
    all
}
