//! Compaction alone: three blocks of two hours become one, in the server, on the same input. The blocks are made once, by the
//! block writer's example `by_hand`, so that nobody's log or head is in the figures.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, Result, bail};

use super::super::contender::Contender;
use super::super::restart::copy_dir;
use super::{Figures, Who, blocks_of, meta_of, size};
use crate::shell;

/// The newest block is never compacted: a fourth lets three of them go.
const BLOCKS: usize = 4;
const LONGER_BLOCKS: &str = "--storage.tsdb.max-block-duration=6h";
/// Both look for work once a minute; under load it takes its time.
const LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(5);
/// What goes on behind a compaction, as collecting garbage, may end.
const SETTLE: Duration = Duration::from_secs(3);

pub(super) fn measure(who: Who, home: &Path, series: usize, out: &mut Figures) -> Result<bool> {
    let input = input(home, series)?;
    let dir = home.join("run");
    copy_dir(&input, &dir.join("data"))?;
    let Some(server) = who.start(&dir, &[LONGER_BLOCKS])? else { return Ok(false) };
    let before = before_compaction(&server, &dir)?;
    let began = Instant::now();
    let deadline = began + LIMIT;
    let compacted = loop {
        let merged = blocks_of(&dir)?.into_iter().find(|block| {
            meta_of(block).is_ok_and(|meta| meta["compaction"]["level"].as_u64().is_some_and(|level| level > 1))
        });
        // The parents go last.
        if let (Some(merged), true) = (merged, blocks_of(&dir)?.len() <= 2) {
            break merged;
        }
        if Instant::now() > deadline {
            bail!("{} compacted nothing", who.name());
        }
        thread::sleep(POLL);
    };
    out.insert("compaction_seconds".into(), began.elapsed().as_secs_f64().into());
    thread::sleep(SETTLE);
    let after = server.usage()?;
    out.insert("compaction_cpu_seconds".into(), (after.cpu_seconds - before.cpu_seconds).into());
    let added = after.rss_peak_bytes.saturating_sub(before.rss_bytes);
    out.insert("compaction_rss_peak_bytes_added".into(), added.into());
    out.insert("compaction_rss_peak_bytes".into(), after.rss_peak_bytes.into());
    out.insert("compaction_samples".into(), meta_of(&compacted)?["stats"]["numSamples"].clone());
    out.insert("compaction_index_bytes".into(), size(&compacted.join("index"))?.into());
    out.insert("compaction_chunk_bytes".into(), size(&compacted.join("chunks"))?.into());
    Ok(true)
}

/// Waits until the compaction begins, and returns what was used until then. Its peak of memory counts from there.
fn before_compaction(server: &Contender, dir: &Path) -> Result<super::super::process::Usage> {
    let deadline = Instant::now() + LIMIT;
    server.reset_peak()?;
    loop {
        let usage = server.usage()?;
        let unfinished = fs::read_dir(dir.join("data"))?.filter_map(Result::ok).any(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().contains(".tmp")
        });
        if unfinished {
            return Ok(usage);
        }
        if Instant::now() > deadline {
            bail!("{} does not begin to compact", server.name);
        }
        thread::sleep(POLL);
    }
}

/// Returns the directory of the blocks to compact, made when it is not there.
fn input(home: &Path, series: usize) -> Result<PathBuf> {
    let dir = home.join(format!("blocks-{series}"));
    if dir.join("complete").is_file() {
        return Ok(dir.join("data"));
    }
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let data = dir.join("data");
    fs::create_dir_all(&data)?;
    shell::run(shell::command(&["cargo", "build", "--release", "-p", "firesteel-tsdb-block", "--example", "by_hand"]))?;
    let program = shell::target_dir().join("release/examples/by_hand").display().to_string();
    let (data_arg, series, blocks) = (data.display().to_string(), series.to_string(), BLOCKS.to_string());
    shell::run(shell::command(&[&program, "write", &data_arg, &series, &blocks]))?;
    fs::write(dir.join("complete"), "").context("mark the blocks as complete")?;
    Ok(data)
}
