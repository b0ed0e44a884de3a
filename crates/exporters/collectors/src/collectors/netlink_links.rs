//! Network devices as netlink tells of them.

use crate::CollectError;
use crate::netlink::{Attributes, GET_LINK, dump, u16_at, u32_at, u64_at};

/// An `ifinfomsg`: family, padding, type, index, flags, change.
const IFINFOMSG_BYTES: usize = 16;

// Attributes of links, linux/if_link.h.
const ADDRESS: u16 = 1;
const BROADCAST: u16 = 2;
const IFNAME: u16 = 3;
const MTU: u16 = 4;
const LINK: u16 = 5;
const STATS: u16 = 7;
const TXQLEN: u16 = 13;
const OPERSTATE: u16 = 16;
const LINKMODE: u16 = 17;
const IFALIAS: u16 = 20;
const STATS64: u16 = 23;
const GROUP: u16 = 27;
const CARRIER: u16 = 33;
const CARRIER_CHANGES: u16 = 35;
const CARRIER_UP_COUNT: u16 = 47;
const CARRIER_DOWN_COUNT: u16 = 48;
const PROP_LIST: u16 = 52;
const ALT_IFNAME: u16 = 53;

const STATES: [&str; 7] = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/// How many counters of `rtnl_link_stats64` are read.
pub(crate) const COUNTERS: usize = 24;

/// Metrics of the counters in the kernel's order, as `--collector.netclass_rtnl.with-stats` names them.
const STAT_METRICS: [&str; COUNTERS] = [
    "receive_packets_total",
    "transmit_packets_total",
    "receive_bytes_total",
    "transmit_bytes_total",
    "receive_errors_total",
    "transmit_errors_total",
    "receive_dropped_total",
    "transmit_dropped_total",
    "multicast_total",
    "collisions_total",
    "receive_length_errors_total",
    "receive_over_errors_total",
    "receive_crc_errors_total",
    "receive_frame_errors_total",
    "receive_fifo_errors_total",
    "receive_missed_errors_total",
    "transmit_aborted_errors_total",
    "transmit_carrier_errors_total",
    "transmit_fifo_errors_total",
    "transmit_heartbeat_errors_total",
    "transmit_window_errors_total",
    "receive_compressed_total",
    "transmit_compressed_total",
    "receive_nohandler_total",
];

/// A network device.
#[derive(Debug)]
pub(crate) struct NetLink {
    pub(crate) name: String,
    pub(crate) alias: String,
    pub(crate) address: String,
    pub(crate) broadcast: String,
    pub(crate) altnames: Vec<String>,
    pub(crate) state: &'static str,
    /// Metric and value.
    pub(crate) numbers: Vec<(&'static str, f64)>,
    pub(crate) stats: Vec<(&'static str, f64)>,
}

/// Returns all network devices.
pub(crate) fn links() -> Result<Vec<NetLink>, CollectError> {
    let dump = dump(GET_LINK, &[0; IFINFOMSG_BYTES])?;
    Ok(dump.messages(IFINFOMSG_BYTES).filter_map(|(head, attributes)| link(head, attributes)).collect())
}

/// Returns name and counters of all network devices that count.
pub(crate) fn counters() -> Result<Vec<(u32, String, [u64; COUNTERS])>, CollectError> {
    let dump = dump(GET_LINK, &[0; IFINFOMSG_BYTES])?;
    let read = |(head, attributes): (&[u8], Attributes<'_>)| {
        Some((u32_at(head, 4)?, attributes.text(IFNAME)?, stats(attributes)?))
    };
    Ok(dump.messages(IFINFOMSG_BYTES).filter_map(read).collect())
}

fn link(head: &[u8], attributes: Attributes<'_>) -> Option<NetLink> {
    let index = u32_at(head, 4)?;
    let byte = |kind: u16| attributes.get(kind).and_then(|bytes| bytes.first()).map(|b| f64::from(*b));
    let word = |kind: u16| attributes.u32(kind).map(f64::from);
    let numbers = [
        ("carrier", byte(CARRIER)),
        ("carrier_changes_total", word(CARRIER_CHANGES)),
        ("carrier_up_changes_total", word(CARRIER_UP_COUNT)),
        ("carrier_down_changes_total", word(CARRIER_DOWN_COUNT)),
        ("flags", u32_at(head, 8).map(f64::from)),
        ("iface_id", Some(f64::from(index))),
        ("iface_link_mode", byte(LINKMODE)),
        // The reference shows the link mode here too (node_exporter 1.12.1, netclass_rtnl_linux.go).
        ("dormant", byte(LINKMODE)),
        // Left out where the device is its own lower one.
        ("iface_link", Some(word(LINK).filter(|lower| *lower > 0.0).unwrap_or(f64::from(index)))),
        ("mtu_bytes", word(MTU)),
        ("net_dev_group", word(GROUP)),
        ("transmit_queue_length", word(TXQLEN)),
        ("protocol_type", u16_at(head, 2).map(f64::from)),
    ];
    let state = byte(OPERSTATE).and_then(|state| STATES.get(state as usize)).copied().unwrap_or(STATES[0]);
    let names = Attributes(attributes.get(PROP_LIST).unwrap_or_default()).filter(|(kind, _)| *kind == ALT_IFNAME);
    Some(NetLink {
        name: attributes.text(IFNAME)?,
        alias: attributes.text(IFALIAS).unwrap_or_default(),
        address: hardware(attributes.get(ADDRESS)),
        broadcast: hardware(attributes.get(BROADCAST)),
        altnames: names
            .map(|(_, bytes)| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned())
            .filter(|name| !name.is_empty())
            .collect(),
        state,
        numbers: numbers.into_iter().filter_map(|(metric, value)| Some((metric, value?))).collect(),
        stats: stats(attributes)
            .map(|counters| STAT_METRICS.into_iter().zip(counters.map(|c| c as f64)).collect())
            .unwrap_or_default(),
    })
}

/// Old kernels have only the short form, without the last counter at times.
fn stats(attributes: Attributes<'_>) -> Option<[u64; COUNTERS]> {
    let mut counters = [0; COUNTERS];
    if let Some(bytes) = attributes.get(STATS64) {
        for (at, counter) in counters.iter_mut().enumerate() {
            *counter = u64_at(bytes, at * 8).unwrap_or(0);
        }
        return Some(counters);
    }
    let bytes = attributes.get(STATS)?;
    for (at, counter) in counters.iter_mut().enumerate() {
        *counter = u32_at(bytes, at * 4).unwrap_or(0).into();
    }
    Some(counters)
}

fn hardware(bytes: Option<&[u8]>) -> String {
    let hex: Vec<String> = bytes.unwrap_or_default().iter().map(|b| format!("{b:02x}")).collect();
    hex.join(":")
}
