//! Services of a swarm: a target for each virtual address and published TCP port.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::add_free_labels;
use super::daemon::Daemon;
use super::networks::network_labels;

use super::swarm::{PREFIX, labelled, prefix_ip, while_doing};
use crate::error::DiscoveryError;
use crate::group::LabelMap;
use crate::host_port::join_host_port;
use crate::null::or_default;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Service {
    #[serde(rename = "ID")]
    id: String,
    #[serde(deserialize_with = "or_default")]
    spec: ServiceSpec,
    #[serde(deserialize_with = "or_default")]
    endpoint: ServiceEndpoint,
    update_status: Option<UpdateStatus>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceSpec {
    name: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    task_template: TaskTemplate,
    #[serde(deserialize_with = "or_default")]
    mode: Mode,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct TaskTemplate {
    /// Missing in services of plug-ins and networks.
    container_spec: Option<ContainerSpec>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerSpec {
    hostname: String,
    image: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Mode {
    global: Option<serde::de::IgnoredAny>,
    replicated: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct UpdateStatus {
    state: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceEndpoint {
    #[serde(deserialize_with = "or_default")]
    ports: Vec<PortConfig>,
    #[serde(rename = "VirtualIPs", deserialize_with = "or_default")]
    virtual_ips: Vec<VirtualIp>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct VirtualIp {
    #[serde(rename = "NetworkID")]
    network_id: String,
    addr: String,
}

/// A port of a service or task.
#[derive(Deserialize, Default, Clone)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PortConfig {
    name: String,
    pub(super) protocol: String,
    pub(super) published_port: u32,
    pub(super) publish_mode: String,
}

/// Returns the targets of all services that pass the filters.
pub(super) async fn targets(
    daemon: &mut Daemon,
    filters: Option<&str>,
    port: i64,
) -> Result<Vec<LabelMap>, DiscoveryError> {
    let services: Vec<Service> =
        daemon.list("services", filters).await.map_err(while_doing("listing swarm services"))?;
    let networks = network_labels(daemon, PREFIX).await.map_err(while_doing("computing swarm network labels"))?;
    let mut targets = Vec::new();
    for service in &services {
        let mut common = own_labels(service);
        if let Some(container) = &service.spec.task_template.container_spec {
            common.extend(labelled([
                ("service_task_container_hostname", container.hostname.clone()),
                ("service_task_container_image", container.image.clone()),
            ]));
        }
        if let Some(status) = &service.update_status {
            common.extend(labelled([("service_updating_status", status.state.clone())]));
        }
        for virtual_ip in &service.endpoint.virtual_ips {
            let ip = prefix_ip(&virtual_ip.addr)?;
            let mut with = common.clone();
            with.extend(networks.get(&virtual_ip.network_id).cloned().unwrap_or_default());
            let before = targets.len();
            for published in service.endpoint.ports.iter().filter(|p| p.protocol == "tcp") {
                let mut labels = with.clone();
                labels.extend(labelled([
                    ("service_endpoint_port_name", published.name.clone()),
                    ("service_endpoint_port_publish_mode", published.publish_mode.clone()),
                ]));
                labels.insert("__address__".to_owned(), join_host_port(&ip, published.published_port));
                targets.push(labels);
            }
            if targets.len() == before {
                with.insert("__address__".to_owned(), join_host_port(&ip, port));
                targets.push(with);
            }
        }
    }
    Ok(targets)
}

fn own_labels(service: &Service) -> LabelMap {
    let mode = match (&service.spec.mode.global, &service.spec.mode.replicated) {
        (Some(_), _) => "global",
        (None, Some(_)) => "replicated",
        (None, None) => "",
    };
    let mut labels = labelled([
        ("service_id", service.id.clone()),
        ("service_name", service.spec.name.clone()),
        ("service_mode", mode.to_owned()),
    ]);
    add_free_labels(&mut labels, &format!("{PREFIX}service_label_"), &service.spec.labels);
    labels
}

/// What tasks take over from their services, by the service's ID.
pub(super) async fn labels_and_ports(
    daemon: &mut Daemon,
) -> Result<BTreeMap<String, (LabelMap, Vec<PortConfig>)>, DiscoveryError> {
    let services: Vec<Service> = daemon.list("services", None).await?;
    Ok(services.into_iter().map(|s| (s.id.clone(), (own_labels(&s), s.endpoint.ports))).collect())
}
