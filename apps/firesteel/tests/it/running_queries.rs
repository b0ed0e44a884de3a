//! Queries that take long are listed and can be ended, whether they are evaluated or wait.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::server;

/// Sorts a day of seconds for each second of a day: far more than a test waits for.
const ENDLESS: &str = "max_over_time(deriv((vector(time()))[2d:1s])[2d:1s])";

#[test]
fn running_queries_are_listed_and_ended() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--query.max-concurrency=1", "--query.max-samples=4000000000"];
    let server = server(dir.path(), &args, "");
    let listed = |server: &firesteel_testkit::Server| -> Vec<Value> {
        server.json("/api/v1/queries", &[]).unwrap()["data"].as_array().unwrap().clone()
    };
    assert!(listed(&server).is_empty());
    thread::scope(|scope| {
        let asked: Vec<_> =
            (0..2).map(|_| scope.spawn(|| server.json("/api/v1/query", &[("query", ENDLESS)]).unwrap())).collect();
        server.wait_for("one evaluating and one queued", Duration::from_secs(10), |server| {
            let mut states: Vec<_> = listed(server).iter().map(|q| q["state"].to_string()).collect();
            states.sort();
            states == ["\"evaluating\"", "\"queued\""]
        });
        let queries = listed(&server);
        assert_eq!(queries[0]["query"], ENDLESS);
        assert_eq!(queries[0]["path"], "/api/v1/query");
        assert_eq!(queries[0]["client"], "127.0.0.1");
        for query in queries.iter().rev() {
            let path = format!("/api/v1/queries/{}", query["id"].as_str().unwrap());
            assert_eq!(server.delete(&path).unwrap().0, 204);
        }
        for asked in asked {
            let answer = asked.join().unwrap();
            assert_eq!(answer["errorType"], "canceled", "{answer}");
        }
    });
    assert!(listed(&server).is_empty());

    // A client that goes away takes its query with it.
    let mut gone = TcpStream::connect(server.address()).unwrap();
    write!(gone, "GET /api/v1/query?query={} HTTP/1.1\r\nHost: localhost\r\n\r\n", ENDLESS.replace(' ', "+")).unwrap();
    server.wait_for("the query runs", Duration::from_secs(10), |server| listed(server).len() == 1);
    drop(gone);
    server.wait_for("the query ends", Duration::from_secs(10), |server| listed(server).is_empty());

    assert_eq!(server.delete("/api/v1/queries/1").unwrap().0, 404);
    assert_eq!(server.delete("/api/v1/queries/x").unwrap().0, 400);
}
