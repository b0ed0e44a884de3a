//! `docker_sd_configs` and `dockerswarm_sd_configs` against a daemon's recorded lists.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firesteel_config::SdConfigs;
use firesteel_config::sd::{DockerFilter, DockerSd, DockerSwarmSd};
use firesteel_testkit::{FakeTarget, write_answer};

use crate::follow::{Follow, golden};

fn list(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    Some(match path.strip_prefix("/v1.47/")? {
        "containers/json" => include_str!("../fixtures/docker-containers.json"),
        "networks" => include_str!("../fixtures/docker-networks.json"),
        "services" => include_str!("../fixtures/docker-services.json"),
        "tasks" => include_str!("../fixtures/docker-tasks.json"),
        "nodes" => include_str!("../fixtures/docker-nodes.json"),
        _ => return None,
    })
}

fn daemon() -> FakeTarget {
    FakeTarget::start(|request, out| match request.path.as_str() {
        "/_ping" => write_answer(out, "200 OK", &[("Api-Version", "1.47")], b"OK"),
        path => match list(path) {
            Some(body) => write_answer(out, "200 OK", &[], body.as_bytes()),
            None => write_answer(out, "404 Not Found", &[], br#"{"message":"page not found"}"#),
        },
    })
    .expect("a free port")
}

async fn check(configs: &SdConfigs, want: &str) {
    let want = golden(want, "");
    let mut follow = Follow::start(configs);
    let found = follow.until("targets", |found| !found.is_empty()).await;
    assert_eq!(found, want);
    follow.manager.stop().await;
}

fn docker(host: String) -> DockerSd {
    DockerSd { host, ..DockerSd::default() }
}

#[tokio::test]
async fn containers_have_upstreams_labels() {
    let daemon = daemon();
    let first = docker(format!("http://{}", daemon.address()));
    check(
        &SdConfigs { docker_sd_configs: vec![first], ..SdConfigs::default() },
        include_str!("../fixtures/golden-docker.json"),
    )
    .await;
    let all = DockerSd {
        match_first_network: false,
        port: 9999,
        host_networking_host: "hosty".to_owned(),
        ..docker(format!("tcp://{}", daemon.address()))
    };
    check(
        &SdConfigs { docker_sd_configs: vec![all], ..SdConfigs::default() },
        include_str!("../fixtures/golden-docker-all-networks.json"),
    )
    .await;
}

#[tokio::test]
async fn swarms_have_upstreams_labels() {
    let daemon = daemon();
    for (role, port, want) in [
        ("services", 80, include_str!("../fixtures/golden-swarm-services.json")),
        ("tasks", 80, include_str!("../fixtures/golden-swarm-tasks.json")),
        ("nodes", 9323, include_str!("../fixtures/golden-swarm-nodes.json")),
    ] {
        let host = format!("http://{}", daemon.address());
        let swarm = DockerSwarmSd { host, role: role.to_owned(), port, ..DockerSwarmSd::default() };
        check(&SdConfigs { dockerswarm_sd_configs: vec![swarm], ..SdConfigs::default() }, want).await;
    }
}

/// Serves one connection after the other; ends with the first that comes after `stop`.
fn serve_socket(listener: &UnixListener, stop: &AtomicBool) {
    for stream in listener.incoming().flatten() {
        if stop.load(Ordering::Acquire) {
            return;
        }
        // The client hangs up in the end.
        let _hung_up = answer_all(&stream);
    }
}

fn answer_all(mut stream: &UnixStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(first) = lines.next() {
        let first = first?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let body = list(&path).unwrap_or("OK");
        let len = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nContent-Length: {len}\r\n\r\n{body}")?;
    }
    Ok(())
}

#[tokio::test]
async fn daemons_answer_over_their_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("docker.sock");
    let listener = UnixListener::bind(&path).expect("bind");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let serving = std::thread::spawn(move || serve_socket(&listener, &stopped));
    let one = docker(format!("unix://{}", path.display()));
    check(
        &SdConfigs { docker_sd_configs: vec![one], ..SdConfigs::default() },
        include_str!("../fixtures/golden-docker.json"),
    )
    .await;
    stop.store(true, Ordering::Release);
    drop(UnixStream::connect(&path).expect("still there"));
    serving.join().expect("no panic");
}

#[tokio::test]
async fn filters_and_refusals_go_both_ways() {
    let daemon = FakeTarget::start(|request, out| match request.path.as_str() {
        // A daemon older than API versions were told.
        "/_ping" => write_answer(out, "200 OK", &[], b"OK"),
        path if path.starts_with("/v1.24/containers/json?") => {
            let filters = "filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%2C%22c%22%3Atrue%7D%7D";
            assert!(path.ends_with(filters), "{path}");
            write_answer(out, "500 Internal Server Error", &[], br#"{"message":"no can do"}"#)
        }
        path => panic!("{path}"),
    })
    .expect("a free port");
    let filter = DockerFilter { name: "label".to_owned(), values: vec!["a=b".to_owned(), "c".to_owned()] };
    let config = DockerSd {
        filters: vec![filter],
        refresh_interval: Duration::from_millis(50),
        ..docker(format!("tcp://{}", daemon.address()))
    };
    let follow = Follow::start(&SdConfigs { docker_sd_configs: vec![config], ..SdConfigs::default() });
    follow.until_metric("prometheus_sd_refresh_failures_total", 2.0).await;
    follow.manager.stop().await;
}

#[tokio::test]
async fn hosts_that_are_none_are_failed_configurations() {
    for host in ["localhost", "npipe:////./pipe/docker"] {
        let configs = SdConfigs { docker_sd_configs: vec![docker(host.to_owned())], ..SdConfigs::default() };
        let follow = Follow::start(&configs);
        follow.until_metric("prometheus_sd_failed_configs", 1.0).await;
        follow.manager.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_daemons_and_lost_connections_lose_nothing() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let containers = |address: &str| {
        format!(
            r#"[{{"Id":"1","Names":["/a"],"State":"running","HostConfig":{{"NetworkMode":"bridge"}},
                "Ports":[{{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}}],
                "NetworkSettings":{{"Networks":{{"bridge":{{"NetworkID":"n","IPAddress":"{address}"}}}}}}}}]"#
        )
    };
    let daemon = FakeTarget::start(move |request, out| {
        std::thread::sleep(Duration::from_millis(20));
        let path = request.path.split('?').next().unwrap_or_default();
        match path.rsplit('/').next().unwrap_or_default() {
            "_ping" => write_answer(out, "200 OK", &[("Api-Version", "1.47")], b"OK"),
            "networks" => {
                let body = br#"[{"Name":"bridge","Id":"n","Scope":"local"}]"#;
                write_answer(out, "200 OK", &[], body)
            }
            // A list: every other one breaks off, the third in the middle of its answer.
            _ => match counted.fetch_add(1, Ordering::AcqRel) {
                0 => write_answer(out, "200 OK", &[], containers("172.17.0.2").as_bytes()),
                1 => Err(std::io::ErrorKind::ConnectionAborted.into()),
                2 => {
                    out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[{\"Id\":")?;
                    Err(std::io::ErrorKind::ConnectionAborted.into())
                }
                _ => write_answer(out, "200 OK", &[], containers("172.17.0.3").as_bytes()),
            },
        }
    })
    .expect("a free port");
    let config =
        DockerSd { refresh_interval: Duration::from_millis(50), ..docker(format!("tcp://{}", daemon.address())) };
    let mut follow = Follow::start(&SdConfigs { docker_sd_configs: vec![config], ..SdConfigs::default() });
    follow.until("a container", |found| found.len() == 1).await;
    let moved = |found: &[firesteel_discovery::LabelMap]| {
        assert_eq!(found.len(), 1, "what was known stays");
        found[0]["__address__"] == "172.17.0.3:80"
    };
    follow.until("its new address", moved).await;
    assert!(follow.metric("prometheus_sd_refresh_failures_total") >= 1.0);
    follow.manager.stop().await;
}
