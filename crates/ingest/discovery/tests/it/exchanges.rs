//! Kinds that ask over HTTP: answers as the services document them, beside the labels that Prometheus 3.14 made of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use firesteel_client::Registry;
use firesteel_config::load;
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions, LabelMap};
use firesteel_testkit::{Page, PageServer};
use serde_json::Value;

/// Answers by path, compares what is found.
async fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/testdata/exchanges/{name}.json"));
    let case: Value = serde_json::from_str(&fs::read_to_string(path).expect("a case")).expect("JSON");
    let answers: BTreeMap<String, String> = serde_json::from_value(case["answers"].clone()).expect("texts");
    let server = PageServer::start(move |request| {
        let path = request.split('?').next().unwrap_or_default();
        let missing = || Page { status: 404, ..Page::metrics("nothing") };
        answers.get(path).map_or_else(missing, |body| Page::metrics(body.as_str()))
    })
    .expect("a server");
    let config = case["config"].as_str().expect("a text").replace("SERVER", &format!("http://{}", server.address()));
    let text = format!("scrape_configs:\n- job_name: k\n  {config}\n");
    let loaded = load(Path::new("prometheus.yml"), &text).config.expect("a good configuration");
    let registry = Registry::new();
    let manager = DiscoveryManager::new(DiscoveryOptions::default(), &registry);
    manager.apply([("k".to_owned(), &loaded.scrape_configs[0].discovery)]);
    let mut watch = manager.watch("k").expect("a set");
    let wait = async {
        while watch.current().groups.is_empty() {
            assert!(watch.changed().await, "the set is gone");
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), wait).await.is_ok(), "{name}: nothing was found");
    let groups = &watch.current().groups;
    let mut got: Vec<LabelMap> = groups
        .iter()
        .flat_map(|group| {
            group.targets.iter().map(|own| {
                let mut all = group.labels.clone();
                all.extend(own.clone());
                all.retain(|_, value| !value.is_empty());
                all
            })
        })
        .collect();
    got.sort();
    let mut want: Vec<LabelMap> = serde_json::from_value(case["targets"].clone()).expect("labels");
    for target in &mut want {
        target.retain(|_, value| !value.is_empty());
    }
    want.sort();
    assert_eq!(got, want, "{name}");
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nomad() {
    check("nomad").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eureka() {
    check("eureka").await;
}
