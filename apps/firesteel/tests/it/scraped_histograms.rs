//! Histograms from the target to the query: native ones in protobuf, classic ones of OpenMetrics as native ones, and start
//! timestamps as zeros. The answers are those of Prometheus 3.14.0 over the same pages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_proto::encode::{
    put_bytes_field, put_double_field, put_message, put_packed_zigzag, put_text_field, put_varint_field,
    put_zigzag_field,
};
use firesteel_testkit::{FakeTarget, Server, write_answer};

const LIMIT: Duration = Duration::from_secs(60);

fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    put_message(out, 1, |out| {
        put_text_field(out, 1, name);
        put_text_field(out, 2, value);
    });
}

fn put_time(out: &mut Vec<u8>, field: u32, seconds: u64) {
    put_message(out, field, |out| put_varint_field(out, 1, seconds));
}

/// Adds a family, behind its length.
fn put_family(page: &mut Vec<u8>, name: &str, kind: u64, metric: impl FnOnce(&mut Vec<u8>)) {
    let mut family = Vec::new();
    put_text_field(&mut family, 1, name);
    put_varint_field(&mut family, 3, kind);
    put_message(&mut family, 4, metric);
    // The length of a message stands before it as behind a field's number.
    let mut delimited = Vec::new();
    put_bytes_field(&mut delimited, 1, &family);
    page.extend_from_slice(&delimited[1..]);
}

/// One in the zero bucket, 2, 3 and 2 in (0.5, 1], (1, 2] and (2, 4]; and classic buckets that say the same.
fn protobuf_page(started: u64) -> Vec<u8> {
    let mut page = Vec::new();
    put_family(&mut page, "took_seconds", 4, |metric| {
        put_label(metric, "path", "/a");
        put_message(metric, 7, |h| {
            put_varint_field(h, 1, 8);
            put_double_field(h, 2, 12.5);
            put_zigzag_field(h, 5, 0);
            put_double_field(h, 6, 0.001);
            put_varint_field(h, 7, 1);
            put_message(h, 12, |span| {
                put_zigzag_field(span, 1, 0);
                put_varint_field(span, 2, 3);
            });
            put_packed_zigzag(h, 13, &[2, 1, -1]);
            for (upper, count) in [(1.0, 3), (2.0, 6), (4.0, 8)] {
                put_message(h, 3, |bucket| {
                    put_varint_field(bucket, 1, count);
                    put_double_field(bucket, 2, upper);
                });
            }
            put_time(h, 15, started);
            put_message(h, 16, |exemplar| {
                put_label(exemplar, "trace_id", "t1");
                put_double_field(exemplar, 2, 1.5);
                put_time(exemplar, 3, started);
            });
        });
    });
    put_family(&mut page, "classic_seconds", 4, |metric| {
        put_message(metric, 7, |h| {
            put_varint_field(h, 1, 10);
            put_double_field(h, 2, 20.0);
            for (upper, count) in [(1.0, 4), (2.0, 6)] {
                put_message(h, 3, |bucket| {
                    put_varint_field(bucket, 1, count);
                    put_double_field(bucket, 2, upper);
                });
            }
        });
    });
    put_family(&mut page, "done_total", 0, |metric| {
        put_message(metric, 3, |counter| {
            put_double_field(counter, 1, 7.0);
            put_time(counter, 3, started);
        });
    });
    page
}

fn openmetrics_page(started: u64) -> String {
    format!(
        "# TYPE took_seconds histogram\ntook_seconds_bucket{{le=\"1\"}} 4\ntook_seconds_bucket{{le=\"2\"}} 6\n\
         took_seconds_bucket{{le=\"+Inf\"}} 10\ntook_seconds_count 10\ntook_seconds_sum 20\ntook_seconds_created {started}\n\
         # TYPE done counter\ndone_total 7\ndone_created {started}\n# EOF\n"
    )
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn config(target: &FakeTarget, job: &str) -> String {
    format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs: [{{job_name: t, {job}, static_configs: \
         [{{targets: ['{}'], labels: {{instance: i}}}}]}}]\n",
        target.address()
    )
}

fn scalar(server: &Server, expr: &str) -> String {
    let answer = server.query(expr).unwrap();
    assert_eq!(answer.as_array().map(Vec::len), Some(1), "{expr}: {answer}");
    answer[0]["value"][1].as_str().unwrap_or_default().to_owned()
}

#[test]
fn native_histograms_come_in_protobuf() {
    let started = now() - 120;
    let page = protobuf_page(started);
    let target = FakeTarget::start(move |request, out| {
        assert!(request.header("accept").starts_with(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
        ));
        let kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
        write_answer(out, "200 OK", &[("Content-Type", kind)], &page)
    })
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let job = "scrape_native_histograms: true, convert_classic_histograms_to_nhcb: true";
    let features = "--enable-feature=exemplar-storage,created-timestamp-zero-ingestion";
    let server = crate::server(dir.path(), &[features], &config(&target, job));
    server.wait_for("two scrapes", LIMIT, |s| {
        s.query("count_over_time(done_total[1m])").is_ok_and(|v| v[0]["value"][1].as_str().is_some_and(|n| n != "1"))
    });
    for (expr, want) in [
        ("histogram_count(took_seconds)", "8"),
        ("histogram_sum(took_seconds)", "12.5"),
        ("histogram_avg(took_seconds)", "1.5625"),
        ("histogram_quantile(0.5, took_seconds)", "1.2599210498948732"),
        ("histogram_quantile(1, took_seconds)", "4"),
        ("histogram_fraction(1, 2, took_seconds)", "0.375"),
        // As custom buckets, and the classic series of neither.
        ("histogram_quantile(0.2, classic_seconds)", "0.5"),
        ("histogram_quantile(0.5, classic_seconds)", "1.5"),
        ("histogram_quantile(0.9, classic_seconds)", "2"),
        ("count({__name__=~\"(took|classic)_seconds_.+\"}) or vector(0)", "0"),
        ("scrape_samples_scraped", "3"),
        // The first sample is the zero at the start.
        ("count_over_time((done_total == 0)[5m:1s]) > bool 0", "1"),
        ("histogram_count(took_seconds offset 100s)", "0"),
        ("increase(done_total[10m]) > bool 6.9", "1"),
    ] {
        assert_eq!(scalar(&server, expr), want, "{expr}");
    }
    let found = server.json("/api/v1/query_exemplars", &[("query", "took_seconds")]).unwrap();
    assert_eq!(found["data"][0]["exemplars"][0]["labels"]["trace_id"], "t1", "{found}");
}

#[test]
fn classic_histograms_of_openmetrics_become_native() {
    let started = now() - 120;
    let page = openmetrics_page(started);
    let target = FakeTarget::start(move |_, out| {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        write_answer(out, "200 OK", &[("Content-Type", kind)], page.as_bytes())
    })
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let features = "--enable-feature=created-timestamp-zero-ingestion";
    let server = crate::server(dir.path(), &[features], &config(&target, "convert_classic_histograms_to_nhcb: true"));
    server.wait_for("two scrapes", LIMIT, |s| {
        s.query("count_over_time(done_total[1m])").is_ok_and(|v| v[0]["value"][1].as_str().is_some_and(|n| n != "1"))
    });
    for (expr, want) in [
        ("histogram_quantile(0.5, took_seconds)", "1.5"),
        ("histogram_count(took_seconds)", "10"),
        ("histogram_sum(took_seconds)", "20"),
        ("count({__name__=~\"took_seconds_.+|done_created\"}) or vector(0)", "0"),
        ("scrape_samples_scraped", "2"),
        ("histogram_count(took_seconds offset 100s)", "0"),
        ("done_total offset 100s", "0"),
    ] {
        assert_eq!(scalar(&server, expr), want, "{expr}");
    }
}
