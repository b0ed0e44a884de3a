//! Nodes of a swarm.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::add_free_labels;
use super::daemon::Daemon;

use super::swarm::{PREFIX, labelled, while_doing};
use crate::error::DiscoveryError;
use crate::group::LabelMap;
use crate::host_port::join_host_port;
use crate::null::or_default;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    #[serde(rename = "ID")]
    id: String,
    #[serde(deserialize_with = "or_default")]
    spec: NodeSpec,
    #[serde(deserialize_with = "or_default")]
    description: Description,
    #[serde(deserialize_with = "or_default")]
    status: Status,
    manager_status: Option<ManagerStatus>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct NodeSpec {
    role: String,
    availability: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Description {
    hostname: String,
    #[serde(deserialize_with = "or_default")]
    platform: Platform,
    #[serde(deserialize_with = "or_default")]
    engine: Engine,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Platform {
    architecture: String,
    #[serde(rename = "OS")]
    os: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Engine {
    engine_version: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    state: String,
    addr: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ManagerStatus {
    leader: bool,
    reachability: String,
    addr: String,
}

/// Returns a target for each node that passes the filters.
pub(super) async fn targets(
    daemon: &mut Daemon,
    filters: Option<&str>,
    port: i64,
) -> Result<Vec<LabelMap>, DiscoveryError> {
    let nodes: Vec<Node> = daemon.list("nodes", filters).await.map_err(while_doing("listing swarm nodes"))?;
    let target = |node: &Node| {
        let mut labels = own_labels(node);
        labels.extend(labelled([("node_engine_version", node.description.engine.engine_version.clone())]));
        if let Some(manager) = &node.manager_status {
            labels.extend(labelled([
                ("node_manager_leader", manager.leader.to_string()),
                ("node_manager_reachability", manager.reachability.clone()),
                ("node_manager_address", manager.addr.clone()),
            ]));
        }
        labels.insert("__address__".to_owned(), join_host_port(&node.status.addr, port));
        labels
    };
    Ok(nodes.iter().map(target).collect())
}

fn own_labels(node: &Node) -> LabelMap {
    let mut labels = labelled([
        ("node_id", node.id.clone()),
        ("node_role", node.spec.role.clone()),
        ("node_address", node.status.addr.clone()),
        ("node_availability", node.spec.availability.clone()),
        ("node_hostname", node.description.hostname.clone()),
        ("node_platform_architecture", node.description.platform.architecture.clone()),
        ("node_platform_os", node.description.platform.os.clone()),
        ("node_status", node.status.state.clone()),
    ]);
    add_free_labels(&mut labels, &format!("{PREFIX}node_label_"), &node.spec.labels);
    labels
}

/// What tasks take over from their nodes, by the node's ID.
pub(super) async fn node_labels(daemon: &mut Daemon) -> Result<BTreeMap<String, LabelMap>, DiscoveryError> {
    let nodes: Vec<Node> = daemon.list("nodes", None).await.map_err(while_doing("listing swarm nodes"))?;
    Ok(nodes.iter().map(|node| (node.id.clone(), own_labels(node))).collect())
}
