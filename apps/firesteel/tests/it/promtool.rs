//! `firesteel promtool`, links named after programs, and our promtool beside Debian's against our server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use firesteel_testkit::{Page, PageServer, Server, peer};

use crate::{firesteel, run, server, text};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn configurations_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let good =
        "global:\n  scrape_interval: 15s\nscrape_configs:\n- job_name: a\n  static_configs:\n  - targets: [b:1]\n";
    fs::write(dir.path().join("good.yml"), good).unwrap();
    fs::write(dir.path().join("bad.yml"), good.replace("scrape_interval", "scrape_intervall")).unwrap();
    let out = run(&["promtool", "check", "config", "good.yml"], dir.path());
    let valid = "Checking good.yml\n SUCCESS: good.yml is valid prometheus config file syntax\n\n";
    assert_eq!((out.status.code(), text(&out.stdout), text(&out.stderr)), (Some(0), valid.to_owned(), String::new()));
    let out = run(&["promtool", "check", "config", "bad.yml"], dir.path());
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    for part in ["line 2: field scrape_intervall not found", "bad.yml:2:3", "did you mean `scrape_interval`?"] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
}

#[test]
fn scripts_are_run() {
    let dir = tempfile::tempdir().unwrap();
    let script = "load 1m\n  requests_total 0+60x10\n\neval instant at 10m rate(requests_total[5m])\n  {} ";
    fs::write(dir.path().join("good.test"), format!("{script}1\n")).unwrap();
    fs::write(dir.path().join("bad.test"), format!("{script}2\n")).unwrap();
    let out = run(&["promtool", "test", "promql", "good.test"], dir.path());
    let passed = "Testing good.test\n  SUCCESS: 1 evals passed\n".to_owned();
    assert_eq!((out.status.code(), text(&out.stdout), text(&out.stderr)), (Some(0), passed, String::new()));
    assert_eq!(run(&["promtool", "test", "promql", "good.test", "bad.test"], dir.path()).status.code(), Some(1));
}

#[test]
fn a_link_named_after_a_program_is_that_program() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["prometheus", "promtool", "node_exporter"] {
        let link = dir.path().join(name);
        symlink(firesteel(), &link).unwrap();
        let out = Command::new(&link).arg("--version").output().unwrap();
        let said = text(&out.stdout) + &text(&out.stderr);
        let release = if name == "node_exporter" { "1.12.1" } else { "3.14.0" };
        let banner = format!("{name}, version {release} (branch: ");
        assert!(out.status.success() && said.starts_with(&banner), "{name}: {said}");
    }
}

/// Starts our server with one target, waits for its samples, and returns the newest one's time as the API writes it.
fn started(dir: &Path, target: &PageServer) -> (Server, String) {
    let config = format!(
        "global:\n  scrape_interval: 200ms\nscrape_configs:\n- job_name: demo\n  static_configs:\n  - targets: ['{}']\n",
        target.address()
    );
    let server = server(dir, &[], &config);
    let newest = |s: &Server| {
        let found =
            s.query("max(timestamp(demo_items)) and on() (count(count_over_time(demo_items[1m]) > 2) == 4)").ok()?;
        found[0]["value"][1].as_str().map(str::to_owned)
    };
    server.wait_for("samples", SOON, |s| newest(s).is_some());
    let time = newest(&server).unwrap();
    (server, time)
}

fn target() -> PageServer {
    PageServer::start(|_| {
        Page::metrics(
            "# HELP demo_items How many.\n# TYPE demo_items gauge\ndemo_items{kind=\"a<b\"} 1.5\n\
             demo_items{kind=\"say \\\"hi\\\"\",zone=\"é\"} NaN\ndemo_items{kind=\"big\"} 1e21\ndemo_items{kind=\"inf\"} +Inf\n",
        )
    })
    .unwrap()
}

#[test]
fn our_server_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let target = target();
    let (server, time) = started(dir.path(), &target);
    let url = format!("http://{}", server.address());
    let at = format!("--time={time}");
    let out = run(&["promtool", "query", "instant", &at, &url, "sum by (kind) (demo_items{kind=\"a<b\"})"], dir.path());
    let shown = format!("{{kind=\"a<b\"}} => 1.5 @[{time}]\n");
    assert_eq!((text(&out.stdout), text(&out.stderr), out.status.code()), (shown, String::new(), Some(0)));
    let out = run(&["promtool", "query", "instant", &url, "sum("], dir.path());
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).starts_with("query error: bad_data: "), "{}", text(&out.stderr));
    let out = run(&["promtool", "check", "ready", &format!("--url={url}")], dir.path());
    assert!(out.status.success(), "{}", text(&out.stderr));
}

#[test]
fn debians_promtool_prints_the_same() {
    let Some(debians) = peer("promtool") else { return };
    let dir = tempfile::tempdir().unwrap();
    let target = target();
    let (server, time) = started(dir.path(), &target);
    let url = format!("http://{}", server.address());
    let end: f64 = time.parse().unwrap();
    let (start, end, at) = (format!("--start={}", end - 2.0), format!("--end={end}"), format!("--time={time}"));
    let mut cases: Vec<Vec<&str>> = Vec::new();
    for expr in [
        "demo_items",
        "sum(demo_items{kind=\"a<b\"})",
        "count_over_time(demo_items[10s] @ end()) > 1000",
        "demo_items{kind=\"big\"}[1s]",
        "vector(1) / 3",
        "1e6",
        "sort_desc(demo_items)",
        "sum(",
        "nothing_here",
    ] {
        cases.push(vec!["instant", &at, &url, expr]);
        cases.push(vec!["instant", "--format=json", &at, &url, expr]);
    }
    for expr in ["demo_items", "demo_items * 2", "time()", "nothing_here"] {
        cases.push(vec!["range", &start, &end, "--step=500ms", &url, expr]);
        cases.push(vec!["range", "-o", "json", &start, &end, "--step=1s", &url, expr]);
    }
    for format in ["promql", "json"] {
        cases.push(vec!["series", "-o", format, "--match=demo_items", "--match=up", &url]);
        cases.push(vec!["series", "-o", format, "--match=nothing_here", &start, &end, &url]);
        cases.push(vec!["labels", "-o", format, &url, "kind"]);
        cases.push(vec!["labels", "-o", format, &start, &end, &url, "__name__"]);
        cases.push(vec!["labels", "-o", format, "--match=up", &url, "kind"]);
    }
    let told = |out: &Output| (out.status.code(), text(&out.stdout), text(&out.stderr));
    for case in &cases {
        let theirs = Command::new(&debians).arg("query").args(case).output().unwrap();
        let ours = run(&[&["promtool", "query"], &case[..]].concat(), dir.path());
        assert_eq!(told(&ours), told(&theirs), "{case:?}");
    }
}

#[test]
fn debug_information_is_packed() {
    let Some(tar) = firesteel_testkit::tool("tar") else { return };
    let dir = tempfile::tempdir().unwrap();
    let target = PageServer::start(|path| match path {
        "/metrics" => Page::metrics("up 1\n"),
        _ => Page { status: 404, ..Page::metrics("no") },
    })
    .unwrap();
    let address = format!("http://{}", target.address());
    let unpacked = |name: &str| {
        let out = Command::new(&tar).args(["-xzOf", "debug.tar.gz", name]).current_dir(dir.path()).output().unwrap();
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let ran = run(&["promtool", "debug", "metrics", &address], dir.path());
    let said = format!(
        "collecting: {address}/metrics\nCompiling debug information complete, all files written in \"debug.tar.gz\".\n"
    );
    assert_eq!((ran.status.code(), text(&ran.stdout), text(&ran.stderr)), (Some(0), said, String::new()));
    assert_eq!(unpacked("metrics.txt"), "up 1\n");
    fs::remove_file(dir.path().join("debug.tar.gz")).unwrap();
    // A server without profiles: all there is, and a word about what is not.
    let ran = run(&["promtool", "debug", "all", &address], dir.path());
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(text(&ran.stderr).contains("has no profiles"), "{}", text(&ran.stderr));
    assert_eq!(unpacked("metrics.txt"), "up 1\n");
    let ran = run(&["promtool", "debug", "pprof", &address], dir.path());
    assert_eq!(ran.status.code(), Some(1));
    assert!(text(&ran.stderr).starts_with("error completing debug command: "), "{}", text(&ran.stderr));
}
