//! Series that stay: what appending costs, what memory a series takes, and the restart after a kill.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::super::back::{ARGS, Questions, after_kill, before_kill};
use super::super::pushes::{Series, Version, push};
use super::{Figures, STEP_MS, Who, now_ms};

const SAMPLES: u64 = 120;

/// Appends 120 samples to each of `count` series and restarts after a kill. Returns false when there is no such server.
pub(super) fn measure(who: Who, dir: &Path, count: usize, out: &mut Figures) -> Result<bool> {
    let Some(server) = who.start(dir, &ARGS)? else { return Ok(false) };
    let end = now_ms()?;
    let start = end - SAMPLES as i64 * STEP_MS;
    let t_ms = |round: u64| start + round as i64 * STEP_MS;
    let series = Series { first: 0, count };
    let settle = || std::thread::sleep(Duration::from_secs(2));
    settle();
    let idle = server.usage()?;
    push(server.address(), Version::V1, &series, 0..1, &t_ms)?;
    let first = server.usage()?;
    push(server.address(), Version::V1, &series, 1..30, &t_ms)?;
    settle();
    let thirty = server.usage()?;
    push(server.address(), Version::V1, &series, 30..SAMPLES, &t_ms)?;
    settle();
    let last = server.usage()?;
    let cpu = (last.cpu_seconds - first.cpu_seconds) / ((SAMPLES - 1) as f64 * count as f64 / 1e6);
    out.insert("append_cpu_seconds_per_million_samples".into(), cpu.into());
    let create = (first.cpu_seconds - idle.cpu_seconds) * 1e6 / count as f64;
    out.insert("cpu_us_per_new_series".into(), create.into());
    let per_series = |at: u64| (at.saturating_sub(idle.rss_bytes) as f64 / count as f64).round();
    out.insert("rss_bytes_per_series_30_samples".into(), per_series(thirty.rss_bytes).into());
    out.insert("rss_bytes_per_series_120_samples".into(), per_series(last.rss_bytes).into());
    let questions = Questions::new(count, SAMPLES, STEP_MS, end);
    before_kill(&server, &questions, out)?;
    server.kill_9()?;
    let back = after_kill(|| who.start(dir, &ARGS), &questions, out)?;
    Ok(back.is_some())
}
