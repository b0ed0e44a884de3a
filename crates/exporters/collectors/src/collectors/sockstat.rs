//! Sockets in use, from `/proc/net/sockstat` and `sockstat6`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Sockstat {
    page_bytes: f64,
}

impl Sockstat {
    pub(crate) fn new() -> Self {
        Self { page_bytes: rustix::param::page_size() as f64 }
    }
}

impl Collector for Sockstat {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut found = false;
        for name in ["net/sockstat", "net/sockstat6"] {
            // A kernel without IPv6 has no sockstat6.
            let Ok(file) = host.proc(name) else { continue };
            found = true;
            for (number, line) in file.lines() {
                let Some((protocol, fields)) = line.split_once(':') else {
                    return Err(file.malformed(number, "no protocol before a colon"));
                };
                let words: Vec<&str> = fields.split_ascii_whitespace().collect();
                for pair in words.chunks(2) {
                    let [key, value] = pair else { return Err(file.malformed(number, "a field without a value")) };
                    let value = file.number(number, value)?;
                    put(out, protocol, key, value);
                    if *key == "mem" {
                        put(out, protocol, "mem_bytes", value * self.page_bytes);
                    }
                }
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData) }
    }
}

fn put(out: &mut MetricSink, protocol: &str, key: &str, value: f64) {
    if protocol == "sockets" {
        out.gauge("sockstat_sockets_used", "Number of IPv4 sockets in use.", &[], value);
    } else {
        let help = format_args!("Number of {protocol} sockets in state {key}.");
        out.gauge(format_args!("sockstat_{protocol}_{key}"), help, &[], value);
    }
}
