//! `openstack_sd_configs`: instances, hypervisors and load balancers of OpenStack.

use std::time::Duration;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::http::TlsConfig;
use crate::rules_of_choice::{one_of, require};
use crate::section::section;

section! {
    /// How to log in, and what to list.
    pub struct OpenstackSd("`openstack_sd_configs`", "*openstack.SDConfig", "openstack.plain") check check {
        identity_endpoint: String [keep],
        username: String [keep],
        userid: String [keep],
        password: Secret [keep],
        project_name: String [keep],
        project_id: String [keep],
        domain_name: String [keep],
        domain_id: String [keep],
        application_credential_name: String [keep],
        application_credential_id: String [keep],
        application_credential_secret: Secret [keep],
        role: String [keep],
        region: String [keep],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        port: i64 [keep] = 80,
        all_tenants: bool,
        tls_config: TlsConfig,
        /// `public`, `internal` or `admin`.
        availability: String = "public".to_owned(),
    }
}

fn check(sd: &mut OpenstackSd, node: &Node, reader: &mut Reader<'_>) {
    let unknown = |word: &str| format!("unknown availability {word}, must be one of admin, internal or public");
    one_of(node, reader, "availability", &sd.availability, &["public", "internal", "admin"], "", unknown);
    let unknown = |role: &str| format!("unknown OpenStack SD role {}", quote(role.as_bytes()));
    let absent = "role missing (one of: instance, hypervisor, loadbalancer)";
    one_of(node, reader, "role", &sd.role, &["instance", "hypervisor", "loadbalancer"], absent, unknown);
    require(node, reader, "region", !sd.region.is_empty(), "openstack SD configuration requires a region");
}
