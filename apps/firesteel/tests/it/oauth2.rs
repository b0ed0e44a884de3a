//! A target behind OAuth2, through the whole server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use firesteel_testkit::{FakeTarget, write_answer};

use crate::server;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_guarded_target_is_scraped_with_tokens() {
    let dir = tempfile::tempdir().expect("a directory");
    let granted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&granted);
    // Tokens end so soon that each is used once.
    let endpoint = FakeTarget::start(move |request, out| {
        let form = String::from_utf8_lossy(&request.body);
        // `me` and `very secret`, escaped and joined.
        let known = request.header("authorization") == "Basic bWU6dmVyeStzZWNyZXQ=";
        if !known || form != "grant_type=client_credentials&scope=metrics" {
            return write_answer(out, "401 Unauthorized", &[], br#"{"error":"invalid_client"}"#);
        }
        let body = format!(
            r#"{{"access_token":"token-{}","token_type":"bearer","expires_in":1}}"#,
            count.fetch_add(1, Ordering::AcqRel) + 1
        );
        write_answer(out, "200 OK", &[("Content-Type", "application/json")], body.as_bytes())
    })
    .expect("a token endpoint");
    let newest = Arc::clone(&granted);
    let target = FakeTarget::start(move |request, out| {
        let want = format!("Bearer token-{}", newest.load(Ordering::Acquire));
        if request.header("authorization") != want {
            return write_answer(out, "403 Forbidden", &[], b"no");
        }
        write_answer(out, "200 OK", &[("Content-Type", "text/plain")], b"guarded 1\n")
    })
    .expect("a target");
    std::fs::write(dir.path().join("secret"), "very secret\n").expect("write");
    let job = |name: &str, id: &str| {
        format!(
            "- job_name: {name}\n  oauth2: {{client_id: {id}, client_secret_file: secret, scopes: [metrics], \
             token_url: 'http://{}/token'}}\n  static_configs: [{{targets: ['{}']}}]\n",
            endpoint.address(),
            target.address()
        )
    };
    let config =
        format!("global: {{scrape_interval: 200ms}}\nscrape_configs:\n{}{}", job("good", "me"), job("bad", "you"));
    let server = server(dir.path(), &[], &config);
    let count = |expr: &str| server.query(expr).ok().and_then(|r| r.as_array().map(Vec::len)).unwrap_or(0);
    server.wait_for("the guarded page", SOON, |_| count("guarded{job=\"good\"} == 1") == 1);
    server.wait_for("further tokens", SOON, |_| {
        granted.load(Ordering::Acquire) >= 3 && count("up{job=\"good\"} == 1") == 1
    });
    server.wait_for("a refused client", SOON, |_| count("up{job=\"bad\"} == 0") == 1);
    let targets = server.json("/api/v1/targets", &[("scrapePool", "bad")]).expect("an answer");
    let said = targets["data"]["activeTargets"][0]["lastError"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("oauth2: \"invalid_client\""), "{said}");
    // The secret is shown nowhere.
    let shown = server.json("/api/v1/status/config", &[]).expect("an answer").to_string();
    assert!(!shown.contains("very secret") && !server.log().contains("very secret"));
    assert!(server.stop().expect("it ends").success());
}
