//! Wireless devices and the stations they talk to, from the kernel's nl80211 over netlink.

use crate::netlink::{Attributes, Dump, dump_family, family, u16_at, u64_at};
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Wifi;

// linux/nl80211.h.
const GET_INTERFACE: u8 = 5;
const GET_STATION: u8 = 17;
const GET_SCAN: u8 = 32;
const IFINDEX: u16 = 3;
const IFNAME: u16 = 4;
const MAC: u16 = 6;
const STATION: u16 = 21;
const FREQUENCY: u16 = 38;
const BSS: u16 = 47;
const BSS_ID: u16 = 1;
const BSS_ELEMENTS: u16 = 6;
const BSS_STATUS: u16 = 9;
/// Numbers of information elements: the network's name.
const ELEMENT_SSID: u8 = 0;

/// A `genlmsghdr`.
const HEADER_BYTES: usize = 4;

impl Collector for Wifi {
    fn collect(&self, _: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(nl80211) = family("nl80211")? else { return Err(CollectError::NoData) };
        for (_, device) in dump_family(nl80211, GET_INTERFACE, &[])?.messages(HEADER_BYTES) {
            // Some that the kernel makes for itself have no name.
            let (Some(name), Some(index)) = (device.text(IFNAME), device.u32(IFINDEX)) else { continue };
            let hertz = f64::from(device.u32(FREQUENCY).unwrap_or(0)) * 1e6;
            let help = "The current frequency a WiFi interface is operating at, in hertz.";
            out.gauge("wifi_interface_frequency_hertz", help, &[("device", &name)], hertz);
            let of_device = [(IFINDEX, index.to_ne_bytes())];
            put_network(&name, &dump_family(nl80211, GET_SCAN, &of_device)?, out);
            put_stations(&name, &dump_family(nl80211, GET_STATION, &of_device)?, out);
        }
        Ok(())
    }
}

/// Shows the network that a device belongs to: of all that it has heard, the one with a state.
fn put_network(device: &str, scan: &Dump, out: &mut MetricSink) {
    for (_, message) in scan.messages(HEADER_BYTES) {
        let bss = Attributes(message.get(BSS).unwrap_or_default());
        let Some(status) = bss.u32(BSS_STATUS) else { continue };
        let mode = match status {
            0 | 1 => "client",
            2 => "ad-hoc",
            _ => "unknown",
        };
        let ssid = ssid(bss.get(BSS_ELEMENTS).unwrap_or_default());
        let bssid = hardware_address(bss.get(BSS_ID).unwrap_or_default());
        let labels = [("bssid", bssid.as_str()), ("device", device), ("mode", mode), ("ssid", &ssid)];
        let help = "Labeled WiFi interface station information as provided by the operating system.";
        out.info("wifi_station_info", help, &labels);
        return;
    }
}

/// Returns the name among elements of number, length and bytes.
fn ssid(mut elements: &[u8]) -> String {
    while let [number, length, rest @ ..] = elements {
        let Some((bytes, behind)) = rest.split_at_checked(usize::from(*length)) else { break };
        if *number == ELEMENT_SSID {
            return String::from_utf8_lossy(bytes).into_owned();
        }
        elements = behind;
    }
    String::new()
}

fn hardware_address(bytes: &[u8]) -> String {
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}

/// What a station tells, by the attribute that holds it: metric, help.
#[rustfmt::skip]
const COUNTERS: [(u16, &str, &str); 5] = [
    (11, "wifi_station_transmit_retries_total", "The total number of times a station has had to retry while sending a packet."),
    (12, "wifi_station_transmit_failed_total", "The total number of times a station has failed to send a packet."),
    (18, "wifi_station_beacon_loss_total", "The total number of times a station has detected a beacon loss."),
    (10, "wifi_station_transmitted_packets_total", "The total number of packets transmitted by a station."),
    (9, "wifi_station_received_packets_total", "The total number of packets received by a station."),
];
const INACTIVE_MS: u16 = 1;
const SIGNAL: u16 = 7;
const TRANSMIT_RATE: u16 = 8;
const RECEIVE_RATE: u16 = 14;
const CONNECTED_SECONDS: u16 = 16;
/// The narrow and the wide counter of bytes.
const RECEIVED_BYTES: [u16; 2] = [2, 23];
const TRANSMITTED_BYTES: [u16; 2] = [3, 24];

fn put_stations(device: &str, stations: &Dump, out: &mut MetricSink) {
    for (_, message) in stations.messages(HEADER_BYTES) {
        let Some(bytes) = message.get(STATION) else { continue };
        let station = Attributes(bytes);
        let address = hardware_address(message.get(MAC).unwrap_or_default());
        let labels = [("device", device), ("mac_address", address.as_str())];
        let number = |attribute| f64::from(station.u32(attribute).unwrap_or(0));
        let help = "The total number of seconds a station has been connected to an access point.";
        out.counter("wifi_station_connected_seconds_total", help, &labels, number(CONNECTED_SECONDS));
        let help = "The number of seconds since any wireless activity has occurred on a station.";
        out.gauge("wifi_station_inactive_seconds", help, &labels, number(INACTIVE_MS) / 1000.0);
        let help = "The current WiFi receive bitrate of a station, in bits per second.";
        out.gauge("wifi_station_receive_bits_per_second", help, &labels, rate(station.get(RECEIVE_RATE)));
        let help = "The current WiFi transmit bitrate of a station, in bits per second.";
        out.gauge("wifi_station_transmit_bits_per_second", help, &labels, rate(station.get(TRANSMIT_RATE)));
        let help = "The total number of bytes received by a WiFi station.";
        out.counter("wifi_station_receive_bytes_total", help, &labels, wide(station, RECEIVED_BYTES));
        let help = "The total number of bytes transmitted by a WiFi station.";
        out.counter("wifi_station_transmit_bytes_total", help, &labels, wide(station, TRANSMITTED_BYTES));
        let signal = station.get(SIGNAL).and_then(|bytes| bytes.first()).map_or(0, |byte| byte.cast_signed());
        let help = "The current WiFi signal strength, in decibel-milliwatts (dBm).";
        out.gauge("wifi_station_signal_dbm", help, &labels, f64::from(signal));
        for (attribute, metric, help) in COUNTERS {
            out.counter(metric, help, &labels, number(attribute));
        }
    }
}

/// Reads the wide counter where the kernel has it.
fn wide(station: Attributes<'_>, [narrow, wide]: [u16; 2]) -> f64 {
    match station.get(wide).and_then(|bytes| u64_at(bytes, 0)) {
        Some(value) => value as f64,
        None => f64::from(station.u32(narrow).unwrap_or(0)),
    }
}

/// Reads a rate in bits a second; the kernel counts in units of 100,000.
fn rate(bytes: Option<&[u8]>) -> f64 {
    const BITRATE: u16 = 1;
    const BITRATE_32: u16 = 5;
    const UNIT: f64 = 100_000.0;
    let Some(rate) = bytes.map(Attributes) else { return 0.0 };
    let wide = rate.u32(BITRATE_32).filter(|value| *value != 0);
    let units = wide.or_else(|| Some(u32::from(u16_at(rate.get(BITRATE)?, 0)?)));
    f64::from(units.unwrap_or(0)) * UNIT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, bytes: &[u8]) -> Vec<u8> {
        let mut out = ((bytes.len() + 4) as u16).to_ne_bytes().to_vec();
        out.extend_from_slice(&kind.to_ne_bytes());
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn message(attributes: &[Vec<u8>]) -> Dump {
        let mut dump = Dump::default();
        dump.push(&[&[0; HEADER_BYTES][..], &attributes.concat()].concat());
        dump
    }

    #[test]
    fn a_station_and_its_network() {
        let rate = attribute(5, &1300_u32.to_ne_bytes());
        let station = [
            attribute(1, &2500_u32.to_ne_bytes()),
            attribute(2, &7_u32.to_ne_bytes()),
            attribute(23, &(1_u64 << 40).to_ne_bytes()),
            attribute(3, &9_u32.to_ne_bytes()),
            attribute(7, &[0xce]),
            attribute(14, &rate),
            attribute(8, &attribute(1, &540_u16.to_ne_bytes())),
            attribute(16, &30_u32.to_ne_bytes()),
            attribute(11, &20_u32.to_ne_bytes()),
        ];
        let mut out = MetricSink::default();
        put_stations(
            "wlan0",
            &message(&[attribute(6, &[1, 2, 3, 4, 5, 0xff]), attribute(21, &station.concat())]),
            &mut out,
        );
        let bss = [
            attribute(1, &[1, 2, 3, 4, 5, 6]),
            attribute(6, b"\x01\x01\x82\x00\x04home"),
            attribute(9, &1_u32.to_ne_bytes()),
        ];
        put_network("wlan0", &message(&[attribute(47, &bss.concat())]), &mut out);
        let families = out.into_families();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name == format!("node_wifi_{name}")).expect(name);
            match &family.metrics[0].value {
                firesteel_model::MetricValue::Counter { value, .. } | firesteel_model::MetricValue::Gauge(value) => {
                    *value
                }
                other => panic!("{other:?}"),
            }
        };
        let cases = [
            ("station_inactive_seconds", 2.5),
            ("station_receive_bytes_total", (1_u64 << 40) as f64),
            ("station_transmit_bytes_total", 9.0),
            ("station_signal_dbm", -50.0),
            ("station_receive_bits_per_second", 130e6),
            ("station_transmit_bits_per_second", 54e6),
            ("station_connected_seconds_total", 30.0),
            ("station_transmit_retries_total", 20.0),
            ("station_beacon_loss_total", 0.0),
            ("station_info", 1.0),
        ];
        for (name, want) in cases {
            assert_eq!(value(name), want, "{name}");
        }
        let info = families.iter().find(|family| family.name == "node_wifi_station_info").expect("a network");
        let labels: Vec<(&str, &str)> = info.metrics[0].labels.iter().collect();
        let want = [("bssid", "01:02:03:04:05:06"), ("device", "wlan0"), ("mode", "client"), ("ssid", "home")];
        assert_eq!(labels, want);
        assert_eq!(ssid(b"\x00\x09cut"), "");
    }
}
