//! Targets of nodes, services, pods and ingresses, with upstream's labels (`discovery/kubernetes/{node,service,pod,ingress}.go`).

use tracing::warn;

use crate::group::{LabelMap, TargetGroup};
use crate::host_port::join_host_port;
use crate::kubernetes::kind::Object;
use crate::kubernetes::labels::{add_meta, add_namespace, add_node, add_pod, set};
use crate::kubernetes::objects::{Container, ContainerPort, Ingress, Node, Pod, Service};
use crate::kubernetes::store::Store;
use crate::kubernetes::{endpoints, slices};
use crate::label_name::sanitize_label_name;

const ADDRESS: &str = "__address__";

/// Makes the group of an object of the role; `None` leaves what there was.
pub(crate) fn group_of(object: &Object, source: String, store: &Store) -> Option<TargetGroup> {
    let mut group = TargetGroup { source, ..TargetGroup::default() };
    match object {
        Object::Node(node) => of_node(node, &mut group)?,
        Object::Service(service) => of_service(service, store, &mut group),
        Object::Pod(pod) => of_pod(pod, store, &mut group),
        Object::Endpoints(endpoints) => endpoints::of_endpoints(endpoints, store, &mut group),
        Object::EndpointSlice(slice) => slices::of_slice(slice, store, &mut group),
        Object::Ingress(ingress) => of_ingress(ingress, store, &mut group),
        Object::Bare(_) => return None,
    }
    Some(group)
}

/// A target at an address.
pub(crate) fn target_at(address: String) -> LabelMap {
    LabelMap::from([(ADDRESS.to_owned(), address)])
}

fn of_node(node: &Node, group: &mut TargetGroup) -> Option<()> {
    set(&mut group.labels, "node_provider_id", &node.spec.provider_id);
    for condition in &node.status.conditions {
        let name = sanitize_label_name(&condition.kind.to_lowercase());
        set(&mut group.labels, &format!("node_condition_{name}"), condition.status.to_lowercase());
    }
    add_meta(&mut group.labels, &node.metadata, "node");

    let first = |kind: &str| node.status.addresses.iter().find(|address| address.kind == kind);
    let kinds = ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];
    let Some(address) = kinds.into_iter().find_map(first) else {
        warn!(role = "node", err = "host address unknown", "No node address found");
        return None;
    };
    let mut target = target_at(join_host_port(&address.address, node.status.daemon_endpoints.kubelet_endpoint.port));
    target.insert("instance".to_owned(), node.metadata.name.clone());
    for address in node.status.addresses.iter().rev() {
        set(&mut target, &format!("node_address_{}", sanitize_label_name(&address.kind)), &address.address);
    }
    group.targets.push(target);
    Some(())
}

/// Labels of a service, for its own targets and those of its endpoints.
pub(crate) fn add_service(labels: &mut LabelMap, service: &Service) {
    set(labels, "namespace", &service.metadata.namespace);
    add_meta(labels, &service.metadata, "service");
}

fn of_service(service: &Service, store: &Store, group: &mut TargetGroup) {
    let (meta, spec) = (&service.metadata, &service.spec);
    add_service(&mut group.labels, service);
    add_namespace(&mut group.labels, store.namespace(&meta.namespace));
    for port in &spec.ports {
        let mut target = target_at(join_host_port(&format!("{}.{}.svc", meta.name, meta.namespace), port.port));
        set(&mut target, "service_port_name", &port.name);
        set(&mut target, "service_port_number", port.port.to_string());
        set(&mut target, "service_port_protocol", &port.protocol);
        set(&mut target, "service_type", &spec.kind);
        if spec.kind == "ExternalName" {
            set(&mut target, "service_external_name", &spec.external_name);
        } else {
            set(&mut target, "service_cluster_ip", &spec.cluster_ip);
        }
        if spec.kind == "LoadBalancer" {
            let given = service.status.load_balancer.ingress.iter().map(|ingress| ingress.ip.as_str());
            let given: Vec<&str> = given.filter(|ip| !ip.is_empty()).collect();
            let all = if given.is_empty() { spec.load_balancer_ip.clone() } else { given.join(",") };
            set(&mut target, "service_loadbalancer_ip", all);
        }
        group.targets.push(target);
    }
}

fn of_pod(pod: &Pod, store: &Store, group: &mut TargetGroup) {
    let (meta, ip) = (&pod.metadata, pod.status.pod_ip.as_str());
    let node = store.node(&pod.spec.node_name);
    // A pod that starts or was evicted has no address; one on a node that is not there was filtered out with the node.
    if ip.is_empty() || (store.attach().node && node.is_none()) {
        return;
    }
    add_pod(&mut group.labels, pod, store);
    set(&mut group.labels, "namespace", &meta.namespace);
    add_node(&mut group.labels, node);
    add_namespace(&mut group.labels, store.namespace(&meta.namespace));
    for (container, is_init) in pod.containers() {
        let statuses = if is_init { &pod.status.init_container_statuses } else { &pod.status.container_statuses };
        let id = statuses.iter().find(|status| status.name == container.name).map_or("", |s| s.container_id.as_str());
        let whole = |address: String| {
            let mut target = target_at(address);
            add_container(&mut target, container, is_init);
            set(&mut target, "pod_container_id", id);
            target
        };
        if container.ports.is_empty() {
            // The port has to come from relabelling.
            group.targets.push(whole(ip.to_owned()));
        }
        for port in &container.ports {
            let mut target = whole(join_host_port(ip, port.container_port));
            add_port(&mut target, port, &port.protocol);
            group.targets.push(target);
        }
    }
}

fn add_container(target: &mut LabelMap, container: &Container, is_init: bool) {
    set(target, "pod_container_name", &container.name);
    set(target, "pod_container_image", &container.image);
    set(target, "pod_container_init", is_init.to_string());
}

fn add_port(target: &mut LabelMap, port: &ContainerPort, protocol: &str) {
    set(target, "pod_container_port_name", &port.name);
    set(target, "pod_container_port_number", port.container_port.to_string());
    set(target, "pod_container_port_protocol", protocol);
}

/// Adds the container of a pod that has this port; of several the last wins, and of one container its first port.
/// `protocol` is that of the endpoint where upstream takes it from there.
pub(crate) fn add_container_of_port(target: &mut LabelMap, pod: &Pod, port: i32, protocol: Option<&str>) {
    for (container, is_init) in pod.containers() {
        if let Some(found) = container.ports.iter().find(|p| p.container_port == port) {
            add_container(target, container, is_init);
            add_port(target, found, protocol.unwrap_or(&found.protocol));
        }
    }
}

/// Adds a target for each port of a pod's containers that no endpoint has.
pub(crate) fn add_other_ports(group: &mut TargetGroup, pod: &Pod, seen: &[i32], store: &Store) {
    let ip = pod.status.pod_ip.as_str();
    if ip.is_empty() {
        return;
    }
    for (container, is_init) in pod.containers() {
        for port in container.ports.iter().filter(|port| !seen.contains(&port.container_port)) {
            let mut target = target_at(join_host_port(ip, port.container_port));
            add_container(&mut target, container, is_init);
            add_port(&mut target, port, &port.protocol);
            add_pod(&mut target, pod, store);
            group.targets.push(target);
        }
    }
}

fn of_ingress(ingress: &Ingress, store: &Store, group: &mut TargetGroup) {
    let (meta, spec) = (&ingress.metadata, &ingress.spec);
    set(&mut group.labels, "namespace", &meta.namespace);
    if let Some(class) = &spec.ingress_class_name {
        set(&mut group.labels, "ingress_class_name", class);
    }
    add_meta(&mut group.labels, meta, "ingress");
    add_namespace(&mut group.labels, store.namespace(&meta.namespace));
    for rule in &spec.rules {
        let mut patterns = spec.tls.iter().flat_map(|tls| &tls.hosts);
        let scheme = if patterns.any(|pattern| covers(pattern, &rule.host)) { "https" } else { "http" };
        let paths: Vec<&str> =
            rule.http.as_ref().map_or(vec![""], |http| http.paths.iter().map(|p| p.path.as_str()).collect());
        for path in paths {
            let mut target = target_at(rule.host.clone());
            set(&mut target, "ingress_scheme", scheme);
            set(&mut target, "ingress_host", &rule.host);
            set(&mut target, "ingress_path", if path.is_empty() { "/" } else { path });
            group.targets.push(target);
        }
    }
}

/// Returns whether a name, perhaps with a star as its first part, means the host.
fn covers(pattern: &str, host: &str) -> bool {
    let rest = |name: &str| name.split_once('.').map(|(_, rest)| rest.to_owned());
    pattern == host
        || pattern == "*" && !host.contains('.')
        || pattern.starts_with("*.") && rest(pattern).is_some() && rest(pattern) == rest(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_part_of_a_name() {
        for (pattern, host, want) in [
            ("a.b", "a.b", true),
            ("*.b", "a.b", true),
            ("*.b", "a.a.b", false),
            ("*.b", "b", false),
            ("a.*", "a.b", false),
            ("*.b", "*.b", true),
            ("", "", true),
        ] {
            assert_eq!(covers(pattern, host), want, "{pattern} {host}");
        }
    }
}
