//! `/proc/<pid>/stat`, for the collectors that look at every process.

use crate::CollectError;
use crate::dir::Dir;
use crate::host::ProcFile;

/// `PF_KTHREAD`, linux/sched.h.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What is wanted of the line; see `proc_pid_stat(5)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcStat<'a> {
    /// The name of the program, at most 15 bytes; threads of the kernel have longer ones.
    pub(crate) comm: &'a str,
    pub(crate) state: char,
    /// Whether it is a thread of the kernel's own.
    pub(crate) is_kernel: bool,
    /// User and system time in ticks.
    pub(crate) cpu_ticks: u64,
    pub(crate) threads: u64,
    /// Ticks after the boot.
    pub(crate) start_ticks: u64,
    pub(crate) rss_pages: u64,
}

impl<'a> ProcStat<'a> {
    pub(crate) fn parse(file: &'a ProcFile) -> Result<Self, CollectError> {
        Self::of(&file.text).ok_or_else(|| file.malformed(1, "not the line of a process"))
    }

    fn of(text: &'a str) -> Option<Self> {
        // The name may hold blanks and parentheses; nothing behind it does.
        let (head, rest) = text.rsplit_once(')')?;
        let (_, comm) = head.split_once('(')?;
        let mut words = rest.split_ascii_whitespace();
        let state = words.next()?.chars().next()?;
        // Behind the state: ppid, pgrp, session, tty, tpgid.
        let mut words = words.skip(5);
        let flags: u64 = words.next()?.parse().ok()?;
        // Four counts of faults.
        let mut words = words.skip(4);
        let mut number = || -> Option<u64> { words.next()?.parse().ok() };
        let cpu_ticks = number()?.saturating_add(number()?);
        // cutime, cstime, priority, nice: they may be negative.
        let mut words = words.skip(4);
        let threads = words.next()?.parse().ok()?;
        let mut words = words.skip(1);
        let start_ticks = words.next()?.parse().ok()?;
        let mut words = words.skip(1);
        let rss_pages = words.next()?.parse::<i64>().ok()?.max(0).unsigned_abs();
        let is_kernel = flags & KERNEL_THREAD != 0;
        Some(Self { comm, state, is_kernel, cpu_ticks, threads, start_ticks, rss_pages })
    }
}

/// Returns the numbers of all processes, or of the threads in a `task` directory.
pub(crate) fn pids(dir: &Dir) -> impl Iterator<Item = u32> + use<> {
    dir.names().into_iter().filter_map(|name| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::ProcStat;

    #[test]
    fn names_with_parentheses_and_short_lines() {
        let line = "26 (a) b) (c) S 1 2 3 4 -1 2097216 7 8 9 10 110 120 -13 14 20 0 3 18 1900 20 21 22\n";
        let stat = ProcStat::of(line).expect("a good line");
        assert!(stat.is_kernel);
        assert_eq!((stat.comm, stat.state, stat.cpu_ticks, stat.threads), ("a) b) (c", 'S', 230, 3));
        assert_eq!((stat.start_ticks, stat.rss_pages), (1900, 21));
        for end in 0..line.len() - 7 {
            assert!(ProcStat::of(&line[..end]).is_none() || end > 60, "{}", &line[..end]);
        }
    }
}
