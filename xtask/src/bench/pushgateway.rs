//! Pushes at a steady rate: how many get through, and what they cost, ours beside Debian's pushgateway.
//!
//! 100 groups of 20 samples, each pushed as text by POST with the consistency check on, over four kept connections; every
//! second somebody scrapes. The file is written every ten seconds.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::process::Usage;
use crate::{peers, shell};

const GROUPS: usize = 100;
const SAMPLES: usize = 20;
const CONNECTIONS: usize = 4;

struct Options {
    rate: u32,
    seconds: u32,
    alone: bool,
    save: bool,
}

struct Measured {
    name: &'static str,
    pushes_per_second: f64,
    worst_ms: f64,
    cpu_seconds: f64,
    rss_bytes: u64,
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let mut options = Options { rate: 1000, seconds: 30, alone: false, save: false };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut number = || -> Result<u32> {
            rest.next().with_context(|| format!("{arg} needs a number"))?.parse().context("no number")
        };
        match *arg {
            "--rate" => options.rate = number()?.max(1),
            "--seconds" => options.seconds = number()?.max(1),
            "--alone" => options.alone = true,
            "--save" => options.save = true,
            other => bail!("bench pushgateway: unknown option {other}"),
        }
    }
    let home = shell::target_dir().join("bench-pushgateway");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let ours = match std::env::var_os("FIRESTEEL_PROGRAM") {
        Some(program) => PathBuf::from(program),
        None => {
            shell::run(shell::command(&["cargo", "build", "--release", "-p", "firesteel"]))?;
            shell::target_dir().join("release/firesteel")
        }
    };
    let mut measured = vec![measure("firesteel", &ours, &["pushgateway"], &home.join("firesteel"), &options)?];
    let folder = std::env::var_os("FIRESTEEL_PEERS").map(PathBuf::from).or_else(|| peers::unpack().ok());
    let theirs = folder.map(|folder| folder.join("prometheus-pushgateway")).filter(|program| program.is_file());
    match theirs.filter(|_| !options.alone) {
        Some(program) => measured.push(measure("pushgateway", &program, &[], &home.join("pushgateway"), &options)?),
        None => println!("Debian's pushgateway is not measured"),
    }
    report(&options, &measured)
}

/// A process that is killed when dropped.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn measure(name: &'static str, program: &Path, args: &[&str], dir: &Path, options: &Options) -> Result<Measured> {
    fs::create_dir_all(dir)?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let child = Command::new(program)
        .args(args)
        .args(["--persistence.file=file", "--persistence.interval=10s", &format!("--web.listen-address={address}")])
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let gateway = Gateway(child);
    let deadline = Instant::now() + Duration::from_secs(30);
    while !Connection::open(&address)
        .is_ok_and(|mut c| c.ask("GET", "/-/ready", "").is_ok_and(|(status, _)| status == 200))
    {
        if Instant::now() > deadline {
            bail!("{name} does not get ready");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Each group once, so that the rest is the steady state.
    let mut first = Connection::open(&address)?;
    for group in 0..GROUPS {
        expect_taken(first.ask("POST", &path(group), &body(group, 0))?)?;
    }
    std::thread::sleep(Duration::from_secs(1));
    let before = Usage::of(gateway.0.id())?;
    let began = Instant::now();
    let total = u64::from(options.rate) * u64::from(options.seconds);
    let pace = Duration::from_secs(1) / options.rate;
    let pushers: Vec<_> = (0..CONNECTIONS)
        .map(|n| {
            let address = address.clone();
            std::thread::spawn(move || -> Result<(u64, Duration)> {
                let mut connection = Connection::open(&address)?;
                let (mut pushed, mut worst) = (0, Duration::ZERO);
                for at in (n as u64..total).step_by(CONNECTIONS) {
                    let due = began + pace.mul_f64(at as f64);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let group = at as usize % GROUPS;
                    let asked = Instant::now();
                    expect_taken(connection.ask("POST", &path(group), &body(group, at))?)?;
                    worst = worst.max(asked.elapsed());
                    pushed += 1;
                }
                Ok((pushed, worst))
            })
        })
        .collect();
    let mut scraper = Connection::open(&address)?;
    for _ in 0..options.seconds {
        std::thread::sleep(Duration::from_secs(1));
        scraper.ask("GET", "/metrics", "")?;
    }
    let (mut pushed, mut worst) = (0, Duration::ZERO);
    for pusher in pushers {
        let (n, slowest) = pusher.join().map_err(|_| anyhow::anyhow!("a pusher panicked"))??;
        pushed += n;
        worst = worst.max(slowest);
    }
    let took = began.elapsed();
    let after = Usage::of(gateway.0.id())?;
    let (_, page) = scraper.ask("GET", "/metrics", "")?;
    let shown = page.lines().filter(|line| line.starts_with("bench_sample_")).count();
    if shown != GROUPS * SAMPLES {
        bail!("{name} shows {shown} samples of {}", GROUPS * SAMPLES);
    }
    Ok(Measured {
        name,
        pushes_per_second: pushed as f64 / took.as_secs_f64(),
        worst_ms: worst.as_secs_f64() * 1000.0,
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        rss_bytes: after.rss_bytes,
    })
}

fn expect_taken((status, body): (u16, String)) -> Result<()> {
    if matches!(status, 200 | 202) { Ok(()) } else { bail!("a push was answered {status}: {body}") }
}

fn path(group: usize) -> String {
    format!("/metrics/job/bench/instance/host-{group}")
}

fn body(group: usize, at: u64) -> String {
    let mut out = String::new();
    for sample in 0..SAMPLES {
        let value = at * 31 + group as u64;
        out += &format!(
            "# HELP bench_sample_{sample} One of the samples.\n# TYPE bench_sample_{sample} gauge\n\
             bench_sample_{sample}{{kind=\"steady\",zone=\"eu-{sample}\"}} {value}.5\n"
        );
    }
    out
}

/// One kept connection.
struct Connection {
    stream: TcpStream,
    address: String,
}

impl Connection {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream, address: address.to_owned() })
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let mut got = Vec::new();
        let mut buffer = [0; 16 << 10];
        loop {
            let n = self.stream.read(&mut buffer)?;
            if n == 0 {
                bail!("{path}: the connection ended");
            }
            got.extend_from_slice(&buffer[..n]);
            let Some(head_len) = got.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else { continue };
            let head = String::from_utf8_lossy(&got[..head_len]).to_lowercase();
            let is_whole = match head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()) {
                Some(length) => got.len() >= head_len + length.trim().parse::<usize>()?,
                None if head.contains("chunked") => got.ends_with(b"\r\n0\r\n\r\n"),
                None => true,
            };
            if is_whole {
                let status = head.split(' ').nth(1).context("a status")?.parse()?;
                return Ok((status, String::from_utf8_lossy(&got[head_len..]).into_owned()));
            }
        }
    }
}

fn report(options: &Options, measured: &[Measured]) -> Result<()> {
    println!(
        "\n{GROUPS} groups of {SAMPLES} samples, {} pushes a second wanted for {} s\n\n{:<14} {:>10} {:>12} {:>16} {:>10}",
        options.rate, options.seconds, "server", "pushes/s", "slowest ms", "CPU-s/1000 push", "RSS MB"
    );
    let pushes = f64::from(options.rate) * f64::from(options.seconds);
    let per_thousand = |m: &Measured| m.cpu_seconds / pushes * 1000.0;
    for m in measured {
        println!(
            "{:<14} {:>10.0} {:>12.1} {:>16.4} {:>10.1}",
            m.name,
            m.pushes_per_second,
            m.worst_ms,
            per_thousand(m),
            m.rss_bytes as f64 / 1e6
        );
    }
    if let [ours, theirs] = measured {
        println!(
            "ratio ours/theirs: CPU 1/{:.1}, RSS 1/{:.1}",
            theirs.cpu_seconds / ours.cpu_seconds,
            theirs.rss_bytes as f64 / ours.rss_bytes as f64
        );
    }
    if options.save {
        let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
        let servers: Vec<Value> = measured
            .iter()
            .map(|m| {
                json!({
                    "server": m.name, "pushes_per_second": m.pushes_per_second, "slowest_push_ms": m.worst_ms,
                    "cpu_seconds_per_thousand_pushes": per_thousand(m), "rss_bytes": m.rss_bytes,
                })
            })
            .collect();
        let figures = json!({
            "command": format!("cargo xtask bench pushgateway --rate {} --seconds {} --save", options.rate, options.seconds),
            "commit": version.trim(), "peers": "Debian prometheus-pushgateway 1.5.1", "servers": servers,
        });
        fs::write(shell::root().join("docs/figures/pushgateway.json"), format!("{figures:#}\n"))?;
    }
    Ok(())
}
