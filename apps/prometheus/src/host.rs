//! Facts about the machine and the process for the first log lines.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

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
    let all = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    // Without a bound version 2 of control groups says `max` and version 1 a number beyond any machine. A container sees
    // its own group at the root; elsewhere the groups above bound it too.
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let groups = Path::new(own).ancestors().map(|group| format!("/sys/fs/cgroup{}/memory.max", group.display()));
    let bounds = groups.chain(["/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned()]);
    all.into_iter().chain(bounds.filter_map(|path| number(&path))).min()
}

fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_known() {
        assert_eq!(total_of("MemTotal:       24689280 kB\nMemFree: 1 kB\n"), Some(24_689_280 * 1024));
        assert_eq!(total_of("nothing"), None);
    }
}
