//! `consul_sd_configs` against an agent that keeps state and holds questions back.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use firesteel_config::{SdConfigs, Secret, sd::ConsulSd};
use firesteel_testkit::{FakeTarget, TargetRequest, write_answer};
use parking_lot::{Condvar, Mutex};

use crate::follow::{Follow, addresses, golden};

/// The store of an agent.
#[derive(Default)]
struct Store {
    index: u64,
    /// Index of the last change, tags, instances as JSON.
    services: BTreeMap<String, (u64, Vec<String>, String)>,
    /// How many of the next questions end without an answer.
    hang_ups: usize,
    /// How many of the next questions are answered with 500.
    faults: usize,
    /// How long each answer takes beyond that.
    delay: Duration,
}

#[derive(Default)]
struct Agent {
    store: Mutex<Store>,
    changed: Condvar,
}

impl Agent {
    fn change(&self, change: impl FnOnce(&mut Store)) {
        let mut store = self.store.lock();
        store.index += 1;
        change(&mut store);
        self.changed.notify_all();
    }

    /// Puts a service with these instances in place.
    fn put(&self, name: &str, addresses: &[String]) {
        let instance = |address: &String| {
            let (host, port) = address.split_once(':').expect("host:port");
            format!(
                r#"{{"Node":{{"Node":"n","Address":"{host}"}},"Service":{{"ID":"{address}","Port":{port}}},"Checks":[]}}"#
            )
        };
        let body = format!("[{}]", addresses.iter().map(instance).collect::<Vec<_>>().join(","));
        self.change(|store| {
            store.services.insert(name.to_owned(), (store.index, Vec::new(), body));
        });
    }

    fn answer(&self, request: &TargetRequest, out: &mut TcpStream) -> io::Result<()> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut store = self.store.lock();
        if store.hang_ups > 0 {
            store.hang_ups -= 1;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if store.faults > 0 {
            store.faults -= 1;
            drop(store);
            return write_answer(out, "500 Internal Server Error", &[], b"No cluster leader");
        }
        let asked: u64 = query.split('&').find_map(|p| p.strip_prefix("index=")?.parse().ok()).unwrap_or(0);
        let service = path.strip_prefix("/v1/health/service/");
        let index_of = |store: &Store| match service {
            Some(name) => store.services.get(name).map_or(store.index, |(index, _, _)| *index),
            None => store.index,
        };
        // As an agent does: while nothing is newer, wait; here for a moment only.
        if asked > 0 && index_of(&store) <= asked {
            self.changed.wait_for(&mut store, Duration::from_millis(200));
        }
        let index = index_of(&store).to_string();
        let body = match (path, service) {
            ("/v1/agent/self", _) => r#"{"Config":{"Datacenter":"dc1"}}"#.to_owned(),
            ("/v1/catalog/services", _) => {
                let tags: BTreeMap<&String, &Vec<String>> = store.services.iter().map(|(k, v)| (k, &v.1)).collect();
                serde_json::to_string(&tags).expect("JSON")
            }
            (_, Some(name)) => store.services.get(name).map_or("[]".to_owned(), |(_, _, body)| body.clone()),
            _ => panic!("{path}"),
        };
        let delay = store.delay;
        drop(store);
        std::thread::sleep(delay);
        write_answer(out, "200 OK", &[("X-Consul-Index", &index)], body.as_bytes())
    }
}

fn serve(agent: &Arc<Agent>) -> FakeTarget {
    let agent = Arc::clone(agent);
    FakeTarget::start(move |request, out| agent.answer(request, out)).expect("a free port")
}

fn config(server: &FakeTarget) -> ConsulSd {
    ConsulSd { server: server.address(), refresh_interval: Duration::from_millis(10), ..ConsulSd::default() }
}

fn sets(consul: ConsulSd) -> SdConfigs {
    SdConfigs { consul_sd_configs: vec![consul], ..SdConfigs::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_are_upstreams() {
    let server = FakeTarget::start(|request, out| {
        let body = match request.path.split('?').next().unwrap_or_default() {
            "/v1/agent/self" => include_str!("../fixtures/consul-self.json"),
            "/v1/catalog/services" => include_str!("../fixtures/consul-services.json"),
            "/v1/health/service/web" => include_str!("../fixtures/consul-health-web.json"),
            "/v1/health/service/db" => include_str!("../fixtures/consul-health-db.json"),
            "/v1/health/service/consul" => include_str!("../fixtures/consul-health-consul.json"),
            path => panic!("{path}"),
        };
        write_answer(out, "200 OK", &[("X-Consul-Index", "7")], body.as_bytes())
    })
    .expect("a free port");
    let consul = ConsulSd { tag_separator: "|".to_owned(), ..config(&server) };
    let mut follow = Follow::start(&sets(consul));
    let found = follow.until("three instances", |found| found.len() == 3).await;
    assert_eq!(found, golden(include_str!("../fixtures/golden-consul.json"), ""));
    follow.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_say_what_is_configured() {
    let asked = Arc::new(Mutex::new(BTreeMap::<String, String>::new()));
    let noted = Arc::clone(&asked);
    let server = FakeTarget::start(move |request, out| {
        assert_eq!(request.header("x-consul-token"), "secret");
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        noted.lock().insert(path.to_owned(), query.to_owned());
        let body = match path {
            "/pre/v1/catalog/services" => r#"{"a b":["t","u"],"c":["t"]}"#,
            "/pre/v1/health/service/a%20b" => r#"[{"Node":{"Address":"h"},"Service":{"Port":1}}]"#,
            path => panic!("{path}"),
        };
        write_answer(out, "200 OK", &[("X-Consul-Index", "7")], body.as_bytes())
    })
    .expect("a free port");
    let consul = ConsulSd {
        path_prefix: "/pre".to_owned(),
        token: Secret::new("secret"),
        datacenter: "dc2".to_owned(),
        namespace: "ns1".to_owned(),
        partition: "p1".to_owned(),
        tags: vec!["t".to_owned(), "u".to_owned()],
        node_meta: [("k".to_owned(), "v".to_owned())].into(),
        filter: "x == y".to_owned(),
        health_filter: "z".to_owned(),
        allow_stale: false,
        ..config(&server)
    };
    let mut follow = Follow::start(&sets(consul));
    let found = follow.until("the one with both tags", |found| !found.is_empty()).await;
    assert_eq!((addresses(&found), found[0]["__meta_consul_dc"].as_str()), (vec!["h:1"], "dc2"));
    follow.manager.stop().await;
    let asked = asked.lock();
    let common = "dc=dc2&ns=ns1&partition=p1";
    let rest = "wait=120000ms&node-meta=k%3Av";
    // Whether the last question knew an index already depends on how far it came.
    let plain = |path: &str| asked[path].replace("&index=7", "");
    assert_eq!(plain("/pre/v1/catalog/services"), format!("{common}&{rest}&filter=x+%3D%3D+y"));
    assert_eq!(plain("/pre/v1/health/service/a%20b"), format!("{common}&{rest}&tag=t&tag=u&filter=z"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_come_change_and_go_whatever_the_agent_does() {
    let agent = Arc::new(Agent::default());
    agent.change(|store| store.index = 100);
    agent.put("a", &["10.0.0.1:1".to_owned()]);
    // The very first questions fail.
    agent.store.lock().faults = 2;
    let server = serve(&agent);
    let mut follow = Follow::start(&sets(config(&server)));
    follow.until_addresses(&["10.0.0.1:1"]).await;
    agent.put("b", &["10.0.0.2:1".to_owned(), "10.0.0.3:1".to_owned()]);
    follow.until_addresses(&["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]).await;
    // Connections break, answers fail: what was known stays, and what changes meanwhile is seen afterwards.
    agent.change(|store| (store.hang_ups, store.faults) = (5, 5));
    agent.put("b", &["10.0.0.3:1".to_owned()]);
    follow.until_addresses(&["10.0.0.1:1", "10.0.0.3:1"]).await;
    follow.until_metric("prometheus_sd_consul_rpc_failures_total", 5.0).await;
    // The store is restored from a backup: all indexes go back.
    agent.change(|store| {
        store.index = 10;
        for service in store.services.values_mut() {
            service.0 = 9;
        }
        store.services.remove("a");
    });
    follow.until_addresses(&["10.0.0.3:1"]).await;
    agent.put("b", &["10.0.0.4:1".to_owned()]);
    follow.until_addresses(&["10.0.0.4:1"]).await;
    // A service that goes and comes back is followed anew.
    agent.change(|store| drop(store.services.remove("b")));
    follow.until_addresses(&[]).await;
    agent.put("b", &["10.0.0.5:1".to_owned()]);
    follow.until_addresses(&["10.0.0.5:1"]).await;
    follow.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_answers_and_lost_connections_lose_nothing() {
    let agent = Arc::new(Agent::default());
    agent.change(|store| store.delay = Duration::from_millis(150));
    for service in 0..10 {
        agent.put(&format!("s{service}"), &[format!("10.0.0.{service}:1")]);
    }
    let server = serve(&agent);
    let mut follow = Follow::start(&sets(config(&server)));
    follow.until("all services", |found| found.len() == 10).await;
    // Changes come faster than answers, and some answers never come: the last state is seen, and no other stays.
    for round in 1..=5 {
        agent.change(|store| store.hang_ups = 3);
        for service in 0..10 {
            agent.put(&format!("s{service}"), &[format!("10.0.{round}.{service}:1")]);
        }
    }
    let last = |found: &[firesteel_discovery::LabelMap]| {
        found.len() == 10 && found.iter().all(|labels| labels["__address__"].starts_with("10.0.5."))
    };
    follow.until("the last state", last).await;
    follow.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_services_need_no_catalog() {
    let agent = Arc::new(Agent::default());
    agent.put("a", &["10.0.0.1:1".to_owned()]);
    agent.put("b", &["10.0.0.2:1".to_owned()]);
    let server = serve(&agent);
    let consul = ConsulSd { services: vec!["a".to_owned(), "later".to_owned()], ..config(&server) };
    let mut follow = Follow::start(&sets(consul));
    follow.until_addresses(&["10.0.0.1:1"]).await;
    agent.put("later", &["10.0.0.9:1".to_owned()]);
    follow.until_addresses(&["10.0.0.1:1", "10.0.0.9:1"]).await;
    follow.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_instances_come_change_and_go() {
    const SERVICES: usize = 50;
    const EACH: usize = 200;
    let agent = Arc::new(Agent::default());
    let fill = |generation: usize| {
        for service in 0..SERVICES {
            let address = |at: usize| format!("10.{generation}.{service}.{at}:9100");
            agent.put(&format!("s{service}"), &(0..EACH).map(address).collect::<Vec<_>>());
        }
    };
    fill(0);
    let server = serve(&agent);
    let mut follow = Follow::start(&sets(config(&server)));
    for generation in 0..3 {
        fill(generation);
        let of_it = format!("10.{generation}.");
        let all_new = |found: &[firesteel_discovery::LabelMap]| {
            found.len() == SERVICES * EACH && found.iter().all(|labels| labels["__address__"].starts_with(&of_it))
        };
        let found = follow.until("all instances", all_new).await;
        let mut all = addresses(&found);
        all.dedup();
        assert_eq!(all.len(), SERVICES * EACH, "none lost, none doubled");
    }
    agent.change(|store| store.services.retain(|name, _| name == "s7"));
    follow.until("one service", |found| found.len() == EACH).await;
    agent.change(|store| store.services.clear());
    follow.until_addresses(&[]).await;
    follow.manager.stop().await;
}
