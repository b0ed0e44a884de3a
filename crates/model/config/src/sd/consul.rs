//! `consul_sd_configs`: services of a Consul catalog.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::http::{BasicAuth, HttpClientConfig, check_http};
use crate::rules_of_choice::{at_most_one, require};
use crate::section::section;

section! {
    /// A Consul agent and what to take from it.
    pub struct ConsulSd("`consul_sd_configs`", "*consul.SDConfig", "consul.plain") check check {
        server: String = "localhost:8500".to_owned(),
        path_prefix: String,
        token: Secret,
        datacenter: String,
        namespace: String,
        partition: String,
        tag_separator: String = ",".to_owned(),
        scheme: String = "http".to_owned(),
        username: String,
        password: Secret,
        allow_stale: bool [keep] = true,
        refresh_interval: Duration = Duration::from_secs(30),
        /// All services when empty.
        services: Vec<String>,
        tags: Vec<String>,
        node_meta: BTreeMap<String, String>,
        filter: String,
        health_filter: String,
        http: HttpClientConfig [inline],
    }
}

fn check(sd: &mut ConsulSd, node: &Node, reader: &mut Reader<'_>) {
    let upstream = "consul SD configuration requires a server address";
    require(node, reader, "server", !sd.server.trim().is_empty(), upstream);
    let upstream = "at most one of consul SD configuration username and password and basic auth can be configured";
    at_most_one(node, reader, &["username", "basic_auth"], upstream);
    let upstream = "at most one of consul SD token, authorization, or oauth2 can be configured";
    at_most_one(node, reader, &["token", "authorization"], upstream);
    at_most_one(node, reader, &["token", "oauth2"], upstream);
    check_http(&mut sd.http, node, reader);
    if (!sd.username.is_empty() || !sd.password.is_empty()) && sd.http.basic_auth.is_none() {
        let (username, password) = (sd.username.clone(), sd.password.clone());
        sd.http.basic_auth = Some(BasicAuth { username, password, ..BasicAuth::default() });
    }
}
