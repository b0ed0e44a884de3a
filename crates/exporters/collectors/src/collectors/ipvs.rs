//! Connections of the kernel's load balancer, from `/proc/net/ip_vs` and `ip_vs_stats`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::host::ProcFile;
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] =
    &[FlagDef::new("collector.ipvs.backend-labels", Text, "Comma separated list for IPVS backend stats labels.")
        .default(&["local_address,local_port,remote_address,remote_port,proto,local_mark"])];

/// Labels of a backend, in the order of [`Backend::values`].
const LABELS: [&str; 6] = ["local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark"];

#[derive(Debug)]
pub(crate) struct Ipvs {
    /// Which labels are shown.
    shown: [bool; LABELS.len()],
}

impl Ipvs {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let names: Vec<&str> =
            settings.text("collector.ipvs.backend-labels").split(',').filter(|name| !name.is_empty()).collect();
        let mut unknown: Vec<&str> = names.iter().filter(|name| !LABELS.contains(name)).copied().collect();
        unknown.sort_unstable();
        if !unknown.is_empty() {
            let what = format!("unknown IPVS backend labels: {:?}", unknown.join(", "));
            return Err(FilterError::Value { flag: "collector.ipvs.backend-labels", what });
        }
        Ok(Self { shown: LABELS.map(|label| names.contains(&label)) })
    }
}

/// Metric, help; in the order of the columns.
const TOTALS: [(&str, &str); 5] = [
    ("ipvs_connections_total", "The total number of connections made."),
    ("ipvs_incoming_packets_total", "The total number of incoming packets."),
    ("ipvs_outgoing_packets_total", "The total number of outgoing packets."),
    ("ipvs_incoming_bytes_total", "The total amount of incoming data."),
    ("ipvs_outgoing_bytes_total", "The total amount of outgoing data."),
];

/// Metric, help, column of a line of a backend.
const STATES: [(&str, &str, usize); 3] = [
    ("ipvs_backend_weight", "The current backend weight by local and remote address.", 3),
    ("ipvs_backend_connections_active", "The current active connections by local and remote address.", 4),
    ("ipvs_backend_connections_inactive", "The current inactive connections by local and remote address.", 5),
];

impl Collector for Ipvs {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let stats = host.proc_opt("net/ip_vs_stats")?.ok_or(CollectError::NoData)?;
        // Two lines of headings, then the sums in base 16.
        let words: Vec<&str> = stats.text.lines().nth(2).unwrap_or_default().split_ascii_whitespace().collect();
        if words.len() != TOTALS.len() {
            return Err(stats.malformed(3, format!("{} fields, not {}", words.len(), TOTALS.len())));
        }
        for ((name, help), word) in TOTALS.into_iter().zip(words) {
            out.counter(name, help, &[], stats.hex(3, word)? as f64);
        }
        // Where labels are left out, backends fall together.
        let mut sums: BTreeMap<[String; LABELS.len()], [f64; STATES.len()]> = BTreeMap::new();
        for backend in backends(&host.proc("net/ip_vs")?)? {
            let mut values = backend.values;
            for (value, shown) in values.iter_mut().zip(self.shown) {
                if !shown {
                    value.clear();
                }
            }
            let sum = sums.entry(values).or_default();
            for (sum, state) in sum.iter_mut().zip(backend.states) {
                *sum += state;
            }
        }
        for (values, states) in &sums {
            let labels: Vec<(&str, &str)> = LABELS
                .into_iter()
                .zip(values)
                .zip(self.shown)
                .filter(|(_, shown)| *shown)
                .map(|((label, value), _)| (label, value.as_str()))
                .collect();
            for ((name, help, _), state) in STATES.into_iter().zip(states) {
                out.gauge(name, help, &labels, *state);
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Backend {
    values: [String; LABELS.len()],
    states: [f64; STATES.len()],
}

/// Lines of services, each followed by lines of its backends, which begin with an arrow.
fn backends(file: &ProcFile) -> Result<Vec<Backend>, CollectError> {
    let mut backends = Vec::new();
    // Address, port, protocol, mark.
    let mut local = (String::new(), String::new(), String::new(), String::new());
    for (number, line) in file.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let bad = |word: &str| file.malformed(number, format!("{word:?} is not an address with a port"));
        match words.as_slice() {
            [protocol @ ("TCP" | "UDP"), address, ..] => {
                let (address, port) = parse_address(address).ok_or_else(|| bad(address))?;
                local = (address, port, (*protocol).to_owned(), String::new());
            }
            ["FWM", mark, ..] => local = (String::new(), "0".to_owned(), "FWM".to_owned(), (*mark).to_owned()),
            ["->", "RemoteAddress:Port", ..] => {}
            ["->", address, ..] if words.len() >= 6 => {
                let (address, port) = parse_address(address).ok_or_else(|| bad(address))?;
                let mut states = [0.0; STATES.len()];
                for (state, (.., column)) in states.iter_mut().zip(STATES) {
                    *state = file.number(number, words[column])?;
                }
                let (local_address, local_port, protocol, mark) = local.clone();
                let values = [local_address, local_port, address, port, protocol, mark];
                backends.push(Backend { values, states });
            }
            _ => {}
        }
    }
    Ok(backends)
}

/// Reads `C0A80016:0CEA` and `[2620:0000:…:0001]:0CEA`.
fn parse_address(text: &str) -> Option<(String, String)> {
    let (address, port) = text.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = match address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok()?.to_string(),
        None if address.len() == 8 => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?).to_string(),
        None => return None,
    };
    Some((address, port.to_string()))
}
