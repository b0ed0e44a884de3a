//! The gateway from its face: pushes, wishes, the file.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

mod files;
mod pushes;
mod wishes;

use std::sync::Arc;

use firesteel_base::{ManualClock, TimestampMs};
use firesteel_expfmt::write_text;
use firesteel_gateway::{Body, Gateway, GatewayOptions, GroupLabels, PathRules, Push, PushError, PushOptions};

/// A gateway with a clock that stands still.
struct Bench {
    gateway: Arc<Gateway>,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new(options: GatewayOptions) -> Self {
        let clock = Arc::new(ManualClock::new(TimestampMs(1_700_000_000_000)));
        Self { gateway: Arc::new(Gateway::new(options, clock.clone(), Vec::new())), clock }
    }

    fn push(&self, path: &str, replace: bool, options: PushOptions, body: &str) -> Result<(), String> {
        let push = Push { labels: labels(path), replace, options };
        self.gateway.push(&push, Body::Text(body.as_bytes())).map_err(|e: PushError| e.to_string())
    }

    fn put(&self, path: &str, body: &str) -> Result<(), String> {
        self.push(path, true, PushOptions::default(), body)
    }

    fn post(&self, path: &str, body: &str) -> Result<(), String> {
        self.push(path, false, PushOptions::default(), body)
    }

    /// The page without comments and without the times of pushes.
    fn page(&self) -> String {
        let mut out = Vec::new();
        write_text(&self.gateway.gather(Vec::new()).unwrap(), &mut out);
        let lines = String::from_utf8(out).unwrap();
        lines.lines().filter(|l| !l.starts_with('#') && !l.starts_with("push_")).map(|l| format!("{l}\n")).collect()
    }
}

/// `job` or `job/label/value…`.
fn labels(path: &str) -> GroupLabels {
    let (job, rest) = path.find('/').map_or((path, ""), |at| path.split_at(at));
    GroupLabels::from_path(job, false, rest, PathRules::default()).unwrap()
}
