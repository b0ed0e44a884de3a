//! The log of failed scrapes (`scrape_failure_log_file`): a JSON object a line, in upstream's shape (`scrape/scrape.go`,
//! `scrapeAndReport`, and `util/logging/file.go`, 3.14). What fails behind the fetch, a page that cannot be read, is not in
//! it. Files are opened anew at each reload, which is how they are rotated.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use firesteel_config::ScrapeConfig;
use firesteel_go_compat::Instant;
use parking_lot::Mutex;

use crate::manager::ScrapeError;

/// Where a pool's loops find the log of the day.
pub(crate) type FailureLogSlot = Arc<ArcSwapOption<FailureLog>>;

/// One open file; jobs of the same file share it.
#[derive(Debug)]
pub(crate) struct FailureLog {
    file: Mutex<File>,
}

impl FailureLog {
    fn open(path: &Path) -> Result<Self, ScrapeError> {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        let file = opened.map_err(|error| {
            // As Go prints it.
            let error = error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase();
            ScrapeError::FailureLog { path: path.to_owned(), error }
        })?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Notes that a scrape failed. A file that cannot be written changes nothing for the scrape.
    pub(crate) fn note(&self, job: &str, target: &str, error: &str) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Instant { unix_secs: since.as_secs() as i64, nanos: since.subsec_nanos(), offset_secs: 0 };
        let line = line(now, job, target, error);
        // One write a line, so that lines of two servers in one file do not mix.
        if let Err(err) = self.file.lock().write_all(line.as_bytes()) {
            tracing::warn!(%err, "Failed to write to the scrape failure log");
        }
    }
}

fn line(at: Instant, job: &str, target: &str, error: &str) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "{{\"time\":\"{}\",\"level\":\"ERROR\",\"source\":\"scrape_loop.rs\",\"msg\":{},\"job_name\":{},\"target\":{}}}\n",
        at.to_rfc3339_nano(),
        text(error),
        text(job),
        text(target)
    )
}

/// The files of one configuration.
#[derive(Debug, Default)]
pub(crate) struct FailureLogs(BTreeMap<PathBuf, Arc<FailureLog>>);

impl FailureLogs {
    /// Opens each file that a job names.
    pub(crate) fn open(jobs: &[Arc<ScrapeConfig>]) -> Result<Self, ScrapeError> {
        let mut logs = BTreeMap::new();
        for job in jobs {
            let path = job.scrape_failure_log_file.as_path();
            if !path.as_os_str().is_empty() && !logs.contains_key(path) {
                logs.insert(path.to_owned(), Arc::new(FailureLog::open(path)?));
            }
        }
        Ok(Self(logs))
    }

    /// Returns the log of a job, if it has one.
    pub(crate) fn of(&self, job: &ScrapeConfig) -> Option<Arc<FailureLog>> {
        self.0.get(job.scrape_failure_log_file.as_path()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_upstreams() {
        let at = Instant { unix_secs: 1_700_000_000, nanos: 346_936_052, offset_secs: 0 };
        assert_eq!(
            line(at, "own", "http://a:1/metrics?x=%22", "Get \"http://a:1/metrics?x=%22\": <no>\n"),
            concat!(
                r#"{"time":"2023-11-14T22:13:20.346936052Z","level":"ERROR","source":"scrape_loop.rs","#,
                r#""msg":"Get \"http://a:1/metrics?x=%22\": <no>\n","job_name":"own","target":"http://a:1/metrics?x=%22"}"#,
                "\n"
            )
        );
    }
}
