//! Requests that AWS accepts: signed with Signature Version 4, with the credentials of an [`AwsAccount`].

mod account;
mod hosts;
mod process;
mod profile;
mod sign;
mod sts;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use account::{AwsAccount, AwsSettings};
use firesteel_config::SigV4Config;
pub(super) use sign::{Scope, sign};

use super::error::ClientError;

/// How requests of a client are signed.
#[derive(Clone, Debug)]
pub struct Signing {
    pub account: Arc<AwsAccount>,
    /// AWS' name of the service that is asked: `aps`, `ec2`.
    pub service: String,
}

impl Signing {
    /// Makes what a `sigv4` block asks for; nothing is looked up yet. `service_name` is Amazon's Prometheus if it is
    /// not given.
    pub fn of_config(config: &SigV4Config) -> Result<Self, ClientError> {
        let settings = AwsSettings {
            region: config.region.clone(),
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
            profile: config.profile.clone(),
            role_arn: config.role_arn.clone(),
            external_id: config.external_id.clone(),
            use_fips_sts_endpoint: config.use_fips_sts_endpoint,
            ..AwsSettings::default()
        };
        let service = if config.service_name.is_empty() { "aps" } else { &config.service_name };
        Ok(Self { account: Arc::new(AwsAccount::new(settings)?), service: service.to_owned() })
    }
}
