//! `triton_sd_configs`: containers and compute nodes of Triton.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::TlsConfig;
use crate::rules_of_choice::{one_of, require, wrong};
use crate::section::section;

section! {
    /// An account and an endpoint.
    pub struct TritonSd("`triton_sd_configs`", "*triton.SDConfig", "triton.plain") check check {
        account: String [keep],
        /// `container` or `cn`.
        role: String [keep] = "container".to_owned(),
        dns_suffix: String [keep],
        endpoint: String [keep],
        groups: Vec<String>,
        port: i64 [keep] = 9163,
        refresh_interval: Duration = Duration::from_secs(60),
        tls_config: TlsConfig,
        version: i64 [keep] = 1,
    }
}

fn check(sd: &mut TritonSd, node: &Node, reader: &mut Reader<'_>) {
    let unknown = |_: &str| "triton SD configuration requires role to be 'container' or 'cn'".to_owned();
    one_of(node, reader, "role", &sd.role, &["container", "cn"], "", unknown);
    require(node, reader, "account", !sd.account.is_empty(), "triton SD configuration requires an account");
    require(node, reader, "dns_suffix", !sd.dns_suffix.is_empty(), "triton SD configuration requires a dns_suffix");
    require(node, reader, "endpoint", !sd.endpoint.is_empty(), "triton SD configuration requires an endpoint");
    if sd.refresh_interval.is_zero() {
        let upstream = "triton SD configuration requires RefreshInterval to be a positive integer";
        wrong(node, reader, "refresh_interval", "FS0167", "`refresh_interval` must be above zero", upstream);
    }
}
