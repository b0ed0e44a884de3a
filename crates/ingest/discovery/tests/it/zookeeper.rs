//! `serverset_sd_configs` and `nerve_sd_configs` against a server of ZooKeeper's protocol that keeps a tree and watches.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use firesteel_client::Registry;
use firesteel_config::load;
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions, SetTargets, SetWatch};

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, Vec<u8>>,
    /// Open connections with the paths that each watches once.
    clients: Vec<(TcpStream, BTreeSet<String>)>,
}

/// The server; its threads end with their connections.
struct Keeper {
    address: String,
    state: Arc<Mutex<State>>,
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(body.len()).expect("short").to_be_bytes().to_vec();
    out.extend_from_slice(body);
    out
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    frame(bytes)
}

impl Keeper {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&served);
                // A client that hangs up ends its thread.
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    /// Sets or, with nothing, deletes a node, and tells who watches it or its parent.
    fn set(&self, path: &str, data: Option<&str>) {
        let mut state = self.state.lock().expect("no panic");
        match data {
            Some(data) => state.nodes.insert(path.to_owned(), data.as_bytes().to_vec()),
            None => state.nodes.remove(path),
        };
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        for (stream, watched) in &mut state.clients {
            for touched in [path, parent.as_str()] {
                if watched.remove(touched) {
                    let mut body = [&(-1_i32).to_be_bytes()[..], &(-1_i64).to_be_bytes(), &[0; 4]].concat();
                    body.extend([3_i32.to_be_bytes(), 3_i32.to_be_bytes()].concat());
                    body.extend(counted(touched.as_bytes()));
                    // Whoever hung up is gone.
                    let _gone = stream.write_all(&frame(&body));
                }
            }
        }
    }

    fn drop_clients(&self) {
        for (stream, _) in self.state.lock().expect("no panic").clients.drain(..) {
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    read_frame(&mut stream)?;
    let hello = [&0_i32.to_be_bytes()[..], &3000_i32.to_be_bytes(), &7_i64.to_be_bytes(), &counted(&[0; 16])].concat();
    stream.write_all(&frame(&hello))?;
    let me = stream.try_clone()?;
    let peer = stream.peer_addr()?;
    state.lock().expect("no panic").clients.push((me, BTreeSet::new()));
    loop {
        let request = read_frame(&mut stream)?;
        let int = |at: usize| i32::from_be_bytes(request[at..at + 4].try_into().expect("four bytes"));
        let (xid, what) = (int(0), int(4));
        let mut held = state.lock().expect("no panic");
        let mut answer = Vec::new();
        let mut error = 0_i32;
        if what == 4 || what == 8 {
            let path = String::from_utf8_lossy(&request[12..request.len() - 1]).into_owned();
            match held.nodes.get(&path) {
                None => error = -101,
                Some(data) if what == 4 => answer = [counted(data), vec![0; 68]].concat(),
                Some(_) => {
                    let below = held.nodes.keys().filter_map(|node| node.strip_prefix(&format!("{path}/")));
                    let names: Vec<&str> = below.filter(|name| !name.contains('/')).collect();
                    answer = u32::try_from(names.len()).expect("few").to_be_bytes().to_vec();
                    for name in names {
                        answer.extend(counted(name.as_bytes()));
                    }
                }
            }
            let own = held.clients.iter_mut().find(|(s, _)| s.peer_addr().is_ok_and(|a| a == peer));
            if let (0, Some((_, watched))) = (error, own) {
                watched.insert(path);
            }
        }
        let body = [&xid.to_be_bytes()[..], &1_i64.to_be_bytes(), &error.to_be_bytes(), &answer].concat();
        stream.write_all(&frame(&body))?;
    }
}

fn addresses(found: &SetTargets) -> Vec<String> {
    let targets = found.groups.iter().flat_map(|group| &group.targets);
    targets.map(|target| target["__address__"].clone()).collect()
}

async fn until(watch: &mut SetWatch, what: &str, wanted: &[&str]) {
    let wait = async {
        while addresses(&watch.current()) != wanted {
            assert!(watch.changed().await, "the set is gone");
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(outcome.is_ok(), "waited in vain for: {what}; there is {:?}", addresses(&watch.current()));
}

fn follow(config: &str) -> (DiscoveryManager, SetWatch) {
    let text = format!("scrape_configs:\n- job_name: k\n  {config}\n");
    let config = load(Path::new("prometheus.yml"), &text).config.expect("a good configuration");
    let options = DiscoveryOptions { pause_max: Duration::from_millis(20), ..DiscoveryOptions::default() };
    let manager = DiscoveryManager::new(options, &Registry::new());
    manager.apply([("k".to_owned(), &config.scrape_configs[0].discovery)]);
    let watch = manager.watch("k").expect("a set");
    (manager, watch)
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_followed() {
    let keeper = Keeper::start();
    let member = |host: &str| format!("{{\"host\": \"{host}\", \"port\": 80, \"name\": \"n\"}}");
    keeper.set("/services", Some(""));
    keeper.set("/services/a", Some("no member"));
    keeper.set("/services/a/1", Some(&member("one")));
    let config = format!("nerve_sd_configs: [{{servers: ['{}'], paths: [/services]}}]", keeper.address);
    let (manager, mut watch) = follow(&config);
    until(&mut watch, "what is there at first", &["one:80"]).await;
    assert_eq!(watch.current().groups[0].targets[0]["__meta_nerve_path"], "/services/a/1");
    keeper.set("/services/a/2", Some(&member("two")));
    until(&mut watch, "a new member", &["one:80", "two:80"]).await;
    keeper.set("/services/a/1", Some(&member("uno")));
    until(&mut watch, "a changed member", &["uno:80", "two:80"]).await;
    keeper.set("/services/a/2", Some("gone mad"));
    until(&mut watch, "a member that is none any more", &["uno:80"]).await;
    keeper.set("/services/a/1", None);
    until(&mut watch, "nothing", &[]).await;
    keeper.set("/services/a/3", Some(&member("three")));
    until(&mut watch, "a later member", &["three:80"]).await;
    manager.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_is_opened_anew_and_loses_nothing() {
    let keeper = Keeper::start();
    keeper.set("/s", Some(""));
    keeper.set("/s/1", Some(r#"{"serviceEndpoint": {"host": "one", "port": 1}, "status": "ALIVE"}"#));
    keeper.set("/s/2", Some(r#"{"serviceEndpoint": {"host": "two", "port": 2}, "status": "ALIVE"}"#));
    // The first server refuses: the second is asked at once.
    let closed = TcpListener::bind("127.93.7.2:0").expect("a port").local_addr().expect("an address");
    let config =
        format!("serverset_sd_configs: [{{servers: ['{closed}', '{0}', '{0}'], paths: [/s]}}]", keeper.address);
    let (manager, mut watch) = follow(&config);
    until(&mut watch, "both members", &["one:1", "two:2"]).await;
    assert_eq!(watch.current().groups[0].targets[0]["__meta_serverset_status"], "ALIVE");
    keeper.drop_clients();
    keeper.set("/s/2", None);
    keeper.set("/s/3", Some(r#"{"serviceEndpoint": {"host": "three", "port": 3}}"#));
    until(&mut watch, "what came and went meanwhile", &["one:1", "three:3"]).await;
    manager.stop().await;
}
