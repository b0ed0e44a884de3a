//! The store under load, ours beside a `prometheus`, all in one run: appending, memory for each series, restart after a kill,
//! churn, the bytes of blocks, compaction, and how all that grows. Both get the same data.

mod blocks;
mod churn;
mod compaction;
mod curve;
mod held;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use super::contender::Contender;
use super::pushes::{Series, Version, push};
use crate::shell;

/// Time between two samples of a series.
const STEP_MS: i64 = 15_000;
const RECEIVE: &str = "--web.enable-remote-write-receiver";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

struct Options {
    parts: Vec<String>,
    series: usize,
    curve: Vec<usize>,
    curve_samples: u64,
    /// The peer is measured up to here.
    curve_peer_to: usize,
    alone: bool,
    save: bool,
}

impl Options {
    fn read(args: &[&str]) -> Result<Self> {
        let parts = ["held", "churn", "blocks", "compaction"].map(str::to_owned).to_vec();
        let (series, curve_samples, curve_peer_to) = (100_000, 30, 300_000);
        let mut read =
            Self { parts, series, curve: Vec::new(), curve_samples, curve_peer_to, alone: false, save: false };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{arg} needs a value"));
            match *arg {
                "--parts" => {
                    read.parts = value()?.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
                }
                "--series" => read.series = value()?.parse()?,
                "--curve" => read.curve = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--curve-samples" => read.curve_samples = value()?.parse()?,
                "--curve-peer-to" => read.curve_peer_to = value()?.parse()?,
                "--alone" => read.alone = true,
                "--save" => read.save = true,
                other => bail!("bench storage: unknown option {other}"),
            }
        }
        Ok(read)
    }

    fn servers(&self) -> &'static [Who] {
        if self.alone { &[Who::Ours] } else { &[Who::Ours, Who::Prometheus] }
    }
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = Options::read(args)?;
    let home = shell::target_dir().join("bench-storage");
    let mut all: Vec<(Who, Figures)> = options.servers().iter().map(|&who| (who, Figures::new())).collect();
    for part in &options.parts {
        // Part by part, so that what else the machine does meets both alike.
        for (who, figures) in &mut all {
            let dir = emptied(&home)?;
            let is_there = match part.as_str() {
                "held" => held::measure(*who, &dir, options.series, figures)?,
                "churn" => churn::measure(*who, &dir, options.series / 2, figures)?,
                "blocks" => blocks::measure(*who, &dir, options.series / 10, figures)?,
                "compaction" => compaction::measure(*who, &home, options.series, figures)?,
                other => bail!("bench storage: there is no part {other}"),
            };
            if !is_there {
                println!("no `prometheus` on PATH and none in target/peers");
            }
            println!("{part}: {} {:#}", who.name(), Value::Object(figures.clone()));
        }
    }
    let mut curve = Vec::new();
    for &series in &options.curve {
        for &who in options.servers() {
            if who == Who::Ours || series <= options.curve_peer_to {
                let dir = emptied(&home)?;
                curve.extend(curve::measure(who, &dir, series, options.curve_samples)?);
            }
        }
    }
    emptied(&home)?;
    let musts = report::print(&all, &curve);
    if options.save {
        let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
        let servers: Vec<Value> =
            all.iter().map(|(who, figures)| json!({"server": who.name(), "figures": figures})).collect();
        let figures = json!({
            "command": format!("cargo xtask bench storage {}", args.join(" ")), "commit": version.trim(),
            "peer": "Debian prometheus 2.42", "series": options.series, "servers": servers, "curve": curve, "musts": musts,
        });
        fs::create_dir_all(shell::root().join("docs/figures"))?;
        fs::write(shell::root().join("docs/figures/storage.json"), format!("{figures:#}\n"))?;
    }
    Ok(())
}

/// Returns an empty directory below `home`, where the blocks to compact stay.
fn emptied(home: &Path) -> Result<PathBuf> {
    let dir = home.join("run");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

fn now_ms() -> Result<i64> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as i64)
}

/// Pushes so many rounds at a time: connections that fall far apart send what is too old.
fn in_step(
    server: &Contender,
    series: &Series,
    rounds: std::ops::Range<u64>,
    at_a_time: usize,
    t_ms: &(dyn Fn(u64) -> i64 + Sync),
) -> Result<()> {
    for from in rounds.clone().step_by(at_a_time) {
        push(server.address(), Version::V1, series, from..rounds.end.min(from + at_a_time as u64), t_ms)?;
    }
    Ok(())
}

/// Returns the directories of complete blocks.
fn blocks_of(dir: &Path) -> Result<Vec<PathBuf>> {
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

fn meta_of(block: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(block.join("meta.json"))?)?)
}

/// Returns the bytes of a file or of all files below a directory.
fn size(path: &Path) -> Result<u64> {
    let about = fs::metadata(path)?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}
