//! `http_sd_configs` against a server whose answer changes.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use firesteel_config::{SdConfigs, sd::HttpSd};
use firesteel_testkit::{FakeTarget, write_answer};
use parking_lot::Mutex;

use crate::follow::{Follow, addresses, golden};

const JSON: (&str, &str) = ("Content-Type", "application/json; charset=utf-8");

/// Status line, content type, body.
type Answer = Arc<Mutex<(&'static str, &'static str, Vec<u8>)>>;

fn server(answer: &Answer) -> FakeTarget {
    let answer = Arc::clone(answer);
    FakeTarget::start(move |request, out| {
        assert_eq!(request.header("x-prometheus-refresh-interval-seconds"), "0.05");
        assert_eq!(request.header("accept"), "application/json");
        assert_eq!(request.header("user-agent"), "Prometheus/3.14.0");
        let (status, content_type, body) = answer.lock().clone();
        write_answer(out, status, &[("Content-Type", content_type)], &body)
    })
    .expect("a free port")
}

fn config(server: &FakeTarget) -> SdConfigs {
    let http = HttpSd {
        url: format!("http://{}/groups", server.address()),
        refresh_interval: Duration::from_millis(50),
        ..HttpSd::default()
    };
    SdConfigs { http_sd_configs: vec![http], ..SdConfigs::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_are_upstreams() {
    let body = include_bytes!("../fixtures/http-groups.json").to_vec();
    let answer: Answer = Arc::new(Mutex::new(("200 OK", JSON.1, body)));
    let server = server(&answer);
    let mut follow = Follow::start(&config(&server));
    let want = golden(include_str!("../fixtures/golden-http.json"), &server.address());
    let found = follow.until("three targets", |found| found.len() == 3).await;
    assert_eq!(found, want);
    follow.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_keep_the_targets_and_are_counted() {
    let good = br#"[{"targets":["a:1"]},{"targets":["b:1"]}]"#.to_vec();
    let answer: Answer = Arc::new(Mutex::new(("200 OK", JSON.1, good)));
    let server = server(&answer);
    let mut follow = Follow::start(&config(&server));
    follow.until_addresses(&["a:1", "b:1"]).await;
    for (status, content_type, body) in [
        ("500 Internal Server Error", JSON.1, "[]"),
        ("200 OK", "text/html", "[]"),
        ("200 OK", JSON.1, "[{]"),
        ("200 OK", JSON.1, r#"[{"targets":[],"more":1}]"#),
        ("200 OK", JSON.1, "[null]"),
    ] {
        *answer.lock() = (status, content_type, body.into());
        let before = follow.metric("prometheus_sd_http_failures_total");
        follow.until_metric("prometheus_sd_http_failures_total", before + 2.0).await;
        follow.until_addresses(&["a:1", "b:1"]).await;
    }
    // Groups that vanish go.
    *answer.lock() = ("200 OK", JSON.1, br#"[{"targets":["b:1"]}]"#.to_vec());
    follow.until_addresses(&["b:1"]).await;
    *answer.lock() = ("200 OK", JSON.1, b"[]".to_vec());
    follow.until_addresses(&[]).await;
    follow.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_targets_come_change_and_go() {
    let groups = |from: usize, to: usize| {
        let mut text = String::from("[");
        for at in (from..to).step_by(10) {
            let comma = if at == from { "" } else { "," };
            write!(text, "{comma}{{\"labels\":{{\"rack\":\"{at}\"}},\"targets\":[").expect("memory");
            for n in at..(at + 10).min(to) {
                let comma = if n == at { "" } else { "," };
                write!(text, "{comma}\"10.{}.{}.{}:9100\"", n >> 16, (n >> 8) & 255, n & 255).expect("memory");
            }
            text.push_str("]}");
        }
        text.push(']');
        text.into_bytes()
    };
    let answer: Answer = Arc::new(Mutex::new(("200 OK", JSON.1, groups(0, 10_000))));
    let server = server(&answer);
    let mut follow = Follow::start(&config(&server));
    for (from, to) in [(0, 10_000), (5_000, 15_000), (5_000, 5_010), (0, 10_000), (0, 0)] {
        *answer.lock() = ("200 OK", JSON.1, groups(from, to));
        let first = format!("10.0.{}.{}:9100", (from >> 8) & 255, from & 255);
        let is_so = |found: &[firesteel_discovery::LabelMap]| {
            found.len() == to - from && (found.is_empty() || addresses(found).contains(&first.as_str()))
        };
        let found = follow.until("all targets", is_so).await;
        let mut all = addresses(&found);
        all.dedup();
        assert_eq!(all.len(), to - from, "none lost, none doubled");
    }
    follow.manager.stop().await;
}
