//! Whole answers, byte for byte, beside those that Prometheus 3.14 gave to the same requests over the same samples.
//!
//! `testdata/http_*.txt` hold requests and answers. `FIRESTEEL_GOLDEN_FROM=/path/to/prometheus` asks that program instead
//! of ours and writes its answers there. What differs by nature from run to run (addresses, directories, moments,
//! durations) is masked in both.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firesteel_testkit::{Page, PageServer, RawAnswer, Server, exchange};

/// Headers whose values belong to the contract.
const HEADERS: [&str; 12] = [
    "content-type",
    "content-encoding",
    "vary",
    "allow",
    "location",
    "www-authenticate",
    "x-content-type-options",
    "x-prometheus-stopping",
    "access-control-allow-origin",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
];

/// JSON fields that hold a moment, a duration or a fact of the machine.
const FIELDS: [&str; 29] = [
    // Three labels are on every series: the reference's order of equals is that of a Go map.
    "seriesCountByLabelValuePair",
    "version",
    "lastScrape",
    "lastScrapeDuration",
    "evalTotalTime",
    "resultSortTime",
    "queryPreparationTime",
    "innerEvalTime",
    "execQueueTime",
    "execTotalTime",
    "startTime",
    "CWD",
    "hostname",
    "serverTime",
    "lastConfigTime",
    "goroutineCount",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "revision",
    "branch",
    "buildUser",
    "buildDate",
    "goVersion",
    "maxTime",
    "evaluationTime",
    "lastEvaluation",
    "activeAt",
    "keepFiringSince",
    "groupNextToken",
];

/// One request with its answer, as the file has them.
#[derive(Clone, Debug, Default)]
struct Exchange {
    comment: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    answer: String,
}

fn read(text: &str) -> Vec<Exchange> {
    let mut all = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut one = Exchange::default();
        for line in block.lines() {
            if let Some(body) = line.strip_prefix("> | ") {
                one.body = Some(body.to_owned());
            } else if let Some(request) = line.strip_prefix("> ") {
                if one.method.is_empty() {
                    let (method, target) = request.split_once(' ').unwrap();
                    (one.method, one.target) = (method.to_owned(), target.to_owned());
                } else {
                    let (name, value) = request.split_once(": ").unwrap();
                    one.headers.push((name.to_owned(), value.to_owned()));
                }
            } else if line.starts_with("# ") {
                one.comment = format!("{}{line}\n", one.comment);
            } else {
                one.answer += line;
                one.answer.push('\n');
            }
        }
        assert!(!one.method.is_empty(), "a block without a request:\n{block}");
        all.push(one);
    }
    all
}

impl Exchange {
    fn request(&self) -> String {
        let mut out = format!("{}> {} {}\n", self.comment, self.method, self.target);
        for (name, value) in &self.headers {
            let _ = writeln!(out, "> {name}: {value}");
        }
        if let Some(body) = &self.body {
            let _ = writeln!(out, "> | {body}");
        }
        out
    }

    fn ask(&self, server: &Server, target: &str, mask: &dyn Fn(&str) -> String) -> String {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let body = self.body.as_ref().map(String::as_bytes);
        let answer = exchange(server.address(), &self.method, target, &headers, body)
            .unwrap_or_else(|e| panic!("{}: {e}", self.request()));
        let mut out = format!("< {}\n", answer.status);
        for name in HEADERS {
            for (_, value) in answer.headers.iter().filter(|(n, _)| n == name) {
                let _ = writeln!(out, "< {name}: {}", mask(value));
            }
        }
        for line in mask(&unpacked(&answer)).split('\n') {
            // A lone blank would be trimmed by editors.
            out.push_str(if line.is_empty() { "=" } else { "= " });
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

fn unpacked(answer: &RawAnswer) -> String {
    let mut text = Vec::new();
    let read = match answer.header("content-encoding") {
        "gzip" => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut text),
        "deflate" => flate2::read::ZlibDecoder::new(&answer.body[..]).read_to_end(&mut text),
        _ => answer.body.as_slice().read_to_end(&mut text),
    };
    read.unwrap();
    String::from_utf8(text).unwrap()
}

/// Puts `MASKED` in place of the values of [`FIELDS`].
fn mask_fields(text: &str) -> String {
    let mut text = text.to_owned();
    for field in FIELDS {
        let key = format!("\"{field}\":");
        let mut from = 0;
        while let Some(at) = text[from..].find(&key).map(|at| from + at + key.len()) {
            let rest = &text[at..];
            let len = match rest.as_bytes().first() {
                Some(b'"') => rest[1..].find('"').map(|n| n + 2),
                Some(b'[') => rest.find(']').map(|n| n + 1),
                _ => rest.find([',', '}', ']']),
            };
            text.replace_range(at..at + len.unwrap(), "MASKED");
            from = at;
        }
    }
    text
}

/// Puts `MOMENT` in place of the times of federated samples, and `SECONDS` in place of how long a scrape took.
fn mask_federated(text: &str) -> String {
    let mask =
        |line: &str| match line.rsplit_once("} ").and_then(|(series, rest)| Some((series, rest.split_once(' ')?))) {
            Some((series, _)) if series.starts_with("scrape_duration") => format!("{series}}} SECONDS MOMENT"),
            // None at the second scrape, which may have come.
            Some((series, _)) if series.starts_with("scrape_series_added") => format!("{series}}} SERIES MOMENT"),
            Some((series, (value, _))) => format!("{series}}} {value} MOMENT"),
            None => line.to_owned(),
        };
    if text.starts_with("# TYPE") { text.split('\n').map(mask).collect::<Vec<_>>().join("\n") } else { text.to_owned() }
}

/// The samples: fixed moments of 2024, so that every answer about them is fixed.
fn page() -> String {
    let start = 1_704_067_200_000_i64;
    let mut page = String::from(
        "# HELP values Values of \"all\" kinds <&> \\\\ and \\n \u{2028}.\n# TYPE values gauge\n\
         # HELP events_total Events, by code.\n# TYPE events_total counter\n# TYPE took_seconds histogram\n",
    );
    let values = [
        ("nan", "NaN"),
        ("plus-inf", "+Inf"),
        ("minus-inf", "-Inf"),
        ("1e21", "1e21"),
        ("1e20", "1e20"),
        ("1e-6", "1e-6"),
        ("1e-7", "1e-7"),
        ("minus-zero", "-0"),
        ("integer", "42"),
        ("tenth", "0.1"),
        ("third", "0.3333333333333333"),
        ("large", "12345678901234567890"),
    ];
    for (kind, value) in values {
        page += &format!("values{{kind=\"{kind}\"}} {value} {start}\n");
    }
    page += &format!(
        "strings{{v=\"q\\\"b\\\\n\\nt\tang<>&u\u{2028}\u{2029}e\u{e9}c\u{1}d\u{7f}s\u{1f525}\"}} 1 {start}\n\
         {{\"utf8.näme\",\"läbel.x\"=\"y\"}} 2 {start}\n"
    );
    for step in 0..21 {
        let at = start + step * 15_000;
        page += &format!("events_total{{code=\"200\"}} {} {at}\n", step * 3);
        page += &format!("events_total{{code=\"500\"}} {} {at}\n", (step % 8) * 2);
        for (bound, n) in [("0.1", 1), ("0.5", 2), ("1", 3), ("+Inf", 4)] {
            page += &format!("took_seconds_bucket{{le=\"{bound}\"}} {} {at}\n", step * n);
        }
        page += &format!("took_seconds_count {} {at}\ntook_seconds_sum {} {at}\n", step * 4, step as f64 * 1.7);
    }
    page
}

/// Old and new samples in one head, which is never cut.
const KEEPING: [&str; 3] = [
    "--storage.tsdb.min-block-duration=10y",
    "--storage.tsdb.max-block-duration=10y",
    "--storage.tsdb.retention.time=50y",
];

struct Setting {
    file: &'static str,
    flags: &'static [&'static str],
    prefix: &'static str,
    /// Names and texts of rule files; with any, groups are evaluated each second.
    rules: &'static [(&'static str, &'static str)],
}

fn check(setting: &Setting) {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/testdata")).join(setting.file);
    let reference = std::env::var_os("FIRESTEEL_GOLDEN_FROM").map(PathBuf::from);
    let given = AtomicBool::new(false);
    let target = PageServer::start(move |_| {
        // Once: a second time, the same moments would be duplicates.
        Page::metrics(if given.swap(true, Ordering::AcqRel) { "page_was_given 1\n".to_owned() } else { page() })
    })
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = format!(
        "global:\n  scrape_interval: 250ms\n  scrape_timeout: 250ms\n  external_labels: {{region: eu, replica: a}}\n\
         scrape_configs:\n- job_name: demo\n  static_configs:\n  - targets: ['{}', 'dropped:1']\n    \
         labels: {{team: \"a<b\"}}\n  relabel_configs:\n  - source_labels: [__address__]\n    regex: dropped:1\n    \
         action: drop\n- job_name: empty\n",
        target.address()
    );
    for (name, text) in setting.rules {
        fs::write(dir.path().join(name), text).unwrap();
    }
    if !setting.rules.is_empty() {
        config = config.replacen("global:\n", "rule_files: ['*.rules']\nglobal:\n  evaluation_interval: 1s\n", 1);
    }
    let program = reference.as_deref().unwrap_or(crate::firesteel());
    let first: &[&str] = if reference.is_some() { &[] } else { &["prometheus"] };
    let flags = [first, &KEEPING, setting.flags].concat();
    let server = Server::start_below(program, &flags, dir.path(), &config, setting.prefix).unwrap();
    let scraped = format!("{}/api/v1/series?match%5B%5D=page_was_given", setting.prefix);
    server.wait_for("two scrapes", Duration::from_secs(20), |s| {
        s.get(&scraped).is_ok_and(|(_, b)| b.contains("page_was"))
    });
    if !setting.rules.is_empty() {
        // The alert shows that a rule has seen the scraped page.
        server.wait_for("all rules were evaluated", Duration::from_secs(60), |s| {
            let seen = s.get("/api/v1/alerts").is_ok_and(|(_, body)| body.contains("of demo"));
            seen && s.get("/api/v1/rules").is_ok_and(|(_, body)| !body.contains("\"unknown\""))
        });
    }
    let places = [
        (server.address().to_owned(), "SERVER"),
        (server.address().replace("127.0.0.1", &hostname()), "OWNHOST"),
        (target.address(), "TARGET"),
        (dir.path().display().to_string(), "DIR"),
    ];
    let port = |address: &str| address.rsplit_once(':').map_or(String::new(), |(_, port)| format!(":{port}/"));
    let ports = [(port(server.address()), ":SERVERPORT/"), (port(&target.address()), ":TARGETPORT/")];
    let mask = |text: &str| {
        let masked = places.iter().chain(&ports).fold(text.to_owned(), |text, (what, name)| text.replace(what, name));
        mask_fields(&mask_federated(&masked))
    };
    let exchanges = read(&fs::read_to_string(&file).unwrap());
    assert!(!exchanges.is_empty());
    let (mut all, mut faults) = (String::new(), String::new());
    let token = Cell::new(String::new());
    let note_token = |text: &str| {
        if let Some((_, rest)) = text.split_once("\"groupNextToken\":\"") {
            token.set(rest.split('"').next().unwrap_or_default().to_owned());
        }
        mask(text)
    };
    for one in &exchanges {
        let next = token.take();
        let target = one.target.replace("DIR", &dir.path().display().to_string()).replace("TOKEN", &next);
        let got = without_detail(&one.ask(&server, &target, &note_token));
        all += &format!("{}{got}\n", one.request());
        if got != one.answer {
            faults += &format!("{}--- wanted\n{}--- got\n{got}\n", one.request(), one.answer);
        }
    }
    if reference.is_some() {
        fs::write(&file, all.trim_end().to_owned() + "\n").unwrap();
        return;
    }
    assert!(faults.is_empty(), "{faults}");
}

/// Takes out what we say beside the reference's text of an error.
fn without_detail(answer: &str) -> String {
    let mut out = String::new();
    for line in answer.split_inclusive('\n') {
        let ours = line.starts_with("= {\"status\":\"error\"").then(|| line.rfind(",\"detail\":{")).flatten();
        match ours {
            Some(at) => {
                out += &line[..at];
                out += if line.ends_with('\n') { "}\n" } else { "}" };
            }
            None => out += line,
        }
    }
    out
}

fn hostname() -> String {
    fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default().trim().to_owned()
}

#[test]
fn answers_are_the_references() {
    check(&Setting { file: "http_plain.txt", flags: &[], prefix: "", rules: &[] });
}

#[test]
fn answers_below_a_prefix_are_the_references() {
    check(&Setting {
        file: "http_prefixed.txt",
        flags: &[
            "--web.external-url=https://mon.example:8443/ext/",
            "--web.route-prefix=/p",
            "--web.cors.origin=https?://(a|b)\\.example",
            "--web.enable-lifecycle",
            "--query.max-samples=30",
            "--enable-feature=promql-experimental-functions",
        ],
        prefix: "/p",
        rules: &[],
    });
}

/// Every kind of state, health and error; each rule yields at most one alert, for the reference's order is a Go map's.
const RULES: [(&str, &str); 2] = [
    (
        "a.rules",
        r#"groups:
- name: zeta
  limit: 2
  labels: {team: infra, level: group}
  rules:
  - {record: 'demo:pages', expr: 'page_was_given', labels: {kind: rec, level: rule}}
  - alert: Firing
    expr: page_was_given > 0
    labels: {severity: page, note: 'of {{ $labels.job }}'}
    annotations: {summary: '<&> "{{ $value }}" é', failed: '{{ query "(" }}', plain: text}
  - {alert: Waiting, expr: 'vector(1.5e9) > 1', for: 1h, keep_firing_for: 5m}
  - {alert: Idle, expr: 'page_was_given > 5', for: 90s}
  - {record: dup, expr: 'vector(1) or label_replace(vector(2), "a", "b", "", "")', labels: {a: ''}}
  - alert: Many
    expr: >-
      label_replace(vector(1), "i", "1", "", "") or label_replace(vector(1), "i", "2", "", "")
      or label_replace(vector(1), "i", "3", "", "")
- name: alpha
  interval: 1s500ms
  rules:
  - {record: number, expr: '42'}
"#,
    ),
    (
        "b.rules",
        r"groups:
- name: zeta
  query_offset: 1s
  rules:
  - {alert: Firing, expr: 'vector(-0.5) < 0', labels: {severity: info}}
  - {record: 'demo:pages', expr: 'sum by (nothing) (page_was_given offset 1s)'}
",
    ),
];

#[test]
fn answers_about_rules_are_the_references() {
    check(&Setting { file: "http_rules.txt", flags: &[], prefix: "", rules: &RULES });
}
