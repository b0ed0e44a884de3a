//! What the kernel says of a process under measurement.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

/// Used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) rss_anon_bytes: u64,
    pub(crate) rss_peak_bytes: u64,
}

impl Usage {
    /// Reads `/proc/<pid>`.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let stat = fs::read_to_string(proc.join("stat"))?;
        let after = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
        let fields: Vec<&str> = after.split(' ').collect();
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let status = fs::read_to_string(proc.join("status"))?;
        let kib = |key: &str| {
            let line = status.lines().find(|l| l.starts_with(key));
            line.and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Ok(Self {
            // utime and stime, fields 14 and 15 of proc(5), in ticks of 1/100 s on Linux.
            cpu_seconds: (ticks(11) + ticks(12)) / 100.0,
            rss_bytes: kib("VmRSS:"),
            rss_anon_bytes: kib("RssAnon:"),
            rss_peak_bytes: kib("VmHWM:"),
        })
    }
}

/// Lets the kernel count the peak of a process' memory from now on (`clear_refs` of proc(5)).
pub(crate) fn reset_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}
