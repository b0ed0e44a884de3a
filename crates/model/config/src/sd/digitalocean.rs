//! `digitalocean_sd_configs`: droplets and databases.

use std::time::Duration;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::AnyValue;
use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::one_of;
use crate::section::section;

section! {
    /// The account is the one of the credentials.
    pub struct DigitaloceanSd("`digitalocean_sd_configs`", "*digitalocean.SDConfig", "digitalocean.plain") check check {
        http: HttpClientConfig [inline],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        port: i64 [keep] = 80,
        role: String [keep] = "droplets".to_owned(),
        /// upstream: a Go field for tests that has no tag, so it is read and printed (digitalocean.go, 3.14); kept.
        httpclient: Option<AnyValue> [keep],
    }
}

fn check(sd: &mut DigitaloceanSd, node: &Node, reader: &mut Reader<'_>) {
    let unknown = |role: &str| format!("unknown DigitalOcean SD role {}", quote(role.as_bytes()));
    let absent = "role missing (one of: droplets, databases)";
    one_of(node, reader, "role", &sd.role, &["droplets", "databases"], absent, unknown);
    check_http(&mut sd.http, node, reader);
}
