//! Facts about the machine and the process for the first log lines.

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
