//! `kuma_sd_configs`: the monitoring assignments of a Kuma control plane.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{check_url, require, wrong};
use crate::section::section;

section! {
    /// A control plane.
    pub struct KumaSd("`kuma_sd_configs`", "*xds.KumaSDConfig", "xds.plainKumaConf") check check {
        http: HttpClientConfig [inline],
        refresh_interval: Duration = Duration::from_secs(15),
        fetch_timeout: Duration = Duration::from_secs(120),
        server: String,
        client_id: String,
    }
}

fn check(sd: &mut KumaSd, node: &Node, reader: &mut Reader<'_>) {
    let host = sd.server.split_once(':').map_or("", |(_, rest)| crate::url::host_of(rest));
    require(node, reader, "server", !sd.server.is_empty(), "kuma SD server must not be empty: ");
    if !sd.server.is_empty() && check_url(node, reader, "server", &sd.server) && host.is_empty() {
        let upstream = format!("kuma SD server must not be empty and have a scheme: {}", sd.server);
        wrong(node, reader, "server", "FS0132", "`server` must be a URL with scheme and host", upstream);
    }
    check_http(&mut sd.http, node, reader);
}
