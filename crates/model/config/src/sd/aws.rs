//! Amazon: `aws_sd_configs`, `ec2_`, `lightsail_`, `ecs_`, `msk_`, `elasticache_` and `rds_sd_configs`.

use std::time::Duration;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{one_of, require};
use crate::section::section;

section! {
    /// One of the kinds below, chosen by `role`, with their settings in one block.
    pub struct AwsSd("`aws_sd_configs`", "*aws.SDConfig", "aws.plain") check check_aws {
        role: String [keep],
        region: String,
        endpoint: String,
        access_key: String,
        secret_key: Secret,
        profile: String,
        role_arn: String,
        external_id: String,
        refresh_interval: Duration,
        port: i64,
        http: HttpClientConfig [inline] = no_redirects(),
        filters: Vec<AwsFilter>,
        clusters: Vec<String>,
    }
}

section! {
    /// A condition on what is listed.
    pub struct AwsFilter("a filter", "*aws.Filter", "aws.Filter") {
        name: String [keep],
        values: Vec<String> [keep],
    }
}

section! {
    /// Instances.
    pub struct Ec2Sd("`ec2_sd_configs`", "*aws.EC2SDConfig", "aws.plain") check check_ec2 {
        endpoint: String [keep],
        region: String [keep],
        access_key: String,
        secret_key: Secret,
        profile: String,
        role_arn: String,
        external_id: String,
        refresh_interval: Duration = MINUTE,
        port: i64 [keep] = 80,
        filters: Vec<AwsFilter> [keep],
        http: HttpClientConfig [inline],
    }
}

section! {
    /// Lightsail instances.
    pub struct LightsailSd("`lightsail_sd_configs`", "*aws.LightsailSDConfig", "aws.plain") check check_lightsail {
        endpoint: String [keep],
        region: String [keep],
        access_key: String,
        secret_key: Secret,
        profile: String,
        role_arn: String,
        external_id: String,
        refresh_interval: Duration = MINUTE,
        port: i64 [keep] = 80,
        http: HttpClientConfig [inline],
    }
}

section! {
    /// Tasks of ECS clusters.
    pub struct EcsSd("`ecs_sd_configs`", "*aws.ECSSDConfig", "aws.plain") check check_ecs {
        region: String [keep],
        endpoint: String [keep],
        access_key: String,
        secret_key: Secret,
        profile: String,
        role_arn: String,
        external_id: String,
        clusters: Vec<String>,
        port: i64 [keep] = 80,
        refresh_interval: Duration = MINUTE,
        request_concurrency: i64 = 20,
        http: HttpClientConfig [inline],
    }
}

section! {
    /// Brokers of MSK clusters.
    pub struct MskSd("`msk_sd_configs`", "*aws.MSKSDConfig", "aws.plain") check check_msk {
        region: String [keep],
        endpoint: String [keep],
        access_key: String,
        secret_key: Secret,
        profile: String,
        role_arn: String,
        external_id: String,
        clusters: Vec<String>,
        port: i64 [keep] = 80,
        refresh_interval: Duration = MINUTE,
        request_concurrency: i64 = 10,
        http: HttpClientConfig [inline],
    }
}

section! {
    /// Nodes of ElastiCache clusters.
    pub struct ElasticacheSd("`elasticache_sd_configs`", "*aws.ElasticacheSDConfig", "aws.plain") check check_elasticache {
        region: String [keep],
        endpoint: String [keep],
        access_key: String,
        secret_key: Secret,
        profile: String,
        role_arn: String,
        external_id: String,
        clusters: Vec<String>,
        port: i64 [keep] = 80,
        refresh_interval: Duration = MINUTE,
        request_concurrency: i64 = 10,
        http: HttpClientConfig [inline],
    }
}

section! {
    /// Instances of RDS clusters.
    pub struct RdsSd("`rds_sd_configs`", "*aws.RDSSDConfig", "aws.plain") check check_rds {
        region: String [keep],
        endpoint: String [keep],
        access_key: String,
        secret_key: Secret,
        profile: String,
        role_arn: String,
        external_id: String,
        clusters: Vec<String>,
        port: i64 [keep] = 80,
        refresh_interval: Duration = MINUTE,
        filters: Vec<AwsFilter> [keep],
        request_concurrency: i64 = 10,
        http: HttpClientConfig [inline],
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const ROLES: [&str; 6] = ["ec2", "ecs", "elasticache", "lightsail", "msk", "rds"];

/// upstream: `aws_sd_configs` starts from Go's zero value, so redirects and HTTP/2 are off unless asked for
/// (discovery/aws/aws.go, `UnmarshalYAML`, 3.14); kept.
fn no_redirects() -> HttpClientConfig {
    <HttpClientConfig as crate::Decode>::zero()
}

fn check_aws(sd: &mut AwsSd, node: &Node, reader: &mut Reader<'_>) {
    let unknown = |role: &str| format!("unknown AWS SD role {}", quote(role.as_bytes()));
    one_of(node, reader, "role", &sd.role, &ROLES, "", unknown);
}

fn check_ec2(sd: &mut Ec2Sd, node: &Node, reader: &mut Reader<'_>) {
    let items = node.get("filters").map_or(&[][..], Node::items);
    for (filter, item) in sd.filters.iter().zip(items) {
        let upstream = "EC2 SD configuration filter values cannot be empty";
        require(item, reader, "values", !filter.values.is_empty(), upstream);
    }
    check_http(&mut sd.http, node, reader);
}

fn check_lightsail(sd: &mut LightsailSd, node: &Node, reader: &mut Reader<'_>) {
    check_http(&mut sd.http, node, reader);
}

fn check_ecs(sd: &mut EcsSd, node: &Node, reader: &mut Reader<'_>) {
    check_http(&mut sd.http, node, reader);
}

fn check_msk(sd: &mut MskSd, node: &Node, reader: &mut Reader<'_>) {
    check_http(&mut sd.http, node, reader);
}

fn check_elasticache(sd: &mut ElasticacheSd, node: &Node, reader: &mut Reader<'_>) {
    check_http(&mut sd.http, node, reader);
}

fn check_rds(sd: &mut RdsSd, node: &Node, reader: &mut Reader<'_>) {
    check_http(&mut sd.http, node, reader);
}
