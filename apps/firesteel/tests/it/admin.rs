//! The admin API and the list of blocks, as the reference answers.

use std::time::Duration;

use firesteel_testkit::{Page, PageServer, Server};

#[test]
fn delete_clean_and_snapshot_as_the_reference_answers() {
    let target = PageServer::start(|_| Page::metrics("a 1\nb 2\n".to_owned())).unwrap();
    let config = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs:\n- job_name: t\n  static_configs:\n  - targets: ['{}']\n",
        target.address()
    );
    let dir = tempfile::tempdir().unwrap();
    let flags = ["prometheus", "--web.enable-admin-api", "--storage.tsdb.min-block-duration=2s"];
    let server = Server::start(crate::firesteel(), &flags, dir.path(), &config).unwrap();
    let blocks = |server: &Server| {
        let reply = server.json("/api/v1/status/tsdb/blocks", &[]).unwrap();
        reply["data"]["blocks"].as_array().cloned().unwrap_or_default()
    };
    server.wait_for("a block", Duration::from_secs(30), |server| !blocks(server).is_empty());
    let first = blocks(&server)[0].clone();
    assert_eq!((first["compaction"]["level"].as_u64(), first["version"].as_u64()), (Some(1), Some(1)), "{first}");
    let post = |path: &str| server.post(path, &[], b"").unwrap();
    assert_eq!(post("/api/v1/admin/tsdb/delete_series").0, 400);
    // `{}` is no way to say "everything".
    let count = |server: &Server| {
        let reply = server.query("count_over_time(a[1h])").unwrap();
        reply[0]["value"][1].as_str().map_or(0.0, |n| n.parse::<f64>().unwrap())
    };
    let before = count(&server);
    assert_eq!(post("/api/v1/admin/tsdb/delete_series?match%5B%5D=%7B%7D").0, 204);
    assert!(before > 0.0 && count(&server) >= before, "nothing is deleted");
    assert_eq!(post("/api/v1/admin/tsdb/delete_series?match%5B%5D=b").0, 204);
    let left = server.query("count_over_time(b[1h] offset 1s)").unwrap();
    assert!(left[0]["value"][1].as_str().is_none_or(|n| n.parse::<f64>().unwrap() < 20.0), "{left}");
    assert_eq!(post("/api/v1/admin/tsdb/clean_tombstones").0, 204);
    assert_eq!(post("/api/v1/admin/tsdb/snapshot?skip_head=maybe").0, 400);
    let (code, body) = post("/api/v1/admin/tsdb/snapshot");
    let reply: serde_json::Value = serde_json::from_str(&body).unwrap();
    let name = reply["data"]["name"].as_str().unwrap_or_else(|| panic!("{code} {body}"));
    assert!(name.len() == 33 && name.as_bytes()[16] == b'-', "{name}");
    assert!(dir.path().join("data/snapshots").join(name).read_dir().unwrap().next().is_some());
}
