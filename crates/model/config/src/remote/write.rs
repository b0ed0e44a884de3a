//! `remote_write`.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::remote::queue::check_queue;
use crate::remote::{AzureAdConfig, MetadataConfig, QueueConfig, check_headers};
use crate::rules_of_choice::{at_most_one, missing, one_of};
use crate::section::section;
use crate::sigv4::SigV4Config;
use crate::{RelabelConfig, Url};

pub(crate) const AUTHORIZATION: &str = "authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, \
                                        azuread or google_iam parameter";

section! {
    /// An endpoint to write to.
    pub struct RemoteWriteConfig("a `remote_write` entry", "*config.RemoteWriteConfig", "config.plain") check check {
        url: Url [keep],
        remote_timeout: Duration = Duration::from_secs(30),
        headers: BTreeMap<String, String>,
        write_relabel_configs: Vec<RelabelConfig>,
        /// Unique when set.
        name: String,
        send_exemplars: bool,
        send_native_histograms: bool,
        round_robin_dns: bool,
        /// `prometheus.WriteRequest` or `io.prometheus.write.v2.Request`.
        protobuf_message: String = "prometheus.WriteRequest".to_owned(),
        failed_request_logging: bool,
        http: HttpClientConfig [inline] = HttpClientConfig { enable_http2: false, ..HttpClientConfig::default() },
        queue_config: QueueConfig = QueueConfig::default(),
        metadata_config: MetadataConfig = MetadataConfig::default(),
        sigv4: Option<SigV4Config>,
        azuread: Option<AzureAdConfig>,
        google_iam: Option<GoogleIamConfig>,
    }
}

section! {
    /// Google credentials.
    pub struct GoogleIamConfig("`google_iam`", "googleiam.Config", "googleiam.Config") {
        /// Relative to the working directory; empty: Google's default chain.
        credentials_file: String,
    }
}

fn check(write: &mut RemoteWriteConfig, node: &Node, reader: &mut Reader<'_>) {
    if node.get("url").is_none_or(Node::is_null) {
        missing(node, reader, "url", "url for remote_write is empty");
    }
    check_headers(&write.headers, node, reader, AUTHORIZATION);
    let legal = ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"];
    let unknown = |word: &str| {
        format!(
            "invalid protobuf_message value: unknown type for remote write protobuf message {word}, supported: {}",
            legal.join(", ")
        )
    };
    one_of(node, reader, "protobuf_message", &write.protobuf_message, &legal, "", unknown);
    check_http(&mut write.http, node, reader);
    check_queue(&write.queue_config, node, reader);
    let given: Vec<&str> = [
        ("basic_auth", write.http.basic_auth.is_some()),
        ("authorization", write.http.authorization.is_some()),
        ("oauth2", write.http.oauth2.is_some()),
        ("sigv4", write.sigv4.is_some()),
        ("azuread", write.azuread.is_some()),
        ("google_iam", write.google_iam.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, given)| given.then_some(key))
    .collect();
    if given.len() > 1 && given.iter().any(|key| ["sigv4", "azuread", "google_iam"].contains(key)) {
        let upstream = format!(
            "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be configured. \
             Currently configured: [{}]",
            given.join(" ")
        );
        at_most_one(node, reader, &given, &upstream);
    }
}
