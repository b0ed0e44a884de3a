//! Ports of InfiniBand and RoCE adapters, from `/sys/class/infiniband`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::dir::Dir;
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.infiniband.device-include",
        Text,
        "Regexp of infiniband devices to include (mutually exclusive to device-exclude).",
    ),
    FlagDef::new(
        "collector.infiniband.device-exclude",
        Text,
        "Regexp of infiniband devices to exclude (mutually exclusive to device-include).",
    ),
];

#[derive(Debug)]
pub(crate) struct Infiniband {
    devices: DeviceFilter,
}

impl Infiniband {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { devices: settings.filter("collector.infiniband.device")? })
    }
}

/// A gigabit a second in bytes a second.
const GBIT: f64 = 125_000_000.0;
/// The ports count data in words of four bytes.
const WORD_BYTES: f64 = 4.0;

impl Collector for Infiniband {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/infiniband")?.ok_or(CollectError::NoData)?;
        for (device, dir) in class.dirs() {
            if self.devices.ignores(&device) {
                continue;
            }
            let firmware = dir.required_text("fw_ver")?;
            let labels = [
                ("board_id", dir.try_text("board_id")?.unwrap_or_default()),
                ("device", device.clone()),
                ("firmware_version", firmware),
                ("hca_type", dir.try_text("hca_type")?.unwrap_or_default()),
            ];
            let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let help = "Non-numeric data from /sys/class/infiniband/<device>, value is always 1.";
            out.info("infiniband_info", help, &labels);
            for (port, dir) in dir.dir("ports").map(|ports| ports.dirs()).unwrap_or_default() {
                collect_port(&device, &port, &dir, out)?;
            }
        }
        Ok(())
    }
}

fn collect_port(device: &str, port: &str, dir: &Dir, out: &mut MetricSink) -> Result<(), CollectError> {
    let labels = [("device", device), ("port", port)];
    let states = [
        (
            "state",
            "infiniband_state_id",
            "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, 4: active, 5: act defer)",
        ),
        (
            "phys_state",
            "infiniband_physical_state_id",
            "Physical state of the InfiniBand port (0: no change, 1: sleep, 2: polling, 3: disable, 4: shift, \
             5: link up, 6: link error recover, 7: phytest)",
        ),
    ];
    for (name, metric, help) in states {
        // As "4: ACTIVE".
        let file = dir.required_file(name)?;
        let id = file.text.split(':').next().unwrap_or_default().trim();
        out.gauge(metric, help, &labels, file.number(1, id)?);
    }
    // As "100 Gb/sec (4X EDR)".
    let file = dir.required_file("rate")?;
    let rate = file.number(1, file.text.split_ascii_whitespace().next().unwrap_or_default())?;
    out.gauge("infiniband_rate_bytes_per_second", "Maximum signal transfer rate", &labels, (rate * GBIT).trunc());

    for (name, table) in
        [("counters_ext", &COUNTERS_EXT[..]), ("counters", &COUNTERS[..]), ("hw_counters", &HW_COUNTERS[..])]
    {
        let Some(dir) = dir.dir(name) else { continue };
        for (file, metric, help) in table {
            let Some(text) = dir.try_text(file)? else { continue };
            // Adapters without a performance manager answer so.
            if text.contains("N/A (no PMA)") {
                continue;
            }
            let value = dir.parse_number(file, &text)?;
            let value = if file.contains("_data") { value * WORD_BYTES } else { value };
            out.counter(format_args!("infiniband_{metric}"), help, &labels, value);
        }
    }
    if let Some(value) = dir.dir("hw_counters").and_then(|dir| dir.number_if_any("lifespan")) {
        let help = "The maximum period in ms which defines the aging of the counter reads. Two consecutive reads \
            within this period might return the same values.";
        out.gauge("infiniband_lifespan_seconds", help, &labels, (value / 1000.0).trunc());
    }
    Ok(())
}

// File, metric, help: counters before Linux 4.5, after it, and of the adapter's own driver.
const COUNTERS_EXT: [(&str, &str, &str); 8] = [
    ("port_multicast_rcv_packets", "legacy_multicast_packets_received_total", "Number of multicast packets received"),
    (
        "port_multicast_xmit_packets",
        "legacy_multicast_packets_transmitted_total",
        "Number of multicast packets transmitted",
    ),
    ("port_rcv_data_64", "legacy_data_received_bytes_total", "Number of data octets received on all links"),
    ("port_rcv_packets_64", "legacy_packets_received_total", "Number of data packets received on all links"),
    ("port_unicast_rcv_packets", "legacy_unicast_packets_received_total", "Number of unicast packets received"),
    ("port_unicast_xmit_packets", "legacy_unicast_packets_transmitted_total", "Number of unicast packets transmitted"),
    ("port_xmit_data_64", "legacy_data_transmitted_bytes_total", "Number of data octets transmitted on all links"),
    ("port_xmit_packets_64", "legacy_packets_transmitted_total", "Number of data packets received on all links"),
];

const COUNTERS: [(&str, &str, &str); 22] = [
    (
        "excessive_buffer_overrun_errors",
        "excessive_buffer_overrun_errors_total",
        "Number of times that OverrunErrors consecutive flow control update periods occurred, each having at least one overrun error.",
    ),
    (
        "link_downed",
        "link_downed_total",
        "Number of times the link failed to recover from an error state and went down",
    ),
    (
        "link_error_recovery",
        "link_error_recovery_total",
        "Number of times the link successfully recovered from an error state",
    ),
    (
        "local_link_integrity_errors",
        "local_link_integrity_errors_total",
        "Number of times that the count of local physical errors exceeded the threshold specified by LocalPhyErrors.",
    ),
    (
        "multicast_rcv_packets",
        "multicast_packets_received_total",
        "Number of multicast packets received (including errors)",
    ),
    (
        "multicast_xmit_packets",
        "multicast_packets_transmitted_total",
        "Number of multicast packets transmitted (including errors)",
    ),
    (
        "port_rcv_constraint_errors",
        "port_constraint_errors_received_total",
        "Number of packets received on the switch physical port that are discarded",
    ),
    (
        "port_xmit_constraint_errors",
        "port_constraint_errors_transmitted_total",
        "Number of packets not transmitted from the switch physical port",
    ),
    ("port_rcv_data", "port_data_received_bytes_total", "Number of data octets received on all links"),
    ("port_xmit_data", "port_data_transmitted_bytes_total", "Number of data octets transmitted on all links"),
    (
        "port_rcv_discards",
        "port_discards_received_total",
        "Number of inbound packets discarded by the port because the port is down or congested",
    ),
    (
        "port_xmit_discards",
        "port_discards_transmitted_total",
        "Number of outbound packets discarded by the port because the port is down or congested",
    ),
    (
        "port_rcv_errors",
        "port_errors_received_total",
        "Number of packets containing an error that were received on this port",
    ),
    (
        "port_rcv_packets",
        "port_packets_received_total",
        "Number of packets received on all VLs by this port (including errors)",
    ),
    (
        "port_xmit_packets",
        "port_packets_transmitted_total",
        "Number of packets transmitted on all VLs from this port (including errors)",
    ),
    (
        "port_xmit_wait",
        "port_transmit_wait_total",
        "Number of ticks during which the port had data to transmit but no data was sent during the entire tick",
    ),
    ("unicast_rcv_packets", "unicast_packets_received_total", "Number of unicast packets received (including errors)"),
    (
        "unicast_xmit_packets",
        "unicast_packets_transmitted_total",
        "Number of unicast packets transmitted (including errors)",
    ),
    (
        "port_rcv_remote_physical_errors",
        "port_receive_remote_physical_errors_total",
        "Number of packets marked with the EBP (End of Bad Packet) delimiter received on the port.",
    ),
    (
        "port_rcv_switch_relay_errors",
        "port_receive_switch_relay_errors_total",
        "Number of packets that could not be forwarded by the switch.",
    ),
    ("symbol_error", "symbol_error_total", "Number of minor link errors detected on one or more physical lanes."),
    ("VL15_dropped", "vl15_dropped_total", "Number of incoming VL15 packets dropped due to resource limitations."),
];

const HW_COUNTERS: [(&str, &str, &str); 29] = [
    (
        "duplicate_request",
        "duplicate_requests_packets_total",
        "The number of received packets. A duplicate request is a request that had been previously executed.",
    ),
    (
        "implied_nak_seq_err",
        "implied_nak_seq_errors_total",
        "The number of time the requested decided an ACK. with a PSN larger than the expected PSN for an RDMA read or response.",
    ),
    (
        "local_ack_timeout_err",
        "local_ack_timeout_errors_total",
        "The number of times QP's ack timer expired for RC, XRC, DCT QPs at the sender side. The QP retry limit was not exceed, therefore it is still recoverable error.",
    ),
    (
        "np_cnp_sent",
        "np_cnp_packets_sent_total",
        "The number of CNP packets sent by the Notification Point when it noticed congestion experienced in the RoCEv2 IP header (ECN bits). The counters was added in MLNX_OFED 4.1",
    ),
    (
        "np_ecn_marked_roce_packets",
        "np_ecn_marked_roce_packets_received_total",
        "The number of RoCEv2 packets received by the notification point which were marked for experiencing the congestion (ECN bits where '11' on the ingress RoCE traffic) . The counters was added in MLNX_OFED 4.1",
    ),
    (
        "out_of_buffer",
        "out_of_buffer_drops_total",
        "The number of drops occurred due to lack of WQE for the associated QPs.",
    ),
    ("out_of_sequence", "out_of_sequence_packets_received_total", "The number of out of sequence packets received."),
    (
        "packet_seq_err",
        "packet_sequence_errors_total",
        "The number of received NAK sequence error packets. The QP retry limit was not exceeded.",
    ),
    (
        "req_cqe_error",
        "req_cqes_errors_total",
        "The number of times requester detected CQEs completed with errors. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "req_cqe_flush_error",
        "req_cqes_flush_errors_total",
        "The number of times requester detected CQEs completed with flushed errors. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "req_remote_access_errors",
        "req_remote_access_errors_total",
        "The number of times requester detected remote access errors. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "req_remote_invalid_request",
        "req_remote_invalid_request_errors_total",
        "The number of times requester detected remote invalid request errors. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "resp_cqe_error",
        "resp_cqes_errors_total",
        "The number of times responder detected CQEs completed with errors. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "resp_cqe_flush_error",
        "resp_cqes_flush_errors_total",
        "The number of times responder detected CQEs completed with flushed errors. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "resp_local_length_error",
        "resp_local_length_errors_total",
        "The number of times responder detected local length errors. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "resp_remote_access_errors",
        "resp_remote_access_errors_total",
        "The number of times responder detected remote access errors. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "rnr_nak_retry_err",
        "rnr_nak_retry_packets_received_total",
        "The number of received RNR NAK packets. The QP retry limit was not exceeded.",
    ),
    (
        "roce_adp_retrans",
        "roce_adp_retransmits_total",
        "The number of adaptive retransmissions for RoCE traffic. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
    ),
    (
        "roce_adp_retrans_to",
        "roce_adp_retransmits_timeout_total",
        "The number of times RoCE traffic reached timeout due to adaptive retransmission. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
    ),
    (
        "roce_slow_restart",
        "roce_slow_restart_used_total",
        "The number of times RoCE slow restart was used. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
    ),
    (
        "roce_slow_restart_cnps",
        "roce_slow_restart_cnps_total",
        "The number of times RoCE slow restart generated CNP packets. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
    ),
    (
        "roce_slow_restart_trans",
        "roce_slow_restart_total",
        "The number of times RoCE slow restart changed state to slow restart. The counter was added in MLNX_OFED rev 5.0-1.0.0.0 and kernel v5.6.0",
    ),
    (
        "rp_cnp_handled",
        "rp_cnp_packets_handled_total",
        "The number of CNP packets handled by the Reaction Point HCA to throttle the transmission rate. The counters was added in MLNX_OFED 4.1",
    ),
    (
        "rp_cnp_ignored",
        "rp_cnp_ignored_packets_received_total",
        "The number of CNP packets received and ignored by the Reaction Point HCA. This counter should not raise if RoCE Congestion Control was enabled in the network. If this counter raise, verify that ECN was enabled on the adapter.",
    ),
    ("rx_atomic_requests", "rx_atomic_requests_total", "The number of received ATOMIC request for the associated QPs."),
    (
        "rx_dct_connect",
        "rx_dct_connect_requests_total",
        "The number of received connection requests for the associated DCTs.",
    ),
    ("rx_read_requests", "rx_read_requests_total", "The number of received READ requests for the associated QPs."),
    ("rx_write_requests", "rx_write_requests_total", "The number of received WRITE requests for the associated QPs."),
    (
        "rx_icrc_encapsulated",
        "rx_icrc_encapsulated_errors_total",
        "The number of RoCE packets with ICRC errors. This counter was added in MLNX_OFED 4.4 and kernel 4.19",
    ),
];
