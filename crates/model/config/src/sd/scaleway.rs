//! `scaleway_sd_configs`: servers of Scaleway.

use std::time::Duration;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{at_most_one, one_of, require};
use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// A project and keys.
    pub struct ScalewaySd("`scaleway_sd_configs`", "*scaleway.SDConfig", "scaleway.plain") check check {
        project_id: String [keep],
        api_url: String = "https://api.scaleway.com".to_owned(),
        zone: String [keep] = "fr-par-1".to_owned(),
        access_key: String [keep],
        secret_key: Secret [keep],
        secret_key_file: FilePath [keep],
        name_filter: String,
        tags_filter: Vec<String>,
        http: HttpClientConfig [inline],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        port: i64 [keep] = 80,
        /// `instance` or `baremetal`.
        role: String [keep],
    }
}

fn check(sd: &mut ScalewaySd, node: &Node, reader: &mut Reader<'_>) {
    let unknown = |role: &str| format!("unknown role {}", quote(role.as_bytes()));
    let absent = "role missing (one of: instance, baremetal)";
    one_of(node, reader, "role", &sd.role, &["instance", "baremetal"], absent, unknown);
    require(node, reader, "project_id", !sd.project_id.is_empty(), "project_id is mandatory");
    let given = !sd.secret_key.is_empty() || !sd.secret_key_file.is_empty();
    require(node, reader, "secret_key", given, "one of secret_key & secret_key_file must be configured");
    let upstream = "at most one of secret_key & secret_key_file must be configured";
    at_most_one(node, reader, &["secret_key", "secret_key_file"], upstream);
    require(node, reader, "access_key", !sd.access_key.is_empty(), "access_key is mandatory");
    check_http(&mut sd.http, node, reader);
}
