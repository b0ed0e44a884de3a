//! `etcd_sd_configs`: targets from keys of etcd. Ours; upstream has no such kind.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{at_most_one, check_http_url, require};
use crate::section::section;

section! {
    /// A cluster and the keys in it whose values name targets.
    pub struct EtcdSd("`etcd_sd_configs`", "*etcd.SDConfig", "etcd.plain") check check {
        /// URLs of the members; the next one is asked when one fails.
        endpoints: Vec<String> [keep],
        /// What the keys begin with.
        prefix: String [keep],
        /// For clusters with authentication switched on.
        username: String,
        password: Secret,
        /// How often all keys are listed anew, beside watching them.
        refresh_interval: Duration = Duration::from_secs(300),
        http: HttpClientConfig [inline],
    }
}

fn check(sd: &mut EtcdSd, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "endpoints", !sd.endpoints.is_empty(), "etcd SD configuration requires an endpoint");
    for endpoint in &sd.endpoints {
        check_http_url(node, reader, "endpoints", endpoint);
    }
    require(node, reader, "prefix", !sd.prefix.is_empty(), "etcd SD configuration requires a prefix of keys");
    let text = "at most one of etcd SD configuration username, basic_auth, authorization & oauth2 can be configured";
    for other in ["basic_auth", "authorization", "oauth2"] {
        at_most_one(node, reader, &["username", other], text);
    }
    check_http(&mut sd.http, node, reader);
}
