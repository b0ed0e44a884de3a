//! A server under measurement: started with a data directory of its own, asked about over HTTP, ended by its pid.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) rss_anon_bytes: u64,
}

/// One server, with its flags in Prometheus' manner.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    child: Child,
    port: u16,
    pub(crate) dir: PathBuf,
}

impl Server {
    /// Starts `program args… --config.file=… --storage.tsdb.path=… --web.listen-address=127.0.0.1:port` and waits until
    /// it is ready.
    pub(crate) fn start(name: &str, program: &Path, args: &[&str], dir: &Path, config: &str) -> Result<Self> {
        fs::create_dir_all(dir)?;
        fs::write(dir.join("prometheus.yml"), config)?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(dir.join("log"))?;
        let child = Command::new(program)
            .args(args)
            .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut server = Self { name: name.to_owned(), child, port, dir: dir.to_path_buf() };
        server.wait_ready()?;
        Ok(server)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}: {}", self.name, fs::read_to_string(self.dir.join("log"))?);
            }
            if self.get("/-/ready").is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} is not ready after 30 s", self.name)
    }

    /// Gives the server a new configuration and tells it by SIGHUP.
    pub(crate) fn reload(&self, config: &str) -> Result<()> {
        fs::write(self.dir.join("prometheus.yml"), config)?;
        crate::shell::run(crate::shell::command(&["kill", "-HUP", &self.child.id().to_string()]))
    }

    /// Returns the body of a GET.
    pub(crate) fn get(&self, path: &str) -> Result<String> {
        let mut response = ureq::get(format!("http://127.0.0.1:{}{path}", self.port)).call()?;
        let mut body = String::new();
        response.body_mut().as_reader().read_to_string(&mut body)?;
        Ok(body)
    }

    /// Returns the first value of an instant query.
    pub(crate) fn query(&self, expr: &str) -> Result<f64> {
        let encoded: String = expr.bytes().map(|b| format!("%{b:02X}")).collect();
        let answer: Value = serde_json::from_str(&self.get(&format!("/api/v1/query?query={encoded}"))?)?;
        let value = answer["data"]["result"][0]["value"][1].as_str();
        value.and_then(|v| v.parse().ok()).with_context(|| format!("{}: {expr}: {answer}", self.name))
    }

    /// Returns what the process has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let proc = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = fs::read_to_string(proc.join("stat"))?;
        let after = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
        let fields: Vec<&str> = after.split(' ').collect();
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let status = fs::read_to_string(proc.join("status"))?;
        let kib = |key: &str| {
            let line = status.lines().find(|l| l.starts_with(key));
            line.and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Ok(Usage {
            // utime and stime, fields 14 and 15 of proc(5), in ticks of 1/100 s on Linux.
            cpu_seconds: (ticks(11) + ticks(12)) / 100.0,
            rss_bytes: kib("VmRSS:"),
            rss_anon_bytes: kib("RssAnon:"),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
