//! Host metrics: CPU per scrape and memory, ours beside Debian's prometheus-node-exporter with the same flags.
//!
//! Both are scraped in turns at a steady pace, many times faster than a Prometheus would, so that the CPU of a scrape has in it
//! whatever a server does between scrapes. Memory is read at times that have nothing to do with the scrapes: the median is what
//! a look at the process shows while it is scraped. Its peak is counted by the kernel, from the end of the warm-up. Figures
//! of before this was paced have less CPU: ours gives code back between scrapes and maps it again.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::process::{Usage, reset_peak};
use crate::{peers, shell};

/// Between scrapes an exporter rests; so does the memory that is measured.
const REST: Duration = Duration::from_secs(5);
/// Scrapes before measuring: caches are filled, threads are there.
const WARM_UP: u64 = 50;
/// Between two scrapes of a server; those of the other lie in the middle.
const PACE: Duration = Duration::from_millis(100);
/// Between two readings of memory: no multiple of the pace, so that readings fall on all of its parts.
const READING: Duration = Duration::from_micros(7_310);

struct Options {
    /// Scrapes of each server.
    scrapes: u64,
    save: bool,
    alone: bool,
}

struct Exporter {
    name: &'static str,
    child: Child,
    url: String,
    cpu_seconds: f64,
    /// Resident memory at each reading.
    rss_bytes: Vec<u64>,
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
        let mut exporter = Self { name, child, url, cpu_seconds: 0.0, rss_bytes: Vec::new(), page_bytes: 0, series: 0 };
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
    for exporter in &mut exporters {
        reset_peak(exporter.child.id())?;
        exporter.cpu_seconds = -Usage::of(exporter.child.id())?.cpu_seconds;
    }
    // In turns, so that both see the same machine.
    let servers = exporters.len() as u32;
    for _ in 0..options.scrapes {
        for at in 0..exporters.len() {
            exporters[at].scrape(&agents[at], 1)?;
            let until = Instant::now() + PACE / servers;
            while Instant::now() < until {
                for exporter in &mut exporters {
                    exporter.rss_bytes.push(Usage::of(exporter.child.id())?.rss_bytes);
                }
                std::thread::sleep(READING.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }
    for exporter in &mut exporters {
        exporter.cpu_seconds += Usage::of(exporter.child.id())?.cpu_seconds;
        exporter.rss_bytes.sort_unstable();
    }
    report(&options, &exporters)
}

fn parse(args: &[&str]) -> Result<Options> {
    let mut options = Options { scrapes: 1000, save: false, alone: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut number = || -> Result<u64> {
            rest.next().with_context(|| format!("{arg} needs a number"))?.parse().context("not a number")
        };
        match *arg {
            "--scrapes" => options.scrapes = number()?.max(1),
            "--alone" => options.alone = true,
            "--save" => options.save = true,
            other => bail!("bench node: unknown option {other}"),
        }
    }
    Ok(options)
}

/// What was measured of a server.
struct Row<'a> {
    exporter: &'a Exporter,
    cpu_ms: f64,
    /// The middle one of the readings while it was scraped.
    rss_scraped_bytes: u64,
    at_rest: Usage,
}

fn report(options: &Options, exporters: &[Exporter]) -> Result<()> {
    std::thread::sleep(REST);
    println!("\n{} scrapes of each, one in {} ms, default flags\n", options.scrapes, PACE.as_millis());
    println!(
        "{:<14} {:>7} {:>8} {:>14} {:>16} {:>12} {:>9} {:>9}",
        "server", "series", "page kB", "CPU ms/scrape", "RSS MB, scraped", "peak", "at rest", "anon"
    );
    let mut rows = Vec::new();
    for exporter in exporters {
        let row = Row {
            exporter,
            cpu_ms: exporter.cpu_seconds * 1e3 / options.scrapes as f64,
            rss_scraped_bytes: exporter.rss_bytes.get(exporter.rss_bytes.len() / 2).copied().unwrap_or(0),
            at_rest: Usage::of(exporter.child.id())?,
        };
        println!(
            "{:<14} {:>7} {:>8.1} {:>14.3} {:>16.1} {:>12.1} {:>9.1} {:>9.1}",
            exporter.name,
            exporter.series,
            exporter.page_bytes as f64 / 1e3,
            row.cpu_ms,
            row.rss_scraped_bytes as f64 / 1e6,
            row.at_rest.rss_peak_bytes as f64 / 1e6,
            row.at_rest.rss_bytes as f64 / 1e6,
            row.at_rest.rss_anon_bytes as f64 / 1e6,
        );
        rows.push(row);
    }
    if let [ours, theirs] = rows.as_slice() {
        let ratio = |of: fn(&Row<'_>) -> f64| of(theirs) / of(ours);
        println!(
            "\nratio ours/theirs: CPU per scrape 1/{:.2}, RSS while scraped 1/{:.2}, at its peak 1/{:.2}, at rest 1/{:.2}",
            ratio(|row| row.cpu_ms),
            ratio(|row| row.rss_scraped_bytes as f64),
            ratio(|row| row.at_rest.rss_peak_bytes as f64),
            ratio(|row| row.at_rest.rss_bytes as f64),
        );
    }
    if options.save {
        save(options, &rows)?;
    }
    Ok(())
}

fn save(options: &Options, rows: &[Row<'_>]) -> Result<()> {
    let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
    let server = |row: &Row<'_>| {
        json!({
            "server": row.exporter.name, "series": row.exporter.series, "page_bytes": row.exporter.page_bytes,
            "cpu_ms_per_scrape": row.cpu_ms, "rss_while_scraped_bytes": row.rss_scraped_bytes,
            "rss_peak_bytes": row.at_rest.rss_peak_bytes, "rss_at_rest_bytes": row.at_rest.rss_bytes,
            "rss_anon_bytes": row.at_rest.rss_anon_bytes, "rss_readings": row.exporter.rss_bytes.len(),
        })
    };
    let figures = json!({
        "command": format!("cargo xtask bench node --scrapes {} --save", options.scrapes),
        "commit": version.trim(), "peer": "Debian prometheus-node-exporter 1.5.0", "scrapes": options.scrapes,
        "pace_ms": PACE.as_millis() as u64, "servers": rows.iter().map(server).collect::<Vec<Value>>(),
    });
    fs::write(shell::root().join("docs/figures/node.json"), format!("{figures:#}\n"))?;
    Ok(())
}
