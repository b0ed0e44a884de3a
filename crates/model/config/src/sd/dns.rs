//! `dns_sd_configs`: targets from DNS records.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::rules_of_choice::{missing, one_of, require};
use crate::section::section;

section! {
    /// Names to look up.
    pub struct DnsSd("`dns_sd_configs`", "*dns.SDConfig", "dns.plain") check check {
        names: Vec<String> [keep],
        refresh_interval: Duration = Duration::from_secs(30),
        /// SRV, A, AAAA, MX or NS, in any case.
        record_type as "type": String [keep] = "SRV".to_owned(),
        /// Needed but for SRV.
        port: i64 [keep],
    }
}

fn check(sd: &mut DnsSd, node: &Node, reader: &mut Reader<'_>) {
    let upstream = "DNS-SD config must contain at least one SRV record name";
    require(node, reader, "names", !sd.names.is_empty(), upstream);
    let upper = sd.record_type.to_uppercase();
    let legal = ["SRV", "A", "AAAA", "MX", "NS"];
    one_of(node, reader, "type", &upper, &legal, "", |_| format!("invalid DNS-SD records type {}", sd.record_type));
    if upper != "SRV" && legal.contains(&upper.as_str()) && sd.port == 0 {
        missing(node, reader, "port", "a port is required in DNS-SD configs for all record types except SRV");
    }
}
