//! The servers that are measured: ours, a `prometheus`, and VictoriaMetrics.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use firesteel_testkit::Server;

use super::process::Usage;
use crate::{peers, shell};

const CONFIG: &str = "global: {}\n";
/// A log of 120 million samples takes a reference minutes to read.
const READY_LIMIT: Duration = Duration::from_mins(20);

/// On which processors a server runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cores {
    One,
    All,
}

impl Cores {
    pub(crate) fn name(self) -> &'static str {
        if self == Self::One { "one core" } else { "all cores" }
    }

    /// Starts a server that sees these processors only, so that it makes as many threads as suits them.
    fn start(self, program: &Path, args: &[&str], dir: &Path) -> Result<Server> {
        if self == Self::All {
            return Ok(Server::start_within(READY_LIMIT, program, args, dir, CONFIG)?);
        }
        let taskset = shell::which("taskset").context("taskset is needed (util-linux)")?;
        let program = program.display().to_string();
        let args: Vec<&str> = ["-c", "0", &program].iter().chain(args).copied().collect();
        Ok(Server::start_within(READY_LIMIT, &taskset, &args, dir, CONFIG)?)
    }
}

/// A server under measurement.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    process: Process,
}

enum Process {
    Prometheus(Server),
    Victoria { child: Child, address: String },
    Gone,
}

impl Contender {
    /// Builds and starts ours.
    pub(crate) fn ours(dir: &Path, args: &[&str]) -> Result<Self> {
        Self::ours_on(Cores::All, dir, args)
    }

    /// Builds ours, once: a bench that starts it again measures the same program.
    fn built() -> Result<PathBuf> {
        static BUILT: OnceLock<()> = OnceLock::new();
        if BUILT.get().is_none() {
            shell::run(shell::command(&["cargo", "build", "--release", "-p", "firesteel"]))?;
            let _ = BUILT.set(());
        }
        Ok(shell::target_dir().join("release/firesteel"))
    }

    /// Builds ours, unless `FIRESTEEL_PROGRAM` names it, and starts it on some processors.
    pub(crate) fn ours_on(cores: Cores, dir: &Path, args: &[&str]) -> Result<Self> {
        let program = match std::env::var_os("FIRESTEEL_PROGRAM") {
            Some(built) => PathBuf::from(built),
            None => Self::built()?,
        };
        let args: Vec<&str> = ["prometheus"].iter().chain(args).copied().collect();
        Ok(Self { name: "firesteel", process: Process::Prometheus(cores.start(&program, &args, dir)?) })
    }

    /// Starts a `prometheus` from PATH or the peers' folder; `None` when there is none.
    pub(crate) fn prometheus(dir: &Path, args: &[&str]) -> Result<Option<Self>> {
        Self::prometheus_on(Cores::All, dir, args)
    }

    /// Starts a `prometheus` on some processors; `None` when there is none.
    pub(crate) fn prometheus_on(cores: Cores, dir: &Path, args: &[&str]) -> Result<Option<Self>> {
        let named = std::env::var_os("FIRESTEEL_PEERS").map(|folder| PathBuf::from(folder).join("prometheus"));
        let program =
            named.or_else(|| shell::which("prometheus")).or_else(|| Some(peers::unpack().ok()?.join("prometheus")));
        let Some(program) = program.filter(|p: &PathBuf| p.is_file()) else { return Ok(None) };
        Ok(Some(Self { name: "prometheus", process: Process::Prometheus(cores.start(&program, args, dir)?) }))
    }

    /// Starts a `victoria-metrics` from PATH; `None` when there is none.
    pub(crate) fn victoria(dir: &Path) -> Result<Option<Self>> {
        let Some(program) = shell::which("victoria-metrics") else { return Ok(None) };
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut child = Command::new(program)
            .arg(format!("-storageDataPath={}", dir.join("data").display()))
            .arg(format!("-httpListenAddr={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while ureq::get(format!("http://{address}/health")).call().is_err() {
            if Instant::now() > deadline || child.try_wait()?.is_some() {
                child.kill()?;
                bail!("victoria-metrics did not come up");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(Self { name: "victoria-metrics", process: Process::Victoria { child, address } }))
    }

    pub(crate) fn address(&self) -> &str {
        match &self.process {
            Process::Prometheus(server) => server.address(),
            Process::Victoria { address, .. } => address,
            Process::Gone => "",
        }
    }

    fn pid(&self) -> Result<u32> {
        match &self.process {
            Process::Prometheus(server) => Ok(server.pid()),
            Process::Victoria { child, .. } => Ok(child.id()),
            Process::Gone => bail!("the process is gone"),
        }
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.pid()?)
    }

    /// Lets the peak of the memory be counted from now on.
    pub(crate) fn reset_peak(&self) -> Result<()> {
        super::process::reset_peak(self.pid()?)
    }

    /// Returns the first value of an instant query. A refusal is told in the server's own words.
    pub(crate) fn value(&self, expr: &str) -> Result<f64> {
        let url = format!("http://{}/api/v1/query", self.address());
        let request = ureq::get(&url).query("query", expr).config().http_status_as_error(false).build();
        let body = request.call()?.body_mut().read_to_string()?;
        let answer: serde_json::Value = serde_json::from_str(&body)?;
        let value = answer["data"]["result"][0]["value"][1].as_str().and_then(|v| v.parse().ok());
        value.with_context(|| format!("{expr}: {body}"))
    }
}

impl Contender {
    /// Ends the process as a power cut would.
    pub(crate) fn kill_9(mut self) -> Result<()> {
        let gone = Process::Gone;
        match std::mem::replace(&mut self.process, gone) {
            Process::Prometheus(server) => server.kill_9()?,
            Process::Victoria { mut child, .. } => {
                child.kill()?;
                child.wait()?;
            }
            Process::Gone => {}
        }
        Ok(())
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        if let Process::Victoria { child, .. } = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
