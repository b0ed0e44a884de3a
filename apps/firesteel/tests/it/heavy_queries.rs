//! Ten heavy range queries in a loop, and not one scrape and not one evaluation of rules is missed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use firesteel_go_compat::Instant;
use firesteel_testkit::{Page, PageServer, Server};

use crate::server;

const TARGETS: usize = 40;
const GROUPS: usize = 10;
/// Seconds from scrape to scrape, and from evaluation to evaluation.
const INTERVAL: usize = 2;
/// How long a stretch without a gap has to be.
const CLEAN_SECONDS: usize = 10;
/// A busy machine may hold up anybody for a while; queries that starve scrapes do so always.
const PATIENCE: Duration = Duration::from_mins(3);

/// Much to sort for every step, and much to read: all cores are busy with either.
const HEAVY: [&str; 2] = [
    "sum(max_over_time(quantile_over_time(0.9, (vector(time()))[10m:1s])[5m:1s]))",
    "sum by (n) (quantile_over_time(0.9, {__name__=~\"m_.+\"}[1m])) / on (n) count by (n) (rate({__name__=~\"m_.+\"}[1m]))",
];

#[test]
fn heavy_queries_do_not_hold_up_scrapes_and_rules() {
    let dir = tempfile::tempdir().unwrap();
    let target = PageServer::start(|_| {
        let mut page = String::new();
        (0..50).for_each(|i| writeln!(page, "m_{}_total{{i=\"{i}\"}} {i}", i % 5).unwrap());
        Page::metrics(page)
    });
    let target = target.unwrap();
    let mut rules = "groups:\n".to_owned();
    for n in 0..GROUPS {
        writeln!(rules, "- name: g{n}\n  rules:\n  - {{record: 'n:m:rate{n}', expr: 'sum by (n) (rate({{__name__=~\"m_.+\"}}[1m]))'}}\n  - {{alert: A, expr: 'up{{n=\"{n}\"}} == 0'}}").unwrap();
    }
    std::fs::write(dir.path().join("rules.yml"), rules).unwrap();
    let mut config = "rule_files: [rules.yml]\nglobal:\n  scrape_interval: 2s\n  evaluation_interval: 2s\nscrape_configs:\n- job_name: t\n  static_configs:\n".to_owned();
    for n in 0..TARGETS {
        let address = target.address();
        writeln!(config, "  - targets: ['{address}']\n    labels: {{n: '{n}', __metrics_path__: /m/{n}}}").unwrap();
    }
    let server = server(dir.path(), &[], &config);
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for i in 0..10 {
            let (server, stop, done) = (&server, &stop, &done);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    heavy(server, HEAVY[i % HEAVY.len()]);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Whatever happens, the queries are to end.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let began = std::time::Instant::now();
            let before = done.load(Ordering::Relaxed);
            let mut evaluations = BTreeMap::new();
            loop {
                let mut starts = starts(&server);
                note_evaluations(&server, &mut evaluations);
                starts.extend(evaluations.values().cloned());
                let clean = starts.len() == TARGETS + GROUPS && starts.iter().all(|one| is_clean(one));
                if clean && done.load(Ordering::Relaxed) >= before + 10 {
                    return starts;
                }
                assert!(began.elapsed() < PATIENCE, "scrapes or evaluations are missed: {starts:?}\n{}", server.log());
                std::thread::sleep(Duration::from_millis(200));
            }
        }));
        stop.store(true, Ordering::Relaxed);
        let starts = outcome.unwrap_or_else(|why| std::panic::resume_unwind(why));
        if std::env::var_os("FIRESTEEL_FIGURES").is_some() {
            let (scrapes, evaluations) = starts.split_at(TARGETS);
            for (what, starts) in [("scrapes", scrapes), ("evaluations", evaluations)] {
                let mut delays: Vec<i64> = starts.iter().flat_map(|one| delays(one)).collect();
                delays.sort_unstable();
                let at = |q: usize| delays[(delays.len() - 1) * q / 100];
                println!("start delays of {} {what}: p50 {} ms, p99 {} ms", delays.len(), at(50), at(99));
            }
        }
    });
}

fn heavy(server: &Server, query: &str) {
    let end = server.query("time()").unwrap()[0].as_f64().unwrap();
    let (start, end) = ((end - 120.0).to_string(), end.to_string());
    let parameters = [("query", query), ("start", start.as_str()), ("end", end.as_str()), ("step", "1")];
    let answer = server.json("/api/v1/query_range", &parameters).unwrap();
    // A very slow machine may need longer than a query may take.
    assert!(answer["status"] == "success" || answer["errorType"] == "timeout", "{answer}");
}

/// Returns when each target's scrapes of the last seconds began, in milliseconds.
fn starts(server: &Server) -> Vec<Vec<i64>> {
    let found = server.query(&format!("up{{job=\"t\"}}[{}s]", CLEAN_SECONDS + INTERVAL)).unwrap();
    let times = |series: &serde_json::Value| {
        let points = series["values"].as_array().unwrap();
        points.iter().map(|point| (point[0].as_f64().unwrap() * 1000.0).round() as i64).collect()
    };
    found.as_array().unwrap().iter().map(times).collect()
}

/// Notes when each group's last evaluation began, and forgets those that were long ago.
fn note_evaluations(server: &Server, seen: &mut BTreeMap<String, Vec<i64>>) {
    let answer = server.json("/api/v1/rules", &[("exclude_alerts", "true")]).unwrap();
    for group in answer["data"]["groups"].as_array().unwrap() {
        let began = Instant::parse_rfc3339(group["lastEvaluation"].as_str().unwrap()).unwrap().unix_ms();
        let of_group = seen.entry(group["name"].to_string()).or_default();
        if began > 0 && of_group.last() != Some(&began) {
            of_group.push(began);
        }
        let long_ago = began - ((CLEAN_SECONDS + INTERVAL) * 1000) as i64;
        of_group.retain(|t| *t > long_ago);
    }
}

/// No slot was left out for long enough.
fn is_clean(starts: &[i64]) -> bool {
    let gap = (INTERVAL * 2000 - 100) as i64;
    starts.len() >= CLEAN_SECONDS / INTERVAL && starts.windows(2).all(|pair| pair[1] - pair[0] < gap)
}

/// How much later than its slot each scrape began: slots are an interval apart, the earliest start tells where they lie.
fn delays(starts: &[i64]) -> Vec<i64> {
    let interval = (INTERVAL * 1000) as i64;
    let Some(slot) = starts
        .iter()
        .map(|t| t.rem_euclid(interval))
        .min_by_key(|offset| starts.iter().map(|t| (t - offset).rem_euclid(interval)).sum::<i64>())
    else {
        return Vec::new();
    };
    starts.iter().map(|t| (t - slot).rem_euclid(interval)).collect()
}
