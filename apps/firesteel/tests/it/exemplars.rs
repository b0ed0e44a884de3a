//! `query_exemplars` of a server that scraped some: the answers are those of Prometheus 3.14.0 over the same page.

use std::time::Duration;

use firesteel_testkit::{Page, PageServer};

const PAGE: &str = "# TYPE req counter\n\
    req_total{path=\"/a\"} 5 # {trace_id=\"abc\",span=\"1\"} 0.25 1700000000.123\n\
    req_total{path=\"/b\"} 7 # {trace_id=\"d\\\"e\"} 1e3 1700000001\n\
    # TYPE lat histogram\n\
    lat_bucket{le=\"0.5\"} 3 # {trace_id=\"x\"} 0.4 1700000002.5\n\
    lat_bucket{le=\"+Inf\"} 4 # {} 3 1700000003\n\
    lat_count 4\nlat_sum 5\n# EOF\n";

const A: &str = r#"{"seriesLabels":{"__name__":"req_total","instance":"i","job":"t","path":"/a"},"exemplars":[{"labels":{"span":"1","trace_id":"abc"},"value":"0.25","timestamp":1700000000.123}]}"#;
const B: &str = r#"{"seriesLabels":{"__name__":"req_total","instance":"i","job":"t","path":"/b"},"exemplars":[{"labels":{"trace_id":"d\\\"e"},"value":"1000","timestamp":1700000001}]}"#;
const INF: &str = r#"{"seriesLabels":{"__name__":"lat_bucket","instance":"i","job":"t","le":"+Inf"},"exemplars":[{"labels":{},"value":"3","timestamp":1700000003}]}"#;
const HALF: &str = r#"{"seriesLabels":{"__name__":"lat_bucket","instance":"i","job":"t","le":"0.5"},"exemplars":[{"labels":{"trace_id":"x"},"value":"0.4","timestamp":1700000002.500}]}"#;

#[test]
fn exemplars_are_answered_as_the_reference_does() {
    let target = PageServer::start(|_| Page {
        content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ..Page::metrics(PAGE)
    })
    .unwrap();
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs: [{{job_name: t, static_configs: \
         [{{targets: ['{}'], labels: {{instance: i}}}}]}}]\n",
        target.address()
    );
    let dir = tempfile::tempdir().unwrap();
    let server = crate::server(dir.path(), &["--enable-feature=exemplar-storage"], &config);
    server.wait_for("a scrape", Duration::from_secs(60), |s| s.query("lat_sum").is_ok_and(|v| !v[0].is_null()));

    let found = |series: &[&str]| (200, format!(r#"{{"status":"success","data":[{}]}}"#, series.join(",")));
    let bad = |why: &str| (400, format!(r#"{{"status":"error","errorType":"bad_data","error":"{why}"}}"#));
    let all = "&start=0&end=1800000000";
    let cases = [
        (format!("query=req_total{all}"), found(&[A, B])),
        ("query=req_total".to_owned(), found(&[A, B])),
        (format!("query=req_total%7Bpath=%22/b%22%7D{all}"), found(&[B])),
        // Every selector of an expression counts.
        (format!("query=rate(lat_bucket%5B5m%5D)/ignoring(le)req_total{all}"), found(&[INF, HALF, A, B])),
        // Both ends of the range are in it.
        ("query=lat_bucket&start=1700000002.5&end=1700000002.5".to_owned(), found(&[HALF])),
        ("query=lat_bucket&start=1700000002.501&end=1700000003".to_owned(), found(&[INF])),
        ("query=req_total&start=2023-11-14T22:13:20Z&end=2023-11-14T22:13:20.5Z".to_owned(), found(&[A])),
        (format!("query=absent_one{all}"), found(&[])),
        // Without a selector there is no content at all.
        (format!("query=1%2B1{all}"), (204, String::new())),
        ("query=req_total&start=5&end=4".to_owned(), bad("end timestamp must not be before start timestamp")),
        (
            "query=req_total&start=x&end=1".to_owned(),
            bad(
                r#"invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a valid timestamp"#,
            ),
        ),
    ];
    for (query, want) in cases {
        let got = server.get(&format!("/api/v1/query_exemplars?{query}")).unwrap();
        assert_eq!(got, want, "{query}");
    }
    // Its words are the parser's own; the kind of error is not.
    let (status, body) = server.get("/api/v1/query_exemplars?query=req_total%7B&start=0&end=1").unwrap();
    assert!(status == 400 && body.contains(r#""errorType":"bad_data""#), "{status} {body}");
}
