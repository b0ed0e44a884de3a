//! `promtool push metrics` and `promtool query analyze` against our server: what is pushed is stored, and its buckets are
//! counted.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{run, server, text};

const PAGE: &str = "# HELP runs_total How often.
# TYPE runs_total counter
runs_total{job=\"mine\",kind=\"a\"} 3 AT
# TYPE took_seconds histogram
took_seconds_bucket{le=\"0.1\"} LOW AT
took_seconds_bucket{le=\"1\"} 4 AT
took_seconds_sum 2.5 AT
took_seconds_count 7 AT
# TYPE size_bytes summary
size_bytes{quantile=\"0.5\"} 12 AT
size_bytes_sum 30 AT
size_bytes_count 2 AT
";

const ANALYSIS: &str = "Bucket stats for each histogram series over time
------------------------------------------------
First the min, avg, and max number of populated buckets, followed by the total
number of buckets (only if different from the max number of populated buckets
which is typical for classic but not native histograms).

- took_seconds_bucket{job=\"VERSION\"} (classic): 2/2.500/3

Aggregated bucket stats
-----------------------
Each line shows min/avg/max over the series above.

Classic histogram series (1 in total):
- min populated: 2/2.000/2
- avg populated: 2/2.000/2
- max populated: 3/3.000/3
";

#[test]
fn what_is_pushed_is_stored_and_its_buckets_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), &["--web.enable-remote-write-receiver"], "global: {scrape_interval: 1h}\n");
    let url = format!("http://{}", server.address());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    for (job, message) in [("v1", "prometheus.WriteRequest"), ("v2", "io.prometheus.write.v2.Request")] {
        for (low, at) in [("0", now - 60_000), ("2", now - 30_000)] {
            fs::write(dir.path().join("page"), PAGE.replace("LOW", low).replace("AT", &at.to_string())).unwrap();
            let (label, message) = (format!("--label=job={job}"), format!("--protobuf_message={message}"));
            let out = run(&["promtool", "push", "metrics", &label, &message, &url, "page"], dir.path());
            let said = "Parsing metrics file page\n  SUCCESS: metrics file page pushed to remote write.\n".to_owned();
            assert_eq!((out.status.code(), text(&out.stdout), text(&out.stderr)), (Some(0), said, String::new()));
        }
        let got: Vec<String> =
            ["runs_total", "took_seconds_bucket", "took_seconds_sum", "took_seconds_count", "size_bytes"]
                .iter()
                .flat_map(|name| {
                    let expr = format!("{name}{{job=\"{job}\"}}");
                    let found = server.query(&expr).unwrap();
                    let mut lines: Vec<String> = found
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|s| {
                            let of = |label: &str| s["metric"][label].as_str().unwrap_or("").to_owned();
                            let value = s["value"][1].as_str().unwrap();
                            format!("{name} {}{}{}{} {value}", of("exported_job"), of("kind"), of("le"), of("quantile"))
                        })
                        .collect();
                    lines.sort();
                    lines
                })
                .collect();
        let want = [
            "runs_total minea 3",
            "took_seconds_bucket +Inf 7",
            "took_seconds_bucket 0.1 2",
            "took_seconds_bucket 1 4",
            "took_seconds_sum  2.5",
            "took_seconds_count  7",
            "size_bytes 0.5 12",
        ];
        assert_eq!(got, want, "{job}");
        let selector = format!("--match=took_seconds_bucket{{job=\"{job}\"}}");
        let out = run(&["promtool", "query", "analyze", "--server", &url, "--type=histogram", &selector], dir.path());
        let said = (out.status.code(), text(&out.stdout), text(&out.stderr));
        assert_eq!(said, (Some(0), ANALYSIS.replace("VERSION", job), String::new()));
    }

    // What cannot be read or is refused is told, and nothing is tried again in vain.
    fs::write(dir.path().join("bad"), "x{ 1\n").unwrap();
    let out = run(&["promtool", "push", "metrics", &url, "bad", "missing"], dir.path());
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("  FAILED: text format parsing error in line 1: "), "{said}");
    assert!(said.contains("  FAILED: open missing: no such file or directory"), "{said}");
    fs::write(dir.path().join("old"), "runs_total{kind=\"a\"} 3 1000\n").unwrap();
    let args = ["promtool", "push", "metrics", "--label=job=v1", "--remote-write.path=/nowhere", &url, "old"];
    let said = text(&run(&args, dir.path()).stderr);
    assert!(said.contains("FAILED: server returned HTTP status 404 Not Found: "), "{said}");
    let out = run(&["promtool", "query", "analyze", "--server", &url, "--type=gauge", "--match=x"], dir.path());
    assert_eq!(text(&out.stderr), "analyze type is gauge, must be 'histogram'\n");
    assert!(server.stop().unwrap().success());
}
