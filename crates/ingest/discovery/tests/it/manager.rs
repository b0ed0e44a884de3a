//! Sets, providers and reloads.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_client::Registry;
use firesteel_config::{FilePath, LabelSet, SdConfigs, TargetGroup, sd::FileSd};
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions, SetTargets, SetWatch};

/// Returns the addresses of a set.
fn addresses(found: &SetTargets) -> Vec<String> {
    let of_all = found.groups.iter().flat_map(|group| &group.targets);
    of_all.filter_map(|labels| labels.get("__address__").cloned()).collect()
}

async fn until(watch: &mut SetWatch, what: &str, holds: impl Fn(&SetTargets) -> bool) {
    let wait = async {
        while !holds(&watch.current()) {
            assert!(watch.changed().await, "the set is gone while waiting for: {what}");
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(outcome.is_ok(), "waited in vain for: {what}");
}

fn fixed(targets: &[&str]) -> SdConfigs {
    let group = TargetGroup { targets: targets.iter().map(|t| (*t).to_owned()).collect(), labels: LabelSet::default() };
    SdConfigs { static_configs: vec![group], ..SdConfigs::default() }
}

fn files(path: &std::path::Path, every: Duration) -> SdConfigs {
    let file = FileSd { files: vec![FilePath::new(path.to_string_lossy())], refresh_interval: every };
    SdConfigs { file_sd_configs: vec![file], ..SdConfigs::default() }
}

fn apply(manager: &DiscoveryManager, sets: &[(&str, &SdConfigs)]) {
    manager.apply(sets.iter().map(|(name, configs)| ((*name).to_owned(), *configs)));
}

fn manager(registry: &Registry) -> DiscoveryManager {
    let options = DiscoveryOptions { pause_max: Duration::from_millis(200), ..DiscoveryOptions::default() };
    DiscoveryManager::new(options, registry)
}

fn metric(registry: &Registry, name: &str, set: &str) -> Option<String> {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name == name)?;
    let metric = family.metrics.iter().find(|metric| metric.labels.value("config") == set)?;
    Some(format!("{:?}", metric.value))
}

#[tokio::test]
async fn fixed_targets_are_there_at_once_and_go_with_their_set() {
    let registry = Registry::new();
    let manager = manager(&registry);
    let (one, two, none) = (fixed(&["a:1", "b:1"]), fixed(&["c:1"]), SdConfigs::default());
    apply(&manager, &[("one", &one), ("two", &two), ("none", &none)]);
    let mut watches: BTreeMap<&str, SetWatch> =
        ["one", "two", "none"].map(|set| (set, manager.watch(set).expect("a set"))).into();
    let mut seen = |set: &str| addresses(&watches.get_mut(set).expect("asked for").current());
    assert_eq!(seen("one"), ["a:1", "b:1"]);
    assert_eq!(seen("two"), ["c:1"]);
    assert_eq!(seen("none"), [""; 0]);
    assert_eq!(metric(&registry, "prometheus_sd_discovered_targets", "one").as_deref(), Some("Gauge(2.0)"));
    apply(&manager, &[("one", &two)]);
    assert_eq!(seen("one"), ["c:1"]);
    assert!(manager.watch("two").is_none());
    assert!(!watches.get_mut("two").expect("asked for").changed().await, "the set is gone");
    assert_eq!(metric(&registry, "prometheus_sd_discovered_targets", "two"), None);
    manager.stop().await;
}

#[tokio::test]
async fn equal_configurations_share_a_provider() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("t.yml");
    std::fs::write(&path, "- targets: ['a:1']\n").expect("write");
    let registry = Registry::new();
    let manager = manager(&registry);
    let configs = files(&path, Duration::from_secs(3600));
    apply(&manager, &[("one", &configs)]);
    let mut one = manager.watch("one").expect("a set");
    until(&mut one, "the file", |found| addresses(found) == ["a:1"]).await;
    // The second one is told what the provider knows already.
    apply(&manager, &[("one", &configs), ("two", &configs)]);
    let mut two = manager.watch("two").expect("a set");
    assert_eq!(addresses(&two.current()), ["a:1"]);
    assert_eq!(one.current().revision, 1, "the first one did not change");
    apply(&manager, &[("two", &configs)]);
    assert_eq!(addresses(&two.current()), ["a:1"]);
    manager.stop().await;
}

#[tokio::test]
async fn a_replaced_provider_leaves_its_targets_until_the_new_one_speaks() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("t.yml");
    std::fs::write(&path, "- targets: ['a:1']\n").expect("write");
    let manager = manager(&Registry::new());
    let before = files(&path, Duration::from_secs(3600));
    apply(&manager, &[("one", &before)]);
    let mut one = manager.watch("one").expect("a set");
    until(&mut one, "the file", |found| addresses(found) == ["a:1"]).await;
    let words = one.current().first_words;
    std::fs::write(&path, "- targets: ['b:1']\n").expect("write");
    let after = files(&path, Duration::from_secs(1800));
    apply(&manager, &[("one", &after)]);
    let current = one.current();
    assert_eq!((addresses(&current), current.revision), (vec!["a:1".to_owned()], 2), "no gap");
    until(&mut one, "the new provider", |found| found.first_words > words).await;
    until(&mut one, "its targets", |found| addresses(found) == ["b:1"]).await;
    // Of another kind, they go at once.
    apply(&manager, &[("one", &fixed(&["c:1"]))]);
    assert_eq!(addresses(&one.current()), ["c:1"]);
    manager.stop().await;
}
