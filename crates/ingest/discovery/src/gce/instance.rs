//! What is read of an instance, and its labels.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::group::LabelMap;
use crate::label_name::sanitize_label_name;
use crate::null::or_default;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Instance {
    /// A number, which Google's JSON writes as text.
    id: serde_json::Value,
    name: String,
    status: String,
    zone: String,
    machine_type: String,
    #[serde(deserialize_with = "or_default")]
    network_interfaces: Vec<Interface>,
    #[serde(deserialize_with = "or_default")]
    tags: Items<String>,
    #[serde(deserialize_with = "or_default")]
    metadata: Items<Pair>,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Interface {
    name: String,
    network: String,
    subnetwork: String,
    #[serde(rename = "networkIP")]
    network_ip: String,
    #[serde(deserialize_with = "or_default")]
    access_configs: Vec<Access>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "natIP")]
    nat_ip: String,
}

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Items<T> {
    #[serde(default = "Vec::new", deserialize_with = "or_default")]
    items: Vec<T>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    #[serde(default)]
    value: Option<String>,
}

impl Instance {
    /// Returns the labels; `None`: it is in no network.
    pub(super) fn labels(&self, project: &str, port: i64, separator: &str) -> Option<LabelMap> {
        let first = self.network_interfaces.first()?;
        let id = self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned);
        let mut labels = LabelMap::new();
        let mut set = |name: &str, value: &str| drop(labels.insert(format!("__meta_gce_{name}"), value.to_owned()));
        for (name, value) in [
            ("project", project),
            ("zone", &self.zone),
            ("instance_id", &id),
            ("instance_name", &self.name),
            ("instance_status", &self.status),
            ("machine_type", &self.machine_type),
            ("network", &first.network),
            ("subnetwork", &first.subnetwork),
            ("private_ip", &first.network_ip),
        ] {
            set(name, value);
        }
        for interface in &self.network_interfaces {
            set(&format!("interface_ipv4_{}", sanitize_label_name(&interface.name)), &interface.network_ip);
        }
        if !self.tags.items.is_empty() {
            set("tags", &format!("{separator}{}{separator}", self.tags.items.join(separator)));
        }
        for pair in &self.metadata.items {
            if let Some(value) = &pair.value {
                set(&format!("metadata_{}", sanitize_label_name(&pair.key)), value);
            }
        }
        for (name, value) in &self.labels {
            set(&format!("label_{}", sanitize_label_name(name)), value);
        }
        if let Some(access) = first.access_configs.first().filter(|access| access.kind == "ONE_TO_ONE_NAT") {
            set("public_ip", &access.nat_ip);
        }
        // Without brackets, whatever the address, as upstream.
        labels.insert("__address__".to_owned(), format!("{}:{port}", first.network_ip));
        Some(labels)
    }
}
