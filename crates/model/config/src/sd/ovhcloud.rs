//! `ovhcloud_sd_configs`: servers of OVHcloud.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::rules_of_choice::{one_of, require};
use crate::section::section;

section! {
    /// Keys, and which service to list.
    pub struct OvhcloudSd("`ovhcloud_sd_configs`", "*ovhcloud.SDConfig", "ovhcloud.plain") check check {
        endpoint: String [keep] = "ovh-eu".to_owned(),
        application_key: String [keep],
        application_secret: Secret [keep],
        consumer_key: Secret [keep],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        /// `dedicated_server` or `vps`.
        service: String [keep],
    }
}

fn check(sd: &mut OvhcloudSd, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "endpoint", !sd.endpoint.is_empty(), "endpoint can not be empty");
    require(node, reader, "application_key", !sd.application_key.is_empty(), "application key can not be empty");
    let given = !sd.application_secret.is_empty();
    require(node, reader, "application_secret", given, "application secret can not be empty");
    require(node, reader, "consumer_key", !sd.consumer_key.is_empty(), "consumer key can not be empty");
    let unknown = |word: &str| format!("unknown service: {word}");
    one_of(node, reader, "service", &sd.service, &["dedicated_server", "vps"], "", unknown);
}
