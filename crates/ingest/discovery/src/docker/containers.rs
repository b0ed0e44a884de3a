//! `docker_sd_configs`: a target for each container, network and TCP port.

use std::collections::BTreeMap;
use std::net::IpAddr;

use firesteel_config::sd::DockerSd;
use serde::Deserialize;

use super::add_free_labels;
use super::daemon::{Daemon, filters_json};
use super::networks::network_labels;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::group::{LabelMap, TargetGroup};
use crate::host_port::join_host_port;
use crate::null::or_default;
use crate::refresh::{Refresh, refreshing};

const PREFIX: &str = "__meta_docker_";

impl Kind for DockerSd {
    const NAME: &'static str = "docker";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let daemon = Daemon::new(&self.host, &self.http, self.refresh_interval, context, "docker_sd")?;
        let filters = filters_json(&self.filters);
        Ok(refreshing(Containers { daemon, filters, config: self.clone() }, Self::NAME, self.refresh_interval, context))
    }
}

struct Containers {
    daemon: Daemon,
    filters: Option<String>,
    config: DockerSd,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    id: String,
    #[serde(deserialize_with = "or_default")]
    names: Vec<String>,
    image: String,
    #[serde(rename = "ImageID")]
    image_id: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    ports: Vec<Port>,
    #[serde(deserialize_with = "or_default")]
    host_config: HostConfig,
    #[serde(deserialize_with = "or_default")]
    network_settings: NetworkSettings,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Port {
    #[serde(rename = "IP")]
    ip: String,
    private_port: u16,
    public_port: u16,
    #[serde(rename = "Type")]
    protocol: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    network_mode: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    #[serde(deserialize_with = "or_default")]
    networks: BTreeMap<String, Option<Endpoint>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Endpoint {
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: String,
}

impl Endpoint {
    /// Returns the IPv4 address, or the global IPv6 one, or nothing.
    fn ip(&self) -> String {
        [&self.ip_address, &self.global_ipv6_address]
            .into_iter()
            .map(|ip| address(ip))
            .find(|ip| !ip.is_empty())
            .unwrap_or_default()
    }
}

/// Returns an address as Go prints it; nothing for what is none.
fn address(text: &str) -> String {
    text.parse::<IpAddr>().map(|ip| ip.to_string()).unwrap_or_default()
}

impl Refresh for Containers {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        let during = |what: &str, e: DiscoveryError| DiscoveryError::Other(format!("error while {what}: {e}"));
        let listed = self.daemon.list("containers/json", self.filters.as_deref()).await;
        let containers: Vec<Container> = listed.map_err(|e| during("listing containers", e))?;
        let networks =
            network_labels(&mut self.daemon, PREFIX).await.map_err(|e| during("computing network labels", e))?;
        Ok(vec![group(&containers, &networks, &self.config)])
    }
}

fn group(containers: &[Container], networks: &BTreeMap<String, LabelMap>, config: &DockerSd) -> TargetGroup {
    let mut group = TargetGroup::gone("Docker");
    let by_id: BTreeMap<&str, &Container> = containers.iter().map(|c| (c.id.as_str(), c)).collect();
    for container in containers.iter().filter(|container| !container.names.is_empty()) {
        let common = common_labels(container);
        let joined = joined_networks(container, &by_id);
        let mut endpoints: Vec<&Endpoint> = joined.values().flatten().collect();
        if config.match_first_network && joined.len() > 1 {
            endpoints.truncate(1);
        }
        for endpoint in endpoints {
            let mut with = common.clone();
            with.extend(networks.get(&endpoint.network_id).cloned().unwrap_or_default());
            let ip = endpoint.ip();
            with.insert(format!("{PREFIX}network_ip"), ip.clone());
            let tcp = container.ports.iter().filter(|port| port.protocol == "tcp");
            let before = group.targets.len();
            group.targets.extend(tcp.map(|port| port_labels(&with, &ip, port)));
            if group.targets.len() == before {
                // Containers on the host's network have no ports of their own.
                let on_host = container.host_config.network_mode == "host";
                let address =
                    if on_host { config.host_networking_host.clone() } else { join_host_port(&ip, config.port) };
                with.insert("__address__".to_owned(), address);
                group.targets.push(with);
            }
        }
    }
    group
}

fn common_labels(container: &Container) -> LabelMap {
    let mut labels = LabelMap::new();
    let mut set = |name: &str, value: &str| drop(labels.insert(format!("{PREFIX}container_{name}"), value.to_owned()));
    set("id", &container.id);
    set("name", container.names.first().map_or("", String::as_str));
    set("network_mode", &container.host_config.network_mode);
    if !container.image.is_empty() {
        set("image", &container.image);
    }
    if !container.image_id.is_empty() {
        set("image_id", &container.image_id);
    }
    add_free_labels(&mut labels, &format!("{PREFIX}container_label_"), &container.labels);
    labels
}

/// Returns the networks of a container, or those of the container whose network it shares.
fn joined_networks<'a>(
    container: &'a Container,
    by_id: &BTreeMap<&str, &'a Container>,
) -> &'a BTreeMap<String, Option<Endpoint>> {
    let mut at = container;
    // Longer chains than there are containers would be circles.
    for _ in by_id {
        let shared = at.host_config.network_mode.strip_prefix("container:");
        match shared.and_then(|id| by_id.get(id)) {
            Some(next) if at.network_settings.networks.is_empty() => at = next,
            _ => break,
        }
    }
    &at.network_settings.networks
}

fn port_labels(with: &LabelMap, ip: &str, port: &Port) -> LabelMap {
    let mut labels = with.clone();
    labels.insert("__address__".to_owned(), join_host_port(ip, port.private_port));
    labels.insert(format!("{PREFIX}port_private"), port.private_port.to_string());
    if port.public_port > 0 {
        labels.insert(format!("{PREFIX}port_public"), port.public_port.to_string());
        labels.insert(format!("{PREFIX}port_public_ip"), address(&port.ip));
    }
    labels
}
