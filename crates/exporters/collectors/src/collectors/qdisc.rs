//! What the queues of network devices let through and drop, over netlink.

use std::collections::HashMap;

use firesteel_cli::{FlagDef, FlagKind};

use crate::netlink::{Attributes, GET_LINK, GET_QDISC, dump, u32_at, u64_at};
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

const INCLUDE: &str = "collector.qdisc.device-include";
const EXCLUDE: &str = "collector.qdisc.device-exclude";
const OLD_INCLUDE: &str = "collector.qdisk.device-include";
const OLD_EXCLUDE: &str = "collector.qdisk.device-exclude";

#[rustfmt::skip]
pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new(INCLUDE, FlagKind::Text, "Regexp of qdisc devices to include (mutually exclusive to device-exclude)."),
    FlagDef::new(OLD_INCLUDE, FlagKind::Text, "DEPRECATED: Use collector.qdisc.device-include").hidden(),
    FlagDef::new(EXCLUDE, FlagKind::Text, "Regexp of qdisc devices to exclude (mutually exclusive to device-include)."),
    FlagDef::new(OLD_EXCLUDE, FlagKind::Text, "DEPRECATED: Use collector.qdisc.device-exclude").hidden(),
];

/// A `tcmsg`: family, padding, device, handle, parent, info.
const TCMSG_BYTES: usize = 20;
const DEVICE_AT: usize = 4;
const PARENT_AT: usize = 12;
const ROOT: u32 = u32::MAX;
/// An `ifinfomsg`.
const IFINFOMSG_BYTES: usize = 16;
const IFNAME: u16 = 3;

// Attributes, linux/rtnetlink.h and linux/gen_stats.h.
const TCA_KIND: u16 = 1;
const TCA_STATS2: u16 = 7;
const STATS_BASIC: u16 = 1;
const STATS_QUEUE: u16 = 3;

#[derive(Debug)]
pub(crate) struct Qdisc {
    devices: DeviceFilter,
}

impl Qdisc {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let pattern = |name: &str, old: &str| match (settings.text(name), settings.text(old)) {
            (new, "") => Ok(new.to_owned()),
            ("", old) => Ok(old.to_owned()),
            _ => Err(FilterError::Exclusive { include: name.to_owned(), exclude: old.to_owned() }),
        };
        let (include, exclude) = (pattern(INCLUDE, OLD_INCLUDE)?, pattern(EXCLUDE, OLD_EXCLUDE)?);
        Ok(Self { devices: DeviceFilter::new(&include, &exclude)? })
    }
}

/// Returns the names of devices by their numbers.
pub(super) fn device_names() -> Result<HashMap<u32, String>, CollectError> {
    let links = dump(GET_LINK, &[0; IFINFOMSG_BYTES])?;
    let names = links.messages(IFINFOMSG_BYTES);
    Ok(names.filter_map(|(link, attributes)| Some((u32_at(link, 4)?, attributes.text(IFNAME)?))).collect())
}

impl Collector for Qdisc {
    fn collect(&self, _: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let names = device_names()?;
        for (message, attributes) in dump(GET_QDISC, &[0; TCMSG_BYTES])?.messages(TCMSG_BYTES) {
            // Only those that a device has for itself, not those within.
            if !matches!(u32_at(message, PARENT_AT), Some(0 | ROOT)) {
                continue;
            }
            let device = u32_at(message, DEVICE_AT).and_then(|number| names.get(&number)).map_or("", String::as_str);
            if self.devices.ignores(device) {
                continue;
            }
            let kind = attributes.text(TCA_KIND).unwrap_or_default();
            let stats = Attributes(attributes.get(TCA_STATS2).unwrap_or_default());
            let (basic, queue) =
                (stats.get(STATS_BASIC).unwrap_or_default(), stats.get(STATS_QUEUE).unwrap_or_default());
            let of_queue = |at: usize| f64::from(u32_at(queue, at * 4).unwrap_or(0));
            let labels = [("device", device), ("kind", kind.as_str())];
            let bytes = u64_at(basic, 0).unwrap_or(0) as f64;
            let packets = f64::from(u32_at(basic, 8).unwrap_or(0));
            out.counter("qdisc_bytes_total", "Number of bytes sent.", &labels, bytes);
            out.counter("qdisc_packets_total", "Number of packets sent.", &labels, packets);
            out.counter("qdisc_drops_total", "Number of packets dropped.", &labels, of_queue(2));
            let help = "Number of packets dequeued, not transmitted, and requeued.";
            out.counter("qdisc_requeues_total", help, &labels, of_queue(3));
            out.counter("qdisc_overlimits_total", "Number of overlimit packets.", &labels, of_queue(4));
            let help = "Number of packets currently in queue to be sent.";
            out.gauge("qdisc_current_queue_length", help, &labels, of_queue(0));
            out.gauge("qdisc_backlog", "Number of bytes currently in queue to be sent.", &labels, of_queue(1));
        }
        Ok(())
    }
}
