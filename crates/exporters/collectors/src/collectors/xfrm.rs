//! Packets that IPsec refused, by reason, from `/proc/net/xfrm_stat`.

use std::collections::HashMap;

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Xfrm;

/// Name in the file, metric without `xfrm_` and `_packets_total`, help.
#[rustfmt::skip]
const COUNTERS: [(&str, &str, &str); 28] = [
    ("XfrmInError", "in_error", "All errors not matched by other"),
    ("XfrmInBufferError", "in_buffer_error", "No buffer is left"),
    ("XfrmInHdrError", "in_hdr_error", "Header error"),
    ("XfrmInNoStates", "in_no_states", "No state is found i.e. Either inbound SPI, address, or IPsec protocol at SA is wrong"),
    ("XfrmInStateProtoError", "in_state_proto_error", "Transformation protocol specific error e.g. SA key is wrong"),
    ("XfrmInStateModeError", "in_state_mode_error", "Transformation mode specific error"),
    ("XfrmInStateSeqError", "in_state_seq_error", "Sequence error i.e. Sequence number is out of window"),
    ("XfrmInStateExpired", "in_state_expired", "State is expired"),
    ("XfrmInStateMismatch", "in_state_mismatch", "State has mismatch option e.g. UDP encapsulation type is mismatch"),
    ("XfrmInStateInvalid", "in_state_invalid", "State is invalid"),
    ("XfrmInTmplMismatch", "in_tmpl_mismatch", "No matching template for states e.g. Inbound SAs are correct but SP rule is wrong"),
    ("XfrmInNoPols", "in_no_pols", "No policy is found for states e.g. Inbound SAs are correct but no SP is found"),
    ("XfrmInPolBlock", "in_pol_block", "Policy discards"),
    ("XfrmInPolError", "in_pol_error", "Policy error"),
    ("XfrmOutError", "out_error", "All errors which is not matched others"),
    ("XfrmOutBundleGenError", "out_bundle_gen_error", "Bundle generation error"),
    ("XfrmOutBundleCheckError", "out_bundle_check_error", "Bundle check error"),
    ("XfrmOutNoStates", "out_no_states", "No state is found"),
    ("XfrmOutStateProtoError", "out_state_proto_error", "Transformation protocol specific error"),
    ("XfrmOutStateModeError", "out_state_mode_error", "Transformation mode specific error"),
    ("XfrmOutStateSeqError", "out_state_seq_error", "Sequence error i.e. Sequence number overflow"),
    ("XfrmOutStateExpired", "out_state_expired", "State is expired"),
    ("XfrmOutPolBlock", "out_pol_block", "Policy discards"),
    ("XfrmOutPolDead", "out_pol_dead", "Policy is dead"),
    ("XfrmOutPolError", "out_pol_error", "Policy error"),
    ("XfrmFwdHdrError", "fwd_hdr_error", "Forward routing of a packet is not allowed"),
    ("XfrmOutStateInvalid", "out_state_invalid", "State is invalid, perhaps expired"),
    ("XfrmAcquireError", "acquire_error", "State hasn’t been fully acquired before use"),
];

impl Collector for Xfrm {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("net/xfrm_stat")?;
        let mut found = HashMap::new();
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(name), Some(value), None) = (words.next(), words.next(), words.next()) else {
                return Err(file.malformed(number, "not a name and a number"));
            };
            found.insert(name, file.number(number, value)?);
        }
        for (name, metric, help) in COUNTERS {
            // A kernel too old for a counter shows it as 0, as the reference does.
            let value = found.get(name).copied().unwrap_or(0.0);
            out.counter(format_args!("xfrm_{metric}_packets_total"), help, &[], value);
        }
        Ok(())
    }
}
