//! `nomad_sd_configs`: services that Nomad knows (upstream: `discovery/nomad`).

use std::time::Duration;

use firesteel_client::Counter;
use firesteel_config::sd::NomadSd;
use serde::Deserialize;
use url::Url;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::fetch::Fetcher;
use crate::group::{LabelMap, TargetGroup};
use crate::host_port::join_host_port;
use crate::refresh::{Refresh, refreshing};

/// No single answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Kind for NomadSd {
    const NAME: &'static str = "nomad";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let options = context.client_options("nomad_sd");
        let base = Url::parse(&self.server)
            .map_err(|e| DiscoveryError::Other(format!("invalid address '{}': {e}", self.server)))?;
        let nomad = Nomad {
            fetcher: Fetcher::new(&self.http, options, TIMEOUT)?,
            base,
            config: self.clone(),
            failures: context.metrics.nomad_failures.clone(),
        };
        Ok(refreshing(nomad, Self::NAME, self.refresh_interval, context))
    }
}

struct Nomad {
    fetcher: Fetcher,
    base: Url,
    config: NomadSd,
    failures: Counter,
}

/// The services of a namespace.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Stub {
    services: Option<Vec<ServiceStub>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ServiceStub {
    service_name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Instance {
    #[serde(rename = "ID")]
    id: String,
    service_name: String,
    namespace: String,
    #[serde(rename = "NodeID")]
    node_id: String,
    datacenter: String,
    tags: Option<Vec<String>>,
    address: String,
    port: i64,
}

impl Nomad {
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["v1"]).extend(path);
        }
        let config = &self.config;
        for (name, value) in [("namespace", &config.namespace), ("region", &config.region)] {
            if !value.is_empty() {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        if config.allow_stale {
            url.query_pairs_mut().append_pair("stale", "");
        }
        url
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, path: &[&str]) -> Result<T, DiscoveryError> {
        let url = self.url(path);
        let fetched = self.fetcher.get(&url).await?;
        if !fetched.status.is_success() {
            let said = String::from_utf8_lossy(&fetched.body);
            let said = said.trim();
            return Err(DiscoveryError::Status(format!(
                "Unexpected response code: {} ({said})",
                fetched.status.as_u16()
            )));
        }
        serde_json::from_slice(&fetched.body).map_err(|error| DiscoveryError::Answer(format!("{url}: {error}")))
    }

    async fn all(&self) -> Result<TargetGroup, DiscoveryError> {
        let mut group = TargetGroup { source: "Nomad".to_owned(), ..TargetGroup::default() };
        let stubs: Option<Vec<Stub>> = self.ask(&["services"]).await?;
        for service in stubs.unwrap_or_default().into_iter().flat_map(|stub| stub.services.unwrap_or_default()) {
            let instances: Option<Vec<Instance>> = self
                .ask(&["service", &service.service_name])
                .await
                .map_err(|error| DiscoveryError::Other(format!("failed to fetch services: {error}")))?;
            let instances = instances.unwrap_or_default();
            group.targets.extend(instances.iter().map(|instance| labels(instance, &self.config.tag_separator)));
        }
        Ok(group)
    }
}

fn labels(instance: &Instance, separator: &str) -> LabelMap {
    let port = instance.port.to_string();
    let mut labels: LabelMap = [
        ("address", instance.address.as_str()),
        ("dc", &instance.datacenter),
        ("node_id", &instance.node_id),
        ("namespace", &instance.namespace),
        ("service_address", &instance.address),
        ("service_id", &instance.id),
        ("service_port", &port),
        ("service", &instance.service_name),
    ]
    .into_iter()
    .map(|(name, value)| (format!("__meta_nomad_{name}"), value.to_owned()))
    .collect();
    labels.insert("__address__".to_owned(), join_host_port(&instance.address, &port));
    if let Some(tags) = instance.tags.as_ref().filter(|tags| !tags.is_empty()) {
        labels.insert("__meta_nomad_tags".to_owned(), format!("{separator}{}{separator}", tags.join(separator)));
    }
    labels
}

impl Refresh for Nomad {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        let found = self.all().await;
        if found.is_err() {
            self.failures.inc();
        }
        Ok(vec![found?])
    }
}
