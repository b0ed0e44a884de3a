//! `kill -9` at random moments while scraping: what a query once answered is answered again. (A record that the kill tore was never answered; the log is cut there, with a warning.)

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use firesteel_testkit::{Page, PageServer, Server};

const KILLS: u64 = 50;
/// The latest moment of a kill after the server is ready.
const LATEST_MS: u64 = 1_500;
const SERIES: u64 = 200;

/// Value by time, by series.
type Answered = BTreeMap<String, BTreeMap<String, String>>;

#[test]
fn what_was_answered_before_a_kill_is_answered_after_it() {
    let count = AtomicU64::new(0);
    let target = PageServer::start(move |_| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let mut body = String::new();
        for i in 0..SERIES {
            body += &format!("steady{{i=\"{i}\"}} {}\n", n * 3 + i);
        }
        // New series all the time: their records must reach the log before their samples.
        body += &format!("fresh{{n=\"{}\"}} {n}\n", n / 4);
        Page::metrics(body)
    })
    .unwrap();
    let config = format!(
        "global:\n  scrape_interval: 50ms\n  scrape_timeout: 50ms\nscrape_configs:\n- job_name: t\n  static_configs:\n  \
         - targets: ['{}']\n",
        target.address()
    );
    let dir = tempfile::tempdir().unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut before = Answered::new();
    for kill in 0..KILLS {
        let server = Server::start(crate::firesteel(), &["prometheus"], dir.path(), &config).unwrap();
        let after = ask(&server).unwrap_or_else(|e| panic!("after kill {kill}: {e}"));
        for (series, points) in &before {
            let now = after.get(series).unwrap_or_else(|| panic!("after kill {kill}: {series} is gone"));
            for (time, value) in points {
                assert_eq!(now.get(time), Some(value), "after kill {kill}: {series} at {time}");
            }
        }
        // xorshift: the same moments in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let moment = Instant::now() + Duration::from_millis(random % LATEST_MS);
        while Instant::now() < moment {
            if let Ok(answered) = ask(&server) {
                before = answered;
            }
        }
        let log = server.log();
        server.kill_9().unwrap();
        assert!(!log.contains("panicked"), "{log}");
    }
    assert!(before.len() > 200 && before.values().map(BTreeMap::len).sum::<usize>() > 10_000, "too little was scraped");
}

/// Returns every raw sample of the target.
fn ask(server: &Server) -> Result<Answered, String> {
    let result = server.query(r#"{__name__=~"steady|fresh",job="t"}[1h]"#).map_err(|e| e.to_string())?;
    let mut answered = Answered::new();
    for series in result.as_array().into_iter().flatten() {
        let points = answered.entry(series["metric"].to_string()).or_default();
        for point in series["values"].as_array().into_iter().flatten() {
            points.insert(point[0].to_string(), point[1].to_string());
        }
    }
    Ok(answered)
}
