//! Interrupts, context switches, forks, boot time and processes, from `/proc/stat`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Bool;

use crate::{CollectError, Collector, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[FlagDef::new("collector.stat.softirq", Bool, "Export softirq calls per vector")];

#[derive(Debug)]
pub(crate) struct Stat {
    softirq: bool,
}

impl Stat {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { softirq: settings.bool("collector.stat.softirq") }
    }
}

/// In the order of the columns of the `softirq` line, after its total.
const VECTORS: [&str; 10] =
    ["hi", "timer", "net_tx", "net_rx", "block", "block_iopoll", "tasklet", "sched", "hrtimer", "rcu"];

impl Collector for Stat {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("stat")?;
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(key), Some(first)) = (words.next(), words.next()) else { continue };
            let value = || file.number(number, first);
            match key {
                "intr" => out.counter("intr_total", "Total number of interrupts serviced.", &[], value()?),
                "ctxt" => out.counter("context_switches_total", "Total number of context switches.", &[], value()?),
                "processes" => out.counter("forks_total", "Total number of forks.", &[], value()?),
                "btime" => out.gauge("boot_time_seconds", "Node boot time, in unixtime.", &[], value()?),
                "procs_running" => out.gauge("procs_running", "Number of processes in runnable state.", &[], value()?),
                "procs_blocked" => {
                    out.gauge(
                        "procs_blocked",
                        "Number of processes blocked waiting for I/O to complete.",
                        &[],
                        value()?,
                    );
                }
                "softirq" if self.softirq => {
                    for (vector, word) in VECTORS.iter().zip(words) {
                        let count = file.number(number, word)?;
                        out.counter("softirqs_total", "Number of softirq calls.", &[("vector", vector)], count);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
