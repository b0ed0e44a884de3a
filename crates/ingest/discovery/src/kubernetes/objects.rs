//! What discovery reads of the cluster's objects: a few fields each, so that a hundred thousand pods fit into memory.
//!
//! Every field may be absent or null, as Go's JSON writes empty lists.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Reads null as the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

macro_rules! object {
    ($(#[$meta:meta])* $name:ident { $( $(#[$field_meta:meta])* $field:ident: $ty:ty ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Debug, Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub(crate) struct $name {
            $( $(#[$field_meta])* #[serde(deserialize_with = "or_default")] pub(crate) $field: $ty, )*
        }
    };
}

object! {
    /// `metadata`.
    Meta {
        name: String,
        namespace: String,
        uid: String,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
        owner_references: Vec<Owner>,
    }
}

object! {
    /// Who made an object.
    Owner { kind: String, name: String, controller: bool }
}

impl Meta {
    /// Returns `namespace/name`, or the name alone of what stands in no namespace.
    pub(crate) fn key(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }

    /// Returns the owner that controls the object.
    pub(crate) fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

object! {
    /// A node.
    Node { metadata: Meta, spec: NodeSpec, status: NodeStatus }
}

object! {
    NodeSpec {
        #[serde(rename = "providerID")]
        provider_id: String,
    }
}

object! {
    NodeStatus { addresses: Vec<NodeAddress>, conditions: Vec<Condition>, daemon_endpoints: DaemonEndpoints }
}

object! {
    NodeAddress {
        #[serde(rename = "type")]
        kind: String,
        address: String,
    }
}

object! {
    Condition {
        #[serde(rename = "type")]
        kind: String,
        status: String,
    }
}

object! {
    DaemonEndpoints { kubelet_endpoint: KubeletEndpoint }
}

object! {
    KubeletEndpoint {
        #[serde(rename = "Port")]
        port: i32,
    }
}

object! {
    /// A namespace, or a replica set or job: who owns it is all that is read.
    Bare { metadata: Meta }
}

object! {
    /// A service.
    Service { metadata: Meta, spec: ServiceSpec, status: ServiceStatus }
}

object! {
    ServiceSpec {
        #[serde(rename = "type")]
        kind: String,
        #[serde(rename = "clusterIP")]
        cluster_ip: String,
        external_name: String,
        #[serde(rename = "loadBalancerIP")]
        load_balancer_ip: String,
        ip_family_policy: String,
        ip_families: Vec<String>,
        ports: Vec<ServicePort>,
    }
}

object! {
    ServicePort { name: String, port: i32, protocol: String }
}

object! {
    ServiceStatus { load_balancer: LoadBalancer }
}

object! {
    LoadBalancer { ingress: Vec<LoadBalancerIngress> }
}

object! {
    LoadBalancerIngress { ip: String }
}

object! {
    /// A pod.
    Pod { metadata: Meta, spec: PodSpec, status: PodStatus }
}

object! {
    PodSpec { node_name: String, containers: Vec<Container>, init_containers: Vec<Container> }
}

object! {
    Container { name: String, image: String, ports: Vec<ContainerPort> }
}

object! {
    ContainerPort { name: String, container_port: i32, protocol: String }
}

object! {
    PodStatus {
        #[serde(rename = "podIP")]
        pod_ip: String,
        #[serde(rename = "hostIP")]
        host_ip: String,
        phase: String,
        conditions: Vec<Condition>,
        container_statuses: Vec<ContainerStatus>,
        init_container_statuses: Vec<ContainerStatus>,
    }
}

object! {
    ContainerStatus {
        name: String,
        #[serde(rename = "containerID")]
        container_id: String,
    }
}

impl Pod {
    /// Returns all containers, those that run before the others last, and whether each is such.
    pub(crate) fn containers(&self) -> impl Iterator<Item = (&Container, bool)> {
        let usual = self.spec.containers.iter().map(|container| (container, false));
        usual.chain(self.spec.init_containers.iter().map(|container| (container, true)))
    }
}

object! {
    /// The endpoints of a service, in one object.
    Endpoints { metadata: Meta, subsets: Vec<EndpointSubset> }
}

object! {
    EndpointSubset {
        addresses: Vec<EndpointAddress>,
        not_ready_addresses: Vec<EndpointAddress>,
        ports: Vec<EndpointPort>,
    }
}

object! {
    EndpointAddress { ip: String, hostname: String, node_name: Option<String>, target_ref: Option<Reference> }
}

object! {
    EndpointPort { name: String, port: i32, protocol: String }
}

object! {
    Reference { kind: String, name: String, namespace: String }
}

object! {
    /// Some of the endpoints of a service.
    EndpointSlice { metadata: Meta, address_type: String, endpoints: Vec<SliceEndpoint>, ports: Vec<SlicePort> }
}

object! {
    SliceEndpoint {
        addresses: Vec<String>,
        conditions: SliceConditions,
        hostname: Option<String>,
        node_name: Option<String>,
        zone: Option<String>,
        target_ref: Option<Reference>,
        deprecated_topology: BTreeMap<String, String>,
    }
}

object! {
    SliceConditions { ready: Option<bool>, serving: Option<bool>, terminating: Option<bool> }
}

object! {
    SlicePort { name: Option<String>, protocol: Option<String>, port: Option<i32>, app_protocol: Option<String> }
}

object! {
    /// An ingress.
    Ingress { metadata: Meta, spec: IngressSpec }
}

object! {
    IngressSpec { ingress_class_name: Option<String>, tls: Vec<IngressTls>, rules: Vec<IngressRule> }
}

object! {
    IngressTls { hosts: Vec<String> }
}

object! {
    IngressRule { host: String, http: Option<IngressHttp> }
}

object! {
    IngressHttp { paths: Vec<IngressPath> }
}

object! {
    IngressPath { path: String }
}

object! {
    /// An answer that says what went wrong.
    Status { message: String, reason: String, code: u16 }
}
