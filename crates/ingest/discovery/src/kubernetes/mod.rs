//! `kubernetes_sd_configs`: nodes, services, pods, endpoints and ingresses of a cluster, followed through list and watch
//! (upstream: `discovery/kubernetes`).

mod access;
mod endpoints;
mod exec;
mod follow;
mod kind;
mod kubeconfig;
mod labels;
mod objects;
mod run;
mod slices;
mod store;
mod targets;

use std::sync::Arc;

use firesteel_config::sd::KubernetesSd;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind, boxed};
use crate::error::DiscoveryError;

use self::access::{Access, Way};
use self::kind::ObjectKind;
use self::run::Kubernetes;

impl Kind for KubernetesSd {
    const NAME: &'static str = "kubernetes";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let role = ObjectKind::of_role(&self.role)
            .ok_or_else(|| DiscoveryError::Other(format!("unknown Kubernetes SD role {:?}", self.role)))?;
        let way = Way::of(self, context)?;
        let namespaces = namespaces(self, &way.own_namespace);
        let access = Arc::new(Access::new(way, context)?);
        let metrics = context.metrics.kubernetes.clone();
        Ok(boxed(Kubernetes { config: self.clone(), role, namespaces, access, metrics }))
    }
}

/// Returns the namespaces to look into; one empty name is all.
fn namespaces(config: &KubernetesSd, own: &str) -> Vec<String> {
    let mut names = config.namespaces.names.clone();
    if config.namespaces.own_namespace && !own.is_empty() {
        names.push(own.to_owned());
    } else if names.is_empty() {
        names.push(String::new());
    }
    names.sort();
    names.dedup();
    names
}
