//! `stackit_sd_configs`: servers of STACKIT.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{check_url, require};
use crate::section::section;

section! {
    /// A project and how to log in.
    pub struct StackitSd("`stackit_sd_configs`", "*stackit.SDConfig", "stackit.plain") check check {
        http: HttpClientConfig [inline],
        project: String [keep],
        refresh_interval: Duration = Duration::from_secs(60),
        port: i64 = 80,
        region: String = "eu01".to_owned(),
        endpoint: String,
        service_account_key: Secret,
        private_key: Secret,
        service_account_key_path: String,
        private_key_path: String,
        credentials_file_path: String,
    }
}

fn check(sd: &mut StackitSd, node: &Node, reader: &mut Reader<'_>) {
    let given = !(sd.endpoint.is_empty() && sd.region.is_empty());
    require(node, reader, "region", given, "stackit_sd: endpoint and region missing");
    check_url(node, reader, "endpoint", &sd.endpoint);
    check_http(&mut sd.http, node, reader);
}
