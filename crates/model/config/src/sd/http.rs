//! `http_sd_configs`: targets from an HTTP endpoint.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::check_http_url;
use crate::section::section;

section! {
    /// An endpoint that answers with a JSON list of target groups.
    pub struct HttpSd("`http_sd_configs`", "*http.SDConfig", "http.plain") check check {
        http: HttpClientConfig [inline],
        refresh_interval: Duration = Duration::from_secs(60),
        /// `http` or `https`, with a host.
        url: String [keep],
    }
}

fn check(sd: &mut HttpSd, node: &Node, reader: &mut Reader<'_>) {
    check_http_url(node, reader, "url", &sd.url);
    check_http(&mut sd.http, node, reader);
}
