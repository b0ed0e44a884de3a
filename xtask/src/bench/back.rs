//! A server that comes back after `kill -9`: when it answers, and what memory that takes.
//!
//! Two questions are asked, before the kill and after it: for the newest sample of every series, and for all samples. The
//! data is answered when the first of them is; the second reads whatever was ever pushed.

use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::contender::Contender;

/// What a server needs to take the samples and to answer: a reference that reads 120 million of them on a busy machine takes
/// longer than the two minutes that a query has, and what it reads may be more than it reads by itself.
pub(crate) const ARGS: [&str; 3] =
    ["--web.enable-remote-write-receiver", "--query.timeout=1h", "--query.max-samples=1000000000"];

/// What is asked; each answer must be the number of series.
pub(crate) struct Questions {
    series: usize,
    latest: String,
    all: String,
}

impl Questions {
    /// `samples` of each of so many series, `step_ms` apart, the last at `end_ms` or up to a step before.
    pub(crate) fn new(series: usize, samples: u64, step_ms: i64, end_ms: i64) -> Self {
        let (range, at) = (samples as i64 * step_ms / 1000 + 60, end_ms / 1000);
        Self {
            series,
            latest: format!("count({{__name__=~\".+\",instance!=\"\"}} @ {at})"),
            all: format!("count(count_over_time({{__name__=~\".+\",instance!=\"\"}}[{range}s] @ {at}) == {samples})"),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"series": self.series, "latest": self.latest, "all": self.all})
    }

    pub(crate) fn from_json(of: &Value) -> Self {
        let text = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
        Self { series: of["series"].as_u64().unwrap_or(0) as usize, latest: text("latest"), all: text("all") }
    }

    fn ask(&self, server: &Contender, expr: &str) -> Result<()> {
        let answer = server.value(expr)?;
        if answer != self.series as f64 {
            bail!("{}: {expr} is {answer}, not {}", server.name, self.series);
        }
        Ok(())
    }
}

/// Notes the memory of a server that was filled, and its peak while it answers both questions.
pub(crate) fn before_kill(server: &Contender, questions: &Questions, out: &mut Map<String, Value>) -> Result<()> {
    let filled = server.usage()?;
    out.insert("rss_bytes_before_kill".into(), filled.rss_bytes.into());
    out.insert("rss_peak_bytes_before_kill".into(), filled.rss_peak_bytes.into());
    server.reset_peak()?;
    questions.ask(server, &questions.latest)?;
    questions.ask(server, &questions.all)?;
    out.insert("rss_peak_bytes_before_kill_while_asked".into(), server.usage()?.rss_peak_bytes.into());
    Ok(())
}

/// Starts a server that was killed, and asks it. `None`: there is no such server.
pub(crate) fn after_kill(
    start: impl FnOnce() -> Result<Option<Contender>>,
    questions: &Questions,
    out: &mut Map<String, Value>,
) -> Result<Option<Contender>> {
    let began = Instant::now();
    let Some(server) = start()? else { return Ok(None) };
    let ready = (began.elapsed(), server.usage()?);
    questions.ask(&server, &questions.latest)?;
    let latest = (began.elapsed(), server.usage()?);
    questions.ask(&server, &questions.all)?;
    let all = (began.elapsed(), server.usage()?);
    for (what, (elapsed, usage)) in [("ready", ready), ("first_answer", latest), ("all_samples", all)] {
        out.insert(format!("restart_seconds_to_{what}"), elapsed.as_secs_f64().into());
        out.insert(format!("restart_cpu_seconds_to_{what}"), usage.cpu_seconds.into());
        out.insert(format!("restart_rss_peak_bytes_to_{what}"), usage.rss_peak_bytes.into());
    }
    Ok(Some(server))
}
