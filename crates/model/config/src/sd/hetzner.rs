//! `hetzner_sd_configs`: servers of Hetzner.

use std::time::Duration;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::one_of;
use crate::section::section;

section! {
    /// Cloud or robot servers.
    pub struct HetznerSd("`hetzner_sd_configs`", "*hetzner.SDConfig", "hetzner.plain") check check {
        http: HttpClientConfig [inline],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        port: i64 [keep] = 80,
        /// `robot` or `hcloud`.
        role: String [keep],
        label_selector: String,
    }
}

fn check(sd: &mut HetznerSd, node: &Node, reader: &mut Reader<'_>) {
    let unknown = |role: &str| format!("unknown role {}", quote(role.as_bytes()));
    let absent = "role missing (one of: robot, hcloud)";
    one_of(node, reader, "role", &sd.role, &["robot", "hcloud"], absent, unknown);
    check_http(&mut sd.http, node, reader);
}
