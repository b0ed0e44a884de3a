//! Seconds that CPUs spent in each mode, from `/proc/stat`.

use std::collections::BTreeMap;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Bool;
use parking_lot::Mutex;

use crate::{CollectError, Collector, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] =
    &[FlagDef::new("collector.cpu.guest", Bool, "Enables metric node_cpu_guest_seconds_total").default(&["true"])];

/// `/proc/stat` counts in ticks of 1/100 s for every program that reads it (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;
/// An idle counter that falls back by more seconds than this belongs to a CPU that was unplugged and came back.
const JUMP_BACK_SECONDS: f64 = 3.0;
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST_MODES: [&str; 2] = ["user", "nice"];
const IDLE: usize = 3;
const FIELDS: usize = MODES.len() + GUEST_MODES.len();

#[derive(Debug)]
pub(crate) struct Cpu {
    guest: bool,
    /// What was shown last, by CPU: the kernel's idle and iowait counters step back at times, a counter may not.
    shown: Mutex<BTreeMap<String, [f64; FIELDS]>>,
}

impl Cpu {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { guest: settings.bool("collector.cpu.guest"), shown: Mutex::default() }
    }
}

impl Collector for Cpu {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("stat")?;
        let mut shown = self.shown.lock();
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(cpu) = words.next().and_then(|w| w.strip_prefix("cpu")).filter(|cpu| !cpu.is_empty()) else {
                continue;
            };
            let mut now = [0.0; FIELDS];
            for (slot, word) in now.iter_mut().zip(words) {
                *slot = file.number(number, word)? / TICKS_PER_SECOND;
            }
            let last = shown.entry(cpu.to_owned()).or_insert(now);
            advance(last, &now);
        }
        for (cpu, seconds) in shown.iter() {
            for (mode, value) in MODES.iter().zip(seconds) {
                let labels = [("cpu", cpu.as_str()), ("mode", mode)];
                out.counter("cpu_seconds_total", "Seconds the CPUs spent in each mode.", &labels, *value);
            }
            for (mode, value) in GUEST_MODES.iter().zip(&seconds[MODES.len()..]).filter(|_| self.guest) {
                let labels = [("cpu", cpu.as_str()), ("mode", mode)];
                let help = "Seconds the CPUs spent in guests (VMs) for each mode.";
                out.counter("cpu_guest_seconds_total", help, &labels, *value);
            }
        }
        Ok(())
    }
}

/// Takes each counter forward and never back, unless the CPU was gone.
fn advance(last: &mut [f64; FIELDS], now: &[f64; FIELDS]) {
    if last[IDLE] - now[IDLE] >= JUMP_BACK_SECONDS {
        *last = *now;
        return;
    }
    for (last, now) in last.iter_mut().zip(now) {
        *last = last.max(*now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_step_back_only_after_hotplug() {
        let mut last = [10.0; FIELDS];
        let mut now = [11.0; FIELDS];
        now[IDLE] = 9.5;
        advance(&mut last, &now);
        assert_eq!((last[0], last[IDLE]), (11.0, 10.0));
        now = [0.5; FIELDS];
        advance(&mut last, &now);
        assert_eq!(last, now);
    }
}
