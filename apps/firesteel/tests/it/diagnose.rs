//! Targets that fail in every usual way, and what the server says about each on demand.

use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use firesteel_testkit::{FakeTarget, write_answer};

use crate::server;

/// A target that answers metrics below one path, and something else elsewhere.
fn target(
    metrics: &'static str,
    status: &'static str,
    headers: &'static [(&str, &str)],
    body: &'static str,
) -> FakeTarget {
    FakeTarget::start(move |request, out| {
        if request.path == metrics {
            return write_answer(out, "200 OK", &[("Content-Type", "text/plain")], b"# TYPE a gauge\na 1\n");
        }
        write_answer(out, status, headers, body.as_bytes())
    })
    .expect("a target")
}

#[test]
fn each_fault_is_explained() {
    let dir = tempfile::tempdir().expect("a directory");
    // Nobody else in these tests listens on this address, so that the port stays free.
    let free = TcpListener::bind("127.93.7.1:0").expect("a port").local_addr().expect("an address").to_string();
    let (hold, held) = mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let silent = FakeTarget::start(move |_, _| {
        // Until the test is over.
        let _over = held.lock().map(|held| held.recv());
        Ok(())
    })
    .expect("a target");
    let html = "<!DOCTYPE html>\n<html><body>hello</body></html>";
    let tls = "Client sent an HTTP request to an HTTPS server.\n";
    let cases = [
        ("plain", target("/metrics", "404 Not Found", &[], "no"), "scheme: https"),
        ("tls", target("/-", "400 Bad Request", &[], tls), ""),
        ("login", target("/-", "401 Unauthorized", &[("WWW-Authenticate", "Basic")], "no"), ""),
        ("path", target("/metrics", "404 Not Found", &[], "no"), "metrics_path: /nope"),
        ("nowhere", target("/-", "404 Not Found", &[], "no"), ""),
        ("html", target("/actuator/prometheus", "200 OK", &[("Content-Type", "text/html")], html), ""),
        (
            "moved",
            target("/-", "302 Found", &[("Location", "https://other.example/login")], ""),
            "follow_redirects: false",
        ),
        ("text", target("/-", "200 OK", &[("Content-Type", "text/plain")], "hello: world\n"), ""),
        ("failing", target("/-", "503 Service Unavailable", &[], "database is down\n"), ""),
        ("fine", target("/metrics", "404 Not Found", &[], ""), ""),
        ("silent", silent, ""),
    ];
    let mut config = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned();
    let job = |name: &str, address: &str, more: &str| {
        format!("- job_name: {name}\n  {more}\n  static_configs: [{{targets: ['{address}']}}]\n")
    };
    for (name, target, more) in &cases {
        config += &job(name, &target.address(), more);
    }
    config += &job("refused", &free, "");
    config += &job("lost", "no..such..name:80", "");
    let server = server(dir.path(), &[], &config);
    server.wait_for("all targets are known", Duration::from_secs(60), |s| {
        let known = s.json("/api/v1/targets", &[("state", "active")]).expect("an answer");
        known["data"]["activeTargets"].as_array().is_some_and(|targets| targets.len() == cases.len() + 2)
    });
    let known = server.json("/api/v1/targets", &[("state", "active")]).expect("an answer");
    let check = |pool: &str, code: &str, message: &str, remedy: &str| {
        let targets = known["data"]["activeTargets"].as_array().expect("a list");
        let target = targets.iter().find(|target| target["scrapePool"] == pool).expect("the target");
        let url = target["scrapeUrl"].as_str().expect("a text");
        let asked = [("scrapePool", pool), ("scrapeUrl", url)];
        let answer = server.json("/api/v1/targets/diagnose", &asked).expect("an answer");
        let found = &answer["data"];
        assert_eq!(found["code"], code, "{pool}: {answer}");
        let said = found["message"].as_str().unwrap_or_default();
        assert!(said.contains(message), "{pool}: {answer}");
        let advised = found["remedy"].as_str().unwrap_or_default();
        assert!(advised.contains(remedy), "{pool}: {answer}");
    };
    check("refused", "FS0501", "nothing listens on port ", "start the exporter");
    check("lost", "FS0502", "no..such..name is not known here", "correct the name");
    check("plain", "FS0503", " speaks plain HTTP, and HTTPS is asked for", "remove scheme: https");
    check("tls", "FS0504", " speaks HTTPS, and plain HTTP is asked for", "add scheme: https");
    check("login", "FS0505", " refuses us: 401 Unauthorized", "basic_auth");
    check("path", "FS0506", "/nope does not exist there", "set metrics_path: /metrics");
    check("nowhere", "FS0506", "/metrics does not exist there", "set metrics_path to where");
    check("html", "FS0507", "its first line is <!DOCTYPE html>", "set metrics_path: /actuator/prometheus");
    check("silent", "FS0508", "no answer within 1 s", "raise scrape_timeout");
    check("moved", "FS0509", "sends us on to https://other.example/login", "follow_redirects");
    check("text", "FS0511", "its first line is hello: world", "metrics_path");
    check("failing", "FS0512", "503 Service Unavailable", "log");
    check("fine", "FS0514", "answers with metrics now", "");

    // Only what is configured is ever asked.
    let (status, _) = server
        .get(&format!("/api/v1/targets/diagnose?scrapePool=fine&scrapeUrl=http://{free}/metrics"))
        .expect("an answer");
    assert_eq!(status, 404);
    drop(hold);
    assert!(server.stop().expect("it ends").success());
}
