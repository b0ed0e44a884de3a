//! The routing tables, over netlink.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::qdisc::device_names;
use crate::netlink::{Attributes, GET_ROUTE, dump, u16_at, u32_at};
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct NetworkRoute;

/// An `rtmsg`: family, lengths of destination and source, tos, table, protocol, scope, type, flags.
const RTMSG_BYTES: usize = 12;
const PREFIX_AT: usize = 1;
const PROTOCOL_AT: usize = 5;
const TYPE_AT: usize = 7;
const UNICAST: u8 = 1;

// Attributes, linux/rtnetlink.h.
const DESTINATION: u16 = 1;
const OUT_DEVICE: u16 = 4;
const GATEWAY: u16 = 5;
const PRIORITY: u16 = 6;
const PREFERRED_SOURCE: u16 = 7;
const MULTIPATH: u16 = 9;

impl Collector for NetworkRoute {
    fn collect(&self, _: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let names = device_names()?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (route, attributes) in dump(GET_ROUTE, &[0; RTMSG_BYTES])?.messages(RTMSG_BYTES) {
            let byte = |at: usize| route.get(at).copied().unwrap_or(0);
            if byte(TYPE_AT) != UNICAST {
                continue;
            }
            let mut put = |device: Option<u32>, gateway: String, weight: String| {
                let device = device.and_then(|number| names.get(&number)).cloned().unwrap_or_default();
                let priority = attributes.u32(PRIORITY).unwrap_or(0).to_string();
                let labels = [
                    ("dest", &*destination(attributes.get(DESTINATION), byte(PREFIX_AT))),
                    ("device", device.as_str()),
                    ("gw", &gateway),
                    ("priority", &priority),
                    ("proto", protocol(byte(PROTOCOL_AT))),
                    ("src", &text(attributes.get(PREFERRED_SOURCE))),
                    ("weight", &weight),
                ];
                out.info("network_route_info", "network routing table information", &labels);
                *counts.entry(device).or_insert(0) += 1;
            };
            match attributes.get(MULTIPATH) {
                None => put(attributes.u32(OUT_DEVICE), text(attributes.get(GATEWAY)), String::new()),
                Some(hops) => {
                    for hop in hops_of(hops) {
                        put(hop.device, text(hop.attributes.get(GATEWAY)), (u32::from(hop.hops) + 1).to_string());
                    }
                }
            }
        }
        for (device, count) in counts {
            out.gauge("network_routes", "network routes by interface", &[("device", &device)], count as f64);
        }
        Ok(())
    }
}

/// An `rtnexthop` of a route with several.
struct Hop<'a> {
    device: Option<u32>,
    hops: u8,
    attributes: Attributes<'a>,
}

fn hops_of(mut bytes: &[u8]) -> Vec<Hop<'_>> {
    const FIXED_BYTES: usize = 8;
    let mut hops = Vec::new();
    while let Some(length) = u16_at(bytes, 0).map(usize::from) {
        let Some(hop) = bytes.get(..length).filter(|_| length >= FIXED_BYTES) else { break };
        let attributes = Attributes(hop.get(FIXED_BYTES..).unwrap_or_default());
        hops.push(Hop { device: u32_at(hop, 4), hops: hop.get(3).copied().unwrap_or(0), attributes });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    // An IPv4 address within an IPv6 one is shown as IPv4, as Go does.
    Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)).to_canonical())
}

fn text(bytes: Option<&[u8]>) -> String {
    bytes.and_then(address).map_or(String::new(), |address| address.to_string())
}

fn destination(bytes: Option<&[u8]>, prefix: u8) -> String {
    if prefix == 0 { "default".to_owned() } else { format!("{}/{prefix}", text(bytes)) }
}

/// Names from linux/rtnetlink.h.
fn protocol(number: u8) -> &'static str {
    match number {
        0 => "unspec",
        1 => "redirect",
        2 => "kernel",
        3 => "boot",
        4 => "static",
        8 => "gated",
        9 => "ra",
        10 => "mrt",
        11 => "zebra",
        12 => "bird",
        13 => "dnrouted",
        14 => "xorp",
        15 => "ntk",
        16 => "dhcp",
        17 => "mrouted",
        42 => "babel",
        186 => "bgp",
        187 => "isis",
        188 => "ospf",
        189 => "rip",
        192 => "eigrp",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_hops_and_cut_ones() {
        let gateway = [8, 0, 5, 0, 10, 0, 0, 1];
        let bytes = [&[16, 0, 0, 4, 7, 0, 0, 0][..], &gateway, &[8, 0, 0, 0, 9, 0, 0, 0]].concat();
        let hops = hops_of(&bytes);
        assert_eq!(hops.len(), 2);
        assert_eq!(
            (hops[0].device, hops[0].hops, text(hops[0].attributes.get(GATEWAY))),
            (Some(7), 4, "10.0.0.1".into())
        );
        assert_eq!((hops[1].device, text(hops[1].attributes.get(GATEWAY))), (Some(9), String::new()));
        for end in 0..bytes.len() {
            assert!(hops_of(&bytes[..end]).len() < 2);
        }
    }

    #[test]
    fn addresses_as_gos() {
        assert_eq!(destination(Some(&[10, 1, 0, 0]), 16), "10.1.0.0/16");
        assert_eq!(destination(None, 0), "default");
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4];
        assert_eq!(text(Some(&mapped)), "1.2.3.4");
        let mut six = [0; 16];
        (six[0], six[1]) = (0xfe, 0x80);
        assert_eq!(destination(Some(&six), 64), "fe80::/64");
        assert_eq!(text(Some(&[1, 2])), "");
    }
}
