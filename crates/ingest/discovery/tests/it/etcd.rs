//! `etcd_sd_configs` against Debian's etcd.

use std::collections::BTreeSet;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use firesteel_config::{SdConfigs, Secret, sd::EtcdSd};
use firesteel_testkit::peer;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::follow::{Follow, addresses};

/// A member of its own; killed when dropped.
struct Etcd {
    child: Child,
    url: String,
    agent: ureq::Agent,
    /// For requests of the test itself, once authentication is on.
    token: Option<String>,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Etcd {
    /// Starts etcd with its data in `dir`; `None` where there is no etcd.
    fn start(dir: &Path) -> Option<Self> {
        let program = peer("etcd")?;
        for _ in 0..5 {
            let free = || {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
                format!("http://{}", listener.local_addr().expect("bound"))
            };
            if let Some(etcd) = Self::start_at(&program, dir, &free(), &free()) {
                return Some(etcd);
            }
            // Somebody else took one of the ports.
        }
        panic!("etcd did not start");
    }

    fn start_at(program: &Path, dir: &Path, url: &str, peers: &str) -> Option<Self> {
        let log = std::fs::File::options().create(true).append(true).open(dir.join("log")).expect("a log");
        let child = Command::new(program)
            .arg(format!("--data-dir={}", dir.join("data").display()))
            .args(["--name=one", "--logger=zap"])
            .args([format!("--listen-client-urls={url}"), format!("--advertise-client-urls={url}")])
            .args([format!("--listen-peer-urls={peers}"), format!("--initial-advertise-peer-urls={peers}")])
            .arg(format!("--initial-cluster=one={peers}"))
            .env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("etcd starts");
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut etcd = Self { child, url: url.to_owned(), agent, token: None };
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if etcd.child.try_wait().expect("ours").is_some() {
                return None;
            }
            if etcd.try_post("kv/range", &json!({"key": BASE64.encode("x")})).is_some() {
                return Some(etcd);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("etcd is not ready: {}", std::fs::read_to_string(dir.join("log")).unwrap_or_default());
    }

    fn try_post(&self, path: &str, body: &Value) -> Option<Value> {
        let mut request = self.agent.post(format!("{}/v3/{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token);
        }
        let mut answer = request.send(body.to_string()).ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        assert!(answer.status() == 200, "{path}: {text}");
        serde_json::from_str(&text).ok()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).expect("an answer")
    }

    fn put(&self, key: &str, value: &str) {
        self.post("kv/put", &json!({"key": BASE64.encode(key), "value": BASE64.encode(value)}));
    }

    fn delete(&self, key: &str, range_end: &str) {
        self.post("kv/deleterange", &json!({"key": BASE64.encode(key), "range_end": BASE64.encode(range_end)}));
    }

    /// Puts many keys, some hundred a transaction.
    fn put_all(&self, pairs: impl Iterator<Item = (String, String)>) {
        let put = |(key, value): (String, String)| json!({"request_put": {"key": BASE64.encode(key), "value": BASE64.encode(value)}});
        let all: Vec<Value> = pairs.map(put).collect();
        // Transactions of etcd have at most 128 parts.
        for part in all.chunks(128) {
            self.post("kv/txn", &json!({"success": part}));
        }
    }

    fn config(&self) -> EtcdSd {
        EtcdSd {
            endpoints: vec![self.url.clone()],
            prefix: "/services/".to_owned(),
            refresh_interval: Duration::from_secs(300),
            ..EtcdSd::default()
        }
    }
}

/// A port that leads to another, which may change.
struct Way {
    address: SocketAddr,
    target: Arc<Mutex<String>>,
}

impl Way {
    fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let target = Arc::new(Mutex::new(url.strip_prefix("http://").expect("a URL").to_owned()));
        let towards = Arc::clone(&target);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Refused: the connection ends at once.
                let Ok(far) = TcpStream::connect(towards.lock().as_str()) else { continue };
                for (mut from, mut to) in [(&near, &far), (&far, &near)]
                    .map(|(a, b)| (a.try_clone(), b.try_clone()))
                    .into_iter()
                    .filter_map(|(a, b)| Some((a.ok()?, b.ok()?)))
                {
                    std::thread::spawn(move || {
                        let _broken_off = std::io::copy(&mut from, &mut to);
                        let _gone = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { address, target }
    }
}

fn sets(etcd: EtcdSd) -> SdConfigs {
    SdConfigs { etcd_sd_configs: vec![etcd], ..SdConfigs::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_listed_watched_and_survive_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(etcd) = Etcd::start(dir.path()) else { return };
    etcd.put("/services/a", "10.0.0.1:80");
    etcd.put("/servicex", "10.9.9.9:80");
    // The first endpoint is nobody, the second leads to wherever etcd is at the time.
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let way = Way::to(&etcd.url);
    let mut config = etcd.config();
    config.endpoints = vec![format!("http://{nobody}"), format!("http://{}", way.address)];
    let mut follow = Follow::start(&sets(config));
    let found = follow.until("the listed key", |found| !found.is_empty()).await;
    let want = [("__address__", "10.0.0.1:80"), ("__meta_etcd_key", "/services/a"), ("__meta_etcd_name", "a")];
    assert_eq!(found, [want.map(|(k, v)| (k.to_owned(), v.to_owned())).into()]);
    etcd.put("/services/b", r#"[{"targets":["10.0.0.2:80"],"labels":{"env":"x"}},{"targets":["10.0.0.3:80"]}]"#);
    follow.until_addresses(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]).await;
    // A value that says nothing is counted, and leaves what there was.
    etcd.put("/services/b", "what?");
    follow.until_metric("prometheus_sd_etcd_failures_total", 2.0).await;
    etcd.put("/services/c", "[::1]:80");
    follow.until_addresses(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "[::1]:80"]).await;
    etcd.put("/services/b", r#"{"targets":["10.0.0.4:80"]}"#);
    follow.until_addresses(&["10.0.0.1:80", "10.0.0.4:80", "[::1]:80"]).await;
    etcd.delete("/services/a", "/services/b");
    follow.until_addresses(&["10.0.0.4:80", "[::1]:80"]).await;
    // While it is away, everything stays; what it comes back with is found.
    drop(etcd);
    follow.until_metric("prometheus_sd_etcd_failures_total", 4.0).await;
    follow.until_addresses(&["10.0.0.4:80", "[::1]:80"]).await;
    let again = Etcd::start(dir.path()).expect("it just ran");
    again.url.strip_prefix("http://").expect("a URL").clone_into(&mut way.target.lock());
    again.delete("/services/c", "/services/d");
    again.put("/services/d", "10.0.0.6:80");
    follow.until_addresses(&["10.0.0.4:80", "10.0.0.6:80"]).await;
    follow.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_keys_come_change_and_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(etcd) = Etcd::start(dir.path()) else { return };
    let key = |at: usize| format!("/services/{at:05}");
    etcd.put_all((0..5_000).map(|at| (key(at), format!("h{at}:1"))));
    let mut follow = Follow::start(&sets(etcd.config()));
    // Half is listed, half is watched.
    follow.until("the first half", |found| found.len() >= 5_000).await;
    etcd.put_all((5_000..10_000).map(|at| (key(at), format!("h{at}:1"))));
    let found = follow.until("all keys", |found| found.len() == 10_000).await;
    assert_eq!(addresses(&found).into_iter().collect::<BTreeSet<_>>().len(), 10_000, "none doubled");
    etcd.put_all((0..10_000).step_by(2).map(|at| (key(at), format!("changed{at}:1"))));
    let changed = |found: &[firesteel_discovery::LabelMap]| {
        found.len() == 10_000
            && found.iter().filter(|labels| labels["__address__"].starts_with("changed")).count() == 5_000
    };
    let found = follow.until("the changes", changed).await;
    assert_eq!(addresses(&found).into_iter().collect::<BTreeSet<_>>().len(), 10_000, "none doubled");
    etcd.delete("/services/00010", "/services0");
    follow.until("ten keys", |found| found.len() == 10).await;
    follow.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_that_know_their_users_are_logged_in_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(mut etcd) = Etcd::start(dir.path()) else { return };
    etcd.put("/services/a", "10.0.0.1:80");
    etcd.post("auth/user/add", &json!({"name": "root", "password": "pw"}));
    etcd.post("auth/role/add", &json!({"name": "root"}));
    etcd.post("auth/user/grant", &json!({"user": "root", "role": "root"}));
    etcd.post("auth/enable", &json!({}));
    let mut config = etcd.config();
    let follow = Follow::start(&sets(config.clone()));
    follow.until_metric("prometheus_sd_etcd_failures_total", 1.0).await;
    follow.manager.stop().await;
    (config.username, config.password) = ("root".to_owned(), Secret::new("pw"));
    let mut follow = Follow::start(&sets(config));
    follow.until_addresses(&["10.0.0.1:80"]).await;
    let granted = etcd.post("auth/authenticate", &json!({"name": "root", "password": "pw"}));
    etcd.token = granted["token"].as_str().map(str::to_owned);
    etcd.put("/services/b", "10.0.0.2:80");
    follow.until_addresses(&["10.0.0.1:80", "10.0.0.2:80"]).await;
    follow.manager.stop().await;
}
