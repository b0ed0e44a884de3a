//! The bound on head series: who is refused is named in a metric, in the log and in `status/tsdb`; what is there goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firesteel_testkit::{Page, PageServer, Server};

const LIMIT: Duration = Duration::from_secs(60);

fn number(server: &Server, expr: &str) -> f64 {
    let value = server.query(expr).unwrap();
    value[0]["value"][1].as_str().and_then(|v| v.parse().ok()).unwrap_or(0.0)
}

#[test]
fn the_job_that_grows_is_refused_and_named() {
    let calm = PageServer::start(|_| Page::metrics("calm 1\n")).unwrap();
    let count = AtomicU64::new(0);
    let wild = PageServer::start(move |_| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        // Thirty new series at each scrape, and one that is there from the beginning.
        let fresh: String = (0..30).map(|i| format!("wild{{n=\"{}\"}} 1\n", n * 30 + i)).collect();
        Page::metrics(format!("first {n}\n{fresh}"))
    })
    .unwrap();
    let config = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\nscrape_configs:\n- {{job_name: calm, \
         static_configs: [{{targets: ['{}']}}]}}\n- {{job_name: wild, static_configs: [{{targets: ['{}']}}]}}\n",
        calm.address(),
        wild.address()
    );
    let dir = tempfile::tempdir().unwrap();
    let server = crate::server(dir.path(), &["--storage.tsdb.head-series-limit=200"], &config);
    let refused = |s: &Server| -> Option<f64> {
        let (_, page) = s.get("/metrics").unwrap();
        let line = page.lines().find(|l| l.starts_with("firesteel_tsdb_head_series_refused_total{job=\"wild\"}"))?;
        line.rsplit(' ').next().and_then(|v| v.parse().ok())
    };
    server.wait_for("a refusal", LIMIT, |s| refused(s).is_some_and(|n| n > 0.0));

    let (_, page) = server.get("/metrics").unwrap();
    assert!(page.contains("firesteel_tsdb_head_series_limit 200\n"), "the bound is told");
    assert!(!page.contains("firesteel_tsdb_head_series_refused_total{job=\"calm\"}"), "who keeps still is not refused");
    let status = server.json("/api/v1/status/tsdb", &[]).unwrap();
    let told = &status["data"]["seriesLimit"];
    assert_eq!(told["limit"].as_u64(), Some(200), "{status}");
    let jobs = told["refusedSeriesByJob"].as_array().unwrap();
    assert_eq!(jobs.iter().map(|j| j["name"].as_str().unwrap()).collect::<Vec<_>>(), ["wild"], "{status}");
    assert!(jobs[0]["value"].as_u64().is_some_and(|n| n > 0), "{status}");
    assert!(status["data"]["headStats"]["numSeries"].as_u64().is_some_and(|n| n <= 200), "{status}");
    server.wait_for("a line in the log", LIMIT, |s| {
        s.log().lines().any(|l| l.contains("The limit of head series is reached") && l.contains("job=wild"))
    });

    // What was there before goes on, in the job that is refused, too.
    let before = (number(&server, "count_over_time(calm[1h])"), number(&server, "count_over_time(first[1h])"));
    server.wait_for("more samples", LIMIT, |s| {
        number(s, "count_over_time(calm[1h])") > before.0 && number(s, "count_over_time(first[1h])") > before.1
    });
    assert!(server.stop().unwrap().success());
}
