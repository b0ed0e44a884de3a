//! Seconds that CPUs spent in each mode, from `/proc/stat`, and what `/sys/devices/system/cpu` says of them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::{Bool, Text};
use parking_lot::Mutex;

use super::cpu_info::CpuInfo;
use super::cpu_list::{cpu_dirs, parse_cpu_list};
use crate::dir::Dir;
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new("collector.cpu.guest", Bool, "Enables metric node_cpu_guest_seconds_total").default(&["true"]),
    FlagDef::new("collector.cpu.info", Bool, "Enables metric cpu_info"),
    FlagDef::new(
        "collector.cpu.info.flags-include",
        Text,
        "Filter the `flags` field in cpuInfo with a value that must be a regular expression",
    ),
    FlagDef::new(
        "collector.cpu.info.bugs-include",
        Text,
        "Filter the `bugs` field in cpuInfo with a value that must be a regular expression",
    ),
];

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
    info: Option<CpuInfo>,
    /// What was shown last, by CPU: the kernel's idle and iowait counters step back at times, a counter may not.
    shown: Mutex<BTreeMap<String, Shown>>,
    /// Given to the kernel when it starts.
    isolated: OnceLock<Vec<u32>>,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    seconds: [f64; FIELDS],
    /// Whether the last scrape saw it: a CPU that is off is not shown.
    online: bool,
}

impl Cpu {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self {
            guest: settings.bool("collector.cpu.guest"),
            info: CpuInfo::new(settings)?,
            shown: Mutex::default(),
            isolated: OnceLock::new(),
        })
    }
}

impl Collector for Cpu {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        if let Some(info) = &self.info {
            info.collect(host, out)?;
        }
        self.collect_seconds(host, out)?;
        let Some(system) = host.sys_dir("devices/system/cpu")? else { return Ok(()) };
        let isolated = match self.isolated.get() {
            Some(isolated) => isolated,
            None => {
                let read = system.file("isolated")?.map_or(Ok(Vec::new()), |file| parse_cpu_list(&file))?;
                self.isolated.get_or_init(|| read)
            }
        };
        for cpu in isolated {
            let help = "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.";
            out.gauge("cpu_isolated", help, &[("cpu", &cpu.to_string())], 1.0);
        }
        let cpus = cpu_dirs(&system);
        collect_throttles(&system, &cpus, out)?;
        collect_online(&system, &cpus, out)
    }
}

impl Cpu {
    fn collect_seconds(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("stat")?;
        let mut shown = self.shown.lock();
        shown.values_mut().for_each(|cpu| cpu.online = false);
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(cpu) = words.next().and_then(|w| w.strip_prefix("cpu")).filter(|cpu| !cpu.is_empty()) else {
                continue;
            };
            let mut now = [0.0; FIELDS];
            for (slot, word) in now.iter_mut().zip(words) {
                *slot = file.number(number, word)? / TICKS_PER_SECOND;
            }
            match shown.get_mut(cpu) {
                Some(last) => {
                    advance(&mut last.seconds, &now);
                    last.online = true;
                }
                None => {
                    shown.insert(cpu.to_owned(), Shown { seconds: now, online: true });
                }
            }
        }
        shown.retain(|_, cpu| cpu.online);
        for (cpu, Shown { seconds, .. }) in shown.iter() {
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

/// Threads of a core share its counter, and cores of a package theirs: the first that has it speaks for all.
fn collect_throttles(system: &Dir, cpus: &[(u32, String)], out: &mut MetricSink) -> Result<(), CollectError> {
    let mut cores: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut packages: BTreeMap<String, f64> = BTreeMap::new();
    for (_, name) in cpus {
        // Only some of Intel's have it.
        let Some(throttles) = system.dir(&format!("{name}/thermal_throttle")) else { continue };
        let topology = |file: &str| system.text(&format!("{name}/topology/{file}"));
        let (Some(package), Some(core)) = (topology("physical_package_id"), topology("core_id")) else { continue };
        if !packages.contains_key(&package)
            && let Some(count) = throttles.number("package_throttle_count")?
        {
            packages.insert(package.clone(), count);
        }
        let core = (package, core);
        if !cores.contains_key(&core)
            && let Some(count) = throttles.number("core_throttle_count")?
        {
            cores.insert(core, count);
        }
    }
    for (package, count) in &packages {
        let help = "Number of times this CPU package has been throttled.";
        out.counter("cpu_package_throttles_total", help, &[("package", package)], *count);
    }
    for ((package, core), count) in &cores {
        let help = "Number of times this CPU core has been throttled.";
        out.counter("cpu_core_throttles_total", help, &[("core", core), ("package", package)], *count);
    }
    Ok(())
}

/// Where the first CPU cannot be turned off, nothing is told of the others either, as with the reference.
fn collect_online(system: &Dir, cpus: &[(u32, String)], out: &mut MetricSink) -> Result<(), CollectError> {
    let mut names: Vec<&str> = cpus.iter().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    let Some(first) = names.first() else { return Ok(()) };
    if system.try_text(&format!("{first}/online"))?.is_none() {
        return Ok(());
    }
    for (cpu, name) in cpus {
        let online = system.text(&format!("{name}/online")).is_some_and(|text| text == "1");
        let help = "CPUs that are online and being scheduled.";
        out.gauge("cpu_online", help, &[("cpu", &cpu.to_string())], f64::from(u8::from(online)));
    }
    Ok(())
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
