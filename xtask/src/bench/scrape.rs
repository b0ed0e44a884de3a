//! Scraping under load: CPU-seconds per million samples and bytes per series, ours beside a `prometheus`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use firesteel_testkit::Server;
use serde_json::{Value, json};

use super::pages;
use super::process::Usage;
use crate::{peers, shell};

const TARGETS_OF_A_JOB: usize = 100;

struct Options {
    series: usize,
    interval: u64,
    seconds: u64,
    /// Series on one target.
    page: usize,
    gzip: bool,
    save: bool,
    /// Firesteel without a peer, for profiles.
    alone: bool,
}

impl Options {
    /// The load names the file: few large targets, the same packed, or many small ones.
    fn kept_as(&self) -> &'static str {
        match (self.gzip, self.page < 1_000) {
            (false, false) => "scrape",
            (true, false) => "scrape-gzip",
            (false, true) => "scrape-many-targets",
            (true, true) => "scrape-many-targets-gzip",
        }
    }
}

struct Measured {
    name: String,
    samples: f64,
    missed: f64,
    idle: Usage,
    first: Usage,
    settled: Usage,
    last: Usage,
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = parse(args)?;
    let targets = options.series.div_ceil(options.page);
    let pages = pages::start(options.page, options.gzip)?;
    let config = config(&pages.address(), targets, options.interval);
    let quiet = format!("global:\n  scrape_interval: {}s\n", options.interval);

    let home = shell::target_dir().join("bench-scrape");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    shell::run(shell::command(&["cargo", "build", "--release", "-p", "firesteel"]))?;
    let ours = shell::target_dir().join("release/firesteel");
    let mut servers = vec![("firesteel", Server::start(&ours, &["prometheus"], &home.join("firesteel"), &quiet)?)];
    let peer = if options.alone {
        None
    } else {
        shell::which("prometheus").or_else(|| Some(peers::unpack().ok()?.join("prometheus")))
    };
    if options.alone {
        println!("figures of Firesteel alone");
    } else if let Some(peer) = peer.filter(|p: &PathBuf| p.is_file()) {
        servers.push(("prometheus", Server::start(&peer, &[], &home.join("prometheus"), &quiet)?));
    } else {
        println!("no `prometheus` on PATH and none in target/peers: figures of Firesteel alone");
    }
    let usage = || servers.iter().map(|(_, server)| Usage::of(server.pid())).collect::<Result<Vec<_>>>();
    std::thread::sleep(Duration::from_secs(3));
    let idle = usage()?;
    for (_, server) in &servers {
        server.write_config(&config)?;
        server.signal("HUP")?;
    }
    // The first scrapes create the series; they are a figure of their own.
    std::thread::sleep(Duration::from_secs(options.interval * 2));
    for (name, server) in &servers {
        // A slow one may need more than two intervals; the other's figure has a few scrapes more then.
        let all = |server: &Server| value(server, "count(up == 1)").is_ok_and(|up| up >= targets as f64);
        let deadline = Instant::now() + Duration::from_secs(options.interval * 20);
        while !all(server) {
            if Instant::now() > deadline {
                bail!("{name} has not scraped all targets after twenty intervals");
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    let first = usage()?;
    // What the first scrapes leave to do (blocks of memory, first chunks) is not counted with what follows.
    std::thread::sleep(Duration::from_secs(options.interval));
    let settled = usage()?;
    std::thread::sleep(Duration::from_secs(options.seconds));
    let last = usage()?;

    let mut measured = Vec::new();
    for (((((name, server), idle), first), settled), last) in servers.iter().zip(idle).zip(first).zip(settled).zip(last)
    {
        let window = options.seconds;
        let samples = value(server, &format!("sum(sum_over_time(scrape_samples_scraped[{window}s]))"))?;
        let missed = value(
            server,
            &format!(
                "sum(clamp_min({} - sum_over_time(up[{window}s]), 0)) or vector(0)",
                (window / options.interval).saturating_sub(1)
            ),
        )?;
        measured.push(Measured { name: (*name).to_owned(), samples, missed, idle, first, settled, last });
    }
    report(&options, targets, &measured)
}

/// Returns the first value of an instant query.
fn value(server: &Server, expr: &str) -> Result<f64> {
    let result = server.query(expr)?;
    let value = result[0]["value"][1].as_str().and_then(|v| v.parse().ok());
    value.with_context(|| format!("{expr}: {result}"))
}

fn parse(args: &[&str]) -> Result<Options> {
    let mut options =
        Options { series: 100_000, interval: 5, seconds: 120, page: 1_000, gzip: false, save: false, alone: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut number = || -> Result<u64> {
            rest.next().with_context(|| format!("{arg} needs a number"))?.parse().context("not a number")
        };
        match *arg {
            "--series" => options.series = usize::try_from(number()?)?,
            "--interval" => options.interval = number()?,
            "--seconds" => options.seconds = number()?,
            "--page" => options.page = usize::try_from(number()?)?.max(1),
            "--gzip" => options.gzip = true,
            "--save" => options.save = true,
            "--alone" => options.alone = true,
            other => bail!("bench scrape: unknown option {other}"),
        }
    }
    Ok(options)
}

fn config(address: &str, targets: usize, interval: u64) -> String {
    let mut config =
        format!("global:\n  scrape_interval: {interval}s\n  scrape_timeout: {interval}s\nscrape_configs:\n");
    for t in 0..targets {
        if t % TARGETS_OF_A_JOB == 0 {
            let _ok = write!(config, "- job_name: app-{:02}\n  static_configs:\n", t / TARGETS_OF_A_JOB);
        }
        // The path tells the pages apart, the instance keeps the series apart.
        let _ok = writeln!(
            config,
            "  - {{targets: ['{address}'], labels: {{__metrics_path__: /t/{t}/metrics, instance: 'host-{t:04}:9100'}}}}"
        );
    }
    config
}

fn report(options: &Options, targets: usize, measured: &[Measured]) -> Result<()> {
    let series = (targets * options.page) as f64;
    println!(
        "\n{} targets x {} series every {} s for {} s\n",
        targets, options.page, options.interval, options.seconds
    );
    println!(
        "{:<12} {:>12} {:>8} {:>16} {:>16} {:>14} {:>14} {:>10}",
        "server", "samples", "missed", "CPU-s/M samples", "us/new series", "B/series RSS", "B/series anon", "idle MB"
    );
    let mut rows = Vec::new();
    for m in measured {
        let cpu = (m.last.cpu_seconds - m.settled.cpu_seconds) / (m.samples / 1e6);
        let create = (m.first.cpu_seconds - m.idle.cpu_seconds) * 1e6 / series;
        let rss = m.last.rss_bytes.saturating_sub(m.idle.rss_bytes) as f64 / series;
        let anon = m.last.rss_anon_bytes.saturating_sub(m.idle.rss_anon_bytes) as f64 / series;
        println!(
            "{:<12} {:>12} {:>8} {cpu:>16.3} {create:>16.2} {rss:>14.0} {anon:>14.0} {:>10.1}",
            m.name,
            m.samples,
            m.missed,
            m.idle.rss_bytes as f64 / 1e6
        );
        rows.push((m, cpu, create, rss, anon));
    }
    if let [ours, theirs] = rows.as_slice() {
        println!(
            "\nratio ours/theirs: CPU 1/{:.1}, new series 1/{:.1}, RSS per series 1/{:.1}, idle 1/{:.1}",
            theirs.1 / ours.1,
            theirs.2 / ours.2,
            theirs.3 / ours.3,
            theirs.0.idle.rss_bytes as f64 / ours.0.idle.rss_bytes as f64
        );
    }
    if options.save {
        let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
        let servers: Vec<Value> = rows.iter().map(|(m, cpu, create, rss, anon)| json!({
            "server": m.name, "samples": m.samples, "missed_scrapes": m.missed, "cpu_seconds_per_million_samples": cpu,
            "cpu_us_per_new_series": create, "rss_bytes_per_series": rss, "rss_anon_bytes_per_series": anon,
            "idle_rss_bytes": m.idle.rss_bytes,
        })).collect();
        let command = format!(
            "cargo xtask bench scrape --series {} --page {} --interval {} --seconds {}{} --save",
            options.series,
            options.page,
            options.interval,
            options.seconds,
            if options.gzip { " --gzip" } else { "" }
        );
        let figures = json!({
            "command": command,
            "commit": version.trim(), "peer": "Debian prometheus 2.42", "servers": servers,
        });
        fs::create_dir_all(shell::root().join("docs/figures"))?;
        let file = format!("docs/figures/{}.json", options.kept_as());
        fs::write(shell::root().join(file), format!("{figures:#}\n"))?;
    }
    match measured.iter().find(|m| m.name == "firesteel" && m.missed > 0.0) {
        Some(m) => bail!("firesteel missed {} scrapes", m.missed),
        None => Ok(()),
    }
}
