//! Bytes of a block: both servers cut the same two hours of the same samples, each series every 15 seconds.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::super::pushes::Series;
use super::{Figures, RECEIVE, STEP_MS, Who, blocks_of, in_step, meta_of, now_ms, size};

const BLOCK_MS: i64 = 2 * 3600 * 1000;
/// A head is cut when it spans one and a half blocks.
const ROUNDS: u64 = (BLOCK_MS / 2 * 3 / STEP_MS) as u64 + 8;
/// How long to wait for the cut, which both look for once a minute.
const LIMIT: Duration = Duration::from_secs(240);
/// Rounds pushed at a time.
const AT_A_TIME: usize = 60;

pub(super) fn measure(who: Who, dir: &Path, count: usize, out: &mut Figures) -> Result<bool> {
    let Some(server) = who.start(dir, &[RECEIVE])? else { return Ok(false) };
    // The newest sample is in the past, and the first one begins a block.
    let start = (now_ms()? - ROUNDS as i64 * STEP_MS) / BLOCK_MS * BLOCK_MS;
    let t_ms = |round: u64| start + round as i64 * STEP_MS;
    in_step(&server, &Series { first: 0, count }, 0..ROUNDS, AT_A_TIME, &t_ms)?;
    let deadline = Instant::now() + LIMIT;
    let block = loop {
        if let Some(block) = blocks_of(dir)?.into_iter().next() {
            break block;
        }
        if Instant::now() > deadline {
            bail!("{} cut no block", who.name());
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let meta = meta_of(&block)?;
    let samples = meta["stats"]["numSamples"].as_u64().unwrap_or(0);
    let expected = count as u64 * (BLOCK_MS / STEP_MS) as u64;
    if samples != expected
        || meta["minTime"].as_i64() != Some(start)
        || meta["maxTime"].as_i64() != Some(start + BLOCK_MS)
    {
        bail!("{} cut another block than expected, of {expected} samples: {meta}", who.name());
    }
    let per_sample = |bytes: u64| bytes as f64 / samples as f64;
    let (index, chunks) = (size(&block.join("index"))?, size(&block.join("chunks"))?);
    out.insert("block_samples".into(), samples.into());
    out.insert("block_bytes_per_sample".into(), per_sample(size(&block)?).into());
    out.insert("block_index_bytes_per_sample".into(), per_sample(index).into());
    out.insert("block_chunk_bytes_per_sample".into(), per_sample(chunks).into());
    Ok(true)
}
