//! `linode_sd_configs`: servers of Linode.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::section::section;

section! {
    /// The account is the one of the credentials.
    pub struct LinodeSd("`linode_sd_configs`", "*linode.SDConfig", "linode.plain") check check {
        http: HttpClientConfig [inline],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        port: i64 [keep] = 80,
        tag_separator: String = ",".to_owned(),
        region: String,
    }
}

fn check(sd: &mut LinodeSd, node: &Node, reader: &mut Reader<'_>) {
    check_http(&mut sd.http, node, reader);
}
