//! Replicated block devices, from `/proc/drbd`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Drbd;

/// Key in the file, metric, help, whether it is a counter, factor.
#[rustfmt::skip]
const NUMBERS: [(&str, &str, &str, bool, f64); 12] = [
    ("ns", "network_sent_bytes_total", "Total number of bytes sent via the network.", true, 1024.0),
    // upstream: not multiplied, though the kernel counts KiB here too (drbd_linux.go); kept.
    ("nr", "network_received_bytes_total", "Total number of bytes received via the network.", true, 1.0),
    ("dw", "disk_written_bytes_total", "Net data written on local hard disk; in bytes.", true, 1024.0),
    ("dr", "disk_read_bytes_total", "Net data read from local hard disk; in bytes.", true, 1024.0),
    ("al", "activitylog_writes_total", "Number of updates of the activity log area of the meta data.", true, 1.0),
    ("bm", "bitmap_writes_total", "Number of updates of the bitmap area of the meta data.", true, 1.0),
    ("lo", "local_pending", "Number of open requests to the local I/O sub-system.", false, 1.0),
    ("pe", "remote_pending", "Number of requests sent to the peer, but that have not yet been answered by the latter.", false, 1.0),
    ("ua", "remote_unacknowledged", "Number of requests received by the peer via the network connection, but that have not yet been answered.", false, 1.0),
    ("ap", "application_pending", "Number of block I/O requests forwarded to DRBD, but not yet answered by DRBD.", false, 1.0),
    ("ep", "epochs", "Number of Epochs currently on the fly.", false, 1.0),
    ("oos", "out_of_sync_bytes", "Amount of data known to be out of sync; in bytes.", false, 1024.0),
];

/// Key in the file, metric, help, the word that stands for 1.
const PAIRS: [(&str, &str, &str, &str); 2] = [
    ("ro", "drbd_node_role_is_primary", "Whether the role of the node is in the primary state.", "Primary"),
    ("ds", "drbd_disk_state_is_up_to_date", "Whether the disk of the node is up to date.", "UpToDate"),
];

impl Collector for Drbd {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(file) = host.proc_opt("drbd")? else { return Err(CollectError::NoData) };
        let mut device = "unknown".to_owned();
        let words = file.lines().flat_map(|(number, line)| line.split_whitespace().map(move |word| (number, word)));
        for (number, word) in words {
            let mut parts = word.split(':');
            let (Some(key), Some(value), None) = (parts.next(), parts.next(), parts.next()) else { continue };
            if value.is_empty() {
                if let Ok(id) = key.parse::<u64>() {
                    device = format!("drbd{id}");
                }
            } else if let Some((_, name, help, is_counter, factor)) = NUMBERS.iter().find(|row| row.0 == key) {
                let (labels, value) = ([("device", device.as_str())], file.number(number, value)? * factor);
                let name = format_args!("drbd_{name}");
                if *is_counter {
                    out.counter(name, help, &labels, value);
                } else {
                    out.gauge(name, help, &labels, value);
                }
            } else if let Some((_, name, help, word)) = PAIRS.iter().find(|row| row.0 == key) {
                let Some((local, remote)) = value.split_once('/') else {
                    return Err(file.malformed(number, format!("{value:?} is no pair of states")));
                };
                let remote = remote.split('/').next().unwrap_or_default();
                for (node, state) in [("local", local), ("remote", remote)] {
                    let labels = [("device", device.as_str()), ("node", node)];
                    out.gauge(name, help, &labels, f64::from(u8::from(state == *word)));
                }
            } else if key == "cs" {
                let connected = f64::from(u8::from(value == "Connected"));
                let help = "Whether DRBD is connected to the peer.";
                out.gauge("drbd_connected", help, &[("device", &device)], connected);
            }
        }
        Ok(())
    }
}
