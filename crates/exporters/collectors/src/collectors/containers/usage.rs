//! What a control group has used, from its files in version 2 or version 1.

use super::names::Container;
use crate::dir::Dir;
use crate::host::ProcFile;
use crate::{CollectError, MetricSink};

/// The hierarchies of control groups. Version 1 has one for each controller.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a handful for each container, most of them of the larger kind where it is used"
)]
pub(super) enum Version {
    Two(Dir),
    One {
        memory: Option<Dir>,
        cpuacct: Option<Dir>,
        cpu: Option<Dir>,
        blkio: Option<Dir>,
        pids: Option<Dir>,
        first: Dir,
    },
}

/// What a group has used; `None` where the kernel or the group's controllers do not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    cpu_seconds: Option<f64>,
    throttled_seconds: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
    working_set_bytes: Option<f64>,
    memory_limit_bytes: Option<f64>,
    oom_kills: Option<f64>,
    io: Option<Io>,
    pids: Option<f64>,
    pids_limit: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Io {
    read_bytes: f64,
    written_bytes: f64,
    reads: f64,
    writes: f64,
}

/// Version 1 shows "no limit" as the greatest number of whole pages.
const NO_LIMIT: f64 = (1_u64 << 62) as f64;

impl Version {
    /// Tells the versions apart by what the root holds; `None` where no control groups are mounted.
    pub(super) fn of(root: Dir) -> Option<Self> {
        if root.has("cgroup.controllers") {
            return Some(Self::Two(root));
        }
        let dir = |names: &[&str]| names.iter().find_map(|name| root.dir(name));
        let (memory, pids, blkio) = (dir(&["memory"]), dir(&["pids"]), dir(&["blkio"]));
        let (cpuacct, cpu) = (dir(&["cpuacct", "cpu,cpuacct"]), dir(&["cpu", "cpu,cpuacct"]));
        let first = dir(&["memory", "cpuacct", "cpu,cpuacct", "pids"])?;
        Some(Self::One { memory, cpuacct, cpu, blkio, pids, first })
    }

    /// Returns the hierarchy whose groups are all there are.
    pub(super) fn groups(&self) -> &Dir {
        match self {
            Self::Two(root) => root,
            Self::One { first, .. } => first,
        }
    }

    /// Reads a group. One that is gone meanwhile has used nothing that can be shown.
    pub(super) fn usage(&self, path: &str) -> Result<Usage, CollectError> {
        match self {
            Self::Two(root) => root.dir(path).map_or(Ok(Usage::default()), |group| version_2(&group)),
            Self::One { memory, cpuacct, cpu, blkio, pids, .. } => {
                let group = |hierarchy: &Option<Dir>| hierarchy.as_ref().and_then(|dir| dir.dir(path));
                version_1(group(memory), group(cpuacct), group(cpu), group(blkio), group(pids))
            }
        }
    }
}

/// Returns the number behind a word at the front of a line.
fn field(file: Option<&ProcFile>, name: &str) -> Result<Option<f64>, CollectError> {
    let Some(file) = file else { return Ok(None) };
    for (number, line) in file.lines() {
        if let Some((word, value)) = line.split_once(' ')
            && word == name
        {
            return file.number(number, value.trim()).map(Some);
        }
    }
    Ok(None)
}

/// Reads a limit; "max" is none.
fn limit(dir: &Dir, name: &str) -> Result<Option<f64>, CollectError> {
    let Some(file) = dir.file(name)? else { return Ok(None) };
    match file.text.trim() {
        "max" => Ok(None),
        text => file.number(1, text).map(|value| Some(value).filter(|value| *value < NO_LIMIT)),
    }
}

fn version_2(group: &Dir) -> Result<Usage, CollectError> {
    let cpu = group.file("cpu.stat")?;
    let memory_bytes = group.number("memory.current")?;
    let cached = field(group.file("memory.stat")?.as_ref(), "inactive_file")?;
    let micros = |value: Option<f64>| value.map(|value| value / 1e6);
    Ok(Usage {
        cpu_seconds: micros(field(cpu.as_ref(), "usage_usec")?),
        throttled_seconds: micros(field(cpu.as_ref(), "throttled_usec")?),
        memory_bytes,
        working_set_bytes: working_set(memory_bytes, cached),
        memory_limit_bytes: limit(group, "memory.max")?,
        oom_kills: field(group.file("memory.events")?.as_ref(), "oom_kill")?,
        io: group.file("io.stat")?.map(|file| io_stat(&file)).transpose()?,
        pids: group.number("pids.current")?,
        pids_limit: limit(group, "pids.max")?,
    })
}

fn version_1(
    memory: Option<Dir>,
    cpuacct: Option<Dir>,
    cpu: Option<Dir>,
    blkio: Option<Dir>,
    pids: Option<Dir>,
) -> Result<Usage, CollectError> {
    let nanos = |value: Option<f64>| value.map(|value| value / 1e9);
    let mut usage = Usage::default();
    if let Some(group) = cpuacct {
        usage.cpu_seconds = nanos(group.number("cpuacct.usage")?);
    }
    if let Some(group) = cpu {
        usage.throttled_seconds = nanos(field(group.file("cpu.stat")?.as_ref(), "throttled_time")?);
    }
    if let Some(group) = memory {
        usage.memory_bytes = group.number("memory.usage_in_bytes")?;
        let cached = field(group.file("memory.stat")?.as_ref(), "total_inactive_file")?;
        usage.working_set_bytes = working_set(usage.memory_bytes, cached);
        usage.memory_limit_bytes = limit(&group, "memory.limit_in_bytes")?;
        usage.oom_kills = field(group.file("memory.oom_control")?.as_ref(), "oom_kill")?;
    }
    if let Some(group) = blkio {
        let bytes = group.file("blkio.throttle.io_service_bytes")?;
        let requests = group.file("blkio.throttle.io_serviced")?;
        if bytes.is_some() || requests.is_some() {
            let (read_bytes, written_bytes) = blkio_sums(bytes.as_ref())?;
            let (reads, writes) = blkio_sums(requests.as_ref())?;
            usage.io = Some(Io { read_bytes, written_bytes, reads, writes });
        }
    }
    if let Some(group) = pids {
        usage.pids = group.number("pids.current")?;
        usage.pids_limit = limit(&group, "pids.max")?;
    }
    Ok(usage)
}

/// What cannot be given back at once: all but the part of the page cache that was not used lately.
fn working_set(memory_bytes: Option<f64>, cached: Option<f64>) -> Option<f64> {
    Some((memory_bytes? - cached?).max(0.0))
}

/// Sums "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" over the devices.
fn io_stat(file: &ProcFile) -> Result<Io, CollectError> {
    let mut sum = Io::default();
    for (number, line) in file.lines() {
        for word in line.split_ascii_whitespace().skip(1) {
            let Some((name, value)) = word.split_once('=') else { continue };
            let part = match name {
                "rbytes" => &mut sum.read_bytes,
                "wbytes" => &mut sum.written_bytes,
                "rios" => &mut sum.reads,
                "wios" => &mut sum.writes,
                _ => continue,
            };
            *part += file.number(number, value)?;
        }
    }
    Ok(sum)
}

/// Sums "8:0 Read 1" and "8:0 Write 2" over the devices.
fn blkio_sums(file: Option<&ProcFile>) -> Result<(f64, f64), CollectError> {
    let (mut read, mut written) = (0.0, 0.0);
    let Some(file) = file else { return Ok((read, written)) };
    for (number, line) in file.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [_, "Read", value] => read += file.number(number, value)?,
            [_, "Write", value] => written += file.number(number, value)?,
            _ => {}
        }
    }
    Ok((read, written))
}

impl Usage {
    pub(super) fn put(&self, container: &Container, out: &mut MetricSink) {
        let labels = [
            ("container", container.name.as_str()),
            ("id", &container.path),
            ("pod", &container.pod),
            ("runtime", container.runtime),
        ];
        #[rustfmt::skip]
        let counters = [
            ("cpu_seconds_total", "CPU time that the container has used.", self.cpu_seconds),
            ("cpu_throttled_seconds_total", "Time that the container could not run because of its CPU limit.", self.throttled_seconds),
            ("oom_kills_total", "Processes of the container that were killed for lack of memory.", self.oom_kills),
            ("read_bytes_total", "Bytes that the container has read from block devices.", self.io.map(|io| io.read_bytes)),
            ("written_bytes_total", "Bytes that the container has written to block devices.", self.io.map(|io| io.written_bytes)),
            ("reads_total", "Reads of the container from block devices.", self.io.map(|io| io.reads)),
            ("writes_total", "Writes of the container to block devices.", self.io.map(|io| io.writes)),
        ];
        #[rustfmt::skip]
        let gauges = [
            ("memory_bytes", "Memory that the container uses, page cache included.", self.memory_bytes),
            ("memory_working_set_bytes", "Memory that the container uses, without page cache that was not used lately.", self.working_set_bytes),
            ("memory_limit_bytes", "Memory limit of the container; missing where there is none.", self.memory_limit_bytes),
            ("pids", "Processes and threads of the container.", self.pids),
            ("pids_limit", "Limit of processes and threads of the container; missing where there is none.", self.pids_limit),
        ];
        for (name, help, value) in counters {
            if let Some(value) = value {
                out.counter(format_args!("container_{name}"), help, &labels, value);
            }
        }
        for (name, help, value) in gauges {
            if let Some(value) = value {
                out.gauge(format_args!("container_{name}"), help, &labels, value);
            }
        }
    }
}
