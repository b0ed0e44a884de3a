//! Soft interrupts by kind and CPU, from `/proc/softirqs`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Softirqs;

const KINDS: [&str; 10] =
    ["HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"];

impl Collector for Softirqs {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("softirqs")?;
        let mut lines = file.lines();
        if lines.next().is_none() {
            return Err(file.malformed(1, "no line of CPUs"));
        }
        for (number, line) in lines {
            let mut words = line.split_ascii_whitespace();
            let Some(kind) = words.next().and_then(|word| word.strip_suffix(':')).filter(|kind| KINDS.contains(kind))
            else {
                continue;
            };
            for (cpu, count) in words.enumerate() {
                let labels = [("cpu", &*cpu.to_string()), ("type", kind)];
                let value = file.number(number, count)?;
                out.counter("softirqs_functions_total", "Softirq counts per CPU.", &labels, value);
            }
        }
        Ok(())
    }
}
