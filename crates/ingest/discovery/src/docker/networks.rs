//! Networks, whose labels targets take over.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::add_free_labels;
use super::daemon::Daemon;

use crate::error::DiscoveryError;
use crate::group::LabelMap;
use crate::null::or_default;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Network {
    id: String,
    name: String,
    scope: String,
    internal: bool,
    ingress: bool,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

/// Returns the labels of all networks by their ID; `prefix` is `__meta_docker_` or `__meta_dockerswarm_`.
pub(super) async fn network_labels(
    daemon: &mut Daemon,
    prefix: &str,
) -> Result<BTreeMap<String, LabelMap>, DiscoveryError> {
    let networks: Vec<Network> = daemon.list("networks", None).await?;
    let labelled = networks.into_iter().map(|network| {
        let own = [
            ("id", network.id.clone()),
            ("name", network.name),
            ("scope", network.scope),
            ("internal", network.internal.to_string()),
            ("ingress", network.ingress.to_string()),
        ];
        let mut labels: LabelMap = own.map(|(name, value)| (format!("{prefix}network_{name}"), value)).into();
        add_free_labels(&mut labels, &format!("{prefix}network_label_"), &network.labels);
        (network.id, labels)
    });
    Ok(labelled.collect())
}
