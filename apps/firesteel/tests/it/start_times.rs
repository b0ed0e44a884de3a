//! Start timestamps from the page or the push to the answer: they tell a counter's new beginning that its values hide.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_proto::{snappy, write_v2};
use firesteel_testkit::{Page, PageServer, Server};

const SOON: Duration = Duration::from_mins(1);
const STORED: &str = "--enable-feature=st-storage,xor2-encoding,promql-experimental-functions";
const USED: &str = "--enable-feature=use-start-timestamps";

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Returns the one value of an answer.
fn value(server: &Server, query: &str) -> Option<f64> {
    server.query(query).unwrap()[0]["value"][1].as_str().map(|v| v.parse().unwrap())
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat()
}

fn varint(number: u8, mut v: u64) -> Vec<u8> {
    let mut out = vec![number << 3];
    while v > 127 {
        out.push(v as u8 | 128);
        v >>= 7;
    }
    out.push(v as u8);
    out
}

/// A page of protobuf: one counter that began at `start_ms`.
fn page(v: f64, start_ms: i64) -> Page {
    let seconds = varint(1, start_ms as u64 / 1000);
    let nanos = varint(2, start_ms as u64 % 1000 * 1_000_000);
    let value = [&[1 << 3 | 1][..], &v.to_le_bytes()].concat();
    let counter = [value, field(3, &[seconds, nanos].concat())].concat();
    // Name, type (a counter is 0, the default), the metric with its counter.
    let family = [field(1, b"c_total"), field(4, &field(3, &counter))].concat();
    let body = [&[family.len() as u8][..], &family].concat();
    let content_type = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    Page { content_type, ..Page::metrics(body) }
}

#[test]
fn scraped_starts_tell_resets() {
    // The counter always rises; once samples of its first life are stored it says that it began anew.
    let first_start = now_ms() - 3_600_000;
    let began_anew = Arc::new(OnceLock::new());
    let scraped = AtomicU32::new(0);
    let target = {
        let began_anew = Arc::clone(&began_anew);
        PageServer::start(move |_| {
            let n = scraped.fetch_add(1, Ordering::Relaxed) + 1;
            page(f64::from(n), *began_anew.get().unwrap_or(&first_start))
        })
        .unwrap()
    };
    let config = format!(
        "scrape_configs:\n- job_name: c\n  scrape_interval: 1s\n  static_configs: [{{targets: ['{}']}}]\n",
        target.address()
    );
    let dir = tempfile::tempdir().unwrap();
    let server = crate::server(dir.path(), &[STORED, USED], &config);
    server.wait_for("a sample of the first life", SOON, |s| value(s, "c_total").is_some());
    began_anew.set(now_ms()).unwrap();
    server.wait_for("a reset", SOON, |s| value(s, "resets(c_total[5m])") == Some(1.0));
    server.wait_for("the start is known", SOON, |s| {
        let start = value(s, "start_timestamp(c_total)").unwrap_or(0.0);
        start > first_start as f64 / 1000.0 && start <= now_ms() as f64 / 1000.0
    });
    // The same after a restart, out of the log.
    server.kill_9().unwrap();
    let server = crate::server(dir.path(), &[STORED, USED], "global: {}\n");
    assert_eq!(value(&server, "resets(c_total[5m])"), Some(1.0));
    drop(server);
    // Values alone show no reset.
    let server = crate::server(dir.path(), &[STORED], "global: {}\n");
    assert_eq!(value(&server, "resets(c_total[5m])"), Some(0.0));
}

#[test]
fn pushed_starts_tell_resets() {
    let base = now_ms() / 1000 * 1000 - 120_000;
    let (first, second) = (base - 60_000, base + 20_000);
    let samples = [(0, 10.0, first), (15, 20.0, first), (30, 30.0, second), (45, 40.0, second)];
    let mut encoder = write_v2::Encoder::default();
    let refs = ["__name__", "p_total"].map(|text| encoder.symbol(text));
    encoder.series(&refs, |out| {
        for (t, v, start) in samples {
            write_v2::put_sample(out, base + t * 1000, v, start);
        }
    });
    let mut packed = Vec::new();
    snappy::encode(&encoder.finish(), &mut packed).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let quiet = "global: {scrape_interval: 1h}\n";
    let server = crate::server(dir.path(), &[STORED, USED, "--web.enable-remote-write-receiver"], quiet);
    let kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let request = ureq::post(format!("http://{}/api/v1/write", server.address())).header("content-type", kind);
    assert_eq!(request.send(&packed[..]).unwrap().status(), 204);

    let ask = |server: &Server, function: &str| {
        let at = (base as f64 / 1000.0 + 50.0).to_string();
        let query = format!("{function}(p_total[1m] @ {at})");
        value(server, &query).unwrap_or_else(|| panic!("{query} has no answer"))
    };
    assert_eq!(ask(&server, "resets"), 1.0);
    let with_starts = (ask(&server, "increase"), ask(&server, "rate"), ask(&server, "irate"));
    server.stop().unwrap();
    let server = crate::server(dir.path(), &[STORED], quiet);
    assert_eq!(ask(&server, "resets"), 0.0);
    let without = (ask(&server, "increase"), ask(&server, "rate"), ask(&server, "irate"));
    // 10 → 20, then 30 from nothing, then 10 more.
    assert!(with_starts.0 > 50.0 && without.0 < 45.0, "{with_starts:?} {without:?}");
    assert!(with_starts.1 > without.1 * 1.2, "{with_starts:?} {without:?}");
    assert_eq!(with_starts.2.to_bits(), without.2.to_bits(), "the last two samples have one start");
}
