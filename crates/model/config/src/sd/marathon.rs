//! `marathon_sd_configs`: applications of Marathon.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{at_most_one, require};
use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// Servers, and a token of their own kind.
    pub struct MarathonSd("`marathon_sd_configs`", "*marathon.SDConfig", "marathon.plain") check check {
        servers: Vec<String>,
        refresh_interval: Duration = Duration::from_secs(30),
        auth_token: Secret,
        auth_token_file: FilePath,
        http: HttpClientConfig [inline],
    }
}

fn check(sd: &mut MarathonSd, node: &Node, reader: &mut Reader<'_>) {
    let upstream = "marathon_sd: must contain at least one Marathon server";
    require(node, reader, "servers", !sd.servers.is_empty(), upstream);
    let upstream = "marathon_sd: at most one of auth_token & auth_token_file must be configured";
    at_most_one(node, reader, &["auth_token", "auth_token_file"], upstream);
    let token = if sd.auth_token.is_empty() { "auth_token_file" } else { "auth_token" };
    let upstream = "marathon_sd: at most one of basic_auth, auth_token & auth_token_file must be configured";
    at_most_one(node, reader, &["basic_auth", token], upstream);
    let upstream =
        "marathon_sd: at most one of bearer_token, bearer_token_file, auth_token & auth_token_file must be configured";
    at_most_one(node, reader, &["bearer_token", token], upstream);
    at_most_one(node, reader, &["bearer_token_file", token], upstream);
    let upstream = "marathon_sd: at most one of auth_token, auth_token_file & authorization must be configured";
    at_most_one(node, reader, &["authorization", token], upstream);
    check_http(&mut sd.http, node, reader);
}
