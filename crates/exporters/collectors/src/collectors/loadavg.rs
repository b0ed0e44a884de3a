//! The three load averages.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Loadavg;

const AVERAGES: [(&str, &str); 3] =
    [("load1", "1m load average."), ("load5", "5m load average."), ("load15", "15m load average.")];

impl Collector for Loadavg {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("loadavg")?;
        let mut words = file.text.split_ascii_whitespace();
        for (name, help) in AVERAGES {
            let word = words.next().ok_or_else(|| file.malformed(1, "fewer than three averages"))?;
            out.gauge(name, help, &[], file.number(1, word)?);
        }
        Ok(())
    }
}
