//! `outscale_sd_configs`: machines of Outscale.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{at_most_one, require};
use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// A region and keys.
    pub struct OutscaleSd("`outscale_sd_configs`", "*outscale.SDConfig", "outscale.plain") check check {
        endpoint: String,
        region: String [keep] = "eu-west-2".to_owned(),
        access_key: String [keep],
        secret_key: Secret [keep],
        secret_key_file: FilePath [keep],
        refresh_interval: Duration = Duration::from_secs(60),
        port: i64 [keep] = 80,
        http: HttpClientConfig [inline],
    }
}

fn check(sd: &mut OutscaleSd, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "region", !sd.region.is_empty(), "outscale SD configuration requires a region");
    require(node, reader, "access_key", !sd.access_key.is_empty(), "outscale SD configuration requires access_key");
    let given = !sd.secret_key.is_empty() || !sd.secret_key_file.is_empty();
    require(node, reader, "secret_key", given, "one of secret_key & secret_key_file must be configured");
    let upstream = "at most one of secret_key & secret_key_file must be configured";
    at_most_one(node, reader, &["secret_key", "secret_key_file"], upstream);
    if sd.endpoint.is_empty() {
        sd.endpoint = format!("https://api.{}.outscale.com/api/v1", sd.region);
    }
    check_http(&mut sd.http, node, reader);
}
