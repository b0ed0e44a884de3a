//! `alerting`: which Alertmanagers get alerts, and how alerts are relabelled first.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::RelabelConfig;
use crate::http::{HttpClientConfig, check_http};
use crate::naming::ValidationScheme;
use crate::relabel_check::check_rules;
use crate::rules_of_choice::{at_most_one, one_of};
use crate::scrape::check_static_targets;
use crate::sd::SdConfigs;
use crate::section::section;
use crate::sigv4::SigV4Config;

section! {
    /// The block.
    pub struct AlertingConfig("`alerting`", "config.AlertingConfig", "config.plain") {
        alert_relabel_configs: Vec<RelabelConfig>,
        alertmanagers: Vec<AlertmanagerConfig>,
    }
}

section! {
    /// A set of Alertmanagers.
    pub struct AlertmanagerConfig("an Alertmanager entry", "*config.AlertmanagerConfig", "config.AlertmanagerConfig") check check, misplaced MISPLACED {
        http: HttpClientConfig [inline],
        sigv4: Option<SigV4Config>,
        scheme: String = "http".to_owned(),
        path_prefix: String,
        timeout: Duration = Duration::from_secs(10),
        /// Always `v2`.
        api_version: String [keep] = "v2".to_owned(),
        relabel_configs: Vec<RelabelConfig>,
        alert_relabel_configs: Vec<RelabelConfig>,
        discovery: SdConfigs [inline],
    }
}

const MISPLACED: &[(&str, &str)] = &[("targets", "static_configs")];

fn check(am: &mut AlertmanagerConfig, node: &Node, reader: &mut Reader<'_>) {
    if node.get("api_version").is_some_and(|n| !n.is_null()) {
        let unknown = |word: &str| format!("expected Alertmanager api version to be one of [v2] but got {word}");
        one_of(node, reader, "api_version", &am.api_version, &["v2"], "", unknown);
    }
    check_http(&mut am.http, node, reader);
    let upstream = "at most one of basic_auth, authorization, oauth2, & sigv4 must be configured";
    for key in ["basic_auth", "authorization", "oauth2"] {
        if am.sigv4.is_some() {
            at_most_one(node, reader, &[key, "sigv4"], upstream);
        }
    }
    check_static_targets(node, am.relabel_configs.is_empty(), reader);
}

/// Checks all rules of the block under the global naming scheme.
pub(crate) fn check_alerting(
    alerting: &AlertingConfig,
    node: &Node,
    scheme: ValidationScheme,
    reader: &mut Reader<'_>,
) {
    let Some(block) = node.get("alerting") else { return };
    check_rules(&alerting.alert_relabel_configs, block.get("alert_relabel_configs"), scheme, reader);
    let items = block.get("alertmanagers").map_or(&[][..], Node::items).iter().filter(|item| !item.is_null());
    for (am, item) in alerting.alertmanagers.iter().zip(items) {
        check_rules(&am.alert_relabel_configs, item.get("alert_relabel_configs"), scheme, reader);
        check_rules(&am.relabel_configs, item.get("relabel_configs"), scheme, reader);
    }
}
