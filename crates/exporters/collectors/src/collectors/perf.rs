//! Counters of CPUs, caches and the kernel, by `perf_event_open`. tidy: table
//!
//! What a machine or its hypervisor does not count is left out. The kernel lets root count, and others as
//! `kernel.perf_event_paranoid` says.

use std::fs;
use std::io;

use firesteel_cli::{FlagDef, FlagKind};
use tracing::{error, warn};

use crate::perf_event::{CACHE, Counter, Event, HARDWARE, SOFTWARE, TRACEPOINT};
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

const CPUS: &str = "collector.perf.cpus";
const TRACEPOINTS: &str = "collector.perf.tracepoint";
const NO_HARDWARE: &str = "collector.perf.disable-hardware-profilers";
const HARDWARE_ONLY: &str = "collector.perf.hardware-profilers";
const NO_SOFTWARE: &str = "collector.perf.disable-software-profilers";
const SOFTWARE_ONLY: &str = "collector.perf.software-profilers";
const NO_CACHE: &str = "collector.perf.disable-cache-profilers";
const CACHE_ONLY: &str = "collector.perf.cache-profilers";

#[rustfmt::skip]
pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new(CPUS, FlagKind::Text, "List of CPUs from which perf metrics should be collected").default(&[""]),
    FlagDef::new(TRACEPOINTS, FlagKind::Text, "perf tracepoint that should be collected").repeatable(),
    FlagDef::new(NO_HARDWARE, FlagKind::Bool, "disable perf hardware profilers"),
    FlagDef::new(HARDWARE_ONLY, FlagKind::Text, "perf hardware profilers that should be collected").repeatable(),
    FlagDef::new(NO_SOFTWARE, FlagKind::Bool, "disable perf software profilers"),
    FlagDef::new(SOFTWARE_ONLY, FlagKind::Text, "perf software profilers that should be collected").repeatable(),
    FlagDef::new(NO_CACHE, FlagKind::Bool, "disable perf cache profilers"),
    FlagDef::new(CACHE_ONLY, FlagKind::Text, "perf cache profilers that should be collected").repeatable(),
];

/// No kernel is built for more CPUs (`CONFIG_NR_CPUS`).
const CPUS_MAX: u32 = 8192;

/// Caches of `perf_hw_cache_id`, and what is done with them.
const L1_DATA: u64 = 0;
const L1_INSTRUCTIONS: u64 = 1;
const LAST_LEVEL: u64 = 2;
const TLB_DATA: u64 = 3;
const TLB_INSTRUCTIONS: u64 = 4;
const BRANCHES: u64 = 5;
const READ: u64 = 0;
const WRITE: u64 = 1 << 8;
/// Accesses: the reference calls them hits.
const ACCESS: u64 = 0;
const MISS: u64 = 1 << 16;

/// What a flag calls it, its number, metric and help.
type Row = (&'static str, u64, &'static str, &'static str);

#[rustfmt::skip]
const HARDWARE_ROWS: &[Row] = &[
    ("CpuCycles", 0, "cpucycles_total", "Number of CPU cycles (frequency scaled)"),
    ("CpuInstr", 1, "instructions_total", "Number of CPU instructions"),
    ("CacheRef", 2, "cache_refs_total", "Number of cache references (non frequency scaled)"),
    ("CacheMisses", 3, "cache_misses_total", "Number of cache misses"),
    ("BranchInstr", 4, "branch_instructions_total", "Number of CPU branch instructions"),
    ("BranchMisses", 5, "branch_misses_total", "Number of CPU branch misses"),
    ("StalledCyclesFrontend", 7, "stalled_cycles_frontend_total", "Number of stalled frontend CPU cycles"),
    ("StalledCyclesBackend", 8, "stalled_cycles_backend_total", "Number of stalled backend CPU cycles"),
    ("RefCpuCycles", 9, "ref_cpucycles_total", "Number of CPU cycles"),
];

#[rustfmt::skip]
const SOFTWARE_ROWS: &[Row] = &[
    ("PageFault", 2, "page_faults_total", "Number of page faults"),
    ("ContextSwitch", 3, "context_switches_total", "Number of context switches"),
    ("CpuMigration", 4, "cpu_migrations_total", "Number of CPU process migrations"),
    ("MinorFault", 5, "minor_faults_total", "Number of minor page faults"),
    ("MajorFault", 6, "major_faults_total", "Number of major page faults"),
];

#[rustfmt::skip]
const CACHE_ROWS: &[Row] = &[
    ("L1DataReadHit", L1_DATA | READ | ACCESS, "cache_l1d_read_hits_total", "Number L1 data cache read hits"),
    ("L1DataReadMiss", L1_DATA | READ | MISS, "cache_l1d_read_misses_total", "Number L1 data cache read misses"),
    ("L1DataWriteHit", L1_DATA | WRITE | ACCESS, "cache_l1d_write_hits_total", "Number L1 data cache write hits"),
    ("L1InstrReadMiss", L1_INSTRUCTIONS | READ | MISS, "cache_l1_instr_read_misses_total", "Number instruction L1 instruction read misses"),
    ("InstrTLBReadHit", TLB_INSTRUCTIONS | READ | ACCESS, "cache_tlb_instr_read_hits_total", "Number instruction TLB read hits"),
    ("InstrTLBReadMiss", TLB_INSTRUCTIONS | READ | MISS, "cache_tlb_instr_read_misses_total", "Number instruction TLB read misses"),
    ("DataTLBReadHit", TLB_DATA | READ | ACCESS, "cache_tlb_data_read_hits_total", "Number of data TLB read hits"),
    ("DataTLBReadMiss", TLB_DATA | READ | MISS, "cache_tlb_data_read_misses_total", "Number of data TLB read misses"),
    ("DataTLBWriteHit", TLB_DATA | WRITE | ACCESS, "cache_tlb_data_write_hits_total", "Number of data TLB write hits"),
    ("DataTLBWriteMiss", TLB_DATA | WRITE | MISS, "cache_tlb_data_write_misses_total", "Number of data TLB write misses"),
    ("LLReadHit", LAST_LEVEL | READ | ACCESS, "cache_ll_read_hits_total", "Number last level read hits"),
    ("LLReadMiss", LAST_LEVEL | READ | MISS, "cache_ll_read_misses_total", "Number last level read misses"),
    ("LLWriteHit", LAST_LEVEL | WRITE | ACCESS, "cache_ll_write_hits_total", "Number last level write hits"),
    ("LLWriteMiss", LAST_LEVEL | WRITE | MISS, "cache_ll_write_misses_total", "Number last level write misses"),
    ("BPUReadHit", BRANCHES | READ | ACCESS, "cache_bpu_read_hits_total", "Number BPU read hits"),
    ("BPUReadMiss", BRANCHES | READ | MISS, "cache_bpu_read_misses_total", "Number BPU read misses"),
];

/// A counter of one CPU.
#[derive(Debug)]
struct Running {
    metric: String,
    help: String,
    cpu: u32,
    counter: Counter,
}

#[derive(Debug)]
pub(crate) struct Perf {
    running: Vec<Running>,
    /// Why nothing is counted, if the kernel forbids it.
    forbidden: Option<io::ErrorKind>,
}

impl Perf {
    /// Starts to count. A tracepoint that is not there is refused; what cannot be counted otherwise is left out.
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let refused = |flag: &'static str, what: String| FilterError::Value { flag, what };
        let cpus = match settings.text(CPUS) {
            "" => all_cpus(),
            list => cpus(list).map_err(|what| refused(CPUS, what))?,
        };
        let mut perf = Self { running: Vec::new(), forbidden: None };
        for tracepoint in settings.texts(TRACEPOINTS) {
            let (metric, config) = tracepoint_of(tracepoint).map_err(|what| refused(TRACEPOINTS, what))?;
            for &cpu in &cpus {
                let counter = Counter::open(Event { kind: TRACEPOINT, config }, cpu);
                let counter = counter.map_err(|e| refused(TRACEPOINTS, format!("{tracepoint}, CPU {cpu}: {e}")))?;
                let help = format!("Perf tracepoint {tracepoint}");
                perf.running.push(Running { metric: metric.clone(), help, cpu, counter });
            }
        }
        for (no, only, kind, what, rows) in [
            (NO_HARDWARE, HARDWARE_ONLY, HARDWARE, "hardware", HARDWARE_ROWS),
            (NO_SOFTWARE, SOFTWARE_ONLY, SOFTWARE, "software", SOFTWARE_ROWS),
            (NO_CACHE, CACHE_ONLY, CACHE, "cache", CACHE_ROWS),
        ] {
            if settings.bool(no) {
                continue;
            }
            let wanted = settings.texts(only);
            for name in wanted.iter().filter(|name| !rows.iter().any(|row| row.0 == **name)) {
                error!("Unknown {what} profiler: {name}");
            }
            for &(name, config, metric, help) in rows {
                if wanted.is_empty() || wanted.contains(&name) {
                    perf.start(Event { kind, config }, &cpus, metric, help);
                }
            }
        }
        if perf.running.is_empty()
            && let Some(why) = perf.forbidden
        {
            warn!("perf_event_open: {why}: counting needs root, CAP_PERFMON, or kernel.perf_event_paranoid below 1");
        }
        Ok(perf)
    }

    fn start(&mut self, event: Event, cpus: &[u32], metric: &'static str, help: &'static str) {
        for &cpu in cpus {
            match Counter::open(event, cpu) {
                Ok(counter) => {
                    let (metric, help) = (metric.to_owned(), help.to_owned());
                    self.running.push(Running { metric, help, cpu, counter });
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.forbidden = Some(error.kind()),
                // Not counted by this machine.
                Err(_) => {}
            }
        }
    }
}

impl Collector for Perf {
    fn collect(&self, _: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let failed = |source: io::Error| CollectError::System { what: "perf_event_open", source };
        if self.running.is_empty() {
            return Err(self.forbidden.map_or(CollectError::NoData, |kind| failed(kind.into())));
        }
        for Running { metric, help, cpu, counter } in &self.running {
            let count = counter.read().map_err(failed)?;
            out.counter(format_args!("perf_{metric}"), help, &[("cpu", &cpu.to_string())], count as f64);
        }
        Ok(())
    }
}

/// As many as this process may use, from 0 on, as the reference has it.
fn all_cpus() -> Vec<u32> {
    let count = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count());
    (0..count).collect()
}

/// Reads `0,2-4,1-10:5`; the errors are Go's.
fn cpus(list: &str) -> Result<Vec<u32>, String> {
    let number = |text: &str| {
        let read = text.parse::<u32>().ok().filter(|number| *number < CPUS_MAX);
        read.ok_or_else(|| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
    };
    let mut cpus = Vec::new();
    for part in list.split(',') {
        if !part.contains('-') {
            cpus.push(number(part)?);
            continue;
        }
        let (range, stride) = part.split_once(':').map_or((part, Ok(1)), |(range, stride)| (range, number(stride)));
        let (first, last) = match range.split('-').collect::<Vec<_>>().as_slice() {
            [first, last] => (number(first)?, number(last)?),
            _ => return Err(format!("invalid flag value {list:?}")),
        };
        // upstream never ends with a stride of 0.
        let stride = usize::try_from(stride?).ok().filter(|stride| *stride > 0).ok_or("invalid stride 0")?;
        cpus.extend((first..=last).step_by(stride));
    }
    Ok(cpus)
}

/// Returns metric and number of `subsystem:event`.
fn tracepoint_of(text: &str) -> Result<(String, u64), String> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let (subsystem, event) = text
        .split_once(':')
        .filter(|(subsystem, event)| is_name(subsystem) && is_name(event))
        .ok_or_else(|| format!("invalid tracepoint config {text}"))?;
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let place = tracefs(&mounts).ok_or("Mount for tracefs not mounted")?;
    let path = format!("{place}/events/{subsystem}/{event}/id");
    let id = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let id = id.trim().parse().map_err(|_| format!("{path}: {id:?} is no number"))?;
    Ok((format!("{subsystem}_{event}"), id))
}

/// Finds the first tracefs in `/proc/mounts`: device, place, type.
fn tracefs(mounts: &str) -> Option<&str> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, place, kind) = (words.next()?, words.next()?, words.next()?);
        (kind == "tracefs").then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        let cases: [(&str, Result<&[u32], &str>); 9] = [
            ("1", Ok(&[1])),
            ("0,2-4", Ok(&[0, 2, 3, 4])),
            ("1-10:5", Ok(&[1, 6])),
            ("3-1", Ok(&[])),
            ("x", Err("strconv.Atoi: parsing \"x\": invalid syntax")),
            ("", Err("strconv.Atoi: parsing \"\": invalid syntax")),
            ("1-2-3", Err("invalid flag value \"1-2-3\"")),
            ("0-3:0", Err("invalid stride 0")),
            ("0-4000000000", Err("strconv.Atoi: parsing \"4000000000\": invalid syntax")),
        ];
        for (list, want) in cases {
            assert_eq!(cpus(list), want.map(<[u32]>::to_vec).map_err(str::to_owned), "{list}");
        }
    }

    #[test]
    fn tracepoints_have_a_subsystem_and_a_place() {
        for text in ["", "sched", "a:b:c", "../x:y", "a:"] {
            assert_eq!(tracepoint_of(text), Err(format!("invalid tracepoint config {text}")));
        }
        assert_eq!(tracefs("proc /proc proc rw 0 0\ntracefs /sys/t tracefs rw 0 0\n"), Some("/sys/t"));
        assert_eq!(tracefs("tracefs /x\n"), None);
    }

    #[test]
    fn what_this_machine_counts_is_shown() {
        let settings = Settings::default().with(CPUS, "0").with(NO_CACHE, "true");
        let settings = settings.with(SOFTWARE_ONLY, "ContextSwitch").with(SOFTWARE_ONLY, "PageFault");
        let perf = Perf::new(&settings).unwrap();
        let mut out = MetricSink::default();
        match perf.collect(&HostRoots::default(), &mut out) {
            Ok(()) => {
                let families = out.into_families();
                let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
                assert!(names.contains(&"node_perf_context_switches_total"), "{names:?}");
                assert!(names.contains(&"node_perf_page_faults_total"), "{names:?}");
                assert!(!names.contains(&"node_perf_major_faults_total"), "{names:?}");
            }
            // Nobody but root may count here: that is told, and nothing is shown.
            Err(error) => {
                assert!(perf.forbidden.is_some(), "{error}");
                assert!(out.into_families().is_empty());
            }
        }
    }
}
