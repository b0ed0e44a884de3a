//! Random expressions to the reference and to Firesteel over the same samples: equal answers.
//!
//! Against Debian's 2.42 with what both languages share; `FIRESTEEL_PEER_PROMETHEUS=/path` puts a 3.14 in its place and then
//! the whole language is asked, with
//! `FIRESTEEL_HISTOGRAMS=1` over native histograms too. `FIRESTEEL_EXPRESSIONS=n` asks for more, `FIRESTEEL_SEED=n` for others.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_testkit::{Expressions, Language, Page, PageServer, Server, expression_series, peer};
use serde_json::Value;

use crate::answers::compare;
use crate::random_histograms::push;

const EXPRESSIONS: usize = 4000;
/// How long the data is, and how far before the newest sample its first one lies.
const LENGTH_MS: i64 = 45 * 60 * 1000;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[test]
fn random_expressions_are_answered_alike() {
    let Some(reference) = peer("prometheus") else { return };
    let seed = number("FIRESTEEL_SEED", 1) as u64;
    let minute = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 / 60 * 60_000;
    let base = minute - LENGTH_MS;
    let page = page(seed, base);
    let samples = page.lines().count();
    // Each server gets the page once; what it scrapes later is one line, so that nothing is a duplicate.
    let given = Mutex::new(Vec::<String>::new());
    let target = PageServer::start(move |path| {
        let mut given = given.lock().unwrap();
        if given.iter().any(|g| g == path) {
            return Page::metrics("page_was_given 1\n");
        }
        given.push(path.to_owned());
        Page::metrics(page.clone())
    })
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let start = |program: &std::path::Path, args: &[&str], who: &str| {
        let config = format!(
            "scrape_configs:\n- job_name: page\n  honor_labels: true\n  scrape_interval: 2s\n  metrics_path: /{who}\n  \
             static_configs: [{{targets: ['{}']}}]\n",
            target.address()
        );
        let server = Server::start(program, args, &dir.path().join(who), &config).unwrap();
        server.wait_for("the page scraped whole", Duration::from_secs(60), |s| {
            s.query("max_over_time(scrape_samples_scraped{job=\"page\"}[2m])")
                .is_ok_and(|r| r[0]["value"][1].as_str() == Some(&samples.to_string()))
        });
        server
    };
    let features = "--enable-feature=promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers,promql-duration-expr";
    let whole = std::env::var_os("FIRESTEEL_PEER_PROMETHEUS").is_some();
    let receiver = "--web.enable-remote-write-receiver";
    let (language, tolerance) = match (whole, std::env::var_os("FIRESTEEL_HISTOGRAMS")) {
        (true, Some(_)) => (Language::Histograms, 1e-12),
        (true, None) => (Language::Whole, 1e-12),
        (false, _) => (Language::Common, 1e-9),
    };
    let args: &[&str] = if whole { &[features, receiver] } else { &[] };
    let theirs = start(&reference, args, "theirs");
    let ours = start(crate::firesteel(), &["prometheus", features, receiver], "ours");
    if language == Language::Histograms {
        push(&theirs, seed, base);
        push(&ours, seed, base);
    }

    let (end, from) = ((minute / 1000).to_string(), ((minute - LENGTH_MS / 3) / 1000).to_string());
    let (mut faults, mut answered, mut refused) = (Vec::new(), 0, 0);
    let mut kinds = BTreeMap::<String, usize>::new();
    for query in Expressions::new(seed, language).take(number("FIRESTEEL_EXPRESSIONS", EXPRESSIONS)) {
        for (path, parameters) in [
            ("/api/v1/query", vec![("query", query.as_str()), ("time", end.as_str())]),
            ("/api/v1/query_range", vec![("query", &query), ("start", &from), ("end", &end), ("step", "45")]),
        ] {
            let want = theirs.json(path, &parameters).unwrap();
            let got = ours.json(path, &parameters).unwrap();
            if let Err(difference) = compare(&want, &got, tolerance) {
                faults.push(format!("{path} {query}\n  {difference}"));
            }
            match want["data"]["result"].as_array() {
                Some(result) => answered += usize::from(!result.is_empty()),
                None => {
                    refused += 1;
                    *kinds.entry(reason(&want)).or_default() += 1;
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} differences ({answered} answered, {refused} refused):\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(answered > refused * 2, "{answered} answers and {refused} refusals test little: {kinds:?}");
}

fn reason(answer: &Value) -> String {
    answer["error"].as_str().unwrap_or_default().split([':', '{']).next().unwrap_or_default().to_owned()
}

/// All series with explicit timestamps, in the order of time.
fn page(seed: u64, base_ms: i64) -> String {
    let mut lines: Vec<(i64, String)> = expression_series(seed)
        .iter()
        .flat_map(|series| {
            series.samples.iter().map(|(t, v)| (base_ms + t, format!("{} {v} {}\n", series.name, base_ms + t)))
        })
        .collect();
    lines.sort_by_key(|(t, _)| *t);
    lines.into_iter().map(|(_, line)| line).collect()
}
