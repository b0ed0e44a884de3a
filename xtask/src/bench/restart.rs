//! What a restart after `kill -9` costs: ours beside a `prometheus`, both given the same hour by remote write.
//!
//! The directory of each server is kept as the kill left it, so that `--again` measures another build on the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use super::contender::Contender;
use super::pushes::{Series, Version, push};
use crate::shell;

const STEP_MS: i64 = 15_000;
const RECEIVE: &str = "--web.enable-remote-write-receiver";

struct Options {
    series: usize,
    samples: u64,
    again: bool,
    save: bool,
    only: Option<String>,
}

impl Options {
    fn read(args: &[&str]) -> Result<Self> {
        let mut read = Self { series: 500_000, samples: 240, again: false, save: false, only: None };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{arg} needs a value"));
            match *arg {
                "--series" => read.series = value()?.parse()?,
                "--samples" => read.samples = value()?.parse()?,
                "--only" => read.only = Some((*value()?).to_owned()),
                "--again" => read.again = true,
                "--save" => read.save = true,
                other => bail!("bench restart: unknown option {other}"),
            }
        }
        Ok(read)
    }
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = Options::read(args)?;
    let home = shell::target_dir().join("bench-restart");
    let mut servers = Vec::new();
    for who in ["firesteel", "prometheus"] {
        if options.only.as_deref().is_some_and(|only| only != who) {
            continue;
        }
        let Some(mut figures) = measured(who, &home.join(who), &options)? else {
            println!("no `prometheus` on PATH and none in target/peers: figures of Firesteel alone");
            continue;
        };
        figures.insert("server".into(), who.into());
        println!("{:#}", Value::Object(figures.clone()));
        servers.push(Value::Object(figures));
    }
    if let [ours, theirs] = servers.as_slice() {
        for (name, value) in ours.as_object().into_iter().flatten() {
            if let (Some(a), Some(b)) = (value.as_f64(), theirs[name].as_f64()) {
                println!("{name:<34} {a:>16.3} {b:>16.3}   1/{:.1}", b / a);
            }
        }
    }
    if options.save {
        let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
        let figures = json!({
            "command": format!("cargo xtask bench restart {}", args.join(" ")),
            "commit": version.trim(), "peer": "Debian prometheus 2.42", "series": options.series,
            "samples_each": options.samples, "servers": servers,
        });
        fs::write(shell::root().join("docs/figures/restart.json"), format!("{figures:#}\n"))?;
    }
    Ok(())
}

fn start(who: &str, dir: &Path) -> Result<Option<Contender>> {
    match who {
        "firesteel" => Contender::ours(dir, &[RECEIVE]).map(Some),
        _ => Contender::prometheus(dir, &[RECEIVE]),
    }
}

/// Fills a server, kills it, and starts it again on a copy of what it left. `None`: there is no such server.
fn measured(who: &str, home: &Path, options: &Options) -> Result<Option<Map<String, Value>>> {
    let killed = home.join("killed");
    let notes = killed.join("notes.json");
    if !options.again {
        if home.exists() {
            fs::remove_dir_all(home)?;
        }
        let Some(kept) = fill_and_kill(who, &killed, options)? else { return Ok(None) };
        fs::write(&notes, kept.to_string())?;
    }
    let kept: Value = serde_json::from_str(&fs::read_to_string(&notes).context("run it without --again first")?)?;
    let copy = home.join("again");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    copy_dir(&killed.join("data"), &copy.join("data"))?;
    let began = Instant::now();
    let Some(server) = start(who, &copy)? else { return Ok(None) };
    let ready = began.elapsed();
    // Ready is not enough: all samples must be answered.
    let whole = server.value(kept["expr"].as_str().unwrap_or_default()).unwrap_or(0.0);
    let answered = began.elapsed();
    let count = kept["series"].as_u64().unwrap_or(0);
    if whole != count as f64 {
        bail!("{who}: after the kill {whole} of {count} series are whole");
    }
    let usage = server.usage()?;
    let before = &kept["rss_bytes"];
    let ratio = usage.rss_peak_bytes as f64 / before.as_f64().unwrap_or(1.0);
    let figures = json!({
        "seconds_to_ready": ready.as_secs_f64(), "seconds_to_all_answered": answered.as_secs_f64(),
        "cpu_seconds": usage.cpu_seconds, "rss_bytes_before": before, "rss_peak_bytes_before": kept["rss_peak_bytes"],
        "rss_peak_bytes": usage.rss_peak_bytes, "rss_bytes": usage.rss_bytes, "rss_peak_to_before": ratio,
    });
    server.kill_9()?;
    fs::remove_dir_all(&copy)?;
    Ok(figures.as_object().cloned())
}

/// Returns what is known of the server before it was killed, and the question that tells whether all is back.
fn fill_and_kill(who: &str, dir: &Path, options: &Options) -> Result<Option<Value>> {
    let Some(server) = start(who, dir)? else { return Ok(None) };
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as i64;
    let start = end - options.samples as i64 * STEP_MS;
    let t_ms = |round: u64| start + round as i64 * STEP_MS;
    let series = Series { first: 0, count: options.series };
    push(server.address(), Version::V1, &series, 0..options.samples, &t_ms)?;
    // What is written behind the appends may end.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let usage = server.usage()?;
    server.kill_9()?;
    let (range, at) = (options.samples as i64 * STEP_MS / 1000 + 60, end / 1000);
    let samples = options.samples;
    let expr = format!("count(count_over_time({{__name__=~\".+\",instance!=\"\"}}[{range}s] @ {at}) == {samples})");
    Ok(Some(json!({
        "series": options.series, "expr": expr, "rss_bytes": usage.rss_bytes, "rss_peak_bytes": usage.rss_peak_bytes,
    })))
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path: PathBuf = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy_dir(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
