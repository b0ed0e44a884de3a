//! The query log: every query with its times and costs, a JSON object a line.
//!
//! Format: upstream's (`promql/engine.go`, `exec`, and `util/logging/file.go`, 3.14), so that what reads its log reads
//! ours. The file is opened anew at each reload, which is how it is rotated.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use firesteel_api::{Json, push_stats};
use firesteel_base::TimestampMs;
use firesteel_client::{Counter, Gauge, Registry};
use firesteel_go_compat::Instant;
use firesteel_promql::{QueryError, QueryOptions, QueryOrigin, QueryResult, QueryStats};

/// The log, closed until a configuration names its file.
#[derive(Debug)]
pub(crate) struct QueryLog {
    file: Mutex<Option<File>>,
    /// So that a server without a log takes no lock for it.
    open: AtomicBool,
    enabled: Gauge,
    failures: Counter,
}

impl QueryLog {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            file: Mutex::default(),
            open: AtomicBool::new(false),
            enabled: registry.gauge("prometheus_engine_query_log_enabled", "State of the query log."),
            failures: registry
                .counter("prometheus_engine_query_log_failures_total", "The number of query log failures."),
        }
    }

    /// Writes to `path` from now on; nowhere when it is empty. When it cannot be opened, the log goes on as before.
    pub(crate) fn open(&self, path: &Path) -> Result<(), String> {
        let file = if path.as_os_str().is_empty() {
            None
        } else {
            let opened = OpenOptions::new().create(true).append(true).open(path);
            Some(opened.map_err(|e| format!("can't create json log file: open {}: {e}", path.display()))?)
        };
        self.enabled.set(if file.is_some() { 1.0 } else { 0.0 });
        self.open.store(file.is_some(), Ordering::Relaxed);
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    /// Notes a query that has ended. A log that cannot be written is counted, and the query stands.
    pub(crate) fn note(
        &self,
        options: &QueryOptions,
        [start, end]: [TimestampMs; 2],
        step_ms: i64,
        result: &Result<QueryResult, QueryError>,
    ) {
        if !self.open.load(Ordering::Relaxed) {
            return;
        }
        let line = line(now(), options, [start, end], step_ms, result);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.as_mut().map_or(Ok(()), |file: &mut File| -> io::Result<()> { file.write_all(&line) });
        if written.is_err() {
            self.failures.inc();
        }
    }
}

fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant { unix_secs: since.as_secs() as i64, nanos: since.subsec_nanos(), offset_secs: 0 }
}

fn line(
    at: Instant,
    options: &QueryOptions,
    [start, end]: [TimestampMs; 2],
    step_ms: i64,
    result: &Result<QueryResult, QueryError>,
) -> Vec<u8> {
    let mut json = Json::default();
    json.raw(r#"{"time":"#).label(&at.to_rfc3339_nano());
    json.raw(r#","level":"INFO","source":"query_log.rs","msg":"promql query logged","params":{"end":"#);
    json.label(&millis(end)).raw(r#","query":"#).label(&options.text).raw(r#","start":"#).label(&millis(start));
    json.raw(r#","step":"#).int(step_ms / 1000).raw("}");
    let none = QueryStats::default();
    let stats = match result {
        Ok(result) => &result.stats,
        Err(error) => {
            json.raw(r#","error":"#).label(&error.to_string());
            &none
        }
    };
    push_stats(&mut json, stats);
    json.raw(r#","spanID":"0000000000000000","traceID":"00000000000000000000000000000000""#);
    match &options.origin {
        QueryOrigin::Internal => {}
        QueryOrigin::Http { client_ip, method, path } => {
            json.raw(r#","httpRequest":{"clientIP":"#).label(client_ip);
            json.raw(r#","method":"#).label(method).raw(r#","path":"#).label(path).raw("}");
        }
        QueryOrigin::RuleGroup { file, name } => {
            json.raw(r#","ruleGroup":{"file":"#).label(file).raw(r#","name":"#).label(name).raw("}");
        }
    }
    json.raw("}\n");
    json.0
}

/// Writes a time with three digits after the second.
fn millis(t: TimestampMs) -> String {
    let whole = Instant::from_unix_ms(t.0.div_euclid(1000) * 1000).to_rfc3339();
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), t.0.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_upstreams() {
        let at = Instant { unix_secs: 1_700_000_000, nanos: 176_172_617, offset_secs: 0 };
        let origin = QueryOrigin::Http {
            client_ip: "127.0.0.1".to_owned(),
            method: "GET".to_owned(),
            path: "/api/v1/query_range".to_owned(),
        };
        let options = QueryOptions { text: r#"up{a="<"}"#.into(), origin, ..QueryOptions::default() };
        let failed = Err(QueryError::Timeout("query queue"));
        let got = line(at, &options, [TimestampMs(100_000), TimestampMs(200_005)], 5000, &failed);
        let zeros = r#""stats":{"timings":{"evalTotalTime":0,"resultSortTime":0,"queryPreparationTime":0,"innerEvalTime":0,"execQueueTime":0,"execTotalTime":0},"samples":{"totalQueryableSamples":0,"samplesRead":0,"peakSamples":0}}"#;
        let want = [
            r#"{"time":"2023-11-14T22:13:20.176172617Z","level":"INFO","source":"query_log.rs","msg":"promql query logged","#,
            r#""params":{"end":"1970-01-01T00:03:20.005Z","query":"up{a=\"<\"}","start":"1970-01-01T00:01:40.000Z","step":5},"#,
            r#""error":"query timed out in query queue","#,
            zeros,
            r#","spanID":"0000000000000000","traceID":"00000000000000000000000000000000","#,
            r#""httpRequest":{"clientIP":"127.0.0.1","method":"GET","path":"/api/v1/query_range"}}"#,
            "\n",
        ]
        .concat();
        assert_eq!(String::from_utf8(got).expect("text"), want);
    }
}
