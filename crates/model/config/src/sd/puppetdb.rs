//! `puppetdb_sd_configs`: resources of PuppetDB.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{check_http_url, require};
use crate::section::section;

section! {
    /// A server and a query.
    pub struct PuppetdbSd("`puppetdb_sd_configs`", "*puppetdb.SDConfig", "puppetdb.plain") check check {
        http: HttpClientConfig [inline],
        refresh_interval: Duration = Duration::from_secs(60),
        url: String [keep],
        query: String [keep],
        include_parameters: bool [keep],
        port: i64 [keep] = 80,
    }
}

fn check(sd: &mut PuppetdbSd, node: &Node, reader: &mut Reader<'_>) {
    check_http_url(node, reader, "url", &sd.url);
    require(node, reader, "query", !sd.query.is_empty(), "query missing");
    check_http(&mut sd.http, node, reader);
}
