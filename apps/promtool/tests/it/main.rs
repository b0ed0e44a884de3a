//! The program as a whole: what it prints and how it ends, beside what promtool 3.14 answered to the same words.

mod analyze;
mod bench_write;
mod check_config;
mod check_metrics;
mod check_service_discovery;
mod corpus_templates;
mod differential;
mod dump;
mod rule_table;
mod rules_try;
mod test_rules;
mod tsdb;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use firesteel_promtool::{Console, run_on};

struct Ran {
    code: u8,
    out: String,
    err: String,
}

fn promtool_fed(words: &[&str], input: &str) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console { input: &mut input.as_bytes(), out: &mut out, err: &mut err };
    let code = run_on(words.iter().map(|word| (*word).to_owned()), &mut console);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { code, out: text(out), err: text(err) }
}

fn promtool(words: &[&str]) -> Ran {
    promtool_fed(words, "")
}

fn check(words: &[&str], code: u8, out: &str, err: &str) {
    let ran = promtool(words);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (code, out, err), "{words:?}");
}

#[test]
fn usage_faults() {
    check(&["frob"], 1, "", "promtool: error: expected command but got \"frob\", try --help\n");
    check(&["query", "instant"], 1, "", "promtool: error: required argument 'server' not provided, try --help\n");
    check(
        &["push", "metrics"],
        1,
        "",
        "promtool: error: required argument 'remote-write-url' not provided, try --help\n",
    );
    check(&["test", "rules"], 1, "", "promtool: error: required argument 'test-rule-file' not provided, try --help\n");
    let help = promtool(&["--help"]);
    assert_eq!(help.code, 0);
    assert!((help.out + &help.err).contains("check config"));
}

#[test]
fn promql_commands() {
    let refusal = "This command is experimental and requires the --experimental flag to be set.\n";
    check(&["promql", "format", "sum(a)"], 1, "", refusal);
    check(&["--experimental", "promql", "format", "sum(a) by (b)"], 0, "sum by (b) (a)\n", "");
    check(&["--experimental", "promql", "format", "sum(a"], 1, "", "1:6: parse error: unclosed left parenthesis\n");
    let off = "1:1: parse error: function \"step\" is not enabled\n";
    check(&["--experimental", "promql", "format", "step()"], 1, "", off);
    let on = "--enable-feature=promql-experimental-functions";
    check(&["--experimental", on, "promql", "format", "step()"], 0, "step()\n", "");
    let matchers = ["--experimental", "promql", "label-matchers"];
    let set = |rest: &[&str], out: &str| check(&[&matchers[..], &["set"], rest].concat(), 0, out, "");
    set(&["sum(a) + c{x=\"1\"}", "x", "y"], "sum(a{x=\"y\"}) + c{x=\"y\"}\n");
    set(&["-t", "=~", "rate(a[5m])", "x", "y.*"], "rate(a{x=~\"y.*\"}[5m])\n");
    let delete = [&matchers[..], &["delete", "rate(a{x=\"1\",z=\"2\"}[5m])", "x"]].concat();
    check(&delete, 0, "rate(a{z=\"2\"}[5m])\n", "");
}

const RULES: &str = "\
groups:
  - name: g
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up == 0
        for: 5m
        labels: {severity: page}
";

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).expect("a file can be written");
    path.to_string_lossy().into_owned()
}

#[test]
fn rule_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let good = write(dir.path(), "good.yml", RULES);
    check(&["check", "rules", &good], 0, &format!("Checking {good}\n  SUCCESS: 2 rules found\n\n"), "");
    let fed = promtool_fed(&["check", "rules"], RULES);
    assert_eq!((fed.code, fed.out.as_str()), (0, "Checking standard input\n  SUCCESS: 2 rules found\n\n"));

    let again = "      - record: job:up:sum\n        expr: sum by (job) (up)\n        labels: {a: b}\n".repeat(2);
    let twice = write(dir.path(), "twice.yml", &format!("{RULES}{again}"));
    let checking = format!("Checking {twice}\n\n");
    let report = "  FAILED:\nlint error 1 duplicate rule(s) found.\nMetric: job:up:sum\nLabel(s):\n\ta: b\n\
                  Might cause inconsistency while recording expressions\n";
    check(&["check", "rules", &twice], 0, &checking, report);
    check(&["check", "rules", "--lint-fatal", &twice], 3, &checking, report);
    assert_eq!(promtool(&["check", "rules", "--lint=none", "--lint-fatal", &twice]).code, 0);

    let bad = "groups:\n  - name: g\n    rules:\n      - alert: Down\n        expr: up = 0\n      - record: a\n        \
               expr: sum(up\n        for: 5m\n";
    let bad = write(dir.path(), "bad.yml", bad);
    let faults = format!(
        "  FAILED:\n\
         {bad}: 5:15: group \"g\", rule 1, \"Down\": could not parse expression: 1:4: parse error: unexpected \"=\"\n\
         {bad}: 7:15: group \"g\", rule 2, \"a\": could not parse expression: 1:7: parse error: unclosed left parenthesis\n\
         {bad}: 6:17: group \"g\", rule 2, \"a\": invalid field 'for' in recording rule\n"
    );
    let ran = promtool(&["check", "rules", &bad]);
    assert_eq!((ran.code, ran.out), (1, format!("Checking {bad}\n")));
    // Upstream's lines first, then ours.
    let ours = ran.err.strip_prefix(&faults).unwrap_or_else(|| panic!("{}", ran.err));
    assert!(ours.starts_with("\nerror[FS1003]: "), "{ours}");
    let missing = "promtool: error: path 'no-such-file.yml' does not exist, try --help\n";
    check(&["check", "rules", "no-such-file.yml"], 1, "", missing);
}

#[test]
fn configurations() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), "rules.yml", RULES);
    let text = "global:\n  scrape_interval: 10m\nrule_files: [rules.yml]\nscrape_configs:\n  - job_name: a\n    \
                static_configs: [{targets: ['localhost:9090']}]\n";
    let good = write(dir.path(), "good.yml", text);
    let rules = dir.path().join("rules.yml").to_string_lossy().into_owned();
    let valid = format!(" SUCCESS: {good} is valid prometheus config file syntax\n\n");
    let whole = format!(
        "Checking {good}\n  SUCCESS: 1 rule files found\n{valid}Checking {rules}\n  SUCCESS: 2 rules found\n\n"
    );
    check(&["check", "config", &good], 0, &whole, "");
    check(&["check", "config", "--syntax-only", &good], 0, &format!("Checking {good}\n{valid}"), "");
    let too_long =
        "  FAILED: too long scrape interval found, data point will be marked as stale - job: a, interval: 10m\n";
    check(&["check", "config", "--lint=all", &good], 0, &whole, too_long);
    check(&["check", "config", "--lint=all", "--lint-fatal", &good], 3, &whole, too_long);

    let typo = write(dir.path(), "typo.yml", &text.replace("scrape_interval", "scarpe_interval"));
    let ran = promtool(&["check", "config", &typo]);
    assert_eq!((ran.code, ran.out.as_str()), (1, format!("Checking {typo}\n\n").as_str()));
    let words = format!(
        "  FAILED: parsing YAML file {typo}: yaml: unmarshal errors:\n  line 2: field scarpe_interval not found in type \
         config.plain\n"
    );
    assert!(ran.err.starts_with(&words), "{}", ran.err);
    assert!(ran.err.contains("scrape_interval"), "{}", ran.err);
    assert_eq!(promtool(&["check", "config", "--fix", &typo]).code, 0);
    assert_eq!(fs::read_to_string(&typo).expect("the file"), text);

    let lost = write(dir.path(), "lost.yml", "rule_files: [nowhere.yml]\n");
    assert!(promtool(&["check", "config", &lost]).err.contains("nowhere.yml\" does not point to an existing file"));
}

#[test]
fn test_scripts() {
    let dir = tempfile::tempdir().expect("a directory");
    let load = "load 1m\n  requests_total{job=\"a\"} 0+60x10\n\n";
    let good = format!("{load}eval instant at 10m rate(requests_total[5m])\n  {{job=\"a\"}} 1\n");
    let good = write(dir.path(), "good.test", &good);
    check(&["test", "promql", &good], 0, &format!("Testing {good}\n  SUCCESS: 1 evals passed\n"), "");
    let bad = format!("{load}eval instant at 10m rate(requests_total[5m])\n  {{job=\"a\"}} 2\n");
    let bad = write(dir.path(), "bad.test", &bad);
    let ran = promtool(&["test", "promql", &bad]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with(&format!("  FAILED: {bad}:4: rate(requests_total[5m]): ")), "{}", ran.err);
}

/// Answers one request with `body`; returns the address, and what was asked once joined.
fn server(status: &'static str, body: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut reader = BufReader::new(&stream);
        let (mut asked, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                break;
            }
            if asked.is_empty() {
                line.trim_end().clone_into(&mut asked);
            }
        }
        let mut form = vec![0; length];
        reader.read_exact(&mut form).expect("the form");
        let half = body.len() / 2;
        let (a, b) = (&body[..half], &body[half..]);
        write!(
            &stream,
            "HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n",
            a.len(),
            b.len()
        )
        .expect("the client listens");
        format!("{asked} {}", String::from_utf8_lossy(&form))
    });
    (address, serving)
}

fn queried(words: &[&str], status: &'static str, body: &'static str, asked: &str, code: u8, shown: &str) {
    let (address, serving) = server(status, body);
    let words: Vec<&str> = words.iter().map(|word| if *word == "SERVER" { address.as_str() } else { *word }).collect();
    let ran = promtool(&words);
    // A run that asked nothing would leave the server waiting.
    drop(TcpStream::connect(address.trim_start_matches("http://")).and_then(|stream| (&stream).write_all(b"\r\n")));
    assert_eq!(serving.join().expect("one request"), asked, "{words:?}");
    assert_eq!((ran.code, ran.out + &ran.err), (code, shown.replace("SERVER", &address)), "{words:?}");
}

#[test]
fn queries() {
    let vector = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"<a>"},"value":[5,"1.5"]},{"metric":{},"value":[5.25,"NaN"]}]}}"#;
    let asked = "POST /api/v1/query HTTP/1.1 query=up&time=5";
    queried(
        &["query", "instant", "--time=5", "SERVER", "up"],
        "200 OK",
        vector,
        asked,
        0,
        "up{job=\"<a>\"} => 1.5 @[5]\n{} => NaN @[5.25]\n",
    );
    queried(
        &["query", "-o", "json", "instant", "--time=1970-01-01T00:00:05Z", "SERVER", "up"],
        "200 OK",
        vector,
        asked,
        0,
        "[{\"metric\":{\"__name__\":\"up\",\"job\":\"\\u003ca\\u003e\"},\"value\":[5,\"1.5\"]},{\"metric\":{},\"value\":[5.25,\"NaN\"]}]\n",
    );
    let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[10,"1"],[20,"2"]]}]}}"#;
    queried(
        &["query", "range", "--start=10", "--end=20.5", "--step=10s", "SERVER", "x"],
        "200 OK",
        matrix,
        "POST /api/v1/query_range HTTP/1.1 query=x&start=10&end=20.5&step=10",
        0,
        "{a=\"b\"} =>\n1 @[10]\n2 @[20]\n",
    );
    let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[5,"2"]}}"#;
    queried(
        &["query", "instant", "--time=5", "SERVER", "2"],
        "200 OK",
        scalar,
        "POST /api/v1/query HTTP/1.1 query=2&time=5",
        0,
        "scalar: 2 @[5]\n",
    );
    let refused = r#"{"status":"error","errorType":"bad_data","error":"no such thing"}"#;
    queried(
        &["query", "instant", "--time=5", "SERVER", "("],
        "400 Bad Request",
        refused,
        "POST /api/v1/query HTTP/1.1 query=%28&time=5",
        1,
        "query error: bad_data: no such thing\n",
    );
    let series = r#"{"status":"success","data":[{"__name__":"up","job":"a"}]}"#;
    queried(
        &["query", "series", "--match=up", "--start=1", "--end=2", "SERVER"],
        "200 OK",
        series,
        "POST /api/v1/series HTTP/1.1 start=1&end=2&match%5B%5D=up",
        0,
        "{__name__=\"up\", job=\"a\"}\n",
    );
    queried(
        &["query", "labels", "--start=1", "--end=2", "SERVER", "job"],
        "200 OK",
        r#"{"status":"success","data":["a","b"]}"#,
        "GET /api/v1/label/job/values?start=1&end=2 HTTP/1.1 ",
        0,
        "a\nb\n",
    );
}

#[test]
fn health() {
    queried(
        &["check", "healthy", "--url", "SERVER"],
        "200 OK",
        "Prometheus Server is Healthy.\n",
        "GET /-/healthy HTTP/1.1 ",
        0,
        "  SUCCESS:  Prometheus Server is Healthy.\n\n",
    );
    queried(
        &["check", "ready", "--url", "SERVER"],
        "503 Service Unavailable",
        "starting",
        "GET /-/ready HTTP/1.1 ",
        1,
        "check failed: URL=SERVER, status=503\n",
    );
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let refusal = format!("Get \"http://{free}/-/healthy\": dial tcp {free}: connect: connection refused\n");
    check(&["check", "healthy", "--url", &format!("http://{free}")], 1, "", &refusal);
}
