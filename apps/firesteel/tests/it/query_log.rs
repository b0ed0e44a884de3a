//! The query log of a running server: who asked what, and a new file at a reload.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::server;

#[test]
fn queries_are_logged_and_the_file_changes_at_a_reload() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first.log"), dir.path().join("second.log"));
    let config = |file: &std::path::Path| format!("global:\n  query_log_file: {}\n", file.display());
    let server = server(dir.path(), &[], &config(&first));
    let lines = |file: &std::path::Path| -> Vec<Value> {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(server.query("1 + 1").unwrap()[1].as_str(), Some("2"));
    let range = [("query", "vector(1)"), ("start", "100"), ("end", "200.5"), ("step", "7")];
    assert_eq!(server.json("/api/v1/query_range", &range).unwrap()["status"], "success");
    let refused = [("query", "up * on(a) group_left(a) up"), ("time", "1")];
    drop(server.json("/api/v1/query", &refused));
    let logged = lines(&first);
    assert_eq!(logged.len(), 2, "an expression that does not parse is not evaluated: {logged:?}");
    assert_eq!(logged[0]["params"]["query"], "1 + 1");
    assert_eq!(logged[0]["httpRequest"]["clientIP"], "127.0.0.1");
    assert_eq!(logged[0]["httpRequest"]["path"], "/api/v1/query");
    assert_eq!(logged[1]["params"]["end"], "1970-01-01T00:03:20.500Z");
    assert_eq!(logged[1]["params"]["step"], 7);
    assert!(logged[1]["stats"]["timings"]["evalTotalTime"].as_f64().unwrap() > 0.0);

    server.write_config(&config(&second)).unwrap();
    server.signal("HUP").unwrap();
    server.wait_for("a second file", Duration::from_secs(10), |server| {
        server.query("2").is_ok() && !lines(&second).is_empty()
    });
    let before = lines(&first).len();
    server.query("3").unwrap();
    assert_eq!(lines(&first).len(), before);
    assert_eq!(lines(&second).last().unwrap()["params"]["query"], "3");
}
