//! Service discovery: every kind that upstream knows, read strictly.
//!
//! Those of [`ACTING`] act; the others are kept as they stand (see `Config::unsupported`).

mod aws;
mod azure;
mod consul;
mod digitalocean;
mod dns;
mod docker;
mod etcd;
mod eureka;
mod file;
mod gce;
mod hetzner;
mod http;
mod ionos;
mod kubernetes;
mod kuma;
mod linode;
mod marathon;
mod nomad;
mod oci;
mod openstack;
mod outscale;
mod ovhcloud;
mod puppetdb;
mod scaleway;
mod stackit;
mod triton;
mod uyuni;
mod vultr;
mod zookeeper;

pub use aws::{AwsFilter, AwsSd, Ec2Sd, EcsSd, ElasticacheSd, LightsailSd, MskSd, RdsSd};
pub use azure::AzureSd;
pub use consul::ConsulSd;
pub use digitalocean::DigitaloceanSd;
pub use dns::DnsSd;
pub use docker::{DockerFilter, DockerSd, DockerSwarmSd};
pub use etcd::EtcdSd;
pub use eureka::EurekaSd;
pub use file::FileSd;
pub use gce::GceSd;
pub use hetzner::HetznerSd;
pub use http::HttpSd;
pub use ionos::IonosSd;
pub use kubernetes::{KubernetesAttachMetadata, KubernetesNamespaces, KubernetesSd, KubernetesSelector};
pub use kuma::KumaSd;
pub use linode::LinodeSd;
pub use marathon::MarathonSd;
pub use nomad::NomadSd;
pub use oci::OciSd;
pub use openstack::OpenstackSd;
pub use outscale::OutscaleSd;
pub use ovhcloud::OvhcloudSd;
pub use puppetdb::PuppetdbSd;
pub use scaleway::ScalewaySd;
pub use stackit::StackitSd;
pub use triton::TritonSd;
pub use uyuni::UyuniSd;
pub use vultr::VultrSd;
pub use zookeeper::{NerveSd, ServersetSd};

use crate::TargetGroup;
use crate::section::section;

section! {
    /// All kinds, in the order in which upstream prints them.
    pub struct SdConfigs("the service discovery settings", "discovery.Configs", "discovery.Configs") {
        aws_sd_configs: Vec<AwsSd>,
        azure_sd_configs: Vec<AzureSd>,
        consul_sd_configs: Vec<ConsulSd>,
        digitalocean_sd_configs: Vec<DigitaloceanSd>,
        dns_sd_configs: Vec<DnsSd>,
        docker_sd_configs: Vec<DockerSd>,
        dockerswarm_sd_configs: Vec<DockerSwarmSd>,
        ec2_sd_configs: Vec<Ec2Sd>,
        ecs_sd_configs: Vec<EcsSd>,
        elasticache_sd_configs: Vec<ElasticacheSd>,
        etcd_sd_configs: Vec<EtcdSd>,
        eureka_sd_configs: Vec<EurekaSd>,
        file_sd_configs: Vec<FileSd>,
        gce_sd_configs: Vec<GceSd>,
        hetzner_sd_configs: Vec<HetznerSd>,
        http_sd_configs: Vec<HttpSd>,
        ionos_sd_configs: Vec<IonosSd>,
        kubernetes_sd_configs: Vec<KubernetesSd>,
        kuma_sd_configs: Vec<KumaSd>,
        lightsail_sd_configs: Vec<LightsailSd>,
        linode_sd_configs: Vec<LinodeSd>,
        marathon_sd_configs: Vec<MarathonSd>,
        msk_sd_configs: Vec<MskSd>,
        nerve_sd_configs: Vec<NerveSd>,
        nomad_sd_configs: Vec<NomadSd>,
        oci_sd_configs: Vec<OciSd>,
        openstack_sd_configs: Vec<OpenstackSd>,
        outscale_sd_configs: Vec<OutscaleSd>,
        ovhcloud_sd_configs: Vec<OvhcloudSd>,
        puppetdb_sd_configs: Vec<PuppetdbSd>,
        rds_sd_configs: Vec<RdsSd>,
        scaleway_sd_configs: Vec<ScalewaySd>,
        serverset_sd_configs: Vec<ServersetSd>,
        stackit_sd_configs: Vec<StackitSd>,
        static_configs: Vec<TargetGroup>,
        triton_sd_configs: Vec<TritonSd>,
        uyuni_sd_configs: Vec<UyuniSd>,
        vultr_sd_configs: Vec<VultrSd>,
    }
}

/// Kinds that are run; the others are read and kept. `firesteel-discovery` holds its own list against this one.
pub const ACTING: &[&str] = &[
    "aws_sd_configs",
    "consul_sd_configs",
    "dns_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "etcd_sd_configs",
    "eureka_sd_configs",
    "file_sd_configs",
    "gce_sd_configs",
    "http_sd_configs",
    "kubernetes_sd_configs",
    "nerve_sd_configs",
    "nomad_sd_configs",
    "serverset_sd_configs",
    "static_configs",
];
