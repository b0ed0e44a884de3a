//! How it grows: the same figures for ever more series, which should stay what they are for each.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::super::pushes::{Series, Version, push};
use super::{RECEIVE, STEP_MS, Who, now_ms};

/// `None`: there is no such server.
pub(super) fn measure(who: Who, dir: &Path, count: usize, samples: u64) -> Result<Option<Value>> {
    let Some(server) = who.start(dir, &[RECEIVE])? else { return Ok(None) };
    let start = now_ms()? - samples as i64 * STEP_MS;
    let t_ms = |round: u64| start + round as i64 * STEP_MS;
    let series = Series { first: 0, count };
    let settle = || std::thread::sleep(Duration::from_secs(2));
    settle();
    let idle = server.usage()?;
    push(server.address(), Version::V1, &series, 0..1, &t_ms)?;
    let first = server.usage()?;
    push(server.address(), Version::V1, &series, 1..samples, &t_ms)?;
    settle();
    let last = server.usage()?;
    let appended = (samples.saturating_sub(1) as f64 * count as f64 / 1e6).max(f64::MIN_POSITIVE);
    let point = json!({
        "server": who.name(), "series": count, "samples_each": samples,
        "cpu_us_per_new_series": (first.cpu_seconds - idle.cpu_seconds) * 1e6 / count as f64,
        "append_cpu_seconds_per_million_samples": (last.cpu_seconds - first.cpu_seconds) / appended,
        "rss_bytes_per_series": (last.rss_bytes.saturating_sub(idle.rss_bytes) as f64 / count as f64).round(),
    });
    println!("curve: {point}");
    Ok(Some(point))
}
