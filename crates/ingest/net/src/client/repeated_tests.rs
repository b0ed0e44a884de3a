//! [`RepeatedGet`] against targets that answer in all the ways HTTP/1.1 has.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firesteel_client::Registry;
use firesteel_config::HttpClientConfig;
use firesteel_config::http::Authorization;
use firesteel_config::{Decode as _, FilePath};
use firesteel_model::MetricValue;
use firesteel_testkit::{FakeTarget, TargetRequest, write_answer};
use http::header::{ACCEPT, HeaderMap, HeaderValue};
use tokio::time::Instant;

use crate::Dialers;

use super::{Answer, ClientOptions, HttpClient, RepeatedGet};

/// A target that notes which connection each request came over.
fn target(
    answer: impl Fn(usize, &TargetRequest, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> (FakeTarget, Arc<Mutex<Vec<SocketAddr>>>) {
    let peers: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let (noted, n) = (Arc::clone(&peers), AtomicUsize::new(0));
    let target = FakeTarget::start(move |request, out| {
        noted.lock().expect("no panic").push(out.peer_addr()?);
        answer(n.fetch_add(1, Ordering::SeqCst), request, out)
    });
    (target.expect("a free port"), peers)
}

fn get(config: &HttpClientConfig, url: &str) -> RepeatedGet {
    let options = ClientOptions { user_agent: "agent".into(), ..ClientOptions::default() };
    let client = Arc::new(HttpClient::new(config, options).expect("a client"));
    RepeatedGet::new(client, url, HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/plain"))]))
}

fn config() -> HttpClientConfig {
    HttpClientConfig { follow_redirects: true, ..HttpClientConfig::fresh() }
}

/// Sends once more and returns status and body, or the error.
async fn send(get: &mut RepeatedGet, limit: u64) -> Result<(u16, String), String> {
    let mut answer = Answer::default();
    let sent = get.send(Instant::now() + Duration::from_secs(10), limit, &mut answer).await;
    sent.map_err(|e| e.to_string())?;
    Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
}

#[tokio::test]
async fn one_connection_serves_all_requests() {
    let (target, peers) = target(|n, request, out| {
        assert_eq!(request.path, "/m?a=b");
        assert_eq!((request.header("accept"), request.header("user-agent")), ("text/plain", "agent"));
        let body = "x".repeat(n * 100_000);
        match n {
            1 => write!(
                out,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            ),
            2 => out
                .write_all(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
                .and_then(|()| write_answer(out, "200 OK", &[], body.as_bytes())),
            _ => write_answer(out, if n == 3 { "500 Internal Server Error" } else { "200 OK" }, &[], body.as_bytes()),
        }
    });
    let mut get = get(&config(), &format!("http://{}/m?a=b", target.address()));
    for n in 0..5 {
        let (status, body) = send(&mut get, 1 << 20).await.expect("an answer");
        assert_eq!((status, body.len()), (if n == 3 { 500 } else { 200 }, n * 100_000));
    }
    let peers = peers.lock().expect("no panic");
    assert!(peers.len() == 5 && peers.iter().all(|peer| *peer == peers[0]), "{peers:?}");
}

#[tokio::test]
async fn connections_that_cannot_be_kept_are_replaced() {
    let (target, peers) = target(|n, _, out| match n {
        0 => write_answer(out, "200 OK", &[("Connection", "close")], b"a"),
        // The body ends with the connection.
        1 => out.write_all(b"HTTP/1.1 200 OK\r\n\r\na").and(Err(ErrorKind::Other.into())),
        2 => out.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"),
        // Bytes behind the body.
        3 => out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc"),
        // Closed after an answer that promised more: the next request finds it closed and is sent again.
        4 => write_answer(out, "200 OK", &[], b"a").and(Err(ErrorKind::Other.into())),
        _ => write_answer(out, "200 OK", &[], b"a"),
    });
    let mut get = get(&config(), &format!("http://{}/", target.address()));
    for n in 0..7 {
        assert_eq!(send(&mut get, 100).await, Ok((200, "a".to_owned())), "{n}");
    }
    let peers = peers.lock().expect("no panic");
    let new = peers.windows(2).map(|pair| pair[0] != pair[1]).collect::<Vec<_>>();
    assert_eq!(new, [true, true, true, true, true, false]);
}

#[tokio::test]
async fn broken_answers_say_how() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "Get \"URL\": EOF"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "Get \"URL\": EOF"),
        (
            b"220 mail\r\n",
            "Get \"URL\": net/http: HTTP/1.x transport connection broken: malformed HTTP response \"220 mail\"",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "unexpected EOF"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc", "unexpected EOF"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nabcdefgh", "invalid byte in chunk length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n", "body size limit exceeded"),
    ];
    for (bytes, want) in cases {
        let (target, _) = target(move |_, _, out| out.write_all(bytes).and(Err(ErrorKind::Other.into())));
        let url = format!("http://{}/", target.address());
        let error = send(&mut get(&config(), &url), 64).await.expect_err(want);
        assert_eq!(error.replace(&url, "URL"), want);
    }
    let (target, _) = target(|_, _, out| write!(out, "HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(70_000)));
    let url = format!("http://{}/", target.address());
    let error = send(&mut get(&config(), &url), 64).await.expect_err("a huge head");
    assert!(error.ends_with("server response headers exceeded 32768 bytes; aborted"), "{error}");
    assert_eq!(
        send(&mut get(&config(), "http://[x/"), 64).await,
        Err("Get \"http://[x/\": parse URL: invalid IPv6 address".to_owned())
    );
}

#[tokio::test]
async fn a_deadline_says_what_it_cut_off() {
    let (target, peers) = target(|n, _, out| match n {
        0 => {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")?;
            std::thread::sleep(Duration::from_millis(300));
            Ok(())
        }
        1 => {
            std::thread::sleep(Duration::from_millis(300));
            write_answer(out, "200 OK", &[], b"late")
        }
        _ => write_answer(out, "200 OK", &[], b"a"),
    });
    let url = format!("http://{}/", target.address());
    let (mut get, mut answer) = (get(&config(), &url), Answer::default());
    for want in ["context deadline exceeded".to_owned(), format!("Get \"{url}\": context deadline exceeded")] {
        let sent = get.send(Instant::now() + Duration::from_millis(50), 100, &mut answer).await;
        assert_eq!(sent.expect_err("too late").to_string(), want);
    }
    // What came late is not taken for the next answer.
    assert_eq!(send(&mut get, 100).await, Ok((200, "a".to_owned())));
    assert_eq!(peers.lock().expect("no panic").len(), 3);
}

#[tokio::test]
async fn redirects_are_followed() {
    let (target, _) = target(|_, request, out| match request.path.as_str() {
        "/" => write_answer(out, "302 Found", &[("Location", "/there")], b""),
        path => write_answer(out, "200 OK", &[("Content-Type", "x/y"), ("Content-Encoding", "gzip")], path.as_bytes()),
    });
    let url = format!("http://{}/", target.address());
    let mut with = get(&config(), &url);
    for _ in 0..2 {
        assert_eq!(send(&mut with, 100).await, Ok((200, "/there".to_owned())));
    }
    let mut answer = Answer::default();
    with.send(Instant::now() + Duration::from_secs(10), 100, &mut answer).await.expect("an answer");
    assert_eq!((answer.content_type(), answer.is_gzip()), ("x/y", true));
    let mut without = get(&HttpClientConfig { follow_redirects: false, ..config() }, &url);
    assert_eq!(send(&mut without, 100).await, Ok((302, String::new())));
}

#[tokio::test]
async fn credentials_in_files_are_read_each_time() {
    let (target, _) =
        target(|_, request, out| write_answer(out, "200 OK", &[], request.header("authorization").as_bytes()));
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("token");
    let mut with = config();
    with.authorization =
        Some(Authorization { credentials_file: FilePath::new(file.to_string_lossy()), ..Authorization::fresh() });
    let mut get = get(&with, &format!("http://{}/", target.address()));
    assert!(send(&mut get, 100).await.expect_err("no file").contains("unable to read authorization credentials"));
    for token in ["one", "two"] {
        std::fs::write(&file, token).expect("write");
        assert_eq!(send(&mut get, 100).await, Ok((200, format!("Bearer {token}"))));
    }
}

#[tokio::test]
async fn connections_are_counted_by_name() {
    let (target, _peers) = target(|_, _, out| write_answer(out, "200 OK", &[], b"m 1\n"));
    let registry = Registry::new();
    let dialers = Dialers::new(&registry);
    let counted = |name: &str, url: &str| {
        let options = ClientOptions { dialer: Some(dialers.named(name)), ..ClientOptions::default() };
        let client = Arc::new(HttpClient::new(&config(), options).expect("a client"));
        RepeatedGet::new(client, url, HeaderMap::new())
    };
    let mut kept = counted("kept", &format!("http://{}/", target.address()));
    for _ in 0..3 {
        send(&mut kept, 1000).await.expect("it answers");
    }
    drop(kept);
    send(&mut counted("refused", "http://127.0.0.1:1/"), 1000).await.expect_err("nobody is there");
    let values = |what: &str| -> Vec<(String, f64)> {
        let name = format!("net_conntrack_dialer_conn_{what}_total");
        let families = registry.gather();
        let family = families.iter().find(|family| family.name == name).expect("registered");
        let of = |metric: &firesteel_model::Metric| {
            let MetricValue::Counter { value, .. } = metric.value else { panic!("{name} is no counter") };
            let labels: Vec<&str> = metric.labels.iter().map(|(_, value)| value).collect();
            (labels.join(" "), value)
        };
        family.metrics.iter().map(of).filter(|(_, value)| *value > 0.0).collect()
    };
    let one = |labels: &str| (labels.to_owned(), 1.0);
    assert_eq!(values("attempted"), [one("kept"), one("refused")]);
    assert_eq!((values("established"), values("closed")), (vec![one("kept")], vec![one("kept")]));
    assert_eq!(values("failed"), [one("refused refused"), one("refused unknown")]);
}
