//! The kernel's NFS server, from `/proc/net/rpc/nfsd`.

use super::nfs_rpc::{V2, V3, lines, put_requests};
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Nfsd;

const REQUESTS_HELP: &str = "Total number NFSd Requests by method and protocol.";

/// Key of the line, place of the value, metric, help; counters end in `_total`.
const VALUES: [(&str, usize, &str, &str); 10] = [
    ("rc", 0, "reply_cache_hits_total", "Total number of NFSd Reply Cache hits (client lost server response)."),
    (
        "rc",
        1,
        "reply_cache_misses_total",
        "Total number of NFSd Reply Cache an operation that requires caching (idempotent).",
    ),
    (
        "rc",
        2,
        "reply_cache_nocache_total",
        "Total number of NFSd Reply Cache non-idempotent operations (rename/delete/…).",
    ),
    ("fh", 0, "file_handles_stale_total", "Total number of NFSd stale file handles"),
    ("io", 0, "disk_bytes_read_total", "Total NFSd bytes read."),
    ("io", 1, "disk_bytes_written_total", "Total NFSd bytes written."),
    ("th", 0, "server_threads", "Total number of NFSd kernel threads that are running."),
    ("ra", 0, "read_ahead_cache_size_blocks", "How large the read ahead cache is in blocks."),
    ("ra", 11, "read_ahead_cache_not_found_total", "Total number of NFSd read ahead cache not found."),
    ("rpc", 0, "server_rpcs_total", "Total number of NFSd RPCs."),
];

/// Operations within compound requests of version 4 (linux/nfs4.h); those without a name are not shown.
const V4_OPERATIONS: [&str; 40] = [
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];

impl Collector for Nfsd {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc_opt("net/rpc/nfsd")?.ok_or(CollectError::NoData)?;
        let lines = lines(&file)?;
        let line = |key: &str| lines.iter().find(|line| line.key == key);
        // A line that a kernel lacks counts as zeros, as with the reference.
        let value = |key: &str, place: usize| line(key).map_or(Ok(0.0), |line| line.at(&file, place));
        for (key, place, metric, help) in VALUES {
            let value = value(key, place)?;
            if metric.ends_with("_total") {
                out.counter(format_args!("nfsd_{metric}"), help, &[], value);
            } else {
                out.gauge(format_args!("nfsd_{metric}"), help, &[], value);
            }
        }
        for (place, proto) in [(1, "udp"), (2, "tcp")] {
            let help = "Total NFSd network packets (sent+received) by protocol type.";
            out.counter("nfsd_packets_total", help, &[("proto", proto)], value("net", place)?);
        }
        out.counter("nfsd_connections_total", "Total number of NFSd TCP connections.", &[], value("net", 3)?);
        for (place, error) in [(2, "fmt"), (3, "auth"), (4, "cInt")] {
            let help = "Total number of NFSd RPC errors by error type.";
            out.counter("nfsd_rpc_errors_total", help, &[("error", error)], value("rpc", place)?);
        }
        let counted = |key: &str| line(key).map_or(Ok(&[][..]), |line| line.counted(&file));
        // The first procedure of each version does nothing and is not shown.
        put_requests(out, "nfsd", REQUESTS_HELP, "2", &V2[1..], counted("proc2")?.get(1..).unwrap_or_default());
        put_requests(out, "nfsd", REQUESTS_HELP, "3", &V3[1..], counted("proc3")?.get(1..).unwrap_or_default());
        put_requests(out, "nfsd", REQUESTS_HELP, "4", &V4_OPERATIONS, counted("proc4ops")?);
        put_requests(out, "nfsd", REQUESTS_HELP, "4", &["WdelegGetattr"], &[value("wdeleg_getattr", 0)?]);
        Ok(())
    }
}
