//! The store under load, ours beside a `prometheus`: appending, memory for each series, restart after a kill, churn,
//! blocks. All data comes by remote write, the same to both.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use super::contender::Contender;
use super::pushes::{Series, Version, push};
use crate::shell;

/// Time between two samples of a series.
const STEP_MS: i64 = 15_000;
const RECEIVE: &str = "--web.enable-remote-write-receiver";
/// Blocks of two minutes, so that cutting and truncating happen within the bench.
const SHORT_BLOCKS: &str = "--storage.tsdb.min-block-duration=2m";
/// Rounds of two minutes.
const BLOCK_ROUNDS: u64 = 8;
/// How long to wait for a compaction, which both look for once a minute.
const COMPACTION_LIMIT: Duration = Duration::from_secs(200);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Ours,
    Prometheus,
}

impl Who {
    fn start(self, dir: &Path, args: &[&str]) -> Result<Option<Contender>> {
        match self {
            Self::Ours => Contender::ours(dir, args).map(Some),
            Self::Prometheus => Contender::prometheus(dir, args),
        }
    }

    fn name(self) -> &'static str {
        if self == Self::Ours { "firesteel" } else { "prometheus" }
    }
}

/// Figures of one server, by name.
type Figures = Map<String, Value>;

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let (mut sizes, mut save, mut churn) = (vec![100_000], false, true);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match *arg {
            "--series" => {
                let list = rest.next().context("--series needs numbers with commas between them")?;
                sizes = list.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            "--save" => save = true,
            "--no-churn" => churn = false,
            other => bail!("bench storage: unknown option {other}"),
        }
    }
    let home = shell::target_dir().join("bench-storage");
    let mut all = Vec::new();
    for who in [Who::Ours, Who::Prometheus] {
        for &series in &sizes {
            if home.exists() {
                fs::remove_dir_all(&home)?;
            }
            fs::create_dir_all(&home)?;
            let mut figures = Figures::new();
            if !held(who, &home.join("held"), series, &mut figures)? {
                println!("no `prometheus` on PATH and none in target/peers: figures of Firesteel alone");
                break;
            }
            println!("{} with {series} series: {:#}", who.name(), Value::Object(figures.clone()));
            if churn {
                churned(who, &home.join("churned"), series / 2, &mut figures)?;
            }
            println!("{} with {series} series: {:#}", who.name(), Value::Object(figures.clone()));
            figures.insert("server".into(), who.name().into());
            figures.insert("series".into(), series.into());
            all.push(Value::Object(figures));
        }
    }
    report(&all);
    if save {
        let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
        let figures = json!({
            "command": format!("cargo xtask bench storage {}", args.join(" ")),
            "commit": version.trim(), "peer": "Debian prometheus 2.42", "servers": all,
        });
        fs::create_dir_all(shell::root().join("docs/figures"))?;
        fs::write(shell::root().join("docs/figures/storage.json"), format!("{figures:#}\n"))?;
    }
    Ok(())
}

fn now_ms() -> Result<i64> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as i64)
}

/// Appends 120 samples to each series and restarts after a kill. Returns false when there is no such server.
fn held(who: Who, dir: &Path, count: usize, out: &mut Figures) -> Result<bool> {
    let Some(server) = who.start(dir, &[RECEIVE])? else { return Ok(false) };
    let start = now_ms()? - 120 * STEP_MS;
    let t_ms = |round: u64| start + round as i64 * STEP_MS;
    let series = Series { first: 0, count };
    let per_series = |bytes: u64| (bytes as f64 / count as f64).round();
    std::thread::sleep(Duration::from_secs(2));
    let idle = server.usage()?;
    push(server.address(), Version::V1, &series, 0..1, &t_ms)?;
    let first = server.usage()?;
    push(server.address(), Version::V1, &series, 1..30, &t_ms)?;
    std::thread::sleep(Duration::from_secs(2));
    let thirty = server.usage()?;
    push(server.address(), Version::V1, &series, 30..120, &t_ms)?;
    std::thread::sleep(Duration::from_secs(2));
    let last = server.usage()?;
    let cpu = (last.cpu_seconds - first.cpu_seconds) / (119.0 * count as f64 / 1e6);
    out.insert("append_cpu_seconds_per_million_samples".into(), cpu.into());
    let create = (first.cpu_seconds - idle.cpu_seconds) * 1e6 / count as f64;
    out.insert("cpu_us_per_new_series".into(), create.into());
    let rss = |at: u64| per_series(at.saturating_sub(idle.rss_bytes));
    out.insert("rss_bytes_per_series_30_samples".into(), rss(thirty.rss_bytes).into());
    out.insert("rss_bytes_per_series_120_samples".into(), rss(last.rss_bytes).into());
    out.insert("rss_bytes_before_kill".into(), last.rss_bytes.into());
    server.kill_9()?;
    let began = Instant::now();
    let server = who.start(dir, &[RECEIVE])?.context("it was there before")?;
    let expr =
        format!("count(count_over_time({{__name__=~\".+\",instance!=\"\"}}[{}s]) == 120)", 121 * STEP_MS / 1000 + 60);
    // Ready is not enough: all samples must be answered.
    let whole = server.value(&expr).unwrap_or(0.0);
    out.insert("restart_seconds_to_answer".into(), began.elapsed().as_secs_f64().into());
    if whole != count as f64 {
        bail!("{}: after the kill {whole} of {count} series are whole", who.name());
    }
    let after = server.usage()?;
    out.insert("restart_cpu_seconds".into(), after.cpu_seconds.into());
    out.insert("restart_rss_peak_bytes".into(), after.rss_peak_bytes.into());
    Ok(true)
}

/// Pushes round after round: with blocks of two minutes, a connection that is a minute behind the other is too late.
fn in_step(
    server: &Contender,
    series: &Series,
    rounds: std::ops::Range<u64>,
    t_ms: &(dyn Fn(u64) -> i64 + Sync),
) -> Result<()> {
    for round in rounds {
        push(server.address(), Version::V1, series, round..round + 1, t_ms)?;
    }
    Ok(())
}

/// Replaces all series by others, goes on with those, and waits until what is old is in blocks.
fn churned(who: Who, dir: &Path, count: usize, out: &mut Figures) -> Result<()> {
    let Some(server) = who.start(dir, &[RECEIVE, SHORT_BLOCKS])? else { return Ok(()) };
    let start = now_ms()? - 6 * BLOCK_ROUNDS as i64 * STEP_MS;
    let t_ms = |round: u64| start + round as i64 * STEP_MS;
    std::thread::sleep(Duration::from_secs(2));
    let idle = server.usage()?;
    let (old, new) = (Series { first: 0, count }, Series { first: count.next_multiple_of(1000), count });
    in_step(&server, &old, 0..BLOCK_ROUNDS, &t_ms)?;
    std::thread::sleep(Duration::from_secs(1));
    let before = server.usage()?;
    in_step(&server, &new, BLOCK_ROUNDS..2 * BLOCK_ROUNDS, &t_ms)?;
    std::thread::sleep(Duration::from_secs(1));
    let grown = server.usage()?;
    let growth = grown.rss_bytes.saturating_sub(before.rss_bytes) as f64 / count as f64;
    out.insert("churn_rss_bytes_per_new_series".into(), growth.round().into());
    in_step(&server, &new, 2 * BLOCK_ROUNDS..6 * BLOCK_ROUNDS, &t_ms)?;
    std::thread::sleep(Duration::from_secs(1));
    let deadline = Instant::now() + COMPACTION_LIMIT;
    let mut known = Vec::new();
    let mut quiet_since = Instant::now();
    while Instant::now() < deadline {
        std::thread::sleep(Duration::from_secs(1));
        let blocks = blocks(dir)?;
        if blocks != known {
            (known, quiet_since) = (blocks, Instant::now());
        } else if !known.is_empty() && quiet_since.elapsed() > Duration::from_secs(15) {
            break;
        }
    }
    let after = server.usage()?;
    out.insert("rss_bytes_after_truncation".into(), after.rss_bytes.into());
    out.insert("rss_peak_bytes_with_short_blocks".into(), after.rss_peak_bytes.into());
    // Blocks are cut and merged meanwhile: what that costs is in here.
    let pushed = 6.0 * BLOCK_ROUNDS as f64 * count as f64 / 1e6;
    let cpu = (after.cpu_seconds - idle.cpu_seconds) / pushed;
    out.insert("cpu_seconds_per_million_samples_with_short_blocks".into(), cpu.into());
    let (mut bytes, mut samples) = (0, 0);
    for block in &known {
        let meta: Value = serde_json::from_str(&fs::read_to_string(block.join("meta.json"))?)?;
        samples += meta["stats"]["numSamples"].as_u64().unwrap_or(0);
        bytes += size(block)?;
    }
    out.insert("blocks".into(), known.len().into());
    if samples > 0 {
        out.insert("block_bytes_per_sample".into(), (bytes as f64 / samples as f64).into());
    }
    Ok(())
}

/// Returns the directories of complete blocks.
fn blocks(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir.join("data"))? {
        let path = entry?.path();
        if path.extension().is_none() && path.join("meta.json").is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn size(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// Prints each figure of ours beside theirs.
fn report(all: &[Value]) {
    for ours in all.iter().filter(|f| f["server"] == "firesteel") {
        let theirs = all.iter().find(|f| f["server"] == "prometheus" && f["series"] == ours["series"]);
        println!("\n{} series", ours["series"]);
        println!("{:<46} {:>14} {:>14} {:>8}", "", "firesteel", "prometheus", "ratio");
        for (name, value) in ours.as_object().into_iter().flatten() {
            let (Some(a), false) = (value.as_f64(), name == "series") else { continue };
            let b = theirs.and_then(|t| t[name].as_f64());
            let ratio = b.map_or(String::new(), |b| format!("1/{:.1}", b / a));
            let b = b.map_or(String::new(), |b| format!("{b:.3}"));
            println!("{name:<46} {a:>14.3} {b:>14} {ratio:>8}");
        }
    }
}
