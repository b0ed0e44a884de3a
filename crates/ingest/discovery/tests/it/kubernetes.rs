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
    follow_as(sd, registry, DiscoveryOptions::default())
}

fn follow_as(sd: &str, registry: &Registry, options: DiscoveryOptions) -> (DiscoveryManager, SetWatch) {
    let options = DiscoveryOptions { pause_max: Duration::from_millis(20), ..options };
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

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_pods_come_change_and_go() {
    const PODS: usize = 10_000;
    let server = ApiServer::start();
    let fill = |generation: usize, from: usize, to: usize| {
        for at in from..to {
            let ip = format!("10.{generation}.{}.{}", at / 250, at % 250);
            server.put("pods", pod(&format!("p{at}"), &ip, json!({"generation": generation.to_string()})));
        }
    };
    let count = |found: &SetTargets| found.groups.iter().map(|group| group.targets.len()).sum::<usize>();
    let of_generation = |found: &SetTargets, generation: usize| {
        let start = format!("10.{generation}.");
        // A pod never has two targets, not even while it changes.
        assert!(count(found) <= PODS, "doubled: {}", count(found));
        found.groups.iter().filter(|group| group.targets.iter().any(|t| t["__address__"].starts_with(&start))).count()
    };
    fill(0, 0, PODS);
    let registry = Registry::new();
    let (manager, mut watch) = follow(&format!("api_server: '{}', role: pod", server.url()), &registry);
    until(&mut watch, "all pods", |found| of_generation(found, 0) == PODS).await;

    // All change, and the connection breaks in the middle of it.
    fill(1, 0, PODS / 2);
    server.drop_watches();
    server.refuse(2);
    fill(1, PODS / 2, PODS);
    until(&mut watch, "changes", |found| of_generation(found, 1) == PODS).await;

    // Half of them vanish and some change while the history is lost, and lists come in parts, slowly.
    server.be_slow(700, Duration::from_millis(10));
    for at in 0..PODS / 2 {
        server.delete("pods", &format!("shop/p{at}"));
    }
    fill(2, PODS / 2, PODS / 2 + 1000);
    server.forget_history();
    server.bookmark("pods");
    let half = |found: &SetTargets| {
        of_generation(found, 2) == 1000 && of_generation(found, 1) == PODS / 2 - 1000 && count(found) == PODS / 2
    };
    until(&mut watch, "those that are left", half).await;
    let mut all = addresses(&watch.current());
    all.sort();
    all.dedup();
    assert_eq!(all.len(), PODS / 2, "none lost, none doubled");
    for at in PODS / 2..PODS {
        server.delete("pods", &format!("shop/p{at}"));
    }
    until(&mut watch, "nothing", |found| count(found) == 0).await;
    manager.stop().await;
}

/// An authority, and a server's configuration with a certificate of its making for 127.0.0.1.
fn authority() -> (String, std::sync::Arc<rustls::ServerConfig>) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).expect("a certificate").pem();
    let issuer = rcgen::Issuer::new(params, key);
    let own = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let certificate = params.signed_by(&own, &issuer).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.serialize_der()).expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate with its key");
    (pem, std::sync::Arc::new(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_reaches_the_cluster_it_runs_in() {
    let (ca, tls) = authority();
    let server = ApiServer::start_tls(tls);
    server.want_token("first");
    server.put("pods", pod("a", "10.0.0.1", json!({})));
    let mut other = pod("b", "10.0.0.2", json!({}));
    other["metadata"]["namespace"] = json!("elsewhere");
    server.put("pods", other);
    let mounted = tempfile::tempdir().expect("a directory");
    for (name, text) in [("token", "first\n"), ("ca.crt", &ca), ("namespace", "shop")] {
        fs::write(mounted.path().join(name), text).expect("write");
    }
    let (host, port) = server.address().split_once(':').expect("host and port");
    let variables = [("KUBERNETES_SERVICE_HOST", host), ("KUBERNETES_SERVICE_PORT", port)];
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options =
        DiscoveryOptions { environment, service_account: mounted.path().to_owned(), ..DiscoveryOptions::default() };
    let registry = Registry::new();
    let (manager, mut watch) = follow_as("role: pod, namespaces: {own_namespace: true}", &registry, options);
    until(&mut watch, "the pod of the own namespace", |found| addresses(found) == ["10.0.0.1:80"]).await;
    // The token is replaced, as the cluster does every hour.
    fs::write(mounted.path().join("token"), "second").expect("write");
    server.want_token("second");
    server.drop_watches();
    server.put("pods", pod("a", "10.0.0.3", json!({})));
    until(&mut watch, "what came after the old token", |found| addresses(found) == ["10.0.0.3:80"]).await;
    manager.stop().await;

    // The same server by a kubeconfig that holds authority and token.
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(&ca);
    let path = mounted.path().join("config");
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\nclusters: [{{name: k, cluster: \
         {{server: 'https://{}', certificate-authority-data: {data}}}}}]\nusers: [{{name: u, user: {{token: second}}}}]\n",
        server.address()
    );
    fs::write(&path, text).expect("write");
    let (manager, mut watch) = follow(&format!("kubeconfig_file: '{}', role: pod", path.display()), &Registry::new());
    until(&mut watch, "pods of all namespaces", |found| addresses(found) == ["10.0.0.2:80", "10.0.0.3:80"]).await;
    manager.stop().await;
}
