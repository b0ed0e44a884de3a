//! A target is scraped, stored, asked for over HTTP; the server is reloaded, killed, started again, stopped.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use firesteel_testkit::{FakeTarget, Page, PageServer, Server, exchange, write_answer};

use crate::{run, server, text};

const SOON: Duration = Duration::from_secs(60);

fn target() -> PageServer {
    PageServer::start(|_| {
        Page::metrics("# HELP demo_items How many.\n# TYPE demo_items gauge\ndemo_items{kind=\"a<b\"} 1.5\n")
    })
    .expect("a target")
}

fn config(job: &str, address: &str) -> String {
    format!(
        "global:\n  scrape_interval: 200ms\nscrape_configs:\n- job_name: {job}\n  static_configs:\n  - targets: ['{address}']\n"
    )
}

#[test]
fn scraped_stored_queried() {
    let dir = tempfile::tempdir().expect("temp dir");
    let target = target();
    let address = target.address();
    let server = server(dir.path(), &["--web.enable-lifecycle"], &config("demo", &address));
    let count = |expr: &str| server.query(expr).ok().and_then(|r| r.as_array().map(Vec::len)).unwrap_or(0);
    server.wait_for("the target is up", SOON, |_| count("up == 1") == 1 && count("demo_items") == 1);
    let item = &server.query("demo_items").expect("an answer")[0];
    assert_eq!(item["metric"]["kind"], "a<b");
    assert_eq!(item["metric"]["instance"], address.as_str());
    assert_eq!(item["value"][1], "1.5");
    let body = server.get("/api/v1/label/kind/values").expect("an answer").1;
    assert_eq!(body, r#"{"status":"success","data":["a\u003cb"]}"#);
    let targets = server.json("/api/v1/targets", &[("state", "active")]).expect("an answer");
    assert_eq!(targets["data"]["activeTargets"][0]["health"], "up");
    let about = server.json("/api/v1/metadata", &[("metric", "demo_items")]).expect("an answer");
    assert_eq!(about["data"]["demo_items"][0]["help"], "How many.");
    let range = server
        .json(
            "/api/v1/query_range",
            &[("query", "count_over_time(demo_items[1m])"), ("start", "0"), ("end", "1"), ("step", "1")],
        )
        .expect("an answer");
    assert_eq!(range["data"]["result"], serde_json::json!([]));
    assert_eq!(server.get("/-/healthy").expect("an answer"), (200, "Prometheus Server is Healthy.\n".to_owned()));
    let own = server.get("/metrics").expect("an answer").1;
    for name in [
        "prometheus_build_info{",
        "prometheus_ready 1",
        "prometheus_http_requests_total{",
        "process_start_time_seconds ",
    ] {
        assert!(own.contains(name), "{name} is missing:\n{own}");
    }
    assert!(dir.path().join("data/queries.active").is_file());

    // A broken file changes nothing; a good one does, by signal.
    server.write_config("scrape_config: []\n").expect("the file is writable");
    server.signal("HUP").expect("the process lives");
    server.wait_for("the reload is refused", SOON, |s| s.log().contains("Error loading config"));
    server.wait_for("old jobs go on", SOON, |_| count("up{job=\"demo\"} == 1") == 1);
    server.write_config(&config("renamed", &address)).expect("the file is writable");
    server.signal("HUP").expect("the process lives");
    server.wait_for("the new job is scraped", SOON, |_| count("up{job=\"renamed\"} == 1") == 1);

    assert!(server.stop().expect("it ends").success());
}

#[test]
fn a_refused_reload_says_so_everywhere() {
    let dir = tempfile::tempdir().expect("temp dir");
    let target = target();
    let server = server(dir.path(), &["--web.enable-lifecycle"], &config("demo", &target.address()));
    let has = |line: &str| server.get("/metrics").is_ok_and(|(_, page)| page.contains(line));
    let loaded = |yes: bool| {
        let info = server.json("/api/v1/status/runtimeinfo", &[]).expect("an answer");
        info["data"]["reloadConfigSuccess"] == serde_json::json!(yes)
    };
    assert!(has("prometheus_config_last_reload_successful 1\n") && loaded(true));
    let in_force = server.json("/api/v1/status/config", &[]).expect("an answer");

    server.write_config("global:\n  scarpe_interval: 15s\n").expect("the file is writable");
    let (status, reply) = server.post("/-/reload", &[], b"").expect("an answer");
    assert_eq!(status, 500);
    // Upstream's words, then ours.
    let lead = "failed to reload config: couldn't load configuration (--config.file=";
    assert!(reply.starts_with(lead), "{reply}");
    for part in [
        "yaml: unmarshal errors:\n  line 2: field scarpe_interval not found in type config.plain\n",
        "error[FS0102]: `scarpe_interval` is not a setting of `global`",
        ":2:3\n",
        "did you mean `scrape_interval`?",
        "error[FS0304]: The running configuration (loaded 20",
        "stays in force.",
    ] {
        assert!(reply.contains(part), "{part}: {reply}");
    }
    let log = server.log();
    assert!(log.contains("Error loading config") && log.contains("scarpe_interval not found"), "{log}");
    assert!(has("prometheus_config_last_reload_successful 0\n") && loaded(false));
    let info = server.json("/api/v1/status/runtimeinfo", &[]).expect("an answer");
    let why = info["data"]["reloadConfigError"].as_str().unwrap_or_default();
    assert!(why.contains("did you mean `scrape_interval`?"), "what the page shows: {info}");
    assert_eq!(server.json("/api/v1/status/config", &[]).expect("an answer"), in_force);

    server.write_config(&config("renamed", &target.address())).expect("the file is writable");
    assert_eq!(server.post("/-/reload", &[], b"").expect("an answer").0, 200);
    assert!(has("prometheus_config_last_reload_successful 1\n") && loaded(true));
    let info = server.json("/api/v1/status/runtimeinfo", &[]).expect("an answer");
    assert_eq!(info["data"].get("reloadConfigError"), None);
    assert!(server.stop().expect("it ends").success());
}

#[test]
fn queries_that_are_hardly_meant_are_told_with_this_servers_numbers() {
    let dir = tempfile::tempdir().expect("temp dir");
    let target =
        PageServer::start(|_| Page::metrics("# TYPE http_requests counter\nhttp_requests 1\n")).expect("a target");
    let server = server(dir.path(), &[], &config("demo", &target.address()));
    let enough = |s: &firesteel_testkit::Server| {
        s.query("count_over_time(http_requests[1h])").ok().and_then(|r| r[0]["value"][1].as_str()?.parse::<u32>().ok())
    };
    server.wait_for("some samples", Duration::from_secs(60), |s| enough(s).is_some_and(|n| n >= 5));

    let refused = server.json("/api/v1/query", &[("query", "{job=~\".*\"}")]).expect("an answer");
    let message = refused["detail"]["message"].as_str().unwrap_or_default();
    let count = message.split("(here: ").nth(1).and_then(|rest| rest.split(')').next()?.parse::<u32>().ok());
    assert!(count.is_some_and(|n| n >= 6), "the page and its reports: {refused}");
    assert_eq!(refused["detail"]["fix"], "{job=~\".+\"}");

    let reason = |query: &str| {
        let answer = server.json("/api/v1/query", &[("query", query), ("explain", "empty")]).expect("an answer");
        assert_eq!(answer["data"]["result"], serde_json::json!([]), "{query}: {answer}");
        answer["data"]["explain"]["empty"][0].clone()
    };
    let minus = reason("http-requests");
    assert_eq!(minus["message"], "this was read as http minus requests; there is a metric `http_requests`", "{minus}");
    assert_eq!(minus["fix"], "http_requests");
    // A window without a unit is one of seconds: here it is shorter than two scrapes are apart.
    let newest = server.query("timestamp(http_requests)").expect("an answer")[0]["value"][1].clone();
    let at = newest.as_str().and_then(|t| t.parse::<f64>().ok()).expect("a time");
    let asked = [("query", "rate(http_requests[0.1])"), ("time", &format!("{at:.3}")), ("explain", "empty")];
    let answer = server.json("/api/v1/query", &asked).expect("an answer");
    let said = answer["data"]["explain"]["empty"][0]["message"].as_str().unwrap_or_default();
    assert!(said.contains("a window of 100ms holds at most 1 sample"), "{answer}");
    assert!(server.stop().expect("it ends").success());
}

#[test]
fn what_was_answered_survives_a_kill() {
    let dir = tempfile::tempdir().expect("temp dir");
    let target = target();
    let config = config("demo", &target.address());
    let first = server(dir.path(), &[], &config);
    let newest = |s: &firesteel_testkit::Server| {
        let found = s.query("timestamp(demo_items)").ok()?;
        found[0]["value"][1].as_str()?.parse::<f64>().ok()
    };
    first.wait_for("a sample", SOON, |s| newest(s).is_some());
    let seen = newest(&first).expect("it was there");
    first.kill_9().expect("it ends");
    let again = server(dir.path(), &[], &config);
    let at = format!("{seen:.3}");
    let answer = again.json("/api/v1/query", &[("query", "demo_items"), ("time", &at)]).expect("an answer");
    assert_eq!(answer["data"]["result"][0]["value"][1], "1.5", "{answer}");
    assert!(again.stop().expect("it ends").success());
}

#[test]
fn retention_of_flags_and_file_is_shown() {
    let dir = tempfile::tempdir().expect("temp dir");
    let by_default = server(dir.path(), &["--web.enable-lifecycle", "--enable-feature=extra-scrape-metrics"], "");
    let shown = |s: &firesteel_testkit::Server| {
        let config =
            s.json("/api/v1/status/config", &[]).expect("an answer")["data"]["yaml"].as_str().map(str::to_owned);
        let info = s.json("/api/v1/status/runtimeinfo", &[]).expect("an answer");
        (config.expect("a text"), info["data"]["storageRetention"].as_str().expect("a text").to_owned())
    };
    let (config, retention) = shown(&by_default);
    assert!(
        config.contains("    retention:\n      time: 15d\n") && config.contains("extra_scrape_metrics: true"),
        "{config}"
    );
    assert_eq!(retention, "15d");
    by_default.write_config("storage:\n  tsdb:\n    retention:\n      time: 3d\n").expect("the file is writable");
    by_default.signal("HUP").expect("the process lives");
    by_default.wait_for("the new retention", SOON, |s| shown(s).1 == "3d");
    let pretty = by_default.json("/api/v1/format_query", &[("query", "sum(up)by(job)")]).expect("an answer");
    assert_eq!(pretty["data"], "sum by (job) (up)");
    assert!(by_default.stop().expect("it ends").success());
}

#[test]
fn lifecycle_endpoints_are_off_by_default() {
    let dir = tempfile::tempdir().expect("temp dir");
    let server = server(dir.path(), &[], "");
    assert_eq!(server.get("/-/reload").expect("an answer"), (405, "Only POST or PUT requests allowed".to_owned()));
    assert_eq!(server.get("/api/v1/nothing").expect("an answer").0, 404);
    assert!(server.stop().expect("it ends").success());
}

#[test]
fn rules_are_evaluated_and_their_alerts_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    let alertmanager = FakeTarget::start(move |request, out| {
        // The test has seen enough when it hangs up.
        let _ =
            sender.send((request.path.clone(), serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()));
        write_answer(out, "200 OK", &[], b"")
    });
    let alertmanager = alertmanager.unwrap();
    let rules = |expr: &str| {
        let text = format!(
            "groups:\n- name: g\n  interval: 100ms\n  rules:\n  - {{record: r, expr: '{expr}'}}\n  \
             - {{alert: A, expr: 'r > 1', labels: {{severity: page}}, annotations: {{summary: 'r is {{{{ $value }}}}'}}}}\n"
        );
        std::fs::write(dir.path().join("rules.yml"), text).unwrap();
    };
    rules("vector(2)");
    let config = format!(
        "rule_files: [rules.yml]\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}\n",
        alertmanager.address()
    );
    let server = server(dir.path(), &["--web.enable-lifecycle", "--web.external-url=http://here/"], &config);
    let (path, alerts) = told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(path, "/api/v2/alerts");
    assert_eq!(alerts[0]["labels"], serde_json::json!({"alertname": "A", "severity": "page"}));
    assert_eq!(alerts[0]["annotations"], serde_json::json!({"summary": "r is 2"}));
    assert_eq!(alerts[0]["generatorURL"], "http://here/graph?g0.expr=r+%3E+1&g0.tab=1");
    // What rules tell of themselves, as upstream names it.
    let (_, page) = server.get("/metrics").unwrap();
    for name in [
        "evaluation_duration_seconds",
        "evaluation_duration_histogram_seconds",
        "group_duration_seconds",
        "group_duration_histogram_seconds",
        "evaluations_total",
        "evaluation_failures_total",
        "group_iterations_total",
        "group_iterations_missed_total",
        "group_interval_seconds",
        "group_last_evaluation_timestamp_seconds",
        "group_last_duration_seconds",
        "group_last_rule_duration_sum_seconds",
        "group_last_restore_duration_seconds",
        "group_rules",
        "group_last_evaluation_samples",
    ] {
        assert!(page.contains(&format!("# TYPE prometheus_rule_{name} ")), "{name} is missing: {page}");
    }
    let of_group =
        format!("prometheus_rule_group_rules{{rule_group=\"{};g\"}} 2\n", dir.path().join("rules.yml").display());
    assert!(page.contains(&of_group), "{page}");
    // A file that is refused leaves the rules of before in force.
    rules("vector(");
    let refused = exchange(server.address(), "POST", "/-/reload", &[], None).unwrap();
    assert_eq!(refused.status, 500);
    assert!(server.log().contains("unclosed left parenthesis"), "{}", server.log());
    let (_, page) = server.get("/api/v1/rules").unwrap();
    assert!(page.contains("vector(2)"), "{page}");
    // A new one is in force at once, and the alert that it ends is told of.
    rules("vector(0)");
    assert_eq!(exchange(server.address(), "POST", "/-/reload", &[], None).unwrap().status, 200);
    let began = alerts[0]["startsAt"].clone();
    let resolved = |alerts: &serde_json::Value| {
        alerts[0]["startsAt"] == began && alerts[0]["endsAt"].as_str().unwrap() < now_text(&server).as_str()
    };
    while !resolved(&told.recv_timeout(Duration::from_secs(60)).unwrap().1) {}
    assert!(server.stop().unwrap().success());
}

/// The server's time, as notifications have it.
fn now_text(server: &Server) -> String {
    let secs = server.query("time() + 1").unwrap()[1].as_str().unwrap().parse::<f64>().unwrap();
    firesteel_go_compat::Instant::from_unix_ns((secs * 1e9) as i64).to_rfc3339_nano()
}

#[test]
fn jobs_of_other_files_are_scraped_and_their_faults_stop_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let target = PageServer::start(|_| Page::metrics("fine 1\n")).unwrap();
    let more = format!("scrape_configs:\n- job_name: more\n  static_configs:\n  - targets: ['{}']\n", target.address());
    std::fs::write(dir.path().join("more.yml"), more).unwrap();
    let server = server(dir.path(), &[], "global: {scrape_interval: 100ms}\nscrape_config_files: ['more*.yml']\n");
    server.wait_for("the job of the other file", Duration::from_secs(10), |s| {
        s.query("fine{job=\"more\"}").is_ok_and(|r| r[0]["value"][1] == "1")
    });
    drop(server);
    std::fs::write(dir.path().join("more2.yml"), "scrape_configs:\n- job_nam: x\n").unwrap();
    let out = run(&["--config.file=prometheus.yml", "--web.listen-address=127.0.0.1:0"], dir.path());
    let said = text(&out.stderr);
    assert!(out.status.code() == Some(2) && said.contains("more2.yml:2:3") && said.contains("`job_name`"), "{said}");
}

#[test]
fn lifecycle_endpoints_reload_and_end_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let target = target();
    let server = server(dir.path(), &["--web.enable-lifecycle"], "");
    let call = |method: &str, path: &str| {
        let answer = exchange(server.address(), method, path, &[], None).unwrap();
        (answer.status, text(&answer.body))
    };
    server.write_config("scrape_config: []\n").unwrap();
    let (status, said) = call("POST", "/-/reload");
    assert_eq!(status, 500, "{said}");
    assert!(said.starts_with("failed to reload config: "), "{said}");
    let info = server.json("/api/v1/status/runtimeinfo", &[]).unwrap();
    assert_eq!(info["data"]["reloadConfigSuccess"], false);
    server.write_config(&config("by-put", &target.address())).unwrap();
    assert_eq!(call("PUT", "/-/reload"), (200, String::new()));
    let info = server.json("/api/v1/status/runtimeinfo", &[]).unwrap();
    assert_eq!(info["data"]["reloadConfigSuccess"], true);
    server.wait_for("the new job", SOON, |s| s.query("up{job=\"by-put\"} == 1").is_ok_and(|r| r[0].is_object()));
    assert_eq!(call("PUT", "/-/quit"), (200, "Requesting termination... Goodbye!".to_owned()));
    // It may have ended by itself before this asks for it.
    assert!(server.stop().unwrap().success());
}

#[test]
fn reports_of_a_scrape_have_their_values() {
    let dir = tempfile::tempdir().unwrap();
    let page = "a 1\nb{x=\"1\"} 2\nb{x=\"2\"} 3\ndropped 4\n";
    let target = PageServer::start(move |_| Page::metrics(page)).unwrap();
    let config = format!(
        "global: {{scrape_interval: 300ms, scrape_timeout: 250ms}}\nscrape_configs:\n- job_name: demo\n  \
         sample_limit: 100\n  static_configs: [{{targets: ['{}']}}]\n  metric_relabel_configs:\n  \
         - {{source_labels: [__name__], regex: dropped, action: drop}}\n",
        target.address()
    );
    let server = server(dir.path(), &["--enable-feature=extra-scrape-metrics"], &config);
    let value = |expr: &str| -> Option<f64> { server.query(expr).ok()?[0]["value"][1].as_str()?.parse().ok() };
    server.wait_for("three scrapes", SOON, |_| value("count_over_time(up[1m])").is_some_and(|n| n >= 3.0));
    for (expr, want) in [
        ("up", 1.0),
        ("scrape_samples_scraped", 4.0),
        ("scrape_samples_post_metric_relabeling", 3.0),
        ("max_over_time(scrape_series_added[1m])", 3.0),
        ("scrape_series_added", 0.0),
        ("scrape_timeout_seconds", 0.25),
        ("scrape_sample_limit", 100.0),
        ("scrape_body_size_bytes", page.len() as f64),
    ] {
        assert_eq!(value(expr), Some(want), "{expr}");
    }
    let took = value("scrape_duration_seconds").unwrap();
    assert!(took > 0.0 && took < 0.25, "{took}");
}

#[test]
fn bad_targets_disturb_nobody_and_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let plain = ("Content-Type", "text/plain");
    let bad = FakeTarget::start(move |request, out| match request.path.as_str() {
        "/endless" => {
            out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")?;
            let piece = vec![b'x'; 1 << 16];
            loop {
                out.write_all(&piece)?;
            }
        }
        "/long" => write_answer(out, "200 OK", &[plain], &vec![b'x'; 10 << 20]),
        "/loop" => write_answer(out, "302 Found", &[("Location", "/loop")], b""),
        "/twice" => write_answer(out, "200 OK", &[plain], b"a 1\nb x\n"),
        "/latin1" => write_answer(out, "200 OK", &[plain], b"a{b=\"\xe9\"} 1\n"),
        "/broken" => write_answer(out, "500 Internal Server Error", &[], b""),
        "/html" => write_answer(out, "200 OK", &[("Content-Type", "text/html")], b"<html>"),
        // Says nothing until the other side gives up.
        _ => out.read(&mut [0]).map(|_| ()),
    })
    .unwrap();
    let good = PageServer::start(|_| Page::metrics("fine 1\n")).unwrap();
    // Time enough for what is slow on a busy machine; the silent one is given up sooner.
    let mut config = format!(
        "global: {{scrape_interval: 5s, scrape_timeout: 5s}}\nscrape_configs:\n- job_name: good\n  \
         scrape_interval: 1s\n  scrape_timeout: 1s\n  static_configs: [{{targets: ['{}']}}]\n",
        good.address()
    );
    let cases = [
        ("endless", "body size limit exceeded"),
        ("long", ""),
        ("loop", "stopped after 10 redirects"),
        ("twice", "\"x\""),
        ("latin1", "UTF-8"),
        ("broken", "server returned HTTP status 500 Internal Server Error"),
        ("html", "received unsupported Content-Type \"text/html\""),
        ("silent", "context deadline exceeded"),
    ];
    for (job, _) in cases {
        let times = if job == "silent" { "scrape_interval: 1s\n  scrape_timeout: 1s" } else { "honor_labels: false" };
        config += &format!(
            "- job_name: {job}\n  metrics_path: /{job}\n  body_size_limit: 32MB\n  {times}\n  \
             static_configs: [{{targets: ['{}']}}]\n",
            bad.address()
        );
    }
    let server = server(dir.path(), &[], &config);
    let value = |expr: &str| -> Option<f64> { server.query(expr).ok()?[0]["value"][1].as_str()?.parse().ok() };
    server.wait_for("all bad targets are known to be bad", SOON, |_| value("count(up == 0)") == Some(8.0));
    let before = value("count_over_time(fine[1h])").unwrap_or(0.0);
    server.wait_for("the good one goes on", SOON, |_| {
        value("count_over_time(fine[1h])").is_some_and(|n| n >= before + 3.0)
    });
    let as_said = |server: &Server| {
        let said = server.json("/api/v1/targets", &[("state", "active")]).unwrap();
        let targets = said["data"]["activeTargets"].as_array().unwrap().clone();
        let target = |job: &str| targets.iter().find(|t| t["scrapePool"] == job).unwrap();
        let all_bad = cases.iter().all(|(job, part)| {
            let error = target(job)["lastError"].as_str().unwrap();
            target(job)["health"] == "down" && !error.is_empty() && error.contains(part)
        });
        all_bad && target("good")["health"] == "up" && target("good")["lastError"] == ""
    };
    server.wait_for("each says what is wrong", SOON, as_said);
}
