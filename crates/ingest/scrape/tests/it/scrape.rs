//! The manager against targets that behave, misbehave, and go away.
//!
//! Nothing here fails because the machine is busy: a test that needs one scrape gives it a minute, one that needs
//! several accepts that any of them is lost.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use firesteel_base::{Clock as _, SystemClock};
use firesteel_client::Registry;
use firesteel_config::{ByteSize, Decode as _, LabelSet, RelabelAction, RelabelConfig, ScrapeConfig, TargetGroup};
use firesteel_model::Labels;
use firesteel_scrape::{Health, LastScrape, ScrapeManager, ScrapeOptions};
use firesteel_testkit::{FakeTarget, TargetRequest, write_answer};

use crate::recorder::Recorder;

const TEXT: (&str, &str) = ("Content-Type", "text/plain; version=0.0.4");

/// A job whose target is scraped once, as soon as it is known.
fn job(address: &str) -> ScrapeConfig {
    let mut config = ScrapeConfig {
        job_name: "job1".into(),
        scrape_interval: Duration::from_secs(3600),
        scrape_timeout: Duration::from_secs(60),
        metric_name_escaping_scheme: "allow-utf-8".into(),
        ..ScrapeConfig::fresh()
    };
    config.http.follow_redirects = true;
    config.discovery.static_configs =
        vec![TargetGroup { targets: vec![address.to_owned()], labels: LabelSet::default() }];
    config
}

/// A job whose target is scraped again and again. The timeout cannot be longer than the interval, so that a busy
/// machine may lose any of the scrapes.
fn repeated_job(address: &str) -> ScrapeConfig {
    let second = Duration::from_secs(1);
    ScrapeConfig { scrape_interval: second, scrape_timeout: second, ..job(address) }
}

struct Run {
    store: Arc<Recorder>,
    registry: Registry,
    manager: ScrapeManager,
}

impl Run {
    fn new() -> Self {
        let options = ScrapeOptions {
            scrape_at_once: true,
            discovery_reload_interval: Duration::from_millis(50),
            ..ScrapeOptions::default()
        };
        let (store, registry) = (Arc::new(Recorder::default()), Registry::new());
        let manager = ScrapeManager::new(options, Arc::clone(&store) as _, &registry).expect("threads");
        Self { store, registry, manager }
    }

    async fn apply(&self, jobs: Vec<ScrapeConfig>) {
        self.manager.apply_jobs(jobs.into_iter().map(Arc::new).collect(), &Labels::empty()).await.expect("good jobs");
    }

    fn last(&self) -> Option<LastScrape> {
        Some(self.manager.targets().first()?.active.first()?.0.last_scrape())
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn answering(
    answer: impl Fn(&TargetRequest, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> FakeTarget {
    FakeTarget::start(answer).expect("a free port")
}

/// Says nothing until the scrape gives up.
fn hang(out: &mut TcpStream) {
    let _gone = std::io::Read::read(out, &mut [0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_target_is_up() {
    let target = answering(|request, out| {
        assert_eq!(request.path, "/metrics");
        assert_eq!(request.header("user-agent"), "Prometheus/3.14.0");
        assert_eq!(request.header("accept-encoding"), "gzip");
        assert_eq!(request.header("x-prometheus-scrape-timeout-seconds"), "60.5");
        assert!(
            request
                .header("accept")
                .starts_with("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,")
        );
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"# TYPE a counter\na 1\nb{x=\"y\"} 2\n")?;
        write_answer(out, "200 OK", &[TEXT, ("Content-Encoding", "gzip")], &packed.finish()?)
    });
    let run = Run::new();
    run.apply(vec![ScrapeConfig { scrape_timeout: Duration::from_millis(60_500), ..job(&target.address()) }]).await;
    until("a scrape", || !run.store.values("up").is_empty()).await;
    run.manager.stop().await;
    assert_eq!(run.store.values("up"), ["1"]);
    assert_eq!(run.store.values("scrape_samples_scraped"), ["2"]);
    assert_eq!(run.store.values("scrape_series_added"), ["2"]);
    assert_eq!(run.store.values("a"), ["1"]);
    assert_eq!(run.store.created(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_scrapes_find_their_series() {
    let target = answering(|_, out| write_answer(out, "200 OK", &[TEXT], b"a 1\nb{x=\"y\"} 2\n"));
    let run = Run::new();
    run.apply(vec![repeated_job(&target.address())]).await;
    until("three scrapes in a row", || run.store.values("up").ends_with(&["1", "1", "1"].map(str::to_owned))).await;
    run.manager.stop().await;
    let (up, added) = (run.store.values("up"), run.store.values("scrape_series_added"));
    assert_eq!(up.len(), added.len());
    let first = up.iter().position(|v| v == "1").expect("three");
    assert_eq!(added[first], "2", "{up:?} {added:?}");
    for at in first + 1..up.len() {
        if up[at - 1] == "1" && up[at] == "1" {
            assert_eq!(added[at], "0", "{up:?} {added:?}");
        }
    }
    assert_eq!(run.store.created(), 7);
}

/// What the target does, and the error it gets.
async fn check_down(
    what: &str,
    want: &str,
    config: impl Fn(ScrapeConfig) -> ScrapeConfig,
    answer: impl Fn(&TargetRequest, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) {
    let target = answering(answer);
    let run = Run::new();
    run.apply(vec![config(job(&target.address()))]).await;
    until(what, || run.last().is_some_and(|l| l.health != Health::Unknown)).await;
    let last = run.last().expect("a scrape");
    run.manager.stop().await;
    assert_eq!(last.health, Health::Down, "{what}");
    assert_eq!(last.error.replace(&target.address(), "HOST"), want, "{what}");
    assert_eq!(run.store.values("up")[0], "0", "{what}");
    assert_eq!(run.store.values("a"), [""; 0], "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_targets_are_down_and_say_why() {
    let same = |config| config;
    check_down("status", "server returned HTTP status 500 Internal Server Error", same, |_, out| {
        write_answer(out, "500 Internal Server Error", &[TEXT], b"a 1\n")
    })
    .await;
    check_down("not found", "server returned HTTP status 404 Not Found", same, |_, out| {
        write_answer(out, "404 Not Found", &[], b"")
    })
    .await;
    check_down("redirect loop", "Get \"http://HOST/metrics\": stopped after 10 redirects", same, |_, out| {
        write_answer(out, "302 Found", &[("Location", "/metrics")], b"")
    })
    .await;
    check_down(
        "redirect not followed",
        "server returned HTTP status 302 Found",
        |mut config| {
            config.http.follow_redirects = false;
            config
        },
        |_, out| write_answer(out, "302 Found", &[("Location", "/metrics")], b""),
    )
    .await;
    check_down(
        "html by type",
        "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target",
        same,
        |_, out| write_answer(out, "200 OK", &[("Content-Type", "text/html")], b"<html>"),
    )
    .await;
    check_down(
        "no type",
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target",
        same,
        |_, out| write_answer(out, "200 OK", &[], b"a 1\n"),
    )
    .await;
    check_down(
        "html as text",
        "expected a valid start token, got \"<\" (\"INVALID\") while parsing: \"<\" (line 2 of the page, which is HTML \
         or XML and not metrics: check the target's address and metrics_path)",
        same,
        |_, out| write_answer(out, "200 OK", &[TEXT], b"\n<html></html>\n"),
    )
    .await;
    let impatient = |config| ScrapeConfig { scrape_timeout: Duration::from_millis(100), ..config };
    check_down("silence", "Get \"http://HOST/metrics\": context deadline exceeded", impatient, |_, out| {
        hang(out);
        Ok(())
    })
    .await;
    check_down("hang up", "Get \"http://HOST/metrics\": EOF", same, |_, _| Err(std::io::ErrorKind::Other.into())).await;
    check_down("cut short", "unexpected EOF", same, |_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\na 1\n")?;
        Err(std::io::ErrorKind::Other.into())
    })
    .await;
    let limited = |mut config: ScrapeConfig| {
        config.body_size_limit = ByteSize(1 << 20);
        config
    };
    check_down("endless", "body size limit exceeded", limited, |_, out| {
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")?;
        let chunk = vec![b'x'; 65536];
        loop {
            out.write_all(&chunk)?;
        }
    })
    .await;
    check_down("gzip bomb", "body size limit exceeded", limited, |_, out| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&vec![b'a'; 4 << 20])?;
        write_answer(out, "200 OK", &[TEXT, ("Content-Encoding", "gzip")], &packed.finish()?)
    })
    .await;
    check_down("no gzip", "gzip: invalid header", same, |_, out| {
        write_answer(out, "200 OK", &[TEXT, ("Content-Encoding", "gzip")], b"a 1\n")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_port_refuses() {
    // It stays bound, so that no other test gets the port, but does not listen.
    let closed = tokio::net::TcpSocket::new_v4().expect("a socket");
    closed.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = closed.local_addr().expect("bound").to_string();
    let run = Run::new();
    run.apply(vec![job(&address)]).await;
    until("a scrape", || run.last().is_some_and(|l| l.health == Health::Down)).await;
    let error = run.last().expect("a scrape").error;
    assert_eq!(error, format!("Get \"http://{address}/metrics\": dial tcp {address}: connect: connection refused"));
    run.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_and_departures_leave_markers() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let target = answering(move |_, out| {
        let status = if failing.load(Ordering::SeqCst) { "500 Internal Server Error" } else { "200 OK" };
        write_answer(out, status, &[TEXT], b"a 1\n")
    });
    let run = Run::new();
    let last_is = |metric: &str, value: &str| run.store.values(metric).last().is_some_and(|v| v == value);
    run.apply(vec![repeated_job(&target.address())]).await;
    until("a sample", || last_is("a", "1")).await;
    fails.store(true, Ordering::SeqCst);
    until("two failures", || run.store.values("up").ends_with(&["0", "0"].map(str::to_owned))).await;
    assert!(last_is("a", "stale"), "{:?}", run.store.values("a"));
    fails.store(false, Ordering::SeqCst);
    until("another sample", || last_is("a", "1")).await;
    run.apply(vec![]).await;
    assert!(run.manager.pools().is_empty());
    let scrapes_by_then = run.store.values("up").len();
    until("markers", || last_is("up", "stale")).await;
    assert!(last_is("a", "stale"), "{:?}", run.store.values("a"));
    assert_eq!(run.store.values("up").len(), scrapes_by_then + 1, "a target that is gone is left alone");
    run.manager.stop().await;
    let a = run.store.values("a");
    assert!(a.windows(2).all(|pair| pair != ["stale", "stale"]), "a series ends once: {a:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_restarts_only_what_changed() {
    let target = answering(|_, out| write_answer(out, "200 OK", &[TEXT], b"a 1\nb 1\n"));
    let run = Run::new();
    let one = job(&target.address());
    run.apply(vec![one.clone()]).await;
    until("a scrape", || !run.store.values("a").is_empty()).await;
    let before = Arc::as_ptr(&run.manager.targets()[0].active[0].0);
    run.apply(vec![one.clone()]).await;
    assert_eq!(Arc::as_ptr(&run.manager.targets()[0].active[0].0), before, "nothing changed");
    // A marker at the very time of the sample would be refused, and nothing scrapes again.
    let scraped = run.last().and_then(|l| l.at).expect("a scrape");
    until("another millisecond", || SystemClock.now() > scraped).await;
    let limited = ScrapeConfig { sample_limit: 1, ..one };
    run.apply(vec![limited]).await;
    until("the limit", || run.last().is_some_and(|l| l.error == "sample limit exceeded")).await;
    until("a marker", || run.store.values("a") == ["1", "stale"]).await;
    run.manager.stop().await;
    let gathered = run.registry.gather();
    assert!(gathered.iter().any(|f| f.name == "prometheus_target_scrapes_exceeded_sample_limit_total"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_targets_are_all_down() {
    let target = answering(|_, out| write_answer(out, "200 OK", &[TEXT], b"a 1\n"));
    let mut config = job(&target.address());
    config.target_limit = 1;
    config.discovery.static_configs[0].targets.push("127.0.0.1:1".into());
    let run = Run::new();
    run.apply(vec![config]).await;
    until("a scrape", || run.last().is_some_and(|l| l.health == Health::Down)).await;
    assert_eq!(run.last().expect("a scrape").error, "target_limit exceeded (number of targets: 2, limit: 1)");
    run.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_logged_and_each_reload_opens_the_file_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, turned) = (dir.path().join("fail.log"), dir.path().join("fail.log.1"));
    let bad = answering(|_, out| write_answer(out, "404 Not Found", &[TEXT], b""));
    let unreadable = answering(|_, out| write_answer(out, "200 OK", &[TEXT], b"{"));
    let logged = |config: ScrapeConfig| ScrapeConfig {
        scrape_failure_log_file: firesteel_config::FilePath::new(log.to_string_lossy()),
        ..config
    };
    let jobs = vec![logged(repeated_job(&bad.address()))];
    let run = Run::new();
    run.apply(jobs.clone()).await;
    let lines = |path: &std::path::Path| std::fs::read_to_string(path).unwrap_or_default();
    let rest = format!(
        "\"level\":\"ERROR\",\"source\":\"scrape_loop.rs\",\"msg\":\"server returned HTTP status 404 Not Found\",\
         \"job_name\":\"job1\",\"target\":\"http://{}/metrics\"}}",
        bad.address()
    );
    until("its line", || lines(&log).lines().any(|l| l.starts_with("{\"time\":\"2") && l.ends_with(&rest))).await;
    // It is moved away, and the same configuration comes again.
    std::fs::rename(&log, &turned).expect("rename");
    run.apply(jobs).await;
    until("a line in the new file", || !lines(&log).is_empty()).await;
    // A file that cannot be opened refuses the configuration, and the one before goes on.
    let useless = ScrapeConfig {
        scrape_failure_log_file: firesteel_config::FilePath::new("/nowhere/fail.log"),
        ..repeated_job(&bad.address())
    };
    let refused = run.manager.apply_jobs(vec![Arc::new(useless)], &Labels::empty()).await.expect_err("no such folder");
    assert_eq!(refused.to_string(), "can't create json log file: open /nowhere/fail.log: no such file or directory");
    let before = lines(&log).len();
    until("another line", || lines(&log).len() > before).await;
    // A page that cannot be read is a failed scrape, but not one of this log.
    run.apply(vec![logged(job(&unreadable.address()))]).await;
    until("a failed parse", || run.last().is_some_and(|l| l.error.contains("expected label name"))).await;
    run.manager.stop().await;
    assert!(!lines(&log).contains(&unreadable.address()), "{}", lines(&log));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_waits_for_all_hanging_targets_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let target = answering(move |_, out| {
        count.fetch_add(1, Ordering::SeqCst);
        hang(out);
        Ok(())
    });
    let mut config = job(&target.address());
    config.scrape_timeout = Duration::from_secs(4);
    config.discovery.static_configs = (0..30)
        .map(|n| TargetGroup {
            targets: vec![target.address()],
            labels: LabelSet([("n".to_owned(), n.to_string())].into_iter().collect()),
        })
        .collect();
    let run = Run::new();
    run.apply(vec![config.clone()]).await;
    // On a busy machine some may have given up before.
    let gave_up = || {
        let pools = run.manager.targets();
        pools[0].active.iter().filter(|(target, _)| target.last_scrape().health == Health::Down).count()
    };
    until("all were asked", || asked.load(Ordering::SeqCst) + gave_up() >= 30).await;
    config.sample_limit = 9;
    let waiting = tokio::time::timeout(Duration::from_secs(60), run.apply(vec![config])).await;
    assert!(waiting.is_ok(), "one after the other they would take two minutes");
    run.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_targets_are_followed() {
    let target = answering(|_, out| write_answer(out, "200 OK", &[TEXT], b"a 1\n"));
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("t.yml");
    let mut config = job(&target.address());
    config.discovery.static_configs.clear();
    config.discovery.file_sd_configs = vec![firesteel_config::sd::FileSd {
        files: vec![firesteel_config::FilePath::new(dir.path().join("*.yml").to_string_lossy())],
        refresh_interval: Duration::from_millis(200),
    }];
    let run = Run::new();
    run.apply(vec![config]).await;
    let labels = |run: &Run| -> Vec<String> {
        let pools = run.manager.targets();
        pools[0].active.iter().map(|(t, _)| t.public_labels().value("env").to_owned()).collect()
    };
    assert!(labels(&run).is_empty());
    // Renamed into place: a file caught between truncation and writing is a good file without targets.
    let put = |text: String| {
        std::fs::write(dir.path().join("new"), text).expect("write");
        std::fs::rename(dir.path().join("new"), &file).expect("rename");
    };
    put(format!("- targets: ['{}']\n  labels: {{env: one}}\n", target.address()));
    until("the file", || labels(&run) == ["one"]).await;
    let discovered = run.manager.targets()[0].active[0].1.clone();
    assert_eq!(discovered.get("__meta_filepath"), file.to_str());
    let read_errors = || {
        let families = run.registry.gather();
        let family = families.iter().find(|f| f.name == "prometheus_sd_file_read_errors_total").expect("registered");
        format!("{:?}", family.metrics[0].value)
    };
    let none = read_errors();
    put("- targets: [\n".to_owned());
    until("a read error", || read_errors() != none).await;
    assert_eq!(labels(&run), ["one"], "a bad file keeps its targets");
    put(format!("[{{\"targets\": [\"{}\"], \"labels\": {{\"env\": \"two\"}}}}]", target.address()));
    until("the new file", || labels(&run) == ["two"]).await;
    std::fs::remove_file(&file).expect("remove");
    until("no file", || labels(&run).is_empty()).await;
    run.manager.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_dropped_targets_are_kept() {
    let mut config = job("127.0.0.1:1");
    config.discovery.static_configs[0].targets = (0..5).map(|n| format!("h{n}:1")).collect();
    config.relabel_configs = vec![RelabelConfig { action: RelabelAction::Drop, ..RelabelConfig::fresh() }];
    for (keep, kept) in [(0, 5), (2, 2), (9, 5)] {
        config.keep_dropped_targets = keep;
        let run = Run::new();
        run.apply(vec![config.clone()]).await;
        until("all are dropped", || run.manager.targets()[0].dropped_count == 5).await;
        assert_eq!(run.manager.targets()[0].dropped.len(), kept, "keep_dropped_targets: {keep}");
        run.manager.stop().await;
    }
}
