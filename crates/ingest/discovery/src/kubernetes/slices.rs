//! Targets of endpoint slices (`discovery/kubernetes/endpointslice.go`).

use crate::group::TargetGroup;
use crate::host_port::join_host_port;
use crate::kubernetes::endpoints::SeenPods;
use crate::kubernetes::labels::{add_meta, add_namespace, add_node, add_pod, set};
use crate::kubernetes::objects::{EndpointSlice, Service, SliceEndpoint, SlicePort};
use crate::kubernetes::store::{SERVICE_NAME, Store};
use crate::kubernetes::targets::{add_container_of_port, add_other_ports, add_service, target_at};
use crate::label_name::sanitize_label_name;

pub(crate) fn of_slice(slice: &EndpointSlice, store: &Store, group: &mut TargetGroup) {
    let meta = &slice.metadata;
    set(&mut group.labels, "namespace", &meta.namespace);
    set(&mut group.labels, "endpointslice_address_type", &slice.address_type);
    add_meta(&mut group.labels, meta, "endpointslice");
    let service = meta.labels.get(SERVICE_NAME).and_then(|name| store.service(&format!("{}/{name}", meta.namespace)));
    if let Some(service) = service {
        add_service(&mut group.labels, service);
    }
    add_namespace(&mut group.labels, store.namespace(&meta.namespace));
    if service.is_some_and(|service| is_second_family(service, &slice.address_type)) {
        return;
    }
    let mut seen = SeenPods::new();
    for endpoint in &slice.endpoints {
        for port in &slice.ports {
            for address in &endpoint.addresses {
                add(address, endpoint, port, store, group, &mut seen);
            }
        }
    }
    for (pod, ports) in seen.values() {
        add_other_ports(group, pod, ports, store);
    }
}

/// Returns whether a slice holds the addresses of a dual-stack service again, in its second family.
fn is_second_family(service: &Service, address_type: &str) -> bool {
    let is_dual = matches!(service.spec.ip_family_policy.as_str(), "PreferDualStack" | "RequireDualStack");
    is_dual && service.spec.ip_families.first().is_some_and(|family| family != address_type)
}

fn add(
    address: &str,
    endpoint: &SliceEndpoint,
    port: &SlicePort,
    store: &Store,
    group: &mut TargetGroup,
    seen: &mut SeenPods,
) {
    let mut target = target_at(port.port.map_or(address.to_owned(), |port| join_host_port(address, port)));
    let number = port.port.map(|port| port.to_string());
    let conditions = &endpoint.conditions;
    let truth = |condition: Option<bool>| condition.map(|condition| condition.to_string());
    for (name, value) in [
        ("port_name", port.name.clone()),
        ("port_protocol", port.protocol.clone()),
        ("port", number),
        ("port_app_protocol", port.app_protocol.clone()),
        ("endpoint_conditions_ready", truth(conditions.ready)),
        ("endpoint_conditions_serving", truth(conditions.serving)),
        ("endpoint_conditions_terminating", truth(conditions.terminating)),
        ("endpoint_hostname", endpoint.hostname.clone()),
        ("address_target_kind", endpoint.target_ref.as_ref().map(|reference| reference.kind.clone())),
        ("address_target_name", endpoint.target_ref.as_ref().map(|reference| reference.name.clone())),
        ("endpoint_node_name", endpoint.node_name.clone()),
        ("endpoint_zone", endpoint.zone.clone()),
    ] {
        if let Some(value) = value {
            set(&mut target, &format!("endpointslice_{name}"), value);
        }
    }
    for (name, value) in &endpoint.deprecated_topology {
        let name = sanitize_label_name(name);
        set(&mut target, &format!("endpointslice_endpoint_topology_{name}"), value);
        set(&mut target, &format!("endpointslice_endpoint_topology_present_{name}"), "true");
    }
    if store.attach().node {
        let named = endpoint.target_ref.as_ref().filter(|reference| reference.kind == "Node");
        let name = named.map(|reference| &reference.name).or(endpoint.node_name.as_ref());
        add_node(&mut target, name.and_then(|name| store.node(name)));
    }
    if let Some(pod) = store.pod(endpoint.target_ref.as_ref()) {
        add_pod(&mut target, &pod, store);
        let entry = seen.entry(pod.metadata.key()).or_insert_with(|| (pod.clone(), Vec::new()));
        if let Some(number) = port.port {
            add_container_of_port(&mut target, &pod, number, None);
            entry.1.push(number);
        }
    }
    group.targets.push(target);
}
