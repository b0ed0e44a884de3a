//! `azure_sd_configs`: virtual machines of Azure.

use std::time::Duration;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{one_of, require};
use crate::section::section;

section! {
    /// A subscription and how to log in.
    pub struct AzureSd("`azure_sd_configs`", "*azure.SDConfig", "azure.plain") check check {
        environment: String = "AzurePublicCloud".to_owned(),
        port: i64 [keep] = 80,
        subscription_id: String [keep],
        tenant_id: String,
        client_id: String,
        client_secret: Secret,
        refresh_interval: Duration = Duration::from_secs(300),
        authentication_method: String = "OAuth".to_owned(),
        resource_group: String,
        http: HttpClientConfig [inline],
    }
}

const METHODS: [&str; 4] = ["OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity"];

fn check(sd: &mut AzureSd, node: &Node, reader: &mut Reader<'_>) {
    let lacks = |key: &str| format!("azure SD configuration requires a {key}");
    require(node, reader, "subscription_id", !sd.subscription_id.is_empty(), &lacks("subscription_id"));
    if sd.authentication_method == "OAuth" {
        require(node, reader, "tenant_id", !sd.tenant_id.is_empty(), &lacks("tenant_id"));
        require(node, reader, "client_id", !sd.client_id.is_empty(), &lacks("client_id"));
        require(node, reader, "client_secret", !sd.client_secret.is_empty(), &lacks("client_secret"));
    }
    let unknown = |word: &str| {
        let word = quote(word.as_bytes());
        let [a, b, c, d] = METHODS;
        format!("unknown authentication_type {word}. Supported types are \"{a}\", \"{b}\", \"{c}\" or \"{d}\"")
    };
    one_of(node, reader, "authentication_method", &sd.authentication_method, &METHODS, "", unknown);
    check_http(&mut sd.http, node, reader);
}
