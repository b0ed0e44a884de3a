//! `dns_sd_configs`: targets from DNS records (upstream: `discovery/dns`).

mod exchange;
mod resolv_conf;

use std::collections::BTreeMap;
use std::path::PathBuf;

use firesteel_client::Counter;
use firesteel_config::sd::DnsSd;
use futures_util::future::join_all;
use hickory_proto::rr::{RData, RecordType};
use tracing::{error, warn};

use self::exchange::lookup;
use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::group::{LabelMap, TargetGroup};
use crate::host_port::join_host_port;
use crate::refresh::{Refresh, refreshing};

impl Kind for DnsSd {
    const NAME: &'static str = "dns";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let record_type = match self.record_type.to_uppercase().as_str() {
            "A" => RecordType::A,
            "AAAA" => RecordType::AAAA,
            "MX" => RecordType::MX,
            "NS" => RecordType::NS,
            _ => RecordType::SRV,
        };
        let names = Names {
            names: self.names.clone(),
            record_type,
            port: self.port,
            resolv_conf: context.resolv_conf.clone(),
            known: BTreeMap::new(),
            lookups: context.metrics.dns_lookups.clone(),
            failures: context.metrics.dns_lookup_failures.clone(),
        };
        Ok(refreshing(names, Self::NAME, self.refresh_interval, context))
    }
}

struct Names {
    names: Vec<String>,
    record_type: RecordType,
    port: i64,
    resolv_conf: PathBuf,
    /// What each name had when it was last looked up with success.
    known: BTreeMap<String, TargetGroup>,
    lookups: Counter,
    failures: Counter,
}

impl Refresh for Names {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        let (path, record_type) = (&self.resolv_conf, self.record_type);
        let asked = join_all(self.names.iter().map(|name| lookup(path, name, record_type))).await;
        for (name, answer) in self.names.iter().zip(asked) {
            self.lookups.inc();
            match answer {
                Ok(records) => {
                    let targets = records.iter().filter_map(|record| target(name, record, self.port)).collect();
                    let group = TargetGroup { source: name.clone(), targets, labels: LabelMap::new() };
                    self.known.insert(name.clone(), group);
                }
                Err(err) => {
                    self.failures.inc();
                    error!(discovery = "dns", err, "Error refreshing DNS targets");
                }
            }
        }
        // A name that fails keeps what it had.
        Ok(self.known.values().cloned().collect())
    }
}

fn target(name: &str, record: &RData, port: i64) -> Option<LabelMap> {
    let (mut srv_target, mut srv_port, mut mx, mut ns) = Default::default();
    let address = match record {
        RData::SRV(srv) => {
            (srv_target, srv_port) = (srv.target.to_ascii(), srv.port.to_string());
            join_host_port(rootless(&srv_target), &srv_port)
        }
        RData::MX(record) => {
            mx = record.exchange.to_ascii();
            join_host_port(rootless(&mx), port)
        }
        RData::NS(record) => {
            ns = record.to_ascii();
            join_host_port(rootless(&ns), port)
        }
        RData::A(record) => join_host_port(&record.to_string(), port),
        RData::AAAA(record) => join_host_port(&record.to_string(), port),
        // Answers to questions for addresses bring the aliases that led there.
        RData::CNAME(_) => return None,
        other => {
            warn!(discovery = "dns", record = ?other, "Invalid record");
            return None;
        }
    };
    let labels = [
        ("__address__", address),
        ("__meta_dns_name", name.to_owned()),
        ("__meta_dns_srv_record_target", srv_target),
        ("__meta_dns_srv_record_port", srv_port),
        ("__meta_dns_mx_record_target", mx),
        ("__meta_dns_ns_record_target", ns),
    ];
    Some(labels.map(|(name, value): (&str, String)| (name.to_owned(), value)).into())
}

fn rootless(name: &str) -> &str {
    name.trim_end_matches('.')
}
