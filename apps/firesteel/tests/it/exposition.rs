//! Every body of the corpus, scraped by the reference (Debian's prometheus 2.42) and by Firesteel: the same series with
//! the same values.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use firesteel_testkit::{FakeTarget, Server, corpus, peer, write_answer};
use serde_json::Value;

/// What `last seen` each series of a job has, by its labels.
type Seen = BTreeMap<String, String>;

/// 3.x writes bounds and quantiles as floats (`le="1.0"`), 2.42 as they came.
fn key(metric: &Value) -> String {
    let labels = metric.as_object().expect("labels").iter().map(|(name, value)| {
        let value = value.as_str().unwrap_or_default();
        let number = value.parse::<f64>().ok().filter(|_| name == "le" || name == "quantile");
        format!("{name}={}", number.map_or(value.to_owned(), |number| format!("{number:?}")))
    });
    labels.collect::<Vec<_>>().join(",")
}

fn seen(server: &Server, job: usize) -> Seen {
    let answer = server.query(&format!("{{job=\"b{job}\"}}[15m]")).expect("an answer");
    let of_body = |series: &&Value| {
        let name = series["metric"]["__name__"].as_str().unwrap_or_default();
        !(name.starts_with("scrape_") || name == "up" || name == "page_was_given")
    };
    let last = |series: &Value| {
        let values = series["values"].as_array().and_then(|values| values.last());
        values.and_then(|value| value[1].as_str()).unwrap_or_default().to_owned()
    };
    answer.as_array().expect("series").iter().filter(of_body).map(|s| (key(&s["metric"]), last(s))).collect()
}

#[test]
fn bodies_have_the_references_samples() {
    let (Some(dir), Some(reference)) = (corpus("exposition"), peer("prometheus")) else { return };
    let index = std::fs::read_to_string(dir.join("index.tsv")).unwrap();
    let bodies: Vec<(String, String, Vec<u8>)> = index
        .lines()
        .skip(1)
        .filter_map(|row| {
            let mut columns = row.split('\t');
            let (file, content_type) = (columns.next()?.to_owned(), columns.next()?.to_owned());
            let is_text = file.starts_with("text/") || file.starts_with("openmetrics/");
            is_text.then(|| (file.clone(), content_type, std::fs::read(dir.join(&file)).unwrap()))
        })
        .collect();
    let names: Vec<String> = bodies.iter().map(|(file, ..)| file.clone()).collect();
    assert!(names.len() > 40, "{}", names.len());

    // Each server gets each body once; what it scrapes later is one line.
    let given = Mutex::new(Vec::<String>::new());
    let target = FakeTarget::start(move |request, out| {
        let number: usize = request.path.split(['/', '?']).nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        let is_first = {
            let mut given = given.lock().unwrap();
            let is_first = !given.contains(&request.path);
            given.push(request.path.clone());
            is_first
        };
        if !is_first {
            return write_answer(out, "200 OK", &[("Content-Type", "text/plain")], b"page_was_given 1\n");
        }
        let (_, content_type, body) = &bodies[number];
        write_answer(out, "200 OK", &[("Content-Type", content_type)], body)
    })
    .unwrap();
    let held = tempfile::tempdir().unwrap();
    let config = |who: &str| {
        let mut config = "global: {scrape_interval: 5s, scrape_timeout: 5s}\nscrape_configs:\n".to_owned();
        for number in 0..names.len() {
            config += &format!(
                "- {{job_name: b{number}, metrics_path: /{number}, params: {{who: [{who}]}}, honor_timestamps: false, \
                 static_configs: [{{targets: ['{}']}}]}}\n",
                target.address()
            );
        }
        config
    };
    let theirs = Server::start(&reference, &[], &held.path().join("theirs"), &config("theirs")).unwrap();
    let ours = Server::start(crate::firesteel(), &["prometheus"], &held.path().join("ours"), &config("ours")).unwrap();
    for server in [&theirs, &ours] {
        // The page that follows a body shows that the body was dealt with.
        server.wait_for("every body scraped", Duration::from_secs(120), |s| {
            s.query("count(count_over_time(page_was_given[15m]))")
                .is_ok_and(|r| r[0]["value"][1].as_str() == Some(&names.len().to_string()))
        });
    }
    let (mut faults, mut samples) = (Vec::new(), 0);
    for (number, name) in names.iter().enumerate() {
        let (want, got) = (seen(&theirs, number), seen(&ours, number));
        samples += want.len();
        let missing: Vec<_> = want.iter().filter(|(key, value)| got.get(*key) != Some(*value)).take(3).collect();
        let more: Vec<_> = got.keys().filter(|key| !want.contains_key(*key)).take(3).collect();
        if !missing.is_empty() || !more.is_empty() {
            let counts = format!("{} of theirs, {} of ours", want.len(), got.len());
            faults.push(format!("{name}: {counts}\n  missing or other: {missing:?}\n  more: {more:?}"));
        }
    }
    assert!(samples > 10_000, "{samples}");
    assert!(faults.is_empty(), "{} bodies differ:\n{}", faults.len(), faults.join("\n"));
}
