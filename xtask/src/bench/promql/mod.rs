//! Queries of dashboards, ours beside a `prometheus` over the same blocks: CPU, latency, memory, and equal answers.
//!
//! 10,000 series of 24 hours at 30 s, written once as two blocks and copied for each server. Both run warm, and each query
//! is asked of both in turns. Once on one core, once on two.

mod answers;
mod figures;
mod queries;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use super::contender::{Contender, Cores};
use super::process::Usage;
use crate::shell;
use figures::{Column, Figure, Measured};
use queries::{QUERIES, Query};

const HOUR_MS: i64 = 3_600_000;
/// Blocks of so many hours stay as they are.
const ALIGNED_MS: i64 = 18 * HOUR_MS;
/// Asked before measuring.
const WARM_UPS: usize = 2;

struct Options {
    filter: Vec<String>,
    cores: Vec<Cores>,
    /// A query is asked until it has cost so much CPU, or so much time.
    cpu_seconds: f64,
    keep: bool,
    alone: bool,
    save: bool,
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let mut options = Options {
        filter: Vec::new(),
        cores: vec![Cores::One, Cores::All],
        cpu_seconds: 0.5,
        keep: false,
        alone: false,
        save: false,
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{arg} needs a value"));
        match *arg {
            "--queries" => {
                for query in QUERIES {
                    println!("{:<34} {:<10} {}", query.name, query.times.to_string(), query.expr);
                }
                return Ok(());
            }
            "--filter" => options.filter = value()?.split(',').map(str::to_owned).collect(),
            "--cores" => {
                let cores = |word: &str| match word {
                    "1" => Ok(Cores::One),
                    "2" => Ok(Cores::All),
                    _ => bail!("--cores takes 1 and 2"),
                };
                options.cores = value()?.split(',').map(cores).collect::<Result<_>>()?;
            }
            "--cpu-seconds" => options.cpu_seconds = value()?.parse()?,
            "--keep" => options.keep = true,
            "--alone" => options.alone = true,
            "--save" => options.save = true,
            other => bail!("bench promql: unknown option {other}"),
        }
    }
    let home = shell::target_dir().join("bench-promql");
    let data = data(&home)?;
    let mut columns = Vec::new();
    for &cores in &options.cores {
        columns.push(column(&options, cores, &home, &data)?);
    }
    if !options.keep {
        fs::remove_dir_all(&home)?;
    }
    figures::report(&columns);
    if options.save {
        figures::save(args, &columns)?;
    }
    Ok(())
}

/// Where the blocks are, and when their day ends.
struct Data {
    dir: PathBuf,
    end_ms: i64,
}

/// Writes the blocks, unless they are kept from a run before.
fn data(home: &Path) -> Result<Data> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as i64;
    let start = (now - 24 * HOUR_MS) / ALIGNED_MS * ALIGNED_MS;
    let data = Data { dir: home.join(format!("blocks-{start}")), end_ms: start + 24 * HOUR_MS };
    if data.dir.is_dir() {
        return Ok(data);
    }
    if home.exists() {
        fs::remove_dir_all(home)?;
    }
    let written = home.join("written");
    fs::create_dir_all(&written)?;
    let mut write = shell::command(&["cargo", "run", "--release", "-q", "-p", "firesteel-tsdb-block"]);
    write.args(["--example", "dashboard_blocks", "--"]).arg(&written).arg(start.to_string());
    shell::run(write)?;
    fs::rename(&written, &data.dir)?;
    Ok(data)
}

/// Measures all queries with both servers on so many cores.
fn column(options: &Options, cores: Cores, home: &Path, data: &Data) -> Result<Column> {
    let place = |name: &str| -> Result<PathBuf> {
        let dir = home.join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        copy(&data.dir, &dir.join("data"))?;
        Ok(dir)
    };
    let mut servers = vec![Subject::new(Contender::ours_on(cores, &place("firesteel")?, &[])?)?];
    let peer = if options.alone { None } else { Contender::prometheus_on(cores, &place("prometheus")?, &[])? };
    match peer {
        Some(peer) => servers.push(Subject::new(peer)?),
        None => println!("figures of Firesteel alone"),
    }
    let chosen =
        |query: &&Query| options.filter.is_empty() || options.filter.iter().any(|f| query.name.contains(f.as_str()));
    let mut figures = Vec::new();
    for query in QUERIES.iter().filter(chosen) {
        let figure = measure(options, query, data.end_ms, &mut servers)?;
        figures::line(cores, &figure);
        figures.push(figure);
    }
    let peaks = servers.iter().map(Subject::peak_bytes).collect::<Result<_>>()?;
    Ok(Column { cores, figures, peaks })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { _ = fs::copy(entry.path(), &target)? }
    }
    Ok(())
}

/// A server with what it used before the first query.
struct Subject {
    server: Contender,
    agent: ureq::Agent,
    idle: Usage,
}

impl Subject {
    fn new(server: Contender) -> Result<Self> {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(120)));
        let agent = config.http_status_as_error(false).build().new_agent();
        std::thread::sleep(Duration::from_secs(3));
        let idle = server.usage()?;
        Ok(Self { server, agent, idle })
    }

    fn ask(&self, path: &str) -> Result<Vec<u8>> {
        let url = format!("http://{}{path}", self.server.address());
        let mut response = self.agent.get(&url).call()?;
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        if response.status() != 200 {
            bail!("{}: {path}: {}", self.server.name, String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    /// Returns by how much the process ever exceeded its idle size.
    fn peak_bytes(&self) -> Result<u64> {
        Ok(self.server.usage()?.rss_peak_bytes.saturating_sub(self.idle.rss_bytes))
    }
}

fn measure(options: &Options, query: &'static Query, end_ms: i64, servers: &mut [Subject]) -> Result<Figure> {
    let path = query.path(end_ms);
    let bodies = servers.iter().map(|subject| subject.ask(&path)).collect::<Result<Vec<_>>>()?;
    let answered = answers::points(&bodies[0]).with_context(|| query.name)?;
    if answered == 0 {
        bail!("{}: an empty answer measures nothing", query.name);
    }
    if let [ours, theirs] = bodies.as_slice() {
        answers::compare(theirs, ours).with_context(|| format!("{}: answers differ: {}", query.name, query.expr))?;
    }
    let mut runs = Vec::new();
    for subject in servers.iter() {
        for _ in 1..WARM_UPS {
            subject.ask(&path)?;
        }
        runs.push(Runs { begun: Instant::now(), before: subject.server.usage()?, latencies: Vec::new(), cpu: None });
    }
    while runs.iter().any(|runs| runs.cpu.is_none()) {
        for (subject, runs) in servers.iter().zip(&mut runs) {
            runs.once(options, subject, &path)?;
        }
    }
    let measured = runs.iter_mut().map(Runs::finish).collect();
    Ok(Figure { query, points: answered, body_bytes: bodies[0].len(), measured })
}

/// The runs of one query on one server.
struct Runs {
    begun: Instant,
    before: Usage,
    latencies: Vec<f64>,
    /// Set when it is enough.
    cpu: Option<f64>,
}

impl Runs {
    /// Looked at so often only: reading the usage takes time too.
    const LOOK_EVERY: usize = 5;
    const AT_LEAST: usize = 10;
    const AT_MOST: usize = 600;
    const LIMIT: Duration = Duration::from_secs(12);

    fn once(&mut self, options: &Options, subject: &Subject, path: &str) -> Result<()> {
        if self.cpu.is_some() {
            return Ok(());
        }
        let began = Instant::now();
        subject.ask(path)?;
        self.latencies.push(began.elapsed().as_secs_f64());
        if self.latencies.len().is_multiple_of(Self::LOOK_EVERY) && self.latencies.len() >= Self::AT_LEAST {
            let cpu = subject.server.usage()?.cpu_seconds - self.before.cpu_seconds;
            let enough = cpu >= options.cpu_seconds
                || self.latencies.len() >= Self::AT_MOST
                || self.begun.elapsed() > Self::LIMIT;
            self.cpu = enough.then_some(cpu);
        }
        Ok(())
    }

    fn finish(&mut self) -> Measured {
        self.latencies.sort_by(f64::total_cmp);
        let of = |q: f64| self.latencies[((self.latencies.len() - 1) as f64 * q).round() as usize];
        let runs = self.latencies.len();
        Measured {
            runs,
            cpu_seconds: self.cpu.unwrap_or(0.0) / runs as f64,
            p50_seconds: of(0.5),
            p95_seconds: of(0.95),
        }
    }
}
