//! How long tasks ran and waited on each CPU, from `/proc/schedstat`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Schedstat;

const NANOSECONDS: f64 = 1e9;

impl Collector for Schedstat {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc_opt("schedstat")?.ok_or(CollectError::NoData)?;
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(cpu) = words.next().and_then(|word| word.strip_prefix("cpu")) else { continue };
            // Six counters of the scheduler, then time running, time waiting, time slices
            // (Documentation/scheduler/sched-stats).
            let mut next = || match words.next() {
                Some(word) => file.number(number, word),
                None => Err(file.malformed(number, "fewer than nine counters")),
            };
            for _ in 0..6 {
                next()?;
            }
            let labels = [("cpu", cpu)];
            let help = "Number of seconds CPU spent running a process.";
            out.counter("schedstat_running_seconds_total", help, &labels, next()? / NANOSECONDS);
            let help = "Number of seconds spent by processing waiting for this CPU.";
            out.counter("schedstat_waiting_seconds_total", help, &labels, next()? / NANOSECONDS);
            out.counter("schedstat_timeslices_total", "Number of timeslices executed by CPU.", &labels, next()?);
        }
        Ok(())
    }
}
