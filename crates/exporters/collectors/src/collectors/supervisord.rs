//! Processes under supervisord, which tells of them by XML-RPC over HTTP or a Unix socket.

mod xml_rpc;

use std::collections::HashMap;

use firesteel_cli::{FlagDef, FlagKind};

use self::xml_rpc::Endpoint;
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

const URL: &str = "collector.supervisord.url";
/// Says the URL where the flag does not.
const URL_VARIABLE: &str = "SUPERVISORD_URL";

pub(super) const FLAGS: &[FlagDef] =
    &[FlagDef::new(URL, FlagKind::Text, "XML RPC endpoint. ($SUPERVISORD_URL)")
        .default(&["http://localhost:9001/RPC2"])];

/// States in which there is a process: starting, running, stopping (supervisord's manual, "Process States").
const WITH_PROCESS: [i64; 3] = [10, 20, 40];

#[derive(Debug)]
pub(crate) struct Supervisord {
    endpoint: Endpoint,
}

impl Supervisord {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let url = match std::env::var(URL_VARIABLE) {
            Ok(url) if !settings.is_given(URL) && !url.is_empty() => url,
            _ => settings.text(URL).to_owned(),
        };
        let endpoint = Endpoint::parse(&url).map_err(|what| FilterError::Value { flag: URL, what })?;
        Ok(Self { endpoint })
    }
}

impl Collector for Supervisord {
    fn collect(&self, _: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let failed = |source| CollectError::System { what: "unable to call supervisord", source };
        for process in self.endpoint.call("supervisor.getAllProcessInfo").map_err(failed)? {
            collect_process(&process, out).map_err(failed)?;
        }
        Ok(())
    }
}

fn collect_process(process: &HashMap<String, String>, out: &mut MetricSink) -> std::io::Result<()> {
    let text = |key: &str| process.get(key).map_or("", String::as_str);
    let number = |key: &str| match text(key).trim() {
        "" => Ok(0),
        text => text.parse::<i64>().map_err(|_| std::io::Error::other(format!("{key}: {text:?} is no whole number"))),
    };
    let labels = [("name", text("name")), ("group", text("group"))];
    let state = number("state")?;
    out.gauge("supervisord_state", "Process State", &labels, state as f64);
    out.gauge("supervisord_exit_status", "Process Exit Status", &labels, number("exitstatus")? as f64);
    let is_up = WITH_PROCESS.contains(&state);
    out.gauge("supervisord_up", "Process Up", &labels, f64::from(u8::from(is_up)));
    if is_up {
        out.counter("supervisord_start_time_seconds", "Process start time", &labels, number("start")? as f64);
    }
    Ok(())
}
