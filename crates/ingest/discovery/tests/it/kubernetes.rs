//! `kubernetes_sd_configs` against a server that keeps state, beside the labels that Prometheus 3.14 found in the same
//! objects.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firesteel_client::Registry;
use firesteel_config::{SdConfigs, load};
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions, LabelMap, SetTargets, SetWatch};
use serde_json::{Value, json};

use crate::kubernetes_api::ApiServer;

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/kubernetes")
}

fn json_of(name: &str) -> Value {
    let text = fs::read_to_string(dir().join(name)).expect("a file of test data");
    serde_json::from_str(&text).expect("JSON")
}

/// A server that holds the objects of the test data.
fn server() -> ApiServer {
    let server = ApiServer::start();
    for plural in
        ["nodes", "namespaces", "services", "pods", "replicasets", "jobs", "endpoints", "endpointslices", "ingresses"]
    {
        for object in json_of(&format!("{plural}.json"))["items"].as_array().expect("a list") {
            server.put(plural, object.clone());
        }
    }
    server
}

fn configs(sd: &str) -> SdConfigs {
    let text = format!("scrape_configs:\n- job_name: k\n  kubernetes_sd_configs: [{{{sd}}}]\n");
    let loaded = load(Path::new("prometheus.yml"), &text);
    let config = loaded.config.unwrap_or_else(|| panic!("{text}: {:?}", loaded.diagnostics));
    config.scrape_configs[0].discovery.clone()
}

/// Returns a discovery that follows one configuration.
fn follow(sd: &str, registry: &Registry) -> (DiscoveryManager, SetWatch) {
    let options = DiscoveryOptions { pause_max: Duration::from_millis(20), ..DiscoveryOptions::default() };
    let manager = DiscoveryManager::new(options, registry);
    let configs = configs(sd);
    manager.apply([("k".to_owned(), &configs)]);
    let watch = manager.watch("k").expect("a set");
    (manager, watch)
}

/// Returns all labels of all targets, in order.
fn targets(found: &SetTargets) -> Vec<LabelMap> {
    let of_group = |group: &std::sync::Arc<firesteel_discovery::TargetGroup>| {
        let merged = |own: &LabelMap| {
            let mut all = group.labels.clone();
            all.extend(own.clone());
            // Targets without a value have no such label.
            all.retain(|_, value| !value.is_empty());
            all
        };
        group.targets.iter().map(merged).collect::<Vec<_>>()
    };
    let mut all: Vec<LabelMap> = found.groups.iter().flat_map(of_group).collect();
    all.sort();
    all
}

fn addresses(found: &SetTargets) -> Vec<String> {
    targets(found).iter().map(|target| target["__address__"].clone()).collect()
}

async fn until(watch: &mut SetWatch, what: &str, holds: impl Fn(&SetTargets) -> bool) {
    let wait = async {
        while !holds(&watch.current()) {
            assert!(watch.changed().await, "the set is gone while waiting for: {what}");
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(outcome.is_ok(), "waited in vain for: {what}; there is {:?}", addresses(&watch.current()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_has_upstreams_labels() {
    let server = server();
    for case in json_of("golden.json")["cases"].as_array().expect("a list") {
        let (name, config) = (case["name"].as_str().expect("a name"), case["config"].as_str().expect("a text"));
        let mut wanted: Vec<LabelMap> = serde_json::from_value(case["targets"].clone()).expect("labels");
        for target in &mut wanted {
            target.retain(|_, value| !value.is_empty());
        }
        wanted.sort();
        let registry = Registry::new();
        let (manager, mut watch) = follow(&format!("api_server: '{}', {config}", server.url()), &registry);
        until(&mut watch, name, |found| found.groups.iter().map(|g| g.targets.len()).sum::<usize>() == wanted.len())
            .await;
        for (got, want) in targets(&watch.current()).iter().zip(&wanted) {
            let differ: BTreeMap<&String, (Option<&String>, Option<&String>)> = got
                .keys()
                .chain(want.keys())
                .map(|label| (label, (got.get(label), want.get(label))))
                .filter(|(_, (got, want))| got != want)
                .collect();
            assert!(differ.is_empty(), "{name} {}: got, wanted {differ:#?}", want["__address__"]);
        }
        manager.stop().await;
    }
}

fn pod(name: &str, ip: &str, labels: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"nodeName": "node-a", "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
        "status": {"podIP": ip, "phase": "Running"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_through_all_that_happens_to_a_connection() {
    let server = ApiServer::start();
    server.be_slow(2, Duration::from_millis(20));
    for at in 0..5 {
        server.put("pods", pod(&format!("p{at}"), &format!("10.0.0.{at}"), json!({})));
    }
    server.refuse(1);
    let registry = Registry::new();
    let (manager, mut watch) = follow(&format!("api_server: '{}', role: pod", server.url()), &registry);
    let only = |wanted: &'static [&'static str]| move |found: &SetTargets| addresses(found) == wanted;
    until(&mut watch, "a list in parts, after a refusal", |found| found.groups.len() == 5).await;

    server.put("pods", pod("new", "10.0.1.1", json!({})));
    server.delete("pods", "shop/p0");
    for gone in ["shop/p1", "shop/p2", "shop/p3"] {
        server.delete("pods", gone);
    }
    until(&mut watch, "additions and deletions", only(&["10.0.0.4:80", "10.0.1.1:80"])).await;
    server.put("pods", pod("p4", "10.0.0.44", json!({"a": "b"})));
    until(&mut watch, "an update", only(&["10.0.0.44:80", "10.0.1.1:80"])).await;
    assert_eq!(targets(&watch.current())[0]["__meta_kubernetes_pod_label_a"], "b");

    // A connection that breaks: nothing is lost, and the list is not read again.
    let lists = |server: &ApiServer| server.asked().iter().filter(|asked| !asked.contains("watch=true")).count();
    let before = lists(&server);
    server.drop_watches();
    server.put("pods", pod("after", "10.0.1.2", json!({})));
    until(&mut watch, "what came while nobody watched", |found| found.groups.len() == 3).await;
    assert_eq!(lists(&server), before, "{:?}", server.asked());

    // A bookmark moves the version, so that a history forgotten before it is not missed.
    server.bookmark("pods");
    server.put("pods", pod("after", "10.0.1.3", json!({})));
    until(&mut watch, "what follows a bookmark", |found| addresses(found).contains(&"10.0.1.3:80".to_owned())).await;

    // 410 Gone: the whole list is read again, and what was deleted meanwhile is noticed.
    server.delete("pods", "shop/after");
    server.put("pods", pod("later", "10.0.1.4", json!({})));
    server.forget_history();
    server.bookmark("pods");
    until(&mut watch, "a list after a lost history", |found| {
        addresses(found) == ["10.0.0.44:80", "10.0.1.1:80", "10.0.1.4:80"]
    })
    .await;
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_follows_its_owner() {
    let server = server();
    let registry = Registry::new();
    let attach = "attach_metadata: {node: true, namespace: true, deployment: true}";
    let sd = format!("api_server: '{}', role: endpointslice, {attach}, namespaces: {{names: [shop]}}", server.url());
    let (manager, mut watch) = follow(&sd, &registry);
    let has = |label: &'static str, value: &'static str| {
        move |found: &SetTargets| {
            targets(found)
                .iter()
                .any(|t| t["__address__"] == "10.0.0.1:8080" && t.get(label).is_some_and(|v| v == value))
        }
    };
    until(&mut watch, "the slice", has("__meta_kubernetes_pod_deployment_name", "web")).await;
    let changed = |plural: &str, at: usize, label: &str| {
        let mut object = json_of(&format!("{plural}.json"))["items"][at].clone();
        object["metadata"]["labels"][label] = json!("changed");
        server.put(plural, object);
    };
    changed("nodes", 0, "n");
    until(&mut watch, "the node's label", has("__meta_kubernetes_node_label_n", "changed")).await;
    changed("namespaces", 0, "ns");
    until(&mut watch, "the namespace's label", has("__meta_kubernetes_namespace_label_ns", "changed")).await;
    changed("services", 0, "s");
    until(&mut watch, "the service's label", has("__meta_kubernetes_service_label_s", "changed")).await;
    changed("pods", 0, "p");
    until(&mut watch, "the pod's label", has("__meta_kubernetes_pod_label_p", "changed")).await;
    server.delete("endpointslices", "shop/web-abc");
    until(&mut watch, "nothing", |found| targets(found).is_empty()).await;
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_and_namespaces_are_asked_for() {
    let server = server();
    let registry = Registry::new();
    let selectors = "selectors: [{role: pod, label: 'app=web', field: 'status.phase=Running'}]";
    let sd =
        format!("api_server: '{}/prefix', role: pod, {selectors}, namespaces: {{names: [ops, shop]}}", server.url());
    let (manager, mut watch) = follow(&sd, &registry);
    until(&mut watch, "both namespaces", |found| found.groups.len() >= 4).await;
    let asked = server.asked();
    for namespace in ["ops", "shop"] {
        let want = format!(
            "/prefix/api/v1/namespaces/{namespace}/pods?fieldSelector=status.phase=Running&labelSelector=app=web&limit=500\
             &resourceVersion=0"
        );
        assert!(asked.contains(&want), "{want}: {asked:?}");
    }
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_leads_to_the_server() {
    let server = server();
    let held = tempfile::tempdir().expect("a directory");
    let path = held.path().join("config");
    let script = held.path().join("token.sh");
    fs::write(&script, "echo '{\"status\": {\"token\": \"t\"}}'\n").expect("a file can be written");
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\nclusters: [{{name: k, cluster: \
         {{server: '{}'}}}}]\nusers: [{{name: u, user: {{exec: {{command: sh, args: ['{}']}}}}}}]\n",
        server.url(),
        script.display()
    );
    fs::write(&path, text).expect("a file can be written");
    let registry = Registry::new();
    let (manager, mut watch) = follow(&format!("kubeconfig_file: '{}', role: node", path.display()), &registry);
    until(&mut watch, "nodes", |found| found.groups.len() == 2).await;
    manager.stop().await;
}
