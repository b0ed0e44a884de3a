//! `eureka_sd_configs`: applications of a Eureka server.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{check_url, require, wrong};
use crate::section::section;

section! {
    /// The server.
    pub struct EurekaSd("`eureka_sd_configs`", "*eureka.SDConfig", "eureka.plain") check check {
        server: String,
        http: HttpClientConfig [inline],
        refresh_interval: Duration = Duration::from_secs(30),
    }
}

fn check(sd: &mut EurekaSd, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "server", !sd.server.is_empty(), "eureka_sd: empty or null eureka server");
    let host = sd.server.split_once(':').map_or("", |(_, rest)| crate::url::host_of(rest));
    if !sd.server.is_empty() && check_url(node, reader, "server", &sd.server) && host.is_empty() {
        let upstream = "eureka_sd: invalid eureka server URL";
        wrong(node, reader, "server", "FS0132", "`server` must be a URL with scheme and host", upstream);
    }
    check_http(&mut sd.http, node, reader);
}
