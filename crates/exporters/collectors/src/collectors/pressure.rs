//! Pressure stall information: how long tasks waited for CPU, I/O and memory.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Pressure;

/// Resource, line of its file, metric, help.
const STALLS: [(&str, &str, &str, &str); 6] = [
    (
        "cpu",
        "some",
        "pressure_cpu_waiting_seconds_total",
        "Total time in seconds that processes have waited for CPU time",
    ),
    (
        "io",
        "some",
        "pressure_io_waiting_seconds_total",
        "Total time in seconds that processes have waited due to IO congestion",
    ),
    (
        "io",
        "full",
        "pressure_io_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IO congestion",
    ),
    (
        "memory",
        "some",
        "pressure_memory_waiting_seconds_total",
        "Total time in seconds that processes have waited for memory",
    ),
    (
        "memory",
        "full",
        "pressure_memory_stalled_seconds_total",
        "Total time in seconds no process could make progress due to memory congestion",
    ),
    (
        "irq",
        "full",
        "pressure_irq_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IRQ congestion",
    ),
];

impl Collector for Pressure {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut found = false;
        for (resource, kind, name, help) in STALLS {
            // A kernel without PSI, or too old for the irq file, has nothing to say; that is no fault.
            let Ok(file) = host.proc(&format!("pressure/{resource}")) else { continue };
            for (number, line) in file.lines() {
                if line.split(' ').next() != Some(kind) {
                    continue;
                }
                let total = line.split(' ').find_map(|word| word.strip_prefix("total="));
                let total = total.ok_or_else(|| file.malformed(number, "no total="))?;
                out.counter(name, help, &[], file.number(number, total)? / 1000.0 / 1000.0);
                found = true;
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData) }
    }
}
