//! The same samples in the reference and in Firesteel, 200 queries of the corpus to both, equal answers.
//!
//! The reference is Debian's prometheus 2.42; `FIRESTEEL_PEER_PROMETHEUS=/path` puts another build in its place, and
//! with a 3.x the answers must agree to the last bits that a different order of summation leaves.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_testkit::{Page, PageServer, Server, corpus, peer};

use crate::answers::compare;
use crate::query_data::{STEP_SECONDS, STEPS, choose, page, series_for};

const QUERIES: usize = 200;
/// Of the queries, how many must have an answer with values in it; fewer would test little.
const ANSWERED_MIN: usize = 120;
/// Targets among which the series are dealt.
const PAGES: usize = 4;

#[test]
fn corpus_queries_are_answered_alike() {
    let (Some(queries), Some(reference)) = (corpus("queries/dashboards.txt"), peer("prometheus")) else { return };
    let text = std::fs::read_to_string(queries).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let chosen = choose(&lines, QUERIES);
    assert_eq!(chosen.len(), QUERIES);
    let series = series_for(&chosen);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let last = now / 60 * 60;
    let pages: Vec<String> =
        (0..PAGES).map(|p| page(&series.iter().skip(p).step_by(PAGES).cloned().collect::<Vec<_>>(), last)).collect();
    let samples: Vec<usize> = pages.iter().map(|p| p.lines().count()).collect();

    // Each server gets each page once; what it scrapes later is one line, so that nothing is a duplicate.
    let given = Mutex::new(Vec::<String>::new());
    let target = PageServer::start(move |path| {
        let number: usize = path.split(['/', '?']).nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut given = given.lock().unwrap();
        if given.iter().any(|g| g == path) {
            return Page::metrics("page_was_given 1\n");
        }
        given.push(path.to_owned());
        Page::metrics(pages[number].clone())
    })
    .unwrap();

    let dir = tempfile::tempdir().unwrap();
    let config = |who: &str| {
        let mut config = "global:\n  scrape_interval: 10s\n  scrape_timeout: 10s\nscrape_configs:\n".to_owned();
        for p in 0..PAGES {
            config += &format!(
                "- job_name: page-{p}\n  honor_labels: true\n  metrics_path: /{p}\n  params: {{who: [{who}]}}\n  \
                 static_configs:\n  - targets: ['{}']\n",
                target.address()
            );
        }
        config
    };
    let theirs = Server::start(&reference, &[], &dir.path().join("theirs"), &config("theirs")).unwrap();
    let ours = Server::start(crate::firesteel(), &["prometheus"], &dir.path().join("ours"), &config("ours")).unwrap();
    for server in [&theirs, &ours] {
        for (p, samples) in samples.iter().enumerate() {
            let expr = format!("max_over_time(scrape_samples_scraped{{job=\"page-{p}\"}}[2m])");
            server.wait_for("every page scraped whole", Duration::from_secs(60), |s| {
                s.query(&expr).is_ok_and(|r| r[0]["value"][1].as_str() == Some(&samples.to_string()))
            });
        }
    }

    let tolerance = tolerance(&theirs);
    let (end, start) = (last.to_string(), (last - STEPS * STEP_SECONDS / 2).to_string());
    let mut answered = 0;
    let mut faults = Vec::new();
    for (query, _) in &chosen {
        for (path, parameters) in [
            ("/api/v1/query", vec![("query", *query), ("time", end.as_str())]),
            ("/api/v1/query_range", vec![("query", *query), ("start", &start), ("end", &end), ("step", "60")]),
        ] {
            let want = theirs.json(path, &parameters).unwrap();
            let got = ours.json(path, &parameters).unwrap();
            if let Err(difference) = compare(&want, &got, tolerance) {
                faults.push(format!("{path} {query}\n  {difference}"));
            }
            let result = &want["data"]["result"];
            answered += usize::from(path.ends_with("query") && result.as_array().is_some_and(|r| !r.is_empty()));
        }
    }
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
    assert!(answered >= ANSWERED_MIN, "only {answered} of {QUERIES} queries have an answer");
}

/// 2.x sums in another way than 3.x, which differs in the last digits.
fn tolerance(reference: &Server) -> f64 {
    let version = reference.json("/api/v1/status/buildinfo", &[]).unwrap()["data"]["version"].to_string();
    if version.starts_with("\"2.") { 1e-9 } else { 1e-14 }
}
