//! What a server tells whoever follows it: a refused reload, its remedy, its end.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Follows `/notifications/live`; `None` when there is no place.
fn follow(address: &str) -> Option<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET /api/v1/notifications/live HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(lines.read_line(&mut head).unwrap(), 0, "{head}");
    }
    assert!(head.to_lowercase().contains("content-type: text/event-stream\r\n"), "{head}");
    match head.split(' ').nth(1) {
        Some("200") => Some(lines),
        Some("204") => None,
        _ => panic!("{head}"),
    }
}

/// Returns the text of the next event and whether it holds; `None` at the end of the stream.
fn event(lines: &mut impl BufRead) -> Option<(String, bool)> {
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if let Some(json) = line.strip_prefix("data: ") {
            let value: Value = serde_json::from_str(json).unwrap();
            return Some((value["text"].as_str().unwrap().to_owned(), value["active"].as_bool().unwrap()));
        }
    }
}

#[test]
fn a_refused_reload_and_the_end_are_told_to_whoever_follows() {
    let good = "global: {scrape_interval: 15s}\n";
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--web.enable-lifecycle", "--web.max-notifications-subscribers=1"];
    let server = crate::server(dir.path(), &flags, good);
    let list = || server.json("/api/v1/notifications", &[]).unwrap()["data"].clone();
    assert_eq!(list(), serde_json::json!([]), "nothing is wrong with a server that is ready");
    let mut live = follow(server.address()).unwrap();
    let failed = "Configuration reload has failed.".to_owned();

    server.write_config("global: {scrape_intervall: 15s}\n").unwrap();
    assert_eq!(server.post("/-/reload", &[], b"").unwrap().0, 500);
    assert_eq!(event(&mut live), Some((failed.clone(), true)));
    assert_eq!(list()[0]["text"], failed);
    assert!(follow(server.address()).is_none(), "one place, which is taken");

    server.write_config(good).unwrap();
    assert_eq!(server.post("/-/reload", &[], b"").unwrap().0, 200);
    assert_eq!(event(&mut live), Some((failed, false)));
    assert_eq!(list(), serde_json::json!([]));

    assert!(server.stop().unwrap().success());
    let end = "Prometheus is shutting down and gracefully stopping all operations.".to_owned();
    assert_eq!(event(&mut live), Some((end, true)));
    assert_eq!(event(&mut live), None, "a page that follows does not hold up the end");
}
