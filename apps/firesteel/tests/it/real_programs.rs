//! A day of an operator: scrape Debian's node_exporter and ourselves, ask with Debian's promtool.

use std::process::Command;
use std::time::Duration;

use firesteel_testkit::{Server, peer};

#[test]
fn debians_exporter_is_scraped_and_debians_promtool_is_answered() {
    let (Some(exporter), Some(promtool)) = (peer("prometheus-node-exporter"), peer("promtool")) else { return };
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut exporter = Command::new(exporter)
        .arg(format!("--web.listen-address={address}"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = |own: &str| {
        format!(
            "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:\n- job_name: node\n  \
             static_configs:\n  - targets: ['{address}']\n- job_name: self\n  static_configs:\n  - targets: ['{own}']\n"
        )
    };
    let server = Server::start(crate::firesteel(), &["prometheus"], dir.path(), &config("127.0.0.1:1")).unwrap();
    // Its own address is known only now; a reload takes it in.
    server.write_config(&config(server.address())).unwrap();
    server.signal("HUP").unwrap();
    server.wait_for("both targets up", Duration::from_secs(20), |s| {
        s.query("sum(up)").is_ok_and(|r| r[0]["value"][1] == "2")
    });
    server.wait_for("a rate over the exporter's counters", Duration::from_secs(20), |s| {
        s.query("count(rate(node_cpu_seconds_total[5s]))").is_ok_and(|r| r[0]["value"][1] != serde_json::Value::Null)
    });

    let url = format!("http://{}", server.address());
    let ask = |words: &[&str]| {
        let out = Command::new(&promtool).args(["query"]).args(words).output().unwrap();
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    assert!(ask(&["instant", &url, "sum(up)"]).starts_with("{} => 2 @["));
    let range = ask(&["range", "--step=1s", &url, "up{job=\"node\"}"]);
    assert!(range.starts_with(&format!("up{{instance=\"{address}\", job=\"node\"}} =>\n1 @[")), "{range}");
    let series = ask(&["series", "--match=node_uname_info", &url]);
    assert!(series.contains("__name__=\"node_uname_info\"") && series.contains("machine="), "{series}");
    let labels = ask(&["labels", &url, "job"]);
    assert_eq!(labels.split_whitespace().collect::<Vec<_>>(), ["node", "self"]);

    let status = server.stop().unwrap();
    assert!(status.success(), "{status}");
    exporter.kill().unwrap();
    exporter.wait().unwrap();
}
