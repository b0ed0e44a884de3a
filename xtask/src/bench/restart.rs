//! What a restart after `kill -9` costs: ours beside a `prometheus`, both given the same hour by remote write.
//!
//! The directory of each server is kept as the kill left it, so that `--again` measures another build on the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use super::back::{ARGS, Questions, after_kill, before_kill};
use super::contender::Contender;
use super::pushes::{Series, Version, push};
use crate::shell;

const STEP_MS: i64 = 15_000;
/// Rounds that the connections push before they wait for each other: what falls half an hour behind is too old.
const IN_STEP: u64 = 40;

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
        "firesteel" => Contender::ours(dir, &ARGS).map(Some),
        _ => Contender::prometheus(dir, &ARGS),
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
    let questions = Questions::from_json(&kept["questions"]);
    let mut figures = kept["figures"].as_object().cloned().unwrap_or_default();
    let Some(server) = after_kill(|| start(who, &copy), &questions, &mut figures)? else { return Ok(None) };
    let bytes = |name: &str| figures.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let replay = bytes("restart_rss_peak_bytes_to_ready") / bytes("rss_bytes_before_kill");
    let asked = bytes("restart_rss_peak_bytes_to_all_samples") / bytes("rss_peak_bytes_before_kill_while_asked");
    figures.insert("rss_peak_of_replay_to_before".into(), replay.into());
    figures.insert("rss_peak_while_asked_to_before".into(), asked.into());
    server.kill_9()?;
    fs::remove_dir_all(&copy)?;
    Ok(Some(figures))
}

/// Returns what is known of the server before it was killed, and the question that tells whether all is back.
fn fill_and_kill(who: &str, dir: &Path, options: &Options) -> Result<Option<Value>> {
    let Some(server) = start(who, dir)? else { return Ok(None) };
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as i64;
    let start = end - options.samples as i64 * STEP_MS;
    let t_ms = |round: u64| start + round as i64 * STEP_MS;
    let series = Series { first: 0, count: options.series };
    for from in (0..options.samples).step_by(IN_STEP as usize) {
        let rounds = from..options.samples.min(from + IN_STEP);
        push(server.address(), Version::V1, &series, rounds, &t_ms)?;
    }
    // What is written behind the appends may end.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let questions = Questions::new(options.series, options.samples, STEP_MS, end);
    let mut figures = Map::new();
    before_kill(&server, &questions, &mut figures)?;
    server.kill_9()?;
    Ok(Some(json!({"questions": questions.to_json(), "figures": figures})))
}

pub(super) fn copy_dir(from: &Path, to: &Path) -> Result<()> {
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
