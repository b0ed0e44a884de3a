//! Labels that objects of every kind give.

use crate::group::LabelMap;
use crate::kubernetes::objects::{Bare, Meta, Node, Pod};
use crate::kubernetes::store::Store;
use crate::label_name::sanitize_label_name;

/// Sets `__meta_kubernetes_<name>`.
pub(crate) fn set(labels: &mut LabelMap, name: &str, value: impl Into<String>) {
    labels.insert(format!("__meta_kubernetes_{name}"), value.into());
}

/// Adds name, labels and annotations of an object under a role's prefix.
pub(crate) fn add_meta(labels: &mut LabelMap, meta: &Meta, role: &str) {
    set(labels, &format!("{role}_name"), &meta.name);
    add_labels_and_annotations(labels, meta, role);
}

fn add_labels_and_annotations(labels: &mut LabelMap, meta: &Meta, prefix: &str) {
    for (what, pairs) in [("label", &meta.labels), ("annotation", &meta.annotations)] {
        for (name, value) in pairs {
            let name = sanitize_label_name(name);
            set(labels, &format!("{prefix}_{what}_{name}"), value);
            set(labels, &format!("{prefix}_{what}present_{name}"), "true");
        }
    }
}

/// Adds what `attach_metadata.node` asks for.
pub(crate) fn add_node(labels: &mut LabelMap, node: Option<&Node>) {
    if let Some(node) = node {
        add_meta(labels, &node.metadata, "node");
    }
}

/// Adds what `attach_metadata.namespace` asks for. The name is there already.
pub(crate) fn add_namespace(labels: &mut LabelMap, namespace: Option<&Bare>) {
    if let Some(namespace) = namespace {
        add_labels_and_annotations(labels, &namespace.metadata, "namespace");
    }
}

/// Adds a pod's own labels; `store` knows the owners of its owners and what is to be attached.
pub(crate) fn add_pod(labels: &mut LabelMap, pod: &Pod, store: &Store) {
    let ready = pod.status.conditions.iter().find(|condition| condition.kind == "Ready");
    for (name, value) in [
        ("pod_ip", pod.status.pod_ip.clone()),
        ("pod_ready", ready.map_or("unknown".to_owned(), |condition| condition.status.to_lowercase())),
        ("pod_phase", pod.status.phase.clone()),
        ("pod_node_name", pod.spec.node_name.clone()),
        ("pod_host_ip", pod.status.host_ip.clone()),
        ("pod_uid", pod.metadata.uid.clone()),
    ] {
        set(labels, name, value);
    }
    add_meta(labels, &pod.metadata, "pod");
    let Some(owner) = pod.metadata.controller() else { return };
    for (name, value) in [("pod_controller_kind", &owner.kind), ("pod_controller_name", &owner.name)] {
        if !value.is_empty() {
            set(labels, name, value);
        }
    }
    let key = format!("{}/{}", pod.metadata.namespace, owner.name);
    let above = |object: Option<&Bare>, kind: &str| {
        object?.metadata.controller().filter(|owner| owner.kind == kind).map(|owner| owner.name.clone())
    };
    match owner.kind.as_str() {
        "ReplicaSet" => {
            if let Some(name) = above(store.replica_set(&key), "Deployment") {
                set(labels, "pod_deployment_name", name);
            }
        }
        "Job" => {
            if store.attach().job {
                set(labels, "pod_job_name", &owner.name);
            }
            if store.attach().cronjob
                && let Some(name) = above(store.job(&key), "CronJob")
            {
                set(labels, "pod_cronjob_name", name);
            }
        }
        _ => {}
    }
}
