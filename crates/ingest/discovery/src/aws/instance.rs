//! Labels of an EC2 instance.

use std::collections::BTreeMap;

use firesteel_net::xml::Element;

use crate::group::LabelMap;
use crate::host_port::join_host_port;
use crate::label_name::sanitize_label_name;

/// A network card may have more positions than any machine has cards; what an answer says must not take the memory.
const DEVICES_MAX: usize = 1024;

/// Returns the labels; `None`: it has no address.
pub(super) fn labels(
    instance: &Element,
    owner: &str,
    region: &str,
    zones: &BTreeMap<String, String>,
    port: i64,
) -> Option<LabelMap> {
    let ipv6 = Ipv6::of(instance);
    let private = instance.child("privateIpAddress").map(|found| found.text.as_str());
    let address = private.or(ipv6.chosen())?;
    let mut labels = LabelMap::new();
    let mut set = |name: &str, value: &str| drop(labels.insert(format!("__meta_ec2_{name}"), value.to_owned()));
    let zone = instance.child("placement").map_or("", |placement| placement.value("availabilityZone"));
    set("instance_id", instance.value("instanceId"));
    set("region", region);
    set("owner_id", owner);
    set("default_ipv6_address", ipv6.chosen().unwrap_or_default());
    set("private_ip", private.unwrap_or_default());
    set("private_dns_name", instance.value("privateDnsName"));
    set("platform", instance.value("platform"));
    if let Some(public) = instance.child("ipAddress") {
        set("public_ip", &public.text);
        set("public_dns_name", instance.value("dnsName"));
    }
    if !ipv6.primary.is_empty() {
        set("primary_ipv6_addresses", &surrounded(&ipv6.primary));
    }
    if !ipv6.all.is_empty() {
        set("ipv6_addresses", &surrounded(&ipv6.all));
    }
    set("ami", instance.value("imageId"));
    set("availability_zone", zone);
    set("availability_zone_id", zones.get(zone).map_or("", String::as_str));
    set("instance_state", instance.child("instanceState").map_or("", |state| state.value("name")));
    set("instance_type", instance.value("instanceType"));
    set("instance_lifecycle", instance.value("instanceLifecycle"));
    set("architecture", instance.value("architecture"));
    if let Some(vpc) = instance.child("vpcId") {
        set("vpc_id", &vpc.text);
        set("primary_subnet_id", instance.value("subnetId"));
        let mut subnets: Vec<&str> = Vec::new();
        for subnet in interfaces(instance).map(|card| card.value("subnetId")) {
            if !subnets.contains(&subnet) {
                subnets.push(subnet);
            }
        }
        set("subnet_id", &surrounded(&subnets));
    }
    for tag in instance.child("tagSet").into_iter().flat_map(|tags| tags.all("item")) {
        if let (Some(key), Some(value)) = (tag.child("key"), tag.child("value")) {
            set(&format!("tag_{}", sanitize_label_name(&key.text)), &value.text);
        }
    }
    labels.retain(|_, value| !value.is_empty());
    labels.insert("__address__".to_owned(), join_host_port(address, port));
    Some(labels)
}

/// Returns the network cards that are in a subnet.
fn interfaces(instance: &Element) -> impl Iterator<Item = &Element> {
    let cards = instance.child("networkInterfaceSet").into_iter().flat_map(|cards| cards.all("item"));
    cards.filter(|card| card.child("subnetId").is_some())
}

fn surrounded(parts: &[&str]) -> String {
    format!(",{},", parts.join(","))
}

#[derive(Default)]
struct Ipv6<'a> {
    /// By the position of their card; empty where it has none.
    primary: Vec<&'a str>,
    all: Vec<&'a str>,
}

impl<'a> Ipv6<'a> {
    fn of(instance: &'a Element) -> Self {
        let mut found = Self::default();
        if instance.child("vpcId").is_none() {
            return found;
        }
        for card in interfaces(instance) {
            let at =
                card.child("attachment").and_then(|attachment| attachment.value("deviceIndex").trim().parse().ok());
            for item in card.child("ipv6AddressesSet").into_iter().flat_map(|set| set.all("item")) {
                let address = item.value("ipv6Address");
                found.all.push(address);
                if item.value("isPrimaryIpv6").trim() == "true"
                    && let Some(at) = at.filter(|at: &usize| *at < DEVICES_MAX)
                {
                    if found.primary.len() <= at {
                        found.primary.resize(at + 1, "");
                    }
                    if let Some(slot) = found.primary.get_mut(at) {
                        *slot = address;
                    }
                }
            }
        }
        found
    }

    /// The first primary one, else the first.
    fn chosen(&self) -> Option<&'a str> {
        self.primary.iter().chain(&self.all).find(|address| !address.is_empty()).copied()
    }
}
