//! Instances of a service as targets.

use std::collections::BTreeMap;

use firesteel_config::sd::ConsulSd;
use serde::Deserialize;

use crate::group::{LabelMap, TargetGroup};
use crate::host_port::join_host_port;
use crate::null::or_default;
use crate::sanitize_label_name;

const PREFIX: &str = "__meta_consul_";

/// An item of `/v1/health/service/<name>`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Instance {
    #[serde(deserialize_with = "or_default")]
    node: Node,
    #[serde(deserialize_with = "or_default")]
    service: Service,
    #[serde(deserialize_with = "or_default")]
    checks: Vec<Check>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Node {
    node: String,
    address: String,
    #[serde(deserialize_with = "or_default")]
    meta: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    tagged_addresses: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Service {
    #[serde(rename = "ID")]
    id: String,
    #[serde(deserialize_with = "or_default")]
    tags: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    meta: BTreeMap<String, String>,
    port: i64,
    address: String,
    namespace: String,
    partition: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Check {
    #[serde(rename = "CheckID")]
    check_id: String,
    status: String,
}

/// Makes the group of a service.
pub(super) fn group(name: &str, datacenter: &str, instances: &[Instance], config: &ConsulSd) -> TargetGroup {
    let labels = [("service", name), ("dc", datacenter)];
    TargetGroup {
        source: name.to_owned(),
        targets: instances.iter().map(|instance| target(instance, &config.tag_separator)).collect(),
        labels: labels.map(|(name, value)| (format!("{PREFIX}{name}"), value.to_owned())).into(),
    }
}

fn target(instance: &Instance, separator: &str) -> LabelMap {
    let (node, service) = (&instance.node, &instance.service);
    // A service may be registered through another node than the one it runs on.
    let host = if service.address.is_empty() { &node.address } else { &service.address };
    // Separators on both sides let a pattern match a tag wherever it stands.
    let tags = format!("{separator}{}{separator}", service.tags.join(separator));
    let own = [
        ("address", node.address.clone()),
        ("node", node.node.clone()),
        ("namespace", service.namespace.clone()),
        ("partition", service.partition.clone()),
        ("tags", tags),
        ("service_address", service.address.clone()),
        ("service_port", service.port.to_string()),
        ("service_id", service.id.clone()),
        ("health", health(&instance.checks).to_owned()),
    ];
    let mut labels: LabelMap = own.map(|(name, value)| (format!("{PREFIX}{name}"), value)).into();
    labels.insert("__address__".to_owned(), join_host_port(host, service.port));
    for (kind, map) in
        [("metadata", &node.meta), ("service_metadata", &service.meta), ("tagged_address", &node.tagged_addresses)]
    {
        let free = map.iter().map(|(k, v)| (format!("{PREFIX}{kind}_{}", sanitize_label_name(k)), v.clone()));
        labels.extend(free);
    }
    labels
}

/// The worst of all checks (hashicorp/consul/api, `HealthChecks.AggregatedStatus`).
fn health(checks: &[Check]) -> &'static str {
    let (mut maintenance, mut worst) = (false, 0);
    for check in checks {
        if check.check_id == "_node_maintenance" || check.check_id.starts_with("_service_maintenance:") {
            maintenance = true;
            continue;
        }
        worst = worst.max(match check.status.as_str() {
            "passing" => 0,
            "warning" => 1,
            "critical" => 2,
            _ => return "",
        });
    }
    if maintenance { "maintenance" } else { ["passing", "warning", "critical"][worst] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_as_consul_sums_it_up() {
        let check = |checks: &[(&str, &str)], want: &str| {
            let checks: Vec<Check> = checks
                .iter()
                .map(|(id, status)| Check { check_id: (*id).to_owned(), status: (*status).to_owned() })
                .collect();
            assert_eq!(health(&checks), want);
        };
        check(&[], "passing");
        check(&[("a", "passing"), ("b", "warning")], "warning");
        check(&[("a", "critical"), ("b", "warning")], "critical");
        check(&[("a", "critical"), ("_node_maintenance", "critical")], "maintenance");
        check(&[("_service_maintenance:x", "critical")], "maintenance");
        check(&[("a", "odd"), ("b", "critical")], "");
    }
}
