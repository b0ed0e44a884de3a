//! `vultr_sd_configs`: instances of Vultr.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::section::section;

section! {
    /// The account is the one of the credentials.
    pub struct VultrSd("`vultr_sd_configs`", "*vultr.SDConfig", "vultr.plain") check check {
        http: HttpClientConfig [inline],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        port: i64 [keep] = 80,
    }
}

fn check(sd: &mut VultrSd, node: &Node, reader: &mut Reader<'_>) {
    check_http(&mut sd.http, node, reader);
}
