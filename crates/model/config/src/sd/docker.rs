//! `docker_sd_configs` and `dockerswarm_sd_configs`: containers and services of a Docker daemon.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{check_url, one_of, require};
use crate::section::section;

section! {
    /// Containers of one daemon.
    pub struct DockerSd("`docker_sd_configs`", "*moby.DockerSDConfig", "moby.plain") check check_docker {
        http: HttpClientConfig [inline],
        /// Address of the daemon, such as `unix:///var/run/docker.sock`.
        host: String [keep],
        port: i64 [keep] = 80,
        filters: Vec<DockerFilter> [keep],
        host_networking_host: String [keep] = "localhost".to_owned(),
        refresh_interval: Duration [keep] = Duration::from_secs(60),
        match_first_network: bool [keep] = true,
    }
}

section! {
    /// Services, tasks or nodes of a swarm.
    pub struct DockerSwarmSd("`dockerswarm_sd_configs`", "*moby.DockerSwarmSDConfig", "moby.plain") check check_swarm {
        http: HttpClientConfig [inline],
        host: String [keep],
        /// `services`, `tasks` or `nodes`.
        role: String [keep],
        port: i64 [keep] = 80,
        filters: Vec<DockerFilter> [keep],
        refresh_interval: Duration [keep] = Duration::from_secs(60),
    }
}

section! {
    /// A condition on what is listed.
    pub struct DockerFilter("a filter", "moby.Filter", "moby.Filter") {
        name: String [keep],
        values: Vec<String> [keep],
    }
}

fn check_docker(sd: &mut DockerSd, node: &Node, reader: &mut Reader<'_>) {
    check_host(&sd.host, node, reader);
    check_http(&mut sd.http, node, reader);
}

fn check_swarm(sd: &mut DockerSwarmSd, node: &Node, reader: &mut Reader<'_>) {
    check_host(&sd.host, node, reader);
    let unknown = |role: &str| format!("invalid role {role}, expected tasks, services, or nodes");
    let absent = "role missing (one of: tasks, services, nodes)";
    one_of(node, reader, "role", &sd.role, &["tasks", "services", "nodes"], absent, unknown);
    check_http(&mut sd.http, node, reader);
}

fn check_host(host: &str, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "host", !host.is_empty(), "host missing");
    check_url(node, reader, "host", host);
}
