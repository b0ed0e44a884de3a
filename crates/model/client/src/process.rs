//! What the kernel knows of this process: CPU, memory, descriptors, network.
//!
//! Names and meanings are client_golang's (prometheus/process_collector_procfsenabled.go). Linux only; elsewhere, and
//! for whatever cannot be read, the metric is left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue};

use crate::Collect;

/// Collects `process_*`.
#[derive(Clone, Debug)]
pub struct ProcessCollector {
    proc: PathBuf,
    /// When the machine started, once it is known.
    boot_secs: OnceLock<f64>,
}

impl Default for ProcessCollector {
    fn default() -> Self {
        Self::at("/proc")
    }
}

impl ProcessCollector {
    /// Returns a collector that reads below another place than `/proc`.
    pub fn at(proc: impl Into<PathBuf>) -> Self {
        Self { proc: proc.into(), boot_secs: OnceLock::new() }
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.proc.join(path)).ok()
    }

    fn boot_time_secs(&self) -> Option<f64> {
        if let Some(known) = self.boot_secs.get() {
            return Some(*known);
        }
        let read = self.read("stat")?.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(*self.boot_secs.get_or_init(|| read))
    }

    fn open_fds(&self) -> Option<f64> {
        // Linux 6.2 and later tell their number as the size of the directory; before, it is 0.
        let size = fs::metadata(self.proc.join("self/fd")).ok()?.len();
        if size > 0 && self.proc == Path::new("/proc") {
            return Some(size as f64);
        }
        Some(fs::read_dir(self.proc.join("self/fd")).ok()?.count() as f64)
    }
}

impl Collect for ProcessCollector {
    fn collect(&self, out: &mut Vec<MetricFamily>) {
        let mut gauge = |name, help, v| push(out, name, help, v, MetricValue::Gauge, MetricType::Gauge);
        let stat = self.read("self/stat").and_then(|text| Stat::parse(&text));
        gauge("process_open_fds", "Number of open file descriptors.", self.open_fds());
        if let Some(limits) = self.read("self/limits") {
            let open_files = soft_limit(&limits, "Max open files");
            gauge("process_max_fds", "Maximum number of open file descriptors.", open_files);
            let address_space = soft_limit(&limits, "Max address space");
            let help = "Maximum amount of virtual memory available in bytes.";
            gauge("process_virtual_memory_max_bytes", help, address_space);
        }
        if let Some(stat) = &stat {
            gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", Some(stat.virtual_bytes));
            gauge("process_resident_memory_bytes", "Resident memory size in bytes.", Some(stat.resident_bytes));
            let started = self.boot_time_secs().map(|boot| boot + stat.start_secs_after_boot);
            let help = "Start time of the process since unix epoch in seconds.";
            gauge("process_start_time_seconds", help, started);
        }
        let counted = |value| MetricValue::Counter { value, exemplar: None };
        let mut counter = |name, help, v| push(out, name, help, v, counted, MetricType::Counter);
        let help = "Total user and system CPU time spent in seconds.";
        counter("process_cpu_seconds_total", help, stat.map(|stat| stat.cpu_secs));
        if let Some(netstat) = self.read("self/net/netstat") {
            let help = "Number of bytes received by the process over the network.";
            counter("process_network_receive_bytes_total", help, ip_ext(&netstat, "InOctets"));
            let help = "Number of bytes sent by the process over the network.";
            counter("process_network_transmit_bytes_total", help, ip_ext(&netstat, "OutOctets"));
        }
    }
}

fn push(
    out: &mut Vec<MetricFamily>,
    name: &str,
    help: &str,
    v: Option<f64>,
    value: impl Fn(f64) -> MetricValue,
    metric_type: MetricType,
) {
    if let Some(v) = v {
        let (name, help) = (name.to_owned(), help.to_owned());
        let metrics = vec![Metric::new(Labels::empty(), value(v))];
        out.push(MetricFamily { name, help, unit: String::new(), metric_type, metrics });
    }
}

/// The fields of `/proc/self/stat` that are shown.
struct Stat {
    cpu_secs: f64,
    start_secs_after_boot: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program, in parentheses, may hold blanks and parentheses itself.
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
        // Numbered as in proc(5), where the field after the name is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Some(Self {
            cpu_secs: (field(14)? + field(15)?) / ticks,
            start_secs_after_boot: field(22)? / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * rustix::param::page_size() as f64,
        })
    }
}

/// Unlimited is the largest integer, as upstream shows it.
fn soft_limit(limits: &str, name: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX as f64),
        limit => limit.parse().ok(),
    }
}

/// Lines come in pairs: names, then values.
fn ip_ext(netstat: &str, name: &str) -> Option<f64> {
    let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("IpExt: "));
    let at = lines.next()?.split_ascii_whitespace().position(|column| column == name)?;
    lines.next()?.split_ascii_whitespace().nth(at)?.parse().ok()
}
