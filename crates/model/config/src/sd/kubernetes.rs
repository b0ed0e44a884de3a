//! `kubernetes_sd_configs`: nodes, services, pods, endpoints and ingresses of a cluster.

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{not_a_choice, one_of, value_span, wrong};
use crate::section::section;
use crate::{FilePath, Url};

section! {
    /// How to reach the cluster and what to look for.
    pub struct KubernetesSd("`kubernetes_sd_configs`", "*kubernetes.SDConfig", "kubernetes.plain") check check {
        /// Empty: the cluster this process runs in.
        api_server: Url,
        role: String [keep],
        kubeconfig_file: FilePath [keep],
        http: HttpClientConfig [inline],
        namespaces: KubernetesNamespaces,
        selectors: Vec<KubernetesSelector>,
        attach_metadata: KubernetesAttachMetadata,
    }
}

section! {
    /// Which namespaces; all when empty.
    pub struct KubernetesNamespaces("`namespaces`", "kubernetes.NamespaceDiscovery", "kubernetes.plain") {
        own_namespace: bool [keep],
        names: Vec<String> [keep],
    }
}

section! {
    /// Narrows what one role finds.
    pub struct KubernetesSelector("a selector", "kubernetes.SelectorConfig", "kubernetes.SelectorConfig") {
        role: String,
        label: String,
        field: String,
    }
}

section! {
    /// Labels of the objects around a target.
    pub struct KubernetesAttachMetadata("`attach_metadata`", "kubernetes.AttachMetadataConfig", "kubernetes.AttachMetadataConfig") {
        node: bool [keep],
        namespace: bool [keep],
        deployment: bool [keep],
        job: bool [keep],
        cronjob: bool [keep],
    }
}

const ROLES: [&str; 6] = ["pod", "service", "endpoints", "endpointslice", "node", "ingress"];

fn check(sd: &mut KubernetesSd, node: &Node, reader: &mut Reader<'_>) {
    let absent = "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)";
    let unknown = |role: &str| format!("unknown Kubernetes SD role {}", quote(role.as_bytes()));
    one_of(node, reader, "role", &sd.role, &ROLES, absent, unknown);
    check_http(&mut sd.http, node, reader);
    let own_http = sd.http != HttpClientConfig::default();
    // `api_server: ""` counts as given here, as a parsed URL does in Go.
    let (remote, kubeconfig) = (node.get("api_server").is_some_and(|n| !n.is_null()), !sd.kubeconfig_file.is_empty());
    let mut clash = |key: &str, message: &str, upstream: &str| {
        wrong(node, reader, key, "FS0161", message, upstream);
    };
    if remote && kubeconfig {
        let upstream = "cannot use 'kubeconfig_file' and 'api_server' simultaneously";
        clash("kubeconfig_file", "the cluster is given twice: keep `api_server` or `kubeconfig_file`", upstream);
    }
    if kubeconfig && own_http {
        let upstream = "cannot use a custom HTTP client configuration together with 'kubeconfig_file'";
        clash("kubeconfig_file", "`kubeconfig_file` already says how to make requests", upstream);
    } else if !remote && own_http {
        let upstream = "to use custom HTTP client configuration please provide the 'api_server' URL explicitly";
        clash("role", "settings of the HTTP client need `api_server`", upstream);
    }
    if remote && sd.namespaces.own_namespace {
        let upstream = "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously";
        clash("namespaces", "`own_namespace` holds only inside the cluster, without `api_server`", upstream);
    }
    if kubeconfig && sd.namespaces.own_namespace {
        let upstream = "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously";
        clash("namespaces", "`own_namespace` holds only inside the cluster, without `kubeconfig_file`", upstream);
    }
    check_selectors(sd, node, reader);
}

fn check_selectors(sd: &KubernetesSd, node: &Node, reader: &mut Reader<'_>) {
    let allowed: &[&str] = match sd.role.as_str() {
        "pod" => &["pod", "node"],
        "service" => &["service"],
        "endpointslice" => &["pod", "service", "endpointslice"],
        "endpoints" => &["pod", "service", "endpoints"],
        "node" => &["node"],
        "ingress" => &["ingress"],
        _ => return,
    };
    let items = node.get("selectors").map_or(&[][..], Node::items);
    for (at, (selector, item)) in sd.selectors.iter().zip(items).enumerate() {
        let role = selector.role.as_str();
        if !role.is_empty() && !ROLES.contains(&role) {
            let upstream = format!("unknown Kubernetes SD role {}", quote(role.as_bytes()));
            not_a_choice(reader, value_span(item, "role"), "a role", role, &ROLES, upstream);
        } else if sd.selectors.iter().take(at).any(|other| other.role == role) {
            let upstream = format!("duplicated selector role: {role}");
            wrong(item, reader, "role", "FS0162", format!("there is already a selector for `{role}`"), upstream);
        } else if !allowed.contains(&role) {
            let list = allowed.join(", ");
            let upstream = format!("{} role supports only {list} selectors", sd.role);
            wrong(
                item,
                reader,
                "role",
                "FS0163",
                format!("role `{}` takes selectors for {list} only", sd.role),
                upstream,
            );
        }
        check_label_selector(&selector.label, item, reader);
        check_field_selector(&selector.field, item, reader);
    }
}

/// The simple half of the syntax: commas between `key=value`, `key!=value`, `key`, `!key`, `key in (a,b)`.
fn check_label_selector(text: &str, item: &Node, reader: &mut Reader<'_>) {
    let open = text.matches('(').count();
    if open != text.matches(')').count() {
        let upstream = format!("unable to parse requirement: found '', expected: ',' or ')' in {text}");
        wrong(item, reader, "label", "FS0164", "a bracket of this selector is not closed", upstream);
    }
}

fn check_field_selector(text: &str, item: &Node, reader: &mut Reader<'_>) {
    for term in text.split(',').map(str::trim).filter(|term| !term.is_empty()) {
        if !term.contains('=') {
            let upstream = format!("invalid selector: '{text}'; can't understand '{term}'");
            wrong(item, reader, "field", "FS0164", format!("`{term}` is no condition: write key=value"), upstream);
        }
    }
}
