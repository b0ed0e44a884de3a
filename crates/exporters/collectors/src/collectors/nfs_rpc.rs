//! What NFS clients and servers have in common: files of `/proc/net/rpc`, and the procedures of each version.

use crate::host::ProcFile;
use crate::{CollectError, MetricSink};

/// A line: its key and its numbers.
pub(crate) struct RpcLine<'a> {
    pub(crate) key: &'a str,
    pub(crate) values: Vec<f64>,
    pub(crate) number: usize,
}

impl RpcLine<'_> {
    /// Returns the value at a place; a shorter line is an error.
    pub(crate) fn at(&self, file: &ProcFile, place: usize) -> Result<f64, CollectError> {
        let value = self.values.get(place).copied();
        value.ok_or_else(|| file.malformed(self.number, format!("only {} values", self.values.len())))
    }

    /// Returns the values behind their count.
    pub(crate) fn counted(&self, file: &ProcFile) -> Result<&[f64], CollectError> {
        match self.values.split_first() {
            Some((count, rest)) if *count == rest.len() as f64 => Ok(rest),
            _ => Err(file.malformed(self.number, "the count of values is wrong")),
        }
    }
}

/// Reads all lines; words that are no integers, such as the times of threads, end a line.
pub(crate) fn lines(file: &ProcFile) -> Result<Vec<RpcLine<'_>>, CollectError> {
    let mut lines = Vec::new();
    for (number, line) in file.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(key) = words.next() else { continue };
        // Threads: their number, how often all were busy, then times that are no more filled.
        let most = if key == "th" { 2 } else { usize::MAX };
        let values = words.take(most).map(|word| file.number(number, word)).collect::<Result<Vec<f64>, _>>()?;
        if values.is_empty() {
            return Err(file.malformed(number, "no values"));
        }
        lines.push(RpcLine { key, values, number });
    }
    Ok(lines)
}

/// Puts a counter for each procedure; those behind the end of the values are shown as 0.
pub(crate) fn put_requests(
    out: &mut MetricSink,
    subsystem: &str,
    help: &str,
    proto: &str,
    names: &[&str],
    values: &[f64],
) {
    for (place, method) in names.iter().enumerate() {
        // An unnamed place is not shown.
        if method.is_empty() {
            continue;
        }
        let value = values.get(place).copied().unwrap_or(0.0);
        out.counter(format_args!("{subsystem}_requests_total"), help, &[("method", method), ("proto", proto)], value);
    }
}

/// Procedures of version 2 (RFC 1094).
pub(crate) const V2: [&str; 18] = [
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write", "Create", "Remove",
    "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];

/// Procedures of version 3 (RFC 1813).
pub(crate) const V3: [&str; 22] = [
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];

/// Requests of the kernel's client of version 4 (linux/nfs4.h).
pub(crate) const CLIENT_V4: [&str; 59] = [
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];
