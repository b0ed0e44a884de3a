//! A server with little memory for queries: none of them takes it down, and errors say what to do. Flags of queries act.

use std::fmt::Write as _;
use std::time::Duration;

use firesteel_testkit::{Page, PageServer, Server};
use serde_json::Value;

use crate::server;

const SOON: Duration = Duration::from_mins(1);

/// A target of a thousand series.
fn target() -> PageServer {
    let mut page = String::from("# TYPE m_total counter\n");
    for i in 0..1000 {
        writeln!(page, "m_total{{i=\"{i}\",g=\"{}\"}} {i}", i % 3).unwrap();
    }
    PageServer::start(move |_| Page::metrics(page.clone())).expect("a target")
}

fn start(dir: &std::path::Path, args: &[&str], target: &PageServer) -> Server {
    let config = format!(
        "global:\n  scrape_interval: 2s\n  scrape_timeout: 2s\nscrape_configs:\n- job_name: t\n  static_configs:\n  - targets: ['{}']\n",
        target.address()
    );
    let server = server(dir, args, &config);
    server.wait_for("the target is scraped", SOON, |s| {
        s.query("count(m_total)").is_ok_and(|found| found[0]["value"][1] == "1000")
    });
    server
}

fn now(server: &Server) -> f64 {
    server.query("time()").unwrap()[0].as_f64().unwrap()
}

fn asked(server: &Server, query: &str, step: &str) -> Value {
    let end = now(server);
    let (start, end) = ((end - 600.0).to_string(), end.to_string());
    let parameters = [("query", query), ("start", start.as_str()), ("end", end.as_str()), ("step", step)];
    server.json("/api/v1/query_range", &parameters).unwrap()
}

#[test]
fn no_query_takes_the_server_down() {
    let (dir, target) = (tempfile::tempdir().unwrap(), target());
    let server = start(dir.path(), &["--query.memory-limit=3MB", "--query.memory-limit-total=12MB"], &target);
    let explosions = [
        ("m_total * on(g) group_left(i) m_total", "1"),
        ("max_over_time((m_total)[1h:1ms])", "1"),
        ("count_values(\"v\", m_total * time())", "1"),
        (
            "label_replace(m_total, \"l\", \"$1$1$1$1$1$1$1$1$1$1\", \"i\", \"(.*)\") or m_total + on(i, g) m_total",
            "0.1",
        ),
        ("absent(max_over_time(vector(1)[30m:1ms]))", "1"),
        ("topk(1000, m_total) or bottomk(1000, m_total)", "0.1"),
        ("quantile by (i) (0.5, m_total)", "0.1"),
    ];
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for (query, step) in explosions {
                    let answer = asked(&server, query, step);
                    assert_eq!(answer["errorType"], "execution", "{query}: {}", answer["error"]);
                    assert!(answer["error"].as_str().unwrap().contains("memory"), "{query}: {answer}");
                    assert_eq!(answer["detail"]["code"], "FS1024", "{query}: {answer}");
                    assert!(answer["detail"]["expression"].is_string(), "{query}: {answer}");
                }
            });
        }
    });
    let answer =
        server.get("/api/v1/query_range?query=m_total*on(g)group_left(i)m_total&start=0&end=1&step=1").unwrap();
    assert_eq!(answer.0, 200, "nothing is there at that time");
    server.wait_for("all memory is given back", SOON, |s| {
        s.get("/metrics").is_ok_and(|(_, page)| page.lines().any(|line| line == "firesteel_query_memory_bytes 0"))
    });
    assert_eq!(asked(&server, "sum(m_total)", "1")["status"], "success");
}

#[test]
fn errors_and_answers_explain_themselves() {
    let (dir, target) = (tempfile::tempdir().unwrap(), target());
    let server = start(
        dir.path(),
        &["--query.timeout=5s", "--query.max-samples=4000000000", "--query.lookback-delta=30s"],
        &target,
    );
    let query =
        |query: &str, explain: &str| server.json("/api/v1/query", &[("query", query), ("explain", explain)]).unwrap();
    let cases = [
        (
            "absnt(m_total)",
            r#"invalid parameter "query": 1:1: parse error: unknown function with name "absnt""#,
            "FS1002",
            "absent(m_total)",
        ),
        ("m_total + on(g) m_total", "", "FS1020", ""),
        (
            "m_total / on(g) sum by (g) (m_total)",
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
            "FS1021",
            "m_total / on (g) group_left () sum by (g) (m_total)",
        ),
        (
            "max_over_time(deriv((vector(time()))[2d:1s])[2d:1s])",
            "query timed out in expression evaluation",
            "FS1025",
            "",
        ),
    ];
    for (text, error, code, fix) in cases {
        let answer = query(text, "");
        assert!(error.is_empty() || answer["error"] == error, "{text}: {answer}");
        assert_eq!(answer["detail"]["code"], code, "{text}: {answer}");
        assert_eq!(answer["detail"]["fix"].as_str().unwrap_or(""), fix, "{text}: {answer}");
    }
    let place = &query("sum(m_total) +\n absnt(x)", "")["detail"]["position"];
    assert_eq!(*place, serde_json::json!({"line": 2, "column": 2, "start": 16, "end": 21}));
    let unknown = query("m_total", "all");
    assert_eq!(unknown["error"], "invalid parameter \"explain\": unknown value \"all\", use \"plan\" or \"empty\"");

    let plan = query("sum by (g) (m_total) > 0", "plan,empty");
    let top = &plan["data"]["explain"]["plan"]["operators"][0];
    assert_eq!((&top["operator"], &top["children"][0]["children"][0]["series"]), (&">".into(), &1000.into()), "{plan}");
    assert!(plan["data"]["explain"]["empty"].is_null() && query("m_total", "")["data"]["explain"].is_null());
    let empty = &query("sum(rate(m_totl[5m]))", "empty")["data"]["explain"]["empty"][0];
    assert_eq!((&empty["code"], &empty["fix"]), (&"FS1031".into(), &"sum(rate(m_total[5m]))".into()), "{empty}");

    // The lookback of the flag is in force: nothing of a minute ago is found a minute later.
    let late = (now(&server) + 60.0).to_string();
    let late = server.json("/api/v1/query", &[("query", "m_total"), ("time", &late), ("explain", "empty")]).unwrap();
    assert_eq!(late["data"]["explain"]["empty"][0]["code"], "FS1034", "{late}");
}
