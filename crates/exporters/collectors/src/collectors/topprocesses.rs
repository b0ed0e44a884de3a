//! The programs that use most CPU and most memory: ours, not node_exporter's.
//!
//! Processes are grouped by the name of their program, so that what is shown stays bounded whatever runs: at most K groups
//! by CPU and K by memory, four series each. CPU is judged over about the last minute ([`WINDOW_SECONDS`]), so that a group
//! does not come and go with every scrape; one that falls out of the first K is no longer shown, and its series end.
//!
//! A group's CPU counter only grows: what a process used counts even after it has ended. What starts and ends between two
//! scrapes is not seen.

use std::collections::{BTreeSet, HashMap};

use firesteel_cli::{FlagDef, FlagKind};
use parking_lot::Mutex;

use super::proc_stat::{ProcStat, pids};
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

const COUNT: &str = "collector.topprocesses.count";

pub(super) const FLAGS: &[FlagDef] = &[FlagDef::new(
    COUNT,
    FlagKind::Int,
    "How many programs to show by CPU, and how many by memory, for topprocesses collector.",
)
.default(&["10"])];

/// CPU used this long ago counts 1/e of CPU used now.
const WINDOW_SECONDS: f64 = 60.0;
/// What a group without processes must have used in the window to be remembered.
const REMEMBERED_SECONDS: f64 = 0.01;

#[derive(Debug)]
pub(crate) struct Topprocesses {
    count: usize,
    seen: Mutex<Seen>,
}

/// What earlier scrapes saw.
#[derive(Debug, Default)]
struct Seen {
    /// Seconds since the boot at the last scrape; `None` before the first.
    uptime: Option<f64>,
    processes: HashMap<u32, Process>,
    groups: HashMap<String, Group>,
}

#[derive(Clone, Copy, Debug)]
struct Process {
    /// A number is given again; together with its start it is one process.
    start_ticks: u64,
    cpu_ticks: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    cpu_ticks: u64,
    /// CPU seconds within the window, what is older counting less.
    recent: f64,
    rss_pages: u64,
    processes: u64,
    threads: u64,
}

impl Topprocesses {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let text = settings.text(COUNT);
        let count =
            text.parse().map_err(|_| FilterError::Value { flag: COUNT, what: format!("{text:?} is no count") })?;
        Ok(Self { count, seen: Mutex::default() })
    }
}

impl Collector for Topprocesses {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("uptime")?;
        let uptime = file.number(1, file.text.split_ascii_whitespace().next().unwrap_or_default())?;
        let (tick, page) = (rustix::param::clock_ticks_per_second() as f64, rustix::param::page_size() as f64);
        let Some(proc) = host.proc_dir("")? else { return Err(CollectError::NoData) };

        let mut seen = self.seen.lock();
        let seen = &mut *seen;
        // A scrape at the same time as another must not count time backwards.
        let passed = seen.uptime.map(|before| (uptime - before).max(0.0));
        let decay = (-passed.unwrap_or(0.0) / WINDOW_SECONDS).exp();
        seen.groups.retain(|_, group| {
            *group = Group { recent: group.recent * decay, cpu_ticks: group.cpu_ticks, ..Group::default() };
            true
        });
        let mut before = std::mem::take(&mut seen.processes);
        for pid in pids(&proc) {
            // It may have ended since the list was made, and a line that cannot be read is one process less.
            let Ok(Some(file)) = proc.file(&format!("{pid}/stat")) else { continue };
            let stat = ProcStat::parse(&file)?;
            let known = before.remove(&pid).filter(|process| process.start_ticks == stat.start_ticks);
            let used = stat.cpu_ticks.saturating_sub(known.map_or(0, |process| process.cpu_ticks));
            let name = group_name(&stat);
            if !seen.groups.contains_key(name) {
                seen.groups.insert(name.to_owned(), Group::default());
            }
            let Some(group) = seen.groups.get_mut(name) else { continue };
            group.cpu_ticks = group.cpu_ticks.saturating_add(used);
            group.recent += match passed {
                Some(_) => used as f64 / tick,
                // The first look: its life so far as if it were the last minute.
                None => {
                    let age = (uptime - stat.start_ticks as f64 / tick).max(1.0);
                    used as f64 / tick * (WINDOW_SECONDS / age).min(1.0)
                }
            };
            group.rss_pages = group.rss_pages.saturating_add(stat.rss_pages);
            group.processes += 1;
            group.threads = group.threads.saturating_add(stat.threads);
            let cpu_ticks = stat.cpu_ticks.max(known.map_or(0, |process| process.cpu_ticks));
            seen.processes.insert(pid, Process { start_ticks: stat.start_ticks, cpu_ticks });
        }
        seen.uptime = Some(seen.uptime.unwrap_or(0.0).max(uptime));
        seen.groups.retain(|_, group| group.processes > 0 || group.recent > REMEMBERED_SECONDS);

        for name in self.first(&seen.groups) {
            let Some(group) = seen.groups.get(name) else { continue };
            let labels = [("comm", name)];
            let help = "CPU time that processes of this program have used, those that have ended included.";
            out.counter("topprocess_cpu_seconds_total", help, &labels, group.cpu_ticks as f64 / tick);
            let help = "Resident memory of all processes of this program; what they share is counted for each.";
            out.gauge("topprocess_resident_memory_bytes", help, &labels, group.rss_pages as f64 * page);
            let help = "How many processes of this program run.";
            out.gauge("topprocess_processes", help, &labels, group.processes as f64);
            let help = "How many threads the processes of this program have.";
            out.gauge("topprocess_threads", help, &labels, group.threads as f64);
        }
        Ok(())
    }
}

impl Topprocesses {
    /// Returns the first groups by CPU and by memory; of equals those whose names come first.
    fn first<'a>(&self, groups: &'a HashMap<String, Group>) -> BTreeSet<&'a str> {
        let mut shown = BTreeSet::new();
        let measures: [fn(&Group) -> f64; 2] = [|group| group.recent, |group| group.rss_pages as f64];
        for measure in measures {
            let mut ranked: Vec<(f64, &str)> = groups
                .iter()
                .map(|(name, group)| (measure(group), name.as_str()))
                .filter(|(amount, _)| *amount > 0.0)
                .collect();
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
            shown.extend(ranked.into_iter().take(self.count).map(|(_, name)| name));
        }
        shown
    }
}

/// Returns the name that a process is grouped under. Threads of the kernel are called by what they are bound to, such as
/// `kworker/3:1-events`: only what they are counts.
fn group_name<'a>(stat: &ProcStat<'a>) -> &'a str {
    if stat.is_kernel { stat.comm.split('/').next().unwrap_or(stat.comm) } else { stat.comm }
}
