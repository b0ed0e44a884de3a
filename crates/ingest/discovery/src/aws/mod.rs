//! `ec2_sd_configs`, and `aws_sd_configs` with its role `ec2` (upstream: `discovery/aws`).

mod api;
mod instance;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firesteel_config::sd::{AwsSd, Ec2Sd};
use firesteel_net::client::{AwsAccount, AwsSettings};
use firesteel_net::xml::Element;
use tracing::debug;

use self::api::{Api, Failed};
use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::group::TargetGroup;
use crate::refresh::{Refresh, refreshing};

impl Kind for Ec2Sd {
    const NAME: &'static str = "ec2";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let account = AwsAccount::new(AwsSettings {
            region: self.region.clone(),
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            profile: self.profile.clone(),
            role_arn: self.role_arn.clone(),
            external_id: self.external_id.clone(),
            use_fips_sts_endpoint: false,
            http: self.http.clone(),
            environment: context.environment.clone(),
        })?;
        let account = Arc::new(account);
        let api = Api::new(self, Arc::clone(&account), context.client_options("ec2_sd"))?;
        let ec2 = Ec2 { config: self.clone(), account, api, region: None, zones: None };
        Ok(refreshing(ec2, Self::NAME, self.refresh_interval, context))
    }
}

impl Kind for AwsSd {
    const NAME: &'static str = "aws";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        if self.role != "ec2" {
            return Err(DiscoveryError::Other(format!("the role {} of aws_sd_configs does not act yet", self.role)));
        }
        as_ec2(self).discoverer(context)
    }
}

/// What is not given is as in `ec2_sd_configs`, but for the HTTP client.
fn as_ec2(aws: &AwsSd) -> Ec2Sd {
    let is_given = |interval: &Duration| !interval.is_zero();
    Ec2Sd {
        endpoint: aws.endpoint.clone(),
        region: aws.region.clone(),
        access_key: aws.access_key.clone(),
        secret_key: aws.secret_key.clone(),
        profile: aws.profile.clone(),
        role_arn: aws.role_arn.clone(),
        external_id: aws.external_id.clone(),
        refresh_interval: Some(aws.refresh_interval).filter(is_given).unwrap_or(Duration::from_secs(60)),
        port: if aws.port == 0 { 80 } else { aws.port },
        filters: aws.filters.clone(),
        http: aws.http.clone(),
    }
}

struct Ec2 {
    config: Ec2Sd,
    account: Arc<AwsAccount>,
    api: Api,
    /// Found at the first refresh.
    region: Option<String>,
    /// The account's names of zones to their identifiers: `eu-west-2a` is `euw2-az2` for one, `euw2-az1` for another.
    /// Asked for until there was an answer; a new zone needs a reload, as upstream.
    zones: Option<BTreeMap<String, String>>,
}

impl Ec2 {
    async fn region(&mut self) -> Result<String, DiscoveryError> {
        if self.region.is_none() {
            self.region = Some(self.account.region().await.map_err(DiscoveryError::Other)?);
        }
        Ok(self.region.clone().unwrap_or_default())
    }

    async fn learn_zones(&mut self, region: &str) {
        match self.api.ask(region, "DescribeAvailabilityZones", &[]).await {
            Ok(root) => {
                let items = root.child("availabilityZoneInfo").into_iter().flat_map(|info| info.all("item"));
                let pair =
                    |item: &Element| Some((item.child("zoneName")?.text.clone(), item.child("zoneId")?.text.clone()));
                self.zones = Some(items.filter_map(pair).collect());
            }
            Err(failed) => {
                debug!(discovery = Ec2Sd::NAME, err = %failed.error, "Unable to describe availability zones");
            }
        }
    }

    fn filters(&self) -> Vec<(String, String)> {
        let mut form = Vec::new();
        for (filter, n) in self.config.filters.iter().zip(1..) {
            form.push((format!("Filter.{n}.Name"), filter.name.clone()));
            for (value, m) in filter.values.iter().zip(1..) {
                form.push((format!("Filter.{n}.Value.{m}"), value.clone()));
            }
        }
        form
    }
}

impl Refresh for Ec2 {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        let region = self.region().await?;
        if self.zones.is_none() {
            self.learn_zones(&region).await;
        }
        let mut group = TargetGroup { source: region.clone(), ..TargetGroup::default() };
        let no_zones = BTreeMap::new();
        let mut form = self.filters();
        let filters = form.len();
        loop {
            let page = match self.api.ask(&region, "DescribeInstances", &form).await {
                Ok(page) => page,
                Err(Failed { error, code }) => {
                    if matches!(code.as_str(), "AuthFailure" | "UnauthorizedOperation") {
                        self.account.forget().await;
                    }
                    return Err(DiscoveryError::Other(format!("could not describe instances: {error}")));
                }
            };
            let zones = self.zones.as_ref().unwrap_or(&no_zones);
            for reservation in page.child("reservationSet").into_iter().flat_map(|set| set.all("item")) {
                let instances = reservation.child("instancesSet").into_iter().flat_map(|set| set.all("item"));
                let owner = reservation.value("ownerId");
                group
                    .targets
                    .extend(instances.filter_map(|one| instance::labels(one, owner, &region, zones, self.config.port)));
            }
            let next = page.value("nextToken");
            // The same page again would be asked for without end.
            let seen = form.get(filters).map_or("", |(_, token)| token.as_str());
            if next.is_empty() || next == seen {
                return Ok(vec![group]);
            }
            form.truncate(filters);
            form.push(("NextToken".to_owned(), next.to_owned()));
        }
    }
}
