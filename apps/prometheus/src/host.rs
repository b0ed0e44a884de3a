//! Facts about the machine and the process for the first log lines.

use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Returns this machine's name.
pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns `(Linux 6.1.0 #1 SMP x86_64 host (none))`, as upstream's `host_details`.
pub(crate) fn details() -> String {
    let u = rustix::system::uname();
    let text = |s: &std::ffi::CStr| s.to_string_lossy().into_owned();
    let domain = text(u.domainname());
    let parts =
        [text(u.sysname()), text(u.release()), text(u.version()), text(u.machine()), text(u.nodename()), domain];
    format!("({})", parts.join(" "))
}

/// Returns `(soft=1024, hard=unlimited)`.
pub(crate) fn limit(resource: Resource) -> String {
    let shown = |v: Option<u64>| v.map_or_else(|| "unlimited".to_owned(), |v| v.to_string());
    let limit = getrlimit(resource);
    format!("(soft={}, hard={})", shown(limit.current), shown(limit.maximum))
}

/// Lets this process open as many files as it may at all: each target has a connection. Go's programs do so, too.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where the system forbids it, what there is must do.
        let _forbidden = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

/// Returns how many threads this process has.
pub(crate) fn threads() -> i64 {
    std::fs::read_dir("/proc/self/task").map_or(1, |tasks| tasks.count() as i64)
}

/// Returns how many threads may run at once.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns how many bytes of memory this process may take: what the machine has, or what its control group allows if that
/// is less. `None` when the system does not say.
pub(crate) fn memory() -> Option<u64> {
    let all = meminfo("MemTotal:");
    // Without a bound version 2 of control groups says `max` and version 1 a number beyond any machine.
    let bounds = groups().map(|group| group.join("memory.max"));
    let bounds = bounds.chain([Path::new(GROUPS).join("memory/memory.limit_in_bytes")]);
    all.into_iter().chain(bounds.filter_map(|path| number(&path))).min()
}

/// What is left to everything else: this part of all memory.
const RESERVED_PART: u64 = 16;

/// Returns how many bytes this process could still take without taking the last from the machine or its control groups.
/// `None` when the system does not say.
pub(crate) fn spare_memory() -> Option<u64> {
    let of_machine = meminfo("MemAvailable:").zip(meminfo("MemTotal:")).map(|(left, all)| spare(left, all));
    let of_groups = groups().filter_map(|group| {
        let bound = number(&group.join("memory.max"))?;
        let used = number(&group.join("memory.current"))?;
        let stat = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        // What was read from files and not looked at lately makes room by itself.
        let cached = of_table(&stat, "inactive_file ", "").unwrap_or(0);
        Some(spare(bound.saturating_sub(used.saturating_sub(cached)), bound))
    });
    of_machine.into_iter().chain(of_groups).min()
}

fn spare(left: u64, all: u64) -> u64 {
    left.saturating_sub(all / RESERVED_PART)
}

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Returns the control groups (version 2) that bound this process: a container sees its own at the root; elsewhere those
/// above it count too.
fn groups() -> impl Iterator<Item = PathBuf> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let all: Vec<PathBuf> =
        Path::new(&own).ancestors().map(|group| format!("{GROUPS}{}", group.display()).into()).collect();
    all.into_iter()
}

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Returns the bytes of a line of `/proc/meminfo`.
fn meminfo(name: &str) -> Option<u64> {
    of_table(&std::fs::read_to_string("/proc/meminfo").ok()?, name, " kB")?.checked_mul(1024)
}

/// Returns the number behind `name` on a line that ends with `unit`.
fn of_table(table: &str, name: &str, unit: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(unit)?.trim().parse().ok()
}

/// Returns the bytes of the file system that `dir` is on or will be made on; 0 when they cannot be told.
pub(crate) fn capacity_bytes(dir: &Path) -> u64 {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let there = absolute.ancestors().find(|path| path.exists()).unwrap_or(&absolute);
    rustix::fs::statvfs(there).map_or(0, |fs| fs.f_blocks.saturating_mul(fs.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_known() {
        let meminfo = "MemTotal:       24689280 kB\nMemFree: 1 kB\n";
        assert_eq!(of_table(meminfo, "MemTotal:", " kB"), Some(24_689_280));
        assert_eq!(of_table("anon 5\ninactive_file 77\n", "inactive_file ", ""), Some(77));
        assert_eq!(of_table("nothing", "MemTotal:", " kB"), None);
        assert_eq!((spare(1000, 1600), spare(50, 1600)), (900, 0));
        let (spare, all) = (spare_memory().expect("Linux says"), memory().expect("Linux says"));
        assert!(spare < all, "{spare} of {all}");
    }
}
