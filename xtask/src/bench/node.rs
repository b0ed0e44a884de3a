//! Host metrics: CPU per scrape and memory, ours beside Debian's prometheus-node-exporter with the same flags.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::process::Usage;
use crate::{peers, shell};

/// Between scrapes an exporter rests; so does the memory that is measured.
const REST: Duration = Duration::from_secs(5);
/// Scrapes before measuring: caches are filled, threads are there.
const WARM_UP: u64 = 50;

struct Options {
    /// Scrapes of each server in each round.
    scrapes: u64,
    rounds: u64,
    save: bool,
    alone: bool,
}

struct Exporter {
    name: &'static str,
    child: Child,
    url: String,
    cpu_seconds: f64,
    page_bytes: usize,
    series: usize,
}

impl Exporter {
    fn start(name: &'static str, program: &Path, words: &[&str]) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let child = Command::new(program)
            .args(words)
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let url = format!("http://{address}/metrics");
        let mut exporter = Self { name, child, url, cpu_seconds: 0.0, page_bytes: 0, series: 0 };
        let deadline = Instant::now() + Duration::from_secs(60);
        let agent = ureq::Agent::new_with_defaults();
        loop {
            match agent.get(&exporter.url).call() {
                Ok(mut answer) => {
                    let page = answer.body_mut().read_to_string()?;
                    exporter.page_bytes = page.len();
                    exporter.series = page.lines().filter(|line| !line.starts_with('#')).count();
                    return Ok(exporter);
                }
                Err(error) if Instant::now() > deadline => bail!("{name}: {error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Scrapes as a Prometheus does: one connection, the text packed.
    fn scrape(&self, agent: &ureq::Agent, times: u64) -> Result<()> {
        for _ in 0..times {
            let request = agent
                .get(&self.url)
                .header("accept", "text/plain;version=0.0.4;q=1,*/*;q=0.1")
                .header("accept-encoding", "gzip")
                .header("user-agent", "Prometheus/3.14.0");
            request.call()?.body_mut().read_to_vec()?;
        }
        Ok(())
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = parse(args)?;
    shell::run(shell::command(&["cargo", "build", "--release", "-p", "firesteel"]))?;
    let ours = shell::target_dir().join("release/firesteel");
    let mut exporters = vec![Exporter::start("firesteel", &ours, &["node_exporter"])?];
    let peer = if options.alone {
        None
    } else {
        let program = "prometheus-node-exporter";
        shell::which(program).or_else(|| Some(peers::unpack().ok()?.join(program)))
    };
    match peer.filter(|p: &PathBuf| p.is_file()) {
        Some(peer) => exporters.push(Exporter::start("node_exporter", &peer, &[])?),
        None => println!("figures of Firesteel alone"),
    }
    let agents: Vec<ureq::Agent> = exporters.iter().map(|_| ureq::Agent::new_with_defaults()).collect();
    for (exporter, agent) in exporters.iter().zip(&agents) {
        exporter.scrape(agent, WARM_UP)?;
    }
    // In turns, so that both see the same machine.
    for _ in 0..options.rounds {
        for (exporter, agent) in exporters.iter_mut().zip(&agents) {
            let before = Usage::of(exporter.child.id())?;
            exporter.scrape(agent, options.scrapes)?;
            exporter.cpu_seconds += Usage::of(exporter.child.id())?.cpu_seconds - before.cpu_seconds;
        }
    }
    report(&options, &exporters)
}

fn parse(args: &[&str]) -> Result<Options> {
    let mut options = Options { scrapes: 250, rounds: 4, save: false, alone: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut number = || -> Result<u64> {
            rest.next().with_context(|| format!("{arg} needs a number"))?.parse().context("not a number")
        };
        match *arg {
            "--scrapes" => options.scrapes = number()?.max(1),
            "--rounds" => options.rounds = number()?.max(1),
            "--alone" => options.alone = true,
            "--save" => options.save = true,
            other => bail!("bench node: unknown option {other}"),
        }
    }
    Ok(options)
}

fn report(options: &Options, exporters: &[Exporter]) -> Result<()> {
    let scrapes = options.scrapes * options.rounds;
    std::thread::sleep(REST);
    println!("\n{scrapes} scrapes of each, default flags\n");
    println!(
        "{:<14} {:>8} {:>10} {:>14} {:>12} {:>9} {:>9}",
        "server", "series", "page kB", "CPU ms/scrape", "RSS MB, rest", "anon MB", "peak MB"
    );
    let mut rows = Vec::new();
    for e in exporters {
        let usage = Usage::of(e.child.id())?;
        let cpu_ms = e.cpu_seconds * 1e3 / scrapes as f64;
        println!(
            "{:<14} {:>8} {:>10.1} {cpu_ms:>14.3} {:>12.1} {:>9.1} {:>9.1}",
            e.name,
            e.series,
            e.page_bytes as f64 / 1e3,
            usage.rss_bytes as f64 / 1e6,
            usage.rss_anon_bytes as f64 / 1e6,
            usage.rss_peak_bytes as f64 / 1e6
        );
        rows.push((e, cpu_ms, usage));
    }
    if let [ours, theirs] = rows.as_slice() {
        println!(
            "\nratio ours/theirs: CPU per scrape 1/{:.2}, RSS at rest 1/{:.2}, at its peak 1/{:.2}",
            theirs.1 / ours.1,
            theirs.2.rss_bytes as f64 / ours.2.rss_bytes as f64,
            theirs.2.rss_peak_bytes as f64 / ours.2.rss_peak_bytes as f64
        );
    }
    if options.save {
        let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
        let servers: Vec<Value> = rows
            .iter()
            .map(|(e, cpu_ms, usage)| {
                json!({
                    "server": e.name, "series": e.series, "page_bytes": e.page_bytes, "cpu_ms_per_scrape": cpu_ms,
                    "rss_at_rest_bytes": usage.rss_bytes, "rss_anon_bytes": usage.rss_anon_bytes,
                    "rss_peak_bytes": usage.rss_peak_bytes,
                })
            })
            .collect();
        let command =
            format!("cargo xtask bench node --scrapes {} --rounds {} --save", options.scrapes, options.rounds);
        let figures = json!({
            "command": command, "commit": version.trim(), "peer": "Debian prometheus-node-exporter 1.5.0",
            "scrapes": scrapes, "servers": servers,
        });
        fs::write(shell::root().join("docs/figures/node.json"), format!("{figures:#}\n"))?;
    }
    Ok(())
}
