//! Fake targets: pages of metrics whose values move as real ones do, served over keep-alive HTTP.
//!
//! About 40 % of the series belong to histograms, 35 % are counters, 25 % gauges; about 103 bytes a line.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use firesteel_testkit::{Page, PageServer};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Serves every path with the same page of `series` series, packed by gzip on request, which moves once a second: one
/// page for all who ask within the same second, so that two servers see the same load and making it costs them nothing.
pub(crate) fn start(series: usize, gzip: bool) -> Result<PageServer> {
    let start = Instant::now();
    let newest: Mutex<Option<(u64, Page)>> = Mutex::new(None);
    let server = PageServer::start(move |_path| {
        let second = start.elapsed().as_secs();
        let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some((made, page)) if *made == second => page.clone(),
            _ => {
                let mut body = String::new();
                page(series, second, &mut body);
                let page = if gzip { Page::metrics(packed(body.as_bytes())).gzipped() } else { Page::metrics(body) };
                *newest = Some((second, page.clone()));
                page
            }
        }
    });
    Ok(server?)
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a Vec cannot fail.
    let _ok = packer.write_all(body);
    packer.finish().unwrap_or_default()
}

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const BOUNDS: [&str; 10] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"];

/// Writes a page of exactly `series` lines as it stands `second` seconds after the start.
fn page(series: usize, second: u64, out: &mut String) {
    out.clear();
    let (histograms, counters) = (series * 40 / 100 / 12 * 12, series * 35 / 100);
    let put = |out: &mut String, args: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ok = out.write_fmt(args);
    };
    out.push_str("# HELP http_request_duration_seconds Time that requests take.\n# TYPE http_request_duration_seconds histogram\n");
    for h in 0..histograms / 12 {
        let labels =
            format!("handler=\"/api/v1/resource/{h}\",method=\"{}\",service=\"checkout-service\"", METHODS[h % 4]);
        let rate = (h as u64 % 17) + 1;
        for (i, bound) in BOUNDS.iter().enumerate() {
            let v = second * rate * (i as u64 + 1);
            put(out, format_args!("http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {v}\n"));
        }
        put(out, format_args!("http_request_duration_seconds_sum{{{labels}}} {}\n", (second * rate) as f64 * 0.137));
        put(out, format_args!("http_request_duration_seconds_count{{{labels}}} {}\n", second * rate * 10));
    }
    out.push_str("# HELP app_operations_total Operations so far.\n# TYPE app_operations_total counter\n");
    for c in 0..counters {
        let v = second * (c as u64 % 23) + c as u64;
        put(
            out,
            format_args!(
                "app_operations_total{{operation=\"operation-{c:04}\",component=\"storage-engine\",result=\"success\",zone=\"zone-{}\"}} {v}\n",
                c % 3
            ),
        );
    }
    out.push_str("# HELP app_pool_usage_ratio Usage of a pool.\n# TYPE app_pool_usage_ratio gauge\n");
    for g in 0..series - histograms - counters {
        let mixed =
            (second.wrapping_mul(6_364_136_223_846_793_005) ^ (g as u64).wrapping_mul(1_442_695_040_888_963_407)) >> 40;
        let v = (mixed % 1_000_000) as f64 / 1e6;
        put(
            out,
            format_args!(
                "app_pool_usage_ratio{{pool=\"connection-pool-{g:04}\",component=\"database-client\",region=\"eu-central\"}} {v}\n"
            ),
        );
    }
}
