//! Hosts that may be meant when a name is not known, or when a container looks for another one on itself.
//!
//! Names are guessed, not searched for: other spellings of the name that was given, what services that listen on the port
//! are usually called in a compose file, and the machine below. They are looked up, and a connection is made to those
//! that are known; nothing is sent to them.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};

/// Ports of Prometheus' surroundings and the names that compose files give to what listens there.
const USUAL: [(u16, &[&str]); 14] = [
    (9090, &["prometheus"]),
    (9091, &["pushgateway"]),
    (9093, &["alertmanager"]),
    (9100, &["node-exporter", "node_exporter", "nodeexporter"]),
    (9104, &["mysqld-exporter", "mysqld_exporter", "mysql-exporter"]),
    (9113, &["nginx-exporter", "nginx_exporter"]),
    (9115, &["blackbox-exporter", "blackbox_exporter", "blackbox"]),
    (9116, &["snmp-exporter", "snmp_exporter"]),
    (9121, &["redis-exporter", "redis_exporter"]),
    (9187, &["postgres-exporter", "postgres_exporter"]),
    (9308, &["kafka-exporter", "kafka_exporter"]),
    (3000, &["grafana"]),
    (3100, &["loki"]),
    (8080, &["cadvisor", "app", "web", "traefik"]),
];
/// Names of any service, and of the machine that containers run on.
const ANYWHERE: [&str; 3] = ["app", "web", "api"];
const MACHINE: [&str; 3] = ["host.docker.internal", "host.containers.internal", "gateway.docker.internal"];

/// A host that is known here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Neighbour {
    pub(super) name: String,
    /// Whether a connection to the port was accepted.
    pub(super) listens: bool,
}

/// Returns names to try, each once, the likeliest first.
pub(super) fn candidates(host: &str, port: u16, is_loopback: bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if !is_loopback {
        let first = host.split('.').next().unwrap_or_default();
        for spelling in [first, host] {
            names.extend([spelling.to_owned(), spelling.replace('_', "-"), spelling.replace('-', "_")]);
        }
    }
    let of_port = USUAL.iter().find(|(known, _)| *known == port).map_or(&[][..], |(_, names)| names);
    names.extend(of_port.iter().chain(&ANYWHERE).map(|name| (*name).to_owned()));
    if is_loopback {
        names.extend(MACHINE.map(str::to_owned));
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| !name.is_empty() && name != host && seen.insert(name.clone()));
    names
}

/// Returns those that are known here, in their order; all of them are looked for at the same time.
pub(super) async fn in_reach(names: &[String], port: u16, limit: Duration) -> Vec<Neighbour> {
    let look = |name: &String| {
        let name = name.clone();
        async move {
            let known = tokio::time::timeout(limit, lookup_host((name.as_str(), port))).await;
            let addresses: Vec<_> = known.ok()?.ok()?.collect();
            let first = *addresses.first()?;
            let listens = matches!(tokio::time::timeout(limit, TcpStream::connect(first)).await, Ok(Ok(_)));
            Some(Neighbour { name, listens })
        }
    };
    let looking: Vec<_> = names.iter().map(|name| tokio::spawn(look(name))).collect();
    let mut found = Vec::new();
    for one in looking {
        found.extend(one.await.ok().flatten());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_names_come_first_and_once() {
        let of = |host: &str, port, is_loopback| candidates(host, port, is_loopback).join(" ");
        assert_eq!(
            of("node-exporter.monitoring", 9100, false),
            "node-exporter node_exporter node_exporter.monitoring nodeexporter app web api"
        );
        assert_eq!(
            of("127.0.0.1", 9093, true),
            "alertmanager app web api host.docker.internal host.containers.internal gateway.docker.internal"
        );
        assert_eq!(of("web", 1234, false), "app api");
    }

    #[tokio::test]
    async fn those_that_are_known_are_named_with_whether_they_listen() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let names = ["no..such..name".to_owned(), "127.0.0.1".to_owned(), "127.93.8.1".to_owned()];
        let found = in_reach(&names, port, Duration::from_secs(60)).await;
        let shown: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.listens)).collect();
        assert_eq!(shown, [("127.0.0.1", true), ("127.93.8.1", false)]);
    }
}
