//! Credentials from a program (`users[].user.exec` of a kubeconfig, `client.authentication.k8s.io`).

use std::time::{Duration, SystemTime};

use firesteel_go_compat::Instant;
use parking_lot::Mutex;
use serde::Deserialize;

use crate::error::DiscoveryError;

/// Credentials are fetched anew this long before they end.
const AHEAD: Duration = Duration::from_secs(30);
/// A program that asks a person something would wait for ever.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A program, and until when its last credentials hold.
#[derive(Debug, Default)]
pub(crate) struct Exec {
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) api_version: String,
    until: Mutex<Option<SystemTime>>,
}

impl Clone for Exec {
    fn clone(&self) -> Self {
        Self::new(self.command.clone(), self.args.clone(), self.env.clone(), self.api_version.clone())
    }
}

impl PartialEq for Exec {
    fn eq(&self, other: &Self) -> bool {
        (&self.command, &self.args, &self.env) == (&other.command, &other.args, &other.env)
    }
}

/// What a program printed.
#[derive(Debug, Default)]
pub(crate) struct Credential {
    pub(crate) token: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

#[derive(Deserialize)]
struct ExecCredential {
    status: Option<ExecStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExecStatus {
    token: String,
    client_certificate_data: String,
    client_key_data: String,
    expiration_timestamp: String,
}

impl Exec {
    pub(crate) fn new(command: String, args: Vec<String>, env: Vec<(String, String)>, api_version: String) -> Self {
        Self { command, args, env, api_version, until: Mutex::new(None) }
    }

    /// Returns whether the last credentials hold still. Those without an end hold until the server refuses them.
    pub(crate) fn is_fresh(&self) -> bool {
        self.until.lock().is_none_or(|until| SystemTime::now() + AHEAD < until)
    }

    /// Runs the program and reads what it prints.
    pub(crate) async fn run(&self) -> Result<Credential, DiscoveryError> {
        let info = serde_json::json!({
            "apiVersion": self.api_version, "kind": "ExecCredential", "spec": {"interactive": false},
        });
        let running = tokio::process::Command::new(&self.command)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("KUBERNETES_EXEC_INFO", info.to_string())
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let failed = |why: String| DiscoveryError::Other(format!("getting credentials: exec: {why}"));
        let output = tokio::time::timeout(TIMEOUT, running).await.map_err(|_| DiscoveryError::Deadline)?;
        let output = output.map_err(|error| failed(format!("{}: {error}", self.command)))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().chars().take(200).collect::<String>();
            return Err(failed(format!("executable {} failed with {}: {said}", self.command, output.status)));
        }
        let read: ExecCredential =
            serde_json::from_slice(&output.stdout).map_err(|error| failed(format!("decoding stdout: {error}")))?;
        let status = read.status.ok_or_else(|| failed("exec plugin didn't return a status field".to_owned()))?;
        if status.token.is_empty() && status.client_certificate_data.is_empty() {
            return Err(failed("exec plugin didn't return a token or cert/key pair".to_owned()));
        }
        *self.until.lock() = Instant::parse_rfc3339(&status.expiration_timestamp)
            .and_then(|at| Some(SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.unix_ms()).ok()?)));
        Ok(Credential { token: status.token, certificate: status.client_certificate_data, key: status.client_key_data })
    }
}
