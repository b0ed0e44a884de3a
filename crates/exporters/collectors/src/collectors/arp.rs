//! Entries of the ARP table, over netlink or from `/proc/net/arp`.

use std::collections::BTreeMap;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::{Bool, Text};

use crate::netlink::{GET_LINK, GET_NEIGHBOUR, dump, u16_at, u32_at};
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.arp.device-include",
        Text,
        "Regexp of arp devices to include (mutually exclusive to device-exclude).",
    ),
    FlagDef::new(
        "collector.arp.device-exclude",
        Text,
        "Regexp of arp devices to exclude (mutually exclusive to device-include).",
    ),
    FlagDef::new("collector.arp.netlink", Bool, "Use netlink to gather stats instead of /proc/net/arp.")
        .default(&["true"]),
];

#[derive(Debug)]
pub(crate) struct Arp {
    devices: DeviceFilter,
    netlink: bool,
}

impl Arp {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { devices: settings.filter("collector.arp.device")?, netlink: settings.bool("collector.arp.netlink") })
    }
}

impl Collector for Arp {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let entries = if self.netlink { count_neighbours()? } else { count_lines(host)? };
        for (device, count) in entries {
            if !self.devices.ignores(&device) {
                out.gauge("arp_entries", "ARP entries by device", &[("device", &device)], f64::from(count));
            }
        }
        Ok(())
    }
}

/// A line of headings, then lines whose last word is the device.
fn count_lines(host: &HostRoots) -> Result<BTreeMap<String, u32>, CollectError> {
    let file = host.proc("net/arp")?;
    let mut entries = BTreeMap::new();
    for (number, line) in file.lines().skip(1) {
        let device =
            line.split_ascii_whitespace().nth(5).ok_or_else(|| file.malformed(number, "fewer than six words"))?;
        *entries.entry(device.to_owned()).or_insert(0) += 1;
    }
    Ok(entries)
}

fn count_neighbours() -> Result<BTreeMap<String, u32>, CollectError> {
    // An ndmsg: family, padding, index of the device, state, flags, type.
    const NDMSG_BYTES: usize = 12;
    const AF_INET: u8 = 2;
    /// Entries that need no resolving, such as those of loopback, are not in `/proc/net/arp` either.
    const NUD_NOARP: u16 = 0x40;
    let mut request = [0; NDMSG_BYTES];
    request[0] = AF_INET;
    let mut by_index: BTreeMap<u32, u32> = BTreeMap::new();
    for (head, _) in dump(GET_NEIGHBOUR, &request)?.messages(NDMSG_BYTES) {
        let (Some(index), Some(state)) = (u32_at(head, 4), u16_at(head, 8)) else { continue };
        if head[0] == AF_INET && state & NUD_NOARP == 0 {
            *by_index.entry(index).or_insert(0) += 1;
        }
    }
    let mut entries = BTreeMap::new();
    if by_index.is_empty() {
        return Ok(entries);
    }
    for (head, attributes) in dump(GET_LINK, &[0; 16])?.messages(16) {
        const IFLA_IFNAME: u16 = 3;
        let count = u32_at(head, 4).and_then(|index| by_index.get(&index));
        if let (Some(count), Some(name)) = (count, attributes.text(IFLA_IFNAME)) {
            entries.insert(name, *count);
        }
    }
    Ok(entries)
}
