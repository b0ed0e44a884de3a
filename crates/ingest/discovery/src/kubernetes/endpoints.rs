//! Targets of endpoints (`discovery/kubernetes/endpoints.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::warn;

use crate::group::TargetGroup;
use crate::host_port::join_host_port;
use crate::kubernetes::labels::{add_meta, add_namespace, add_node, add_pod, set};
use crate::kubernetes::objects::{EndpointAddress, EndpointPort, Endpoints, Pod};
use crate::kubernetes::store::Store;
use crate::kubernetes::targets::{add_container_of_port, add_other_ports, add_service, target_at};

/// Pods behind endpoints, and the ports that have a target already.
pub(crate) type SeenPods = BTreeMap<String, (Arc<Pod>, Vec<i32>)>;

pub(crate) fn of_endpoints(endpoints: &Endpoints, store: &Store, group: &mut TargetGroup) {
    let meta = &endpoints.metadata;
    set(&mut group.labels, "namespace", &meta.namespace);
    if let Some(service) = store.service(&meta.key()) {
        add_service(&mut group.labels, service);
    }
    add_meta(&mut group.labels, meta, "endpoints");
    add_namespace(&mut group.labels, store.namespace(&meta.namespace));
    let mut seen = SeenPods::new();
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            for (addresses, ready) in [(&subset.addresses, "true"), (&subset.not_ready_addresses, "false")] {
                for address in addresses {
                    add(address, port, ready, store, group, &mut seen);
                }
            }
        }
    }
    let advice = match meta.labels.get("endpoints.kubernetes.io/over-capacity").map(String::as_str) {
        Some("truncated") => " and has been truncated",
        Some("warning") => "",
        _ => "unsaid",
    };
    if advice != "unsaid" {
        warn!(
            role = "endpoint",
            endpoint = meta.name,
            "Number of endpoints in one Endpoints object exceeds 1000{advice}, please use \"role: endpointslice\" instead"
        );
    }
    for (pod, ports) in seen.values() {
        add_other_ports(group, pod, ports, store);
    }
}

fn add(
    address: &EndpointAddress,
    port: &EndpointPort,
    ready: &str,
    store: &Store,
    group: &mut TargetGroup,
    seen: &mut SeenPods,
) {
    let mut target = target_at(join_host_port(&address.ip, port.port));
    set(&mut target, "endpoint_port_name", &port.name);
    set(&mut target, "endpoint_port_protocol", &port.protocol);
    set(&mut target, "endpoint_ready", ready);
    if let Some(reference) = &address.target_ref {
        set(&mut target, "endpoint_address_target_kind", &reference.kind);
        set(&mut target, "endpoint_address_target_name", &reference.name);
    }
    if let Some(node) = &address.node_name {
        set(&mut target, "endpoint_node_name", node);
    }
    if !address.hostname.is_empty() {
        set(&mut target, "endpoint_hostname", &address.hostname);
    }
    if store.attach().node {
        let named = address.target_ref.as_ref().filter(|reference| reference.kind == "Node");
        let name = address.node_name.as_ref().or(named.map(|reference| &reference.name));
        add_node(&mut target, name.and_then(|name| store.node(name)));
    }
    if let Some(pod) = store.pod(address.target_ref.as_ref()) {
        add_pod(&mut target, &pod, store);
        add_container_of_port(&mut target, &pod, port.port, Some(&port.protocol));
        seen.entry(pod.metadata.key()).or_insert_with(|| (pod, Vec::new())).1.push(port.port);
    }
    group.targets.push(target);
}
