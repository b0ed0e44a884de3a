//! Series that go: what new ones take beside the old, and what a truncation gives back. Blocks are of two minutes here, so
//! that they are cut within the bench.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::pushes::Series;
use super::{Figures, RECEIVE, STEP_MS, Who, blocks_of, in_step, now_ms};

const SHORT_BLOCKS: &str = "--storage.tsdb.min-block-duration=2m";
/// Rounds of two minutes.
const BLOCK_ROUNDS: u64 = 8;
/// How long to wait for a compaction, which both look for once a minute.
const COMPACTION_LIMIT: Duration = Duration::from_secs(200);
const QUIET: Duration = Duration::from_secs(15);

/// Replaces all series by others, goes on with those, and waits until what is old is in blocks.
pub(super) fn measure(who: Who, dir: &Path, count: usize, out: &mut Figures) -> Result<bool> {
    let Some(server) = who.start(dir, &[RECEIVE, SHORT_BLOCKS])? else { return Ok(false) };
    let start = now_ms()? - 6 * BLOCK_ROUNDS as i64 * STEP_MS;
    let t_ms = |round: u64| start + round as i64 * STEP_MS;
    std::thread::sleep(Duration::from_secs(2));
    let idle = server.usage()?;
    let (old, new) = (Series { first: 0, count }, Series { first: count.next_multiple_of(1000), count });
    in_step(&server, &old, 0..BLOCK_ROUNDS, 1, &t_ms)?;
    std::thread::sleep(Duration::from_secs(1));
    let before = server.usage()?;
    in_step(&server, &new, BLOCK_ROUNDS..2 * BLOCK_ROUNDS, 1, &t_ms)?;
    std::thread::sleep(Duration::from_secs(1));
    let grown = server.usage()?;
    let beyond = |at: u64| (at as f64 - before.rss_bytes as f64) / count as f64;
    out.insert("churn_rss_bytes_per_new_series".into(), beyond(grown.rss_bytes).round().into());
    in_step(&server, &new, 2 * BLOCK_ROUNDS..6 * BLOCK_ROUNDS, 1, &t_ms)?;
    std::thread::sleep(Duration::from_secs(1));
    let deadline = Instant::now() + COMPACTION_LIMIT;
    let mut known = Vec::new();
    let mut quiet_since = Instant::now();
    while Instant::now() < deadline {
        std::thread::sleep(Duration::from_secs(1));
        let blocks = blocks_of(dir)?;
        if blocks != known {
            (known, quiet_since) = (blocks, Instant::now());
        } else if !known.is_empty() && quiet_since.elapsed() > QUIET {
            break;
        }
    }
    let after = server.usage()?;
    // As many series as before the churn are left, each with as many samples or fewer.
    out.insert("churn_rss_bytes_per_new_series_after_truncation".into(), beyond(after.rss_bytes).round().into());
    out.insert("churn_rss_bytes_idle".into(), idle.rss_bytes.into());
    out.insert("churn_rss_bytes_before".into(), before.rss_bytes.into());
    out.insert("churn_rss_bytes_grown".into(), grown.rss_bytes.into());
    out.insert("churn_rss_bytes_after_truncation".into(), after.rss_bytes.into());
    out.insert("churn_rss_peak_bytes".into(), after.rss_peak_bytes.into());
    // Blocks are cut and merged meanwhile: what that costs is in here.
    let pushed = 6.0 * BLOCK_ROUNDS as f64 * count as f64 / 1e6;
    let cpu = (after.cpu_seconds - idle.cpu_seconds) / pushed;
    out.insert("churn_cpu_seconds_per_million_samples_with_blocks".into(), cpu.into());
    Ok(true)
}
