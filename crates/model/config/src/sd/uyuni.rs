//! `uyuni_sd_configs`: systems of Uyuni.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{check_url, require};
use crate::section::section;

section! {
    /// A server and a user.
    pub struct UyuniSd("`uyuni_sd_configs`", "*uyuni.SDConfig", "uyuni.plain") check check {
        server: String [keep],
        username: String [keep],
        password: Secret [keep],
        http: HttpClientConfig [inline],
        entitlement: String = "monitoring_entitled".to_owned(),
        separator: String = ",".to_owned(),
        refresh_interval: Duration = Duration::from_secs(60),
    }
}

fn check(sd: &mut UyuniSd, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "server", !sd.server.is_empty(), "Uyuni SD configuration requires server host");
    check_url(node, reader, "server", &sd.server);
    require(node, reader, "username", !sd.username.is_empty(), "Uyuni SD configuration requires a username");
    require(node, reader, "password", !sd.password.is_empty(), "Uyuni SD configuration requires a password");
    check_http(&mut sd.http, node, reader);
}
