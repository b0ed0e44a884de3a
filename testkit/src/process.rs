//! A server process under test: ours or a reference, with flags in Prometheus' manner, asked over HTTP, ended by pid.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Why a server could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("GET {url}: {why}")]
    Http { url: String, why: String },
    #[error("ended with {status}; its log:\n{log}")]
    Ended { status: ExitStatus, log: String },
    #[error("not ready in time; its log:\n{log}")]
    NotReady { log: String },
    #[error("{0}")]
    Answer(String),
}

/// A large log may have to be read first.
const READY_LIMIT: Duration = Duration::from_mins(5);

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    log: PathBuf,
    config: PathBuf,
    agent: ureq::Agent,
}

impl Server {
    /// Starts `program args…` with `config` as its configuration and its data and log below `dir`, and waits until it
    /// is ready. The same `dir` may be used again after a kill.
    pub fn start(program: &Path, args: &[&str], dir: &Path, config: &str) -> Result<Self, ServerError> {
        Self::start_below(program, args, dir, config, "")
    }

    /// As [`Server::start`], with a server whose routes lie below `prefix` (`/p`).
    pub fn start_below(
        program: &Path,
        args: &[&str],
        dir: &Path,
        config: &str,
        prefix: &str,
    ) -> Result<Self, ServerError> {
        let mut server = Self::spawn(program, args, dir, config)?;
        server.wait_ready(prefix, READY_LIMIT)?;
        Ok(server)
    }

    /// As [`Server::start`], with another limit for becoming ready: of a server with a long log to read.
    pub fn start_within(
        limit: Duration,
        program: &Path,
        args: &[&str],
        dir: &Path,
        config: &str,
    ) -> Result<Self, ServerError> {
        let mut server = Self::spawn(program, args, dir, config)?;
        server.wait_ready("", limit)?;
        Ok(server)
    }

    fn spawn(program: &Path, args: &[&str], dir: &Path, config: &str) -> Result<Self, ServerError> {
        fs::create_dir_all(dir)?;
        let config_file = dir.join("prometheus.yml");
        fs::write(&config_file, config)?;
        // The port is free at this moment; a reference program cannot tell which one it took for port 0.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log_file = dir.join("log");
        let log = File::options().create(true).append(true).open(&log_file)?;
        let child = Command::new(program)
            .args(args)
            .arg(format!("--config.file={}", config_file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .build()
            .new_agent();
        Ok(Self { child, address, log: log_file, config: config_file, agent })
    }

    fn wait_ready(&mut self, prefix: &str, limit: Duration) -> Result<(), ServerError> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Err(ServerError::Ended { status, log: self.log() });
            }
            if self.get(&format!("{prefix}/-/ready")).is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(ServerError::NotReady { log: self.log() })
    }

    /// Returns `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns all that the server and its predecessors in the same directory have logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns status and body of a GET.
    pub fn get(&self, path: &str) -> Result<(u16, String), ServerError> {
        let url = format!("http://{}{path}", self.address);
        let fault = |why: ureq::Error| ServerError::Http { url: url.clone(), why: why.to_string() };
        let mut response = self.agent.get(&url).call().map_err(fault)?;
        let body = response.body_mut().with_config().limit(1 << 30).read_to_string().map_err(fault)?;
        Ok((response.status().as_u16(), body))
    }

    /// Posts a body with headers; returns status and body.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(u16, String), ServerError> {
        let url = format!("http://{}{path}", self.address);
        let fault = |why: ureq::Error| ServerError::Http { url: url.clone(), why: why.to_string() };
        let request =
            headers.iter().fold(self.agent.post(&url), |request, (name, value)| request.header(*name, *value));
        let mut response = request.send(body).map_err(fault)?;
        let body = response.body_mut().read_to_string().map_err(fault)?;
        Ok((response.status().as_u16(), body))
    }

    /// Returns status and body of a DELETE.
    pub fn delete(&self, path: &str) -> Result<(u16, String), ServerError> {
        let url = format!("http://{}{path}", self.address);
        let fault = |why: ureq::Error| ServerError::Http { url: url.clone(), why: why.to_string() };
        let mut response = self.agent.delete(&url).call().map_err(fault)?;
        let body = response.body_mut().read_to_string().map_err(fault)?;
        Ok((response.status().as_u16(), body))
    }

    /// Returns the JSON of a GET with parameters.
    pub fn json(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, ServerError> {
        let encode = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
        let query: Vec<String> = parameters.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
        let (_, body) = self.get(&format!("{path}?{}", query.join("&")))?;
        serde_json::from_str(&body).map_err(|e| ServerError::Answer(format!("{path}: {e}: {body}")))
    }

    /// Returns the result of an instant query; errors with the server's own words.
    pub fn query(&self, expr: &str) -> Result<Value, ServerError> {
        let answer = self.json("/api/v1/query", &[("query", expr)])?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"]["result"].clone()),
            _ => Err(ServerError::Answer(answer.to_string())),
        }
    }

    /// Polls `holds` every 20 ms until it returns true.
    ///
    /// # Panics
    /// After `limit`, with `what` and the server's log.
    pub fn wait_for(&self, what: &str, limit: Duration, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + limit;
        while !holds(self) {
            assert!(Instant::now() < deadline, "not within {limit:?}: {what}; the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Replaces the configuration file; the server is not told.
    pub fn write_config(&self, config: &str) -> Result<(), ServerError> {
        Ok(fs::write(&self.config, config)?)
    }

    /// Sends a signal by name (`TERM`, `HUP`).
    pub fn signal(&self, name: &str) -> Result<(), ServerError> {
        Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status()?;
        Ok(())
    }

    /// Ends the process as a power cut would end it: SIGKILL, nothing flushed.
    pub fn kill_9(mut self) -> Result<(), ServerError> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(self) -> Result<ExitStatus, ServerError> {
        self.signal("TERM")?;
        self.ended(Duration::from_secs(20))
    }

    /// Waits until the process ends, which something else makes it do.
    pub fn ended(mut self, limit: Duration) -> Result<ExitStatus, ServerError> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(ServerError::Answer(format!("does not end within {limit:?}; the log:\n{}", self.log())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
