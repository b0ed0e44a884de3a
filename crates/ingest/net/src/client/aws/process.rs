//! `credential_process`: a program that prints credentials.

use std::time::Duration;

use super::account::{Granted, Keys};

/// A program that asks a person something would wait for ever.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn run(command: &str) -> Result<Keys, String> {
    let failed = |why: String| format!("process provider error: {why}");
    let running = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TIMEOUT, running).await.map_err(|_| failed("no answer in time".to_owned()))?;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(200).collect();
        return Err(failed(format!("error in credential_process: {}: {said}", output.status)));
    }
    let granted: Granted = serde_json::from_slice(&output.stdout)
        .map_err(|error| failed(format!("parse failed of process output: {error}")))?;
    if granted.version != 1 {
        return Err(failed(format!("wrong version in process output: {}", granted.version)));
    }
    granted.into_keys().map_err(failed)
}
