//! `nomad_sd_configs`: services of Nomad.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::require;
use crate::section::section;

section! {
    /// A Nomad server.
    pub struct NomadSd("`nomad_sd_configs`", "*nomad.SDConfig", "nomad.plain") check check {
        allow_stale: bool [keep] = true,
        http: HttpClientConfig [inline],
        namespace: String [keep] = "default".to_owned(),
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        region: String [keep] = "global".to_owned(),
        server: String [keep] = "http://localhost:4646".to_owned(),
        tag_separator: String = ",".to_owned(),
    }
}

fn check(sd: &mut NomadSd, node: &Node, reader: &mut Reader<'_>) {
    let upstream = "nomad SD configuration requires a server address";
    require(node, reader, "server", !sd.server.trim().is_empty(), upstream);
    check_http(&mut sd.http, node, reader);
}
