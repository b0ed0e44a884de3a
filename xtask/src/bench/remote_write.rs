//! Pushing under load: CPU-seconds per million samples and memory per series, ours beside a `prometheus` and VictoriaMetrics.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::contender::Contender;
use super::process::Usage;
use super::pushes::{Pushed, Series, Version, push};
use crate::shell;

/// Time between two samples of a series.
const STEP_MS: i64 = 15_000;

struct Options {
    series: usize,
    rounds: u64,
    save: bool,
}

struct Measured {
    name: &'static str,
    version: Version,
    idle: Usage,
    first: Usage,
    last: Usage,
    pushed: Pushed,
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let mut options = Options { series: 100_000, rounds: 30, save: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut number = || -> Result<u64> {
            rest.next().with_context(|| format!("{arg} needs a number"))?.parse().context("not a number")
        };
        match *arg {
            "--series" => options.series = usize::try_from(number()?)?,
            "--rounds" => options.rounds = number()?.max(2),
            "--save" => options.save = true,
            other => bail!("bench remote-write: unknown option {other}"),
        }
    }
    let home = shell::target_dir().join("bench-remote-write");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::create_dir_all(&home)?;
    let receiver = ["--web.enable-remote-write-receiver"];
    let mut measured = vec![
        measure(&options, Version::V1, &Contender::ours(&home.join("firesteel-1"), &receiver)?)?,
        measure(&options, Version::V2, &Contender::ours(&home.join("firesteel-2"), &receiver)?)?,
    ];
    match Contender::prometheus(&home.join("prometheus"), &receiver)? {
        Some(peer) => measured.push(measure(&options, Version::V1, &peer)?),
        None => println!("no `prometheus` on PATH and none in target/peers"),
    }
    match Contender::victoria(&home.join("victoria-metrics"))? {
        Some(peer) => measured.push(measure(&options, Version::V1, &peer)?),
        None => println!("no `victoria-metrics` on PATH"),
    }
    report(&options, &measured)
}

fn measure(options: &Options, version: Version, server: &Contender) -> Result<Measured> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as i64;
    let rounds = options.rounds;
    let t_ms = |round: u64| now - (rounds - round) as i64 * STEP_MS;
    let series = Series { first: 0, count: options.series };
    std::thread::sleep(Duration::from_secs(2));
    let idle = server.usage()?;
    push(server.address(), version, &series, 0..1, &t_ms)?;
    // What the first round set in motion is its own.
    std::thread::sleep(Duration::from_secs(2));
    let first = server.usage()?;
    let pushed = push(server.address(), version, &series, 1..rounds, &t_ms)?;
    std::thread::sleep(Duration::from_secs(2));
    let last = server.usage()?;
    let stored = server.value("count(last_over_time({__name__=~\".+\",instance!=\"\"}[30m]))")?;
    if stored != options.series as f64 {
        bail!("{} has {stored} series of {}", server.name, options.series);
    }
    Ok(Measured { name: server.name, version, idle, first, last, pushed })
}

fn report(options: &Options, measured: &[Measured]) -> Result<()> {
    println!("\n{} series, {} samples each, 2000 samples a request\n", options.series, options.rounds);
    println!(
        "{:<16} {:>4} {:>16} {:>14} {:>12} {:>10} {:>14} {:>14}",
        "server", "", "CPU-s/M samples", "us/new series", "B/sample", "M/s", "B/series RSS", "B/series anon"
    );
    let series = options.series as f64;
    let rows: Vec<_> = measured
        .iter()
        .map(|m| {
            let cpu = (m.last.cpu_seconds - m.first.cpu_seconds) / (m.pushed.samples as f64 / 1e6);
            let create = (m.first.cpu_seconds - m.idle.cpu_seconds) * 1e6 / series;
            let rss = m.last.rss_bytes.saturating_sub(m.idle.rss_bytes) as f64 / series;
            let anon = m.last.rss_anon_bytes.saturating_sub(m.idle.rss_anon_bytes) as f64 / series;
            let wire = m.pushed.body_bytes as f64 / m.pushed.samples as f64;
            // Two connections wait side by side.
            let rate = m.pushed.samples as f64 / (m.pushed.waited.as_secs_f64() / 2.0) / 1e6;
            let version = if m.version == Version::V1 { "1.0" } else { "2.0" };
            println!(
                "{:<16} {version:>4} {cpu:>16.3} {create:>14.2} {wire:>12.1} {rate:>10.2} {rss:>14.0} {anon:>14.0}",
                m.name
            );
            (m.name, version, cpu, create, rss, anon, rate)
        })
        .collect();
    let ours = rows.first().context("ours was measured")?;
    for theirs in rows.iter().filter(|row| row.0 != ours.0) {
        println!(
            "ratio ours/{}, 1.0: CPU 1/{:.1}, new series 1/{:.1}, RSS per series 1/{:.1}",
            theirs.0,
            theirs.2 / ours.2,
            theirs.3 / ours.3,
            theirs.4 / ours.4
        );
    }
    if options.save {
        let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
        let servers: Vec<Value> = rows
            .iter()
            .map(|(name, version, cpu, create, rss, anon, rate)| {
                json!({
                    "server": name, "remote_write": version, "cpu_seconds_per_million_samples": cpu,
                    "cpu_us_per_new_series": create, "rss_bytes_per_series": rss, "rss_anon_bytes_per_series": anon,
                    "million_samples_per_second": rate,
                })
            })
            .collect();
        let figures = json!({
            "command": format!("cargo xtask bench remote-write --series {} --rounds {} --save", options.series, options.rounds),
            "commit": version.trim(), "peers": "Debian prometheus 2.42, victoria-metrics 1.79", "servers": servers,
        });
        fs::create_dir_all(shell::root().join("docs/figures"))?;
        fs::write(shell::root().join("docs/figures/remote-write.json"), format!("{figures:#}\n"))?;
    }
    Ok(())
}
