//! Whom the server sends alerts to: as the configuration says, at the start and after each reload.

use std::time::Duration;

use firesteel_testkit::Server;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(60);

fn known(server: &Server) -> (serde_json::Value, Option<String>) {
    let answer = server.json("/api/v1/alertmanagers", &[]).unwrap();
    let (_, page) = server.get("/metrics").unwrap();
    let discovered = page.lines().find(|l| l.starts_with("prometheus_notifications_alertmanagers_discovered "));
    (answer["data"].clone(), discovered.and_then(|l| l.rsplit(' ').next()).map(str::to_owned))
}

#[test]
fn alertmanagers_are_those_of_the_configuration_in_force() {
    let first = "alerting:
  alertmanagers:
  - static_configs: [{targets: ['127.0.0.1:1', 'left-out:9093']}]
    path_prefix: /am
    relabel_configs:
    - {source_labels: [__address__], regex: 'left-out:.*', action: drop}
";
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--web.enable-lifecycle", "--alertmanager.notification-queue-capacity=77"];
    let server = crate::server(dir.path(), &flags, first);
    let want = json!({
        "activeAlertmanagers": [{"url": "http://127.0.0.1:1/am/api/v2/alerts"}],
        "droppedAlertmanagers": [{"url": "http://left-out:9093/am/api/v2/alerts"}],
    });
    assert_eq!(known(&server), (want.clone(), Some("1".to_owned())));
    let (_, page) = server.get("/metrics").unwrap();
    assert!(page.contains("prometheus_notifications_queue_capacity 77\n"), "the flag acts");
    assert!(
        page.contains("prometheus_sd_discovered_targets{config=\"config-0\",name=\"notify\"} 2\n"),
        "found: {page}"
    );
    let of_peer = "prometheus_notifications_queue_length{alertmanager=\"http://127.0.0.1:1/am/api/v2/alerts\"} 0\n";
    assert!(page.contains(of_peer), "series show from the start");

    // A faulty file changes nobody.
    server.write_config(&first.replace("path_prefix", "path_prefi")).unwrap();
    assert_eq!(server.post("/-/reload", &[], b"").unwrap().0, 500);
    assert_eq!(known(&server).0, want);

    server.write_config(&first.replace("127.0.0.1:1'", "127.0.0.1:2', '127.0.0.1:3'")).unwrap();
    assert_eq!(server.post("/-/reload", &[], b"").unwrap().0, 200);
    let active = known(&server).0["activeAlertmanagers"].clone();
    let urls = [2, 3].map(|port| json!({"url": format!("http://127.0.0.1:{port}/am/api/v2/alerts")}));
    assert_eq!(active, json!(urls));
    server.wait_for("the old series are gone", LIMIT, |s| {
        s.get("/metrics").is_ok_and(|(_, page)| !page.contains(of_peer))
    });
    assert!(server.stop().unwrap().success());
}

#[test]
fn one_that_cannot_be_reached_is_an_alert_itself() {
    let dir = tempfile::tempdir().unwrap();
    // The rules that `up` brings, in haste.
    let rules = include_str!("../../src/up.rules.yml").replace("interval: 15s", "interval: 1s");
    std::fs::write(dir.path().join("up.rules.yml"), rules).unwrap();
    let config = |own: &str| {
        format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nrule_files: [up.rules.yml]\n\
             alerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['127.0.0.1:1']}}]\n\
             scrape_configs:\n- job_name: self\n  static_configs: [{{targets: ['{own}']}}]\n"
        )
    };
    let flags = ["--web.enable-lifecycle", "--rules.alert.resend-delay=1s"];
    let server = crate::server(dir.path(), &flags, &config("127.0.0.1:2"));
    // Its own address is known only now.
    server.write_config(&config(server.address())).unwrap();
    assert_eq!(server.post("/-/reload", &[], b"").unwrap().0, 200);
    let firing = "ALERTS{alertname=\"FiresteelNotifyFailing\",alertstate=\"firing\",\
                  alertmanager=\"http://127.0.0.1:1/api/v2/alerts\"}";
    server.wait_for("the alert fires", LIMIT, |s| s.query(firing).is_ok_and(|r| r[0]["value"][1] == "1"));
}
