//! `dockerswarm_sd_configs`: services, tasks or nodes of a swarm.

use firesteel_config::sd::DockerSwarmSd;

use super::daemon::{Daemon, filters_json};
use super::{swarm_nodes, swarm_services, swarm_tasks};
use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::group::{LabelMap, TargetGroup};
use crate::refresh::{Refresh, refreshing};

pub(super) const PREFIX: &str = "__meta_dockerswarm_";

impl Kind for DockerSwarmSd {
    const NAME: &'static str = "dockerswarm";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let daemon = Daemon::new(&self.host, &self.http, self.refresh_interval, context, "dockerswarm_sd")?;
        let swarm = Swarm { daemon, filters: filters_json(&self.filters), role: self.role.clone(), port: self.port };
        Ok(refreshing(swarm, Self::NAME, self.refresh_interval, context))
    }
}

struct Swarm {
    daemon: Daemon,
    filters: Option<String>,
    role: String,
    port: i64,
}

impl Refresh for Swarm {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        let filters = self.filters.as_deref();
        let targets = match self.role.as_str() {
            "services" => swarm_services::targets(&mut self.daemon, filters, self.port).await,
            "tasks" => swarm_tasks::targets(&mut self.daemon, filters, self.port).await,
            _ => swarm_nodes::targets(&mut self.daemon, filters, self.port).await,
        }?;
        Ok(vec![TargetGroup { source: "DockerSwarm".to_owned(), targets, labels: LabelMap::new() }])
    }
}

/// Puts the step that failed before the error, in upstream's words.
pub(super) fn while_doing(step: &'static str) -> impl Fn(DiscoveryError) -> DiscoveryError {
    move |e| DiscoveryError::Other(format!("error while {step}: {e}"))
}

/// Returns the address of a network prefix (`10.0.0.3/24`).
pub(super) fn prefix_ip(prefix: &str) -> Result<String, DiscoveryError> {
    let parsed = prefix.split_once('/').and_then(|(ip, bits)| {
        let ip: std::net::IpAddr = ip.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        (bits <= if ip.is_ipv4() { 32 } else { 128 }).then_some(ip)
    });
    parsed.map(|ip| ip.to_string()).ok_or_else(|| {
        DiscoveryError::Answer(format!("error while parsing address {prefix}: invalid CIDR address: {prefix}"))
    })
}

/// Returns labels with the prefix of the swarm before their names.
pub(super) fn labelled<const N: usize>(pairs: [(&str, String); N]) -> LabelMap {
    pairs.map(|(name, value)| (format!("{PREFIX}{name}"), value)).into()
}
