//! `ionos_sd_configs`: servers of IONOS Cloud.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::require;
use crate::section::section;

section! {
    /// One data center.
    pub struct IonosSd("`ionos_sd_configs`", "*ionos.SDConfig", "ionos.plain") check check {
        datacenter_id: String [keep],
        http: HttpClientConfig [inline],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        port: i64 [keep] = 80,
    }
}

fn check(sd: &mut IonosSd, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "datacenter_id", !sd.datacenter_id.is_empty(), "datacenter id can't be empty");
    check_http(&mut sd.http, node, reader);
}
