//! `status/tsdb` beside a reference that scraped the same page, and readiness over a log that cannot be written.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_testkit::{Page, PageServer, Server, peer, tool};
use serde_json::{Value, json};

fn config(target: &PageServer) -> String {
    format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs:\n- job_name: t\n  static_configs:\n  - targets: ['{}']\n",
        target.address()
    )
}

/// Twelve metrics with one to twelve series: no two of the largest are equal.
fn page() -> String {
    (1..=12).flat_map(|n| (0..n).map(move |i| format!("c{n}{{i=\"value{i}\"}} {i}\n"))).collect()
}

/// The rows of a table; equal counts may stand in any order.
fn rows(status: &Value, table: &str) -> BTreeSet<(u64, String)> {
    let rows = status["data"][table].as_array().unwrap_or_else(|| panic!("{table}: {status}"));
    let row = |row: &Value| (row["value"].as_u64().unwrap(), row["name"].as_str().unwrap().to_owned());
    let in_order: Vec<_> = rows.iter().map(row).collect();
    assert!(in_order.is_sorted_by(|a, b| a.0 >= b.0), "{table}: {in_order:?}");
    in_order.into_iter().collect()
}

const TABLES: [&str; 4] = [
    "seriesCountByMetricName",
    "labelValueCountByLabelName",
    "memoryInBytesByLabelName",
    "seriesCountByLabelValuePair",
];

/// Starts a server over the page and returns its answer when it has scraped.
fn status_of(program: &Path, flags: &[&str], target: &PageServer) -> (Server, tempfile::TempDir, Value) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(program, flags, dir.path(), &config(target)).unwrap();
    server.wait_for("a scrape", Duration::from_secs(30), |s| {
        s.query("count_over_time(c12[1h])").is_ok_and(|v| !v[0].is_null())
    });
    let status = server.json("/api/v1/status/tsdb", &[]).unwrap();
    (server, dir, status)
}

#[test]
fn status_tsdb_is_the_references() {
    let target = PageServer::start(|_| Page::metrics(page())).unwrap();
    let (ours, _dir, status) = status_of(crate::firesteel(), &["prometheus"], &target);
    let head = &status["data"]["headStats"];
    // The page, `up` and what every scrape tells of itself.
    let own = head["numSeries"].as_u64().unwrap() - 78;
    assert!((5..=6).contains(&own), "{head}");
    assert_eq!(head["numLabelPairs"].as_u64(), Some(12 + own + 12 + 2), "{head}");
    assert!(head["chunkCount"].as_u64().is_some_and(|n| n >= 78 + own), "{head}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let (min, max) = (head["minTime"].as_i64().unwrap(), head["maxTime"].as_i64().unwrap());
    assert!(now - 60_000 < min && min <= max && max <= now, "{min} {max} {now}");
    let metrics = rows(&status, "seriesCountByMetricName");
    assert_eq!(metrics, (3..=12).map(|n| (n, format!("c{n}"))).collect(), "the ten largest");

    let memory = rows(&status, "memoryInBytesByLabelName");
    // Name and value with a byte of length each, as often as there are series.
    let values: u64 = (1..=12).flat_map(|n| 0..n).map(|i| if i < 10 { 6 } else { 7 }).sum();
    let (all, address) = (78 + own, target.address().len() as u64);
    for (label, bytes) in [("i", values + 78 * 3), ("job", all * 6), ("instance", all * (10 + address))] {
        assert!(memory.contains(&(bytes, label.to_owned())), "{label} {bytes}: {memory:?}");
    }

    for limit in [1usize, 3, 50] {
        let limited = ours.json("/api/v1/status/tsdb", &[("limit", &limit.to_string())]).unwrap();
        for table in TABLES {
            let n = limited["data"][table].as_array().map_or(0, Vec::len);
            let all = ours.json("/api/v1/status/tsdb", &[("limit", "1000")]).unwrap();
            assert_eq!(n, limit.min(rows(&all, table).len()), "{table}, limit {limit}");
        }
        assert_eq!(limited["data"]["seriesCountByMetricName"][0]["name"], "c12");
    }
    for wrong in ["0", "-1", "x"] {
        let reply = ours.get(&format!("/api/v1/status/tsdb?limit={wrong}")).unwrap();
        assert_eq!(reply.0, 400, "{reply:?}");
        assert!(reply.1.contains(r#""error":"limit must be a positive number""#), "{reply:?}");
    }
    assert_eq!(ours.get("/api/v1/status/tsdb/blocks").unwrap().1, r#"{"status":"success","data":{"blocks":[]}}"#);

    let Some(prometheus) = peer("prometheus") else { return };
    let (_theirs, _dir, reference) = status_of(&prometheus, &[], &target);
    // Debian's reference counts the bytes of each value once, however many series have it.
    for table in TABLES.into_iter().filter(|t| *t != "memoryInBytesByLabelName") {
        assert_eq!(rows(&status, table), rows(&reference, table), "{table}");
    }
    for field in ["numSeries", "numLabelPairs"] {
        assert_eq!(head[field], reference["data"]["headStats"][field], "{field}");
    }
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&status["data"]), keys(&reference["data"]));
    assert_eq!(keys(head), keys(&reference["data"]["headStats"]));
}

/// The numbers are what 3.14 answered: the first segment, the one that is written now, and the last that was read.
#[test]
fn walreplay_tells_of_the_segments_that_were_replayed() {
    let dir = tempfile::tempdir().unwrap();
    for segments in 0..3 {
        let server = Server::start(crate::firesteel(), &["prometheus"], dir.path(), "").unwrap();
        let status = server.json("/api/v1/status/walreplay", &[]).unwrap();
        assert_eq!(status["data"], json!({"min": 0, "max": segments, "current": segments}));
        server.stop().unwrap();
    }
}

#[test]
fn as_many_files_may_be_open_as_the_system_allows() {
    let Some(prlimit) = tool("prlimit") else { return };
    let dir = tempfile::tempdir().unwrap();
    let program = crate::firesteel().to_str().unwrap();
    let server = Server::start(&prlimit, &["--nofile=256:1000", program, "prometheus"], dir.path(), "").unwrap();
    let log = server.log();
    assert!(log.contains("fd_limits=\"(soft=1000, hard=1000)\""), "{log}");
    assert!(server.get("/metrics").unwrap().1.contains("\nprocess_max_fds 1000\n"));
}

/// A bound on the size of files stands for a full disk: what is there can be read, nothing grows.
#[test]
fn ready_says_when_the_log_fails_and_when_it_works_again() {
    let (Some(prlimit), Some(sh)) = (tool("prlimit"), tool("sh")) else { return };
    let target = PageServer::start(|_| Page::metrics(page())).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let program = crate::firesteel().to_str().unwrap();
    // A write beyond the bound is to be an error and no signal.
    let flags =
        ["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", program, "prometheus", "--storage.tsdb.wal-compression-type=zstd"];
    let server = Server::start(&sh, &flags, dir.path(), &config(&target)).unwrap();
    let bound = |bytes: &str| {
        let pid = format!("--pid={}", server.pid());
        assert!(Command::new(&prlimit).args([&pid, &format!("--fsize={bytes}:")]).status().unwrap().success());
    };
    let ready = || server.get("/-/ready").unwrap();
    let samples = |server: &Server| -> f64 {
        let answer = server.query("count_over_time(c12{i=\"value7\"}[1h])").unwrap();
        answer[0]["value"][1].as_str().map_or(0.0, |n| n.parse().unwrap())
    };
    let limit = Duration::from_secs(30);
    server.wait_for("samples", limit, |s| samples(s) >= 3.0);
    assert_eq!(ready(), (200, "Prometheus Server is Ready.\n".to_owned()));

    bound("1");
    server.wait_for("the log to fail", limit, |_| ready().0 == 503);
    assert_eq!(ready().1, "Prometheus Server is not Ready: the write-ahead log cannot be written.\n");
    let before = samples(&server);
    server.wait_for("scrapes from memory", limit, |s| samples(s) >= before + 5.0);
    assert_eq!(server.get("/-/healthy").unwrap().0, 200);
    assert!(server.get("/metrics").unwrap().1.contains("\nfiresteel_tsdb_log_failing 1\n"));

    bound("unlimited");
    server.wait_for("the log to work again", limit, |_| ready().0 == 200);
    assert!(server.get("/metrics").unwrap().1.contains("\nfiresteel_tsdb_log_failing 0\n"));
    // What came in meanwhile has reached the log: it outlives a kill.
    let before = samples(&server);
    server.kill_9().unwrap();
    let server = Server::start(&sh, &flags, dir.path(), "").unwrap();
    assert!(samples(&server) >= before, "{} {before}", samples(&server));
    let segment = std::fs::read(dir.path().join("data/wal/00000000")).unwrap();
    assert!(segment.windows(4).any(|w| w == [0x28, 0xb5, 0x2f, 0xfd]), "the flag acts");
}
