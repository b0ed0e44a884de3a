//! The kernel's NFS client, from `/proc/net/rpc/nfs`.

use super::nfs_rpc::{CLIENT_V4, V2, V3, lines, put_requests};
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Nfs;

const REQUESTS_HELP: &str = "Number of NFS procedures invoked.";

impl Collector for Nfs {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc_opt("net/rpc/nfs")?.ok_or(CollectError::NoData)?;
        let lines = lines(&file)?;
        let line = |key: &str| lines.iter().find(|line| line.key == key);
        // A line that a kernel lacks counts as zeros, as with the reference.
        let value = |key: &str, place: usize| line(key).map_or(Ok(0.0), |line| line.at(&file, place));
        for (place, protocol) in [(1, "udp"), (2, "tcp")] {
            let help = "Total NFSd network packets (sent+received) by protocol type.";
            out.counter("nfs_packets_total", help, &[("protocol", protocol)], value("net", place)?);
        }
        for (key, place, metric, help) in [
            ("net", 3, "nfs_connections_total", "Total number of NFSd TCP connections."),
            ("rpc", 0, "nfs_rpcs_total", "Total number of RPCs performed."),
            ("rpc", 1, "nfs_rpc_retransmissions_total", "Number of RPC transmissions performed."),
            ("rpc", 2, "nfs_rpc_authentication_refreshes_total", "Number of RPC authentication refreshes performed."),
        ] {
            out.counter(metric, help, &[], value(key, place)?);
        }
        for (key, proto, names) in [("proc2", "2", &V2[..]), ("proc3", "3", &V3[..]), ("proc4", "4", &CLIENT_V4[..])] {
            let values = line(key).map_or(Ok(&[][..]), |line| line.counted(&file))?;
            put_requests(out, "nfs", REQUESTS_HELP, proto, names, values);
        }
        Ok(())
    }
}
