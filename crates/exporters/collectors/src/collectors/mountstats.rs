//! Statistics of NFS mounts, from `/proc/self/mountstats`.

use std::collections::BTreeSet;

use crate::host::ProcFile;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Mountstats;

/// Metric without `mountstats_nfs_`, help.
type Named = (&'static str, &'static str);

/// The numbers behind `bytes:`.
#[rustfmt::skip]
const BYTES: [Named; 8] = [
    ("read_bytes_total", "Number of bytes read using the read() syscall."),
    ("write_bytes_total", "Number of bytes written using the write() syscall."),
    ("direct_read_bytes_total", "Number of bytes read using the read() syscall in O_DIRECT mode."),
    ("direct_write_bytes_total", "Number of bytes written using the write() syscall in O_DIRECT mode."),
    ("total_read_bytes_total", "Number of bytes read from the NFS server, in total."),
    ("total_write_bytes_total", "Number of bytes written to the NFS server, in total."),
    ("read_pages_total", "Number of pages read directly via mmap()'d files."),
    ("write_pages_total", "Number of pages written directly via mmap()'d files."),
];

/// The numbers behind `events:`; the reference leaves one out.
#[rustfmt::skip]
const EVENTS: [Option<Named>; 27] = [
    Some(("event_inode_revalidate_total", "Number of times cached inode attributes are re-validated from the server.")),
    Some(("event_dnode_revalidate_total", "Number of times cached dentry nodes are re-validated from the server.")),
    Some(("event_data_invalidate_total", "Number of times an inode cache is cleared.")),
    Some(("event_attribute_invalidate_total", "Number of times cached inode attributes are invalidated.")),
    Some(("event_vfs_open_total", "Number of times cached inode attributes are invalidated.")),
    Some(("event_vfs_lookup_total", "Number of times a directory lookup has occurred.")),
    Some(("event_vfs_access_total", "Number of times permissions have been checked.")),
    Some(("event_vfs_update_page_total", "Number of updates (and potential writes) to pages.")),
    Some(("event_vfs_read_page_total", "Number of pages read directly via mmap()'d files.")),
    Some(("event_vfs_read_pages_total", "Number of times a group of pages have been read.")),
    Some(("event_vfs_write_page_total", "Number of pages written directly via mmap()'d files.")),
    Some(("event_vfs_write_pages_total", "Number of times a group of pages have been written.")),
    Some(("event_vfs_getdents_total", "Number of times directory entries have been read with getdents().")),
    Some(("event_vfs_setattr_total", "Number of times directory entries have been read with getdents().")),
    Some(("event_vfs_flush_total", "Number of pending writes that have been forcefully flushed to the server.")),
    Some(("event_vfs_fsync_total", "Number of times fsync() has been called on directories and files.")),
    Some(("event_vfs_lock_total", "Number of times locking has been attempted on a file.")),
    Some(("event_vfs_file_release_total", "Number of times files have been closed and released.")),
    None,
    Some(("event_truncation_total", "Number of times files have been truncated.")),
    Some(("event_write_extension_total", "Number of times a file has been grown due to writes beyond its existing end.")),
    Some(("event_silly_rename_total", "Number of times a file was removed while still open by another process.")),
    Some(("event_short_read_total", "Number of times the NFS server gave less data than expected while reading.")),
    Some(("event_short_write_total", "Number of times the NFS server wrote less data than expected while writing.")),
    Some(("event_jukebox_delay_total", "Number of times the NFS server indicated EJUKEBOX; retrieving data from offline storage.")),
    Some(("event_pnfs_read_total", "Number of NFS v4.1+ pNFS reads.")),
    Some(("event_pnfs_write_total", "Number of NFS v4.1+ pNFS writes.")),
];

/// The numbers of a transport from its second on; gauges but for those that end in `_total`.
#[rustfmt::skip]
const TRANSPORT: [Option<Named>; 12] = [
    Some(("transport_bind_total", "Number of times the client has had to establish a connection from scratch to the NFS server.")),
    Some(("transport_connect_total", "Number of times the client has made a TCP connection to the NFS server.")),
    None,
    Some(("transport_idle_time_seconds", "Duration since the NFS mount last saw any RPC traffic, in seconds.")),
    Some(("transport_sends_total", "Number of RPC requests for this mount sent to the NFS server.")),
    Some(("transport_receives_total", "Number of RPC responses for this mount received from the NFS server.")),
    Some(("transport_bad_transaction_ids_total", "Number of times the NFS server sent a response with a transaction ID unknown to this client.")),
    None,
    Some(("transport_backlog_queue_total", "Total number of items added to the RPC backlog queue.")),
    Some(("transport_maximum_rpc_slots", "Maximum number of simultaneously active RPC requests ever used.")),
    Some(("transport_sending_queue_total", "Total number of items added to the RPC transmission sending queue.")),
    Some(("transport_pending_queue_total", "Total number of items added to the RPC transmission pending queue.")),
];

/// The numbers of an operation; the last three are milliseconds.
#[rustfmt::skip]
const OPERATION: [Named; 8] = [
    ("operations_requests_total", "Number of requests performed for a given operation."),
    ("operations_transmissions_total", "Number of times an actual RPC request has been transmitted for a given operation."),
    ("operations_major_timeouts_total", "Number of times a request has had a major timeout for a given operation."),
    ("operations_sent_bytes_total", "Number of bytes sent for a given operation, including RPC headers and payload."),
    ("operations_received_bytes_total", "Number of bytes received for a given operation, including RPC headers and payload."),
    ("operations_queue_time_seconds_total", "Duration all requests spent queued for transmission for a given operation before they were sent, in seconds."),
    ("operations_response_time_seconds_total", "Duration all requests took to get a reply back after a request for a given operation was transmitted, in seconds."),
    ("operations_request_time_seconds_total", "Duration all requests took from when a request was enqueued to when it was completely handled for a given operation, in seconds."),
];

/// Where the times of [`OPERATION`] begin.
const FIRST_TIME: usize = 5;

#[derive(Debug, Default)]
struct Mount<'a> {
    export: &'a str,
    mount_point: &'a str,
    age_seconds: f64,
    bytes: Vec<f64>,
    events: Vec<f64>,
    /// Protocol and numbers, those that the protocol lacks as 0.
    transports: Vec<(&'a str, Vec<f64>)>,
    operations: Vec<(&'a str, Vec<f64>)>,
}

impl Collector for Mountstats {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("self/mountstats")?;
        let mounts = parse(&file)?;
        let info = host.proc("self/mountinfo")?;
        // Both files list all mounts in the same order.
        let addresses: Vec<&str> = info.lines().map(|(_, line)| address(line)).collect();
        let (mut devices, mut points) = (BTreeSet::new(), BTreeSet::new());
        for (at, mount) in &mounts {
            let address = addresses.get(*at).copied().unwrap_or_default();
            for (protocol, _) in &mount.transports {
                let labels = [
                    ("export", mount.export),
                    ("mountaddr", address),
                    ("mountpoint", mount.mount_point),
                    ("protocol", protocol),
                ];
                if points.insert(labels) {
                    out.info("mountstats_nfs_mountpoint_info", "Info metric for an NFS mountpoint.", &labels);
                }
                // The same export mounted twice has the same numbers twice.
                if !devices.insert((mount.export, *protocol, address)) {
                    break;
                }
                mount.put(out, protocol, address);
            }
        }
        Ok(())
    }
}

/// Returns the server's address among the options of a line of `mountinfo`.
fn address(line: &str) -> &str {
    let options = line.rsplit(' ').next().unwrap_or_default();
    options.split(',').find_map(|option| option.strip_prefix("addr=")).unwrap_or_default()
}

impl Mount<'_> {
    fn put(&self, out: &mut MetricSink, protocol: &str, address: &str) {
        let shared = [("export", self.export), ("mountaddr", address), ("protocol", protocol)];
        let mut put = |(name, help): Named, labels: &[(&str, &str)], value: f64| {
            let name = format_args!("mountstats_nfs_{name}");
            if name.to_string().ends_with("_total") {
                out.counter(name, help, labels, value);
            } else {
                out.gauge(name, help, labels, value);
            }
        };
        put(("age_seconds_total", "The age of the NFS mount in seconds."), &shared, self.age_seconds);
        for (at, named) in BYTES.into_iter().enumerate() {
            put(named, &shared, self.bytes.get(at).copied().unwrap_or(0.0));
        }
        for (index, (_, numbers)) in self.transports.iter().enumerate() {
            let index = index.to_string();
            let labels = [shared[0], shared[1], shared[2], ("transport", index.as_str())];
            for (at, named) in TRANSPORT.into_iter().enumerate() {
                if let Some(named) = named {
                    put(named, &labels, numbers.get(at + 1).copied().unwrap_or(0.0));
                }
            }
        }
        for (operation, numbers) in &self.operations {
            let labels = [shared[0], shared[1], ("operation", *operation), shared[2]];
            for (at, (named, value)) in OPERATION.into_iter().zip(numbers).enumerate() {
                put(named, &labels, if at < FIRST_TIME { *value } else { value / 1000.0 });
            }
        }
        for (at, named) in EVENTS.into_iter().enumerate() {
            if let Some(named) = named {
                put(named, &shared, self.events.get(at).copied().unwrap_or(0.0));
            }
        }
    }
}

/// Reads all NFS mounts with their places among all mounts.
fn parse(file: &ProcFile) -> Result<Vec<(usize, Mount<'_>)>, CollectError> {
    let mut mounts: Vec<(usize, Mount<'_>)> = Vec::new();
    // Whether the lines belong to the last of `mounts`, and to its operations.
    let (mut seen, mut is_nfs, mut in_operations, mut version) = (0, false, false, "");
    for (number, line) in file.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let fault = |what: &str| file.malformed(number, what);
        let numbers =
            |words: &[&str]| words.iter().map(|word| file.number(number, word)).collect::<Result<Vec<_>, _>>();
        let &[first, ref rest @ ..] = words.as_slice() else {
            is_nfs &= !in_operations;
            continue;
        };
        if first == "device" {
            let ["device", export, "mounted", "on", mount_point, "with", "fstype", fs_type, ref more @ ..] = words[..]
            else {
                return Err(fault("not the line of a device"));
            };
            (is_nfs, in_operations) = (false, false);
            if let [statistics, ..] = more {
                if !matches!(fs_type, "nfs" | "nfs4") {
                    return Err(fault("statistics of a file system that is not NFS"));
                }
                version = statistics.strip_prefix("statvers=").unwrap_or_default();
                mounts.push((seen, Mount { export, mount_point, ..Mount::default() }));
                is_nfs = true;
            }
            seen += 1;
            continue;
        }
        let Some((_, mount)) = mounts.last_mut().filter(|_| is_nfs) else { continue };
        if in_operations {
            if rest.len() < OPERATION.len() {
                return Err(fault("fewer than eight numbers of an operation"));
            }
            mount.operations.push((first.trim_end_matches(':'), numbers(rest)?));
            continue;
        }
        match first {
            "age:" => {
                let [age, ..] = rest else { return Err(fault("no age")) };
                mount.age_seconds = file.number(number, age)?;
            }
            "bytes:" if rest.len() == BYTES.len() => mount.bytes = numbers(rest)?,
            "events:" if rest.len() == EVENTS.len() => mount.events = numbers(rest)?,
            "bytes:" | "events:" => return Err(fault("another number of numbers than the kernel's")),
            "xprt:" => {
                let [protocol, rest @ ..] = rest else { return Err(fault("no protocol")) };
                let fits = match (version, *protocol) {
                    ("1.0", "tcp") => rest.len() == 10,
                    ("1.0", "udp") => rest.len() == 7,
                    ("1.1", "tcp") => rest.len() == 13,
                    ("1.1", "udp") => rest.len() == 10,
                    ("1.1", "rdma") => rest.len() >= 20,
                    _ => false,
                };
                if !fits {
                    return Err(fault("a transport that is unknown or has another number of numbers"));
                }
                let mut found = numbers(rest)?;
                match *protocol {
                    // It has no connections: no connects, no times of idleness.
                    "udp" => drop(found.splice(2..2, [0.0; 3])),
                    "rdma" => drop(found.splice(10..10, [0.0; 3])),
                    _ => {}
                }
                mount.transports.push((protocol, found));
            }
            "per-op" => in_operations = true,
            _ => {}
        }
    }
    Ok(mounts)
}
