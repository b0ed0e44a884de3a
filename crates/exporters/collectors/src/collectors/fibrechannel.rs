//! Ports of Fibre Channel adapters, from `/sys/class/fc_host`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct FibreChannel;

/// Files that become labels of the same name.
const TEXTS: [&str; 10] = [
    "dev_loss_tmo",
    "fabric_name",
    "port_id",
    "port_name",
    "port_state",
    "port_type",
    "speed",
    "supported_classes",
    "supported_speeds",
    "symbolic_name",
];
/// Names that are shown without their "0x".
const HEX: [&str; 3] = ["fabric_name", "port_id", "port_name"];

/// File, metric, help.
const COUNTERS: [(&str, &str, &str); 14] = [
    ("dumped_frames", "dumped_frames_total", "Number of dumped frames"),
    ("error_frames", "error_frames_total", "Number of errors in frames"),
    ("fcp_packet_aborts", "fcp_packet_aborts_total", "Number of aborted packets"),
    ("invalid_crc_count", "invalid_crc_total", "Invalid Cyclic Redundancy Check count"),
    ("invalid_tx_word_count", "invalid_tx_words_total", "Number of invalid words transmitted by host port"),
    ("link_failure_count", "link_failure_total", "Number of times the host port link has failed"),
    ("loss_of_signal_count", "loss_of_signal_total", "Number of times signal has been lost"),
    ("loss_of_sync_count", "loss_of_sync_total", "Number of failures on either bit or transmission word boundaries"),
    ("nos_count", "nos_total", "Number Not_Operational Primitive Sequence received by host port"),
    ("rx_frames", "rx_frames_total", "Number of frames received"),
    ("rx_words", "rx_words_total", "Number of words received by host port"),
    ("seconds_since_last_reset", "seconds_since_last_reset_total", "Number of seconds since last host port reset"),
    ("tx_frames", "tx_frames_total", "Number of frames transmitted by host port"),
    ("tx_words", "tx_words_total", "Number of words transmitted by host port"),
];

impl Collector for FibreChannel {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/fc_host")?.ok_or(CollectError::NoData)?;
        for (name, dir) in class.dirs() {
            let mut texts: [String; TEXTS.len()] = Default::default();
            for (text, file) in texts.iter_mut().zip(TEXTS) {
                *text = dir.try_text(file)?.unwrap_or_default();
                if HEX.contains(&file) && text.len() > 2 && text.is_char_boundary(2) {
                    text.drain(..2);
                }
            }
            let mut labels = vec![("fc_host", name.as_str())];
            labels.extend(TEXTS.into_iter().zip(texts.iter().map(String::as_str)));
            let help = "Non-numeric data from /sys/class/fc_host/<host>, value is always 1.";
            out.info("fibrechannel_info", help, &labels);
            let Some(statistics) = dir.dir("statistics") else { continue };
            for (file, metric, help) in COUNTERS {
                // The firmware says with all bits set that it does not count this.
                let value = statistics.number(file)?.filter(|value| *value < u64::MAX as f64);
                if let Some(value) = value {
                    out.counter(format_args!("fibrechannel_{metric}"), help, &[("fc_host", &name)], value);
                }
            }
        }
        Ok(())
    }
}
