//! Tasks of a swarm: a target for each port on the node, and for each address on a network and published port.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::add_free_labels;
use super::daemon::Daemon;
use super::networks::network_labels;

use super::swarm::{PREFIX, labelled, prefix_ip, while_doing};
use super::swarm_nodes::node_labels;
use super::swarm_services::{PortConfig, labels_and_ports};
use crate::error::DiscoveryError;
use crate::group::LabelMap;
use crate::host_port::join_host_port;
use crate::null::or_default;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Task {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ServiceID")]
    service_id: String,
    #[serde(rename = "NodeID")]
    node_id: String,
    slot: i64,
    desired_state: String,
    #[serde(deserialize_with = "or_default")]
    spec: TaskSpec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
    #[serde(deserialize_with = "or_default")]
    networks_attachments: Vec<Attachment>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct TaskSpec {
    container_spec: Option<ContainerSpec>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerSpec {
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    state: String,
    container_status: Option<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    port_status: PortStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerStatus {
    #[serde(rename = "ContainerID")]
    container_id: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct PortStatus {
    #[serde(deserialize_with = "or_default")]
    ports: Vec<PortConfig>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Attachment {
    #[serde(deserialize_with = "or_default")]
    network: NetworkRef,
    #[serde(deserialize_with = "or_default")]
    addresses: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkRef {
    #[serde(rename = "ID")]
    id: String,
}

/// Returns the targets of all tasks that pass the filters.
pub(super) async fn targets(
    daemon: &mut Daemon,
    filters: Option<&str>,
    port: i64,
) -> Result<Vec<LabelMap>, DiscoveryError> {
    // upstream: "swarm services" in discovery/moby/tasks.go; kept.
    let tasks: Vec<Task> = daemon.list("tasks", filters).await.map_err(while_doing("listing swarm services"))?;
    let services = labels_and_ports(daemon).await.map_err(while_doing("computing services labels and ports"))?;
    let nodes = node_labels(daemon).await.map_err(while_doing("computing nodes labels and ports"))?;
    let networks = network_labels(daemon, PREFIX).await.map_err(while_doing("computing swarm network labels"))?;
    let mut targets = Vec::new();
    let is_tcp = |port: &&PortConfig| port.protocol == "tcp";
    for task in &tasks {
        let mut common = own_labels(task);
        let (service, ports) = services.get(&task.service_id).cloned().unwrap_or_default();
        common.extend(service);
        common.extend(nodes.get(&task.node_id).cloned().unwrap_or_default());
        let node = common.get(&format!("{PREFIX}node_address")).cloned().unwrap_or_default();
        for published in task.status.port_status.ports.iter().filter(is_tcp) {
            targets.push(published_labels(&common, &node, published));
        }
        for attachment in &task.networks_attachments {
            let mut with = common.clone();
            with.extend(networks.get(&attachment.network.id).cloned().unwrap_or_default());
            for address in &attachment.addresses {
                let ip = prefix_ip(address)?;
                let before = targets.len();
                targets.extend(ports.iter().filter(is_tcp).map(|published| published_labels(&with, &ip, published)));
                if targets.len() == before {
                    let mut labels = with.clone();
                    labels.insert("__address__".to_owned(), join_host_port(&ip, port));
                    targets.push(labels);
                }
            }
        }
    }
    Ok(targets)
}

fn published_labels(with: &LabelMap, host: &str, port: &PortConfig) -> LabelMap {
    let mut labels = with.clone();
    labels.extend(labelled([("task_port_publish_mode", port.publish_mode.clone())]));
    labels.insert("__address__".to_owned(), join_host_port(host, port.published_port));
    labels
}

fn own_labels(task: &Task) -> LabelMap {
    let mut labels = labelled([
        ("task_id", task.id.clone()),
        ("task_desired_state", task.desired_state.clone()),
        ("task_state", task.status.state.clone()),
        ("task_slot", task.slot.to_string()),
    ]);
    if let Some(container) = &task.status.container_status {
        labels.extend(labelled([("task_container_id", container.container_id.clone())]));
    }
    if let Some(spec) = &task.spec.container_spec {
        add_free_labels(&mut labels, &format!("{PREFIX}container_label_"), &spec.labels);
    }
    labels
}
