//! Remote write and read between processes: what other programs push is stored, what is acknowledged survives a kill, and
//! another server reads it from here.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use firesteel_proto::{snappy, write_v1, write_v2};
use firesteel_testkit::{Page, PageServer, Server, peer};

const QUIET: &str = "global: {scrape_interval: 1h}\n";
const RECEIVE: &str = "--web.enable-remote-write-receiver";
const LIMIT: Duration = Duration::from_secs(30);

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Pushes a sample of each of `series` series; returns the status.
fn push(address: &str, second_version: bool, series: i64, t_ms: i64, v: f64) -> Result<u16, String> {
    let (message, kind) = if second_version {
        let mut encoder = write_v2::Encoder::default();
        for i in 0..series {
            let i = i.to_string();
            let refs = ["__name__", "pushed", "i", &i].map(|text| encoder.symbol(text));
            encoder.series(&refs, |out| write_v2::put_sample(out, t_ms, v, 0));
        }
        (encoder.finish(), "application/x-protobuf;proto=io.prometheus.write.v2.Request")
    } else {
        let mut out = Vec::new();
        for i in 0..series {
            write_v1::put_series(&mut out, |out| {
                write_v1::put_label(out, "__name__", "pushed");
                write_v1::put_label(out, "i", &i.to_string());
                write_v1::put_sample(out, t_ms, v);
            });
        }
        (out, "application/x-protobuf")
    };
    let mut packed = Vec::new();
    snappy::encode(&message, &mut packed).unwrap();
    let request = ureq::post(format!("http://{address}/api/v1/write")).header("content-type", kind);
    let answer = request.config().http_status_as_error(false).timeout_global(Some(LIMIT)).build().send(&packed[..]);
    answer.map(|answer| answer.status().as_u16()).map_err(|e| e.to_string())
}

/// Returns all samples of the series that were pushed: value by time in milliseconds, by series.
fn pushed(server: &Server) -> BTreeMap<String, BTreeMap<i64, String>> {
    let result = server.query("pushed[2h]").unwrap();
    let points = |series: &serde_json::Value| {
        let time = |t: &serde_json::Value| (t.as_f64().unwrap() * 1000.0).round() as i64;
        let values = series["values"].as_array().unwrap().iter();
        values.map(|point| (time(&point[0]), point[1].as_str().unwrap().to_owned())).collect()
    };
    result.as_array().unwrap().iter().map(|s| (s["metric"]["i"].to_string(), points(s))).collect()
}

#[test]
fn what_is_acknowledged_survives_kills() {
    const SERIES: i64 = 50;
    let dir = tempfile::tempdir().unwrap();
    let base = now_ms() - 30 * 60 * 1000;
    // The pushes that were answered with 204; the one that a kill interrupts may be there or not.
    let acknowledged = Mutex::new(Vec::new());
    let mut next = 0_i64;
    for kill in 0..12_u64 {
        let server = crate::server(dir.path(), &[RECEIVE], QUIET);
        if next > 0 {
            let all = pushed(&server);
            assert_eq!(all.len(), SERIES as usize, "after kill {kill}");
            for (series, points) in &all {
                for &round in acknowledged.lock().unwrap().iter() {
                    let value = points.get(&(base + round * 10));
                    assert_eq!(value, Some(&i64::to_string(&round)), "after kill {kill}: {series}, push {round}");
                }
            }
        }
        let address = server.address().to_owned();
        let first = next;
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut round = first;
                // Ends with the first push that nobody answers.
                while let Ok(status) = push(&address, round % 2 == 1, SERIES, base + round * 10, round as f64) {
                    assert_eq!(status, 204);
                    acknowledged.lock().unwrap().push(round);
                    round += 1;
                }
                round + 1
            });
            let moment = Instant::now() + Duration::from_millis(kill * 37 % 300);
            let enough = first + 3;
            while Instant::now() < moment || acknowledged.lock().unwrap().last() < Some(&enough) {
                std::thread::yield_now();
            }
            server.kill_9().unwrap();
            next = sender.join().unwrap();
        });
    }
    assert!(next > 36, "too little was pushed");
}

/// Blocks of ten seconds: the kills fall into cutting, truncating, checkpoints and compactions, of samples in order and late.
#[test]
fn what_is_acknowledged_survives_kills_while_blocks_are_made() {
    const SERIES: i64 = 20;
    const STEP_MS: i64 = 500;
    const LATE_MS: i64 = 60_000;
    let short = [
        RECEIVE,
        "--storage.tsdb.min-block-duration=10s",
        "--storage.tsdb.max-block-duration=90s",
        "--storage.tsdb.block-reload-interval=1s",
    ];
    let config = format!("{QUIET}storage: {{tsdb: {{out_of_order_time_window: 10m}}}}\n");
    let dir = tempfile::tempdir().unwrap();
    let base = now_ms() / 1000 * 1000 - 90 * 60 * 1000;
    // Times and values of the pushes that were answered with 204.
    let acknowledged = Mutex::new(BTreeMap::new());
    let mut next = 0_i64;
    let mut cut_under_way = 0;
    for kill in 0..12_u64 {
        let server = crate::server(dir.path(), &short, &config);
        if next > 0 {
            let all = pushed(&server);
            assert_eq!(all.len(), SERIES as usize, "after kill {kill}");
            for (series, points) in &all {
                for (t, round) in acknowledged.lock().unwrap().iter() {
                    assert_eq!(
                        points.get(t),
                        Some(&i64::to_string(round)),
                        "after kill {kill}: {series}, push {round}"
                    );
                }
            }
        }
        let address = server.address().to_owned();
        let (first, blocks_before) = (next, blocks_made(dir.path()));
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let mut round = first;
                loop {
                    // Every third comes late, between two that came in order.
                    let late = if round % 3 == 2 { LATE_MS + 7 } else { 0 };
                    let t = base + round * STEP_MS - late;
                    match push(&address, round % 2 == 1, SERIES, t, round as f64) {
                        Ok(status) => assert_eq!(status, 204, "push {round}"),
                        Err(_) => return round + 1,
                    }
                    acknowledged.lock().unwrap().insert(t, round);
                    round += 1;
                }
            });
            // Until blocks have come since the start, and then some moments more.
            let deadline = Instant::now() + LIMIT;
            while blocks_made(dir.path()) == blocks_before && Instant::now() < deadline && !sender.is_finished() {
                std::thread::yield_now();
            }
            let moment = Instant::now() + Duration::from_millis(kill * 37 % 200);
            while Instant::now() < moment {
                std::thread::yield_now();
            }
            cut_under_way += i32::from(blocks_made(dir.path()) != blocks_before);
            server.kill_9().unwrap();
            next = sender.join().unwrap();
        });
    }
    assert!(cut_under_way > 6, "too few blocks were made: {cut_under_way}");
}

/// Returns the names in a data directory that are blocks or are becoming some.
fn blocks_made(dir: &std::path::Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(dir.join("data")).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|e| e.file_name()).filter(|name| name.len() >= 26).collect();
    names.sort();
    names
}

/// A server that only scrapes and pushes.
fn page() -> PageServer {
    let body = "# TYPE requests counter\nrequests_total{path=\"/a b\",code=\"200\"} 12\nrequests_total{path=\"/\"} 1.5e3\n\
                # TYPE temperature gauge\ntemperature{room=\"x\\\"y\"} -3.25\nnothing NaN\nall +Inf\n";
    PageServer::start(move |_| Page::metrics(body.to_owned())).unwrap()
}

#[test]
fn prometheus_pushes_to_us() {
    let Some(program) = peer("prometheus") else { return };
    let dir = tempfile::tempdir().unwrap();
    let ours = crate::server(&dir.path().join("ours"), &[RECEIVE], QUIET);
    let target = page();
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: {{from: peer}}}}\nscrape_configs: \
         [{{job_name: t, static_configs: [{{targets: ['{}']}}]}}]\nremote_write: [{{url: 'http://{}/api/v1/write', \
         queue_config: {{batch_send_deadline: 100ms}}}}]\n",
        target.address(),
        ours.address()
    );
    let theirs = Server::start(&program, &[], &dir.path().join("theirs"), &config).unwrap();
    let five = r#"count_over_time(requests_total{code="200",from="peer"}[5m])"#;
    ours.wait_for("five samples of the target", LIMIT, |s| number(s, five) >= 5.0);
    for name in ["requests_total", "temperature", "up", "all", "nothing"] {
        let of = |server: &Server| {
            let result = server.query(&format!("{name}{{job=\"t\"}}")).unwrap();
            let series = result.as_array().unwrap().iter().map(|s| {
                let mut labels = s["metric"].clone();
                labels.as_object_mut().unwrap().remove("from");
                format!("{labels} {}", s["value"][1])
            });
            let mut series: Vec<String> = series.collect();
            series.sort();
            series
        };
        let (a, b) = (of(&ours), of(&theirs));
        assert!(!a.is_empty() && a == b, "{name}: {a:?} {b:?}");
    }
    let failed = number(&theirs, "vector(0)");
    assert_eq!(failed, 0.0);
    let (_, metrics) = theirs.get("/metrics").unwrap();
    let failures = metrics.lines().find(|l| l.starts_with("prometheus_remote_storage_samples_failed_total"));
    assert!(failures.is_some_and(|l| l.ends_with(" 0")), "{failures:?}");
}

fn number(server: &Server, expr: &str) -> f64 {
    let result = server.query(expr).ok();
    result.and_then(|r| r[0]["value"][1].as_str()?.parse().ok()).unwrap_or(0.0)
}

/// Kills its process when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn vmagent_pushes_to_us() {
    let Some(program) = peer("vmagent") else { return };
    let dir = tempfile::tempdir().unwrap();
    let ours = crate::server(&dir.path().join("ours"), &[RECEIVE], QUIET);
    let target = page();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: t, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    );
    std::fs::write(dir.path().join("scrape.yml"), config).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let agent = Command::new(program)
        .arg(format!("-promscrape.config={}", dir.path().join("scrape.yml").display()))
        .arg(format!("-remoteWrite.url=http://{}/api/v1/write", ours.address()))
        .arg(format!("-remoteWrite.tmpDataPath={}", dir.path().join("queue").display()))
        .arg("-remoteWrite.flushInterval=200ms")
        .arg(format!("-httpListenAddr={free}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _agent = Process(agent);
    ours.wait_for("three samples of the target", LIMIT, |s| {
        number(s, r#"count_over_time(requests_total{code="200",job="t"}[5m])"#) >= 3.0
    });
    assert_eq!(number(&ours, r#"temperature{room="x\"y"}"#), -3.25);
    assert_eq!(number(&ours, r#"requests_total{path="/",job="t"}"#), 1500.0);
}

#[test]
fn prometheus_reads_from_us() {
    let Some(program) = peer("prometheus") else { return };
    let dir = tempfile::tempdir().unwrap();
    let config = "global: {scrape_interval: 1h, external_labels: {region: eu}}\n";
    let ours = crate::server(&dir.path().join("ours"), &[RECEIVE], config);
    let base = now_ms() / 1000 * 1000 - 20 * 60 * 1000;
    for round in 0..200 {
        assert_eq!(push(ours.address(), round % 2 == 1, 7, base + round * 5000, (round * 31 % 17) as f64), Ok(204));
    }
    let config = format!("{QUIET}remote_read: [{{url: 'http://{}/api/v1/read', read_recent: true}}]\n", ours.address());
    let theirs = Server::start(&program, &[], &dir.path().join("theirs"), &config).unwrap();
    // Between two samples: 2.x counts a sample on the left edge of a range, 3.x does not.
    let at = format!("{}", (base + 180 * 5000) / 1000 + 2);
    let queries =
        ["sum(pushed)", "pushed{i=~\"[2-4]\"}[3m]", "sum by (i) (rate(pushed[5m]))", "count_over_time(pushed[1h])"];
    for query in queries {
        let ask = |server: &Server| {
            let answer = server.json("/api/v1/query", &[("query", query), ("time", &at)]).unwrap();
            assert_eq!(answer["status"], "success", "{answer}");
            let mut series: Vec<String> =
                answer["data"]["result"].as_array().unwrap().iter().map(ToString::to_string).collect();
            series.sort();
            series
        };
        let (here, there) = (ask(&ours), ask(&theirs));
        assert!(!here.is_empty());
        // The external label came along with what was read.
        let there: Vec<String> = there.iter().map(|s| s.replace(r#","region":"eu""#, "")).collect();
        assert_eq!(here, there, "{query}");
    }
    let with_label = theirs.json("/api/v1/query", &[("query", "count(pushed{region=\"eu\"})"), ("time", &at)]).unwrap();
    assert_eq!(with_label["data"]["result"][0]["value"][1], "7", "{with_label}");
}
