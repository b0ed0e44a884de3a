//! The kinds that act, and the one place where a configuration becomes a provider.

use firesteel_config::{SdConfigs, sd};

use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::group::TargetGroup;

macro_rules! kinds {
    ($( $(#[$meta:meta])* $variant:ident($config:ty) = $field:ident ),* $(,)?) => {
        /// The configuration of one provider.
        #[derive(Clone, PartialEq, Debug)]
        #[non_exhaustive]
        pub enum ProviderConfig {
            /// All `static_configs` of a set.
            Static(Vec<firesteel_config::TargetGroup>),
            $( $(#[$meta])* $variant(Box<$config>), )*
        }

        impl ProviderConfig {
            /// Keys of the configuration whose kinds act.
            pub const KEYS: &[&str] = &["static_configs", $( $(#[$meta])* stringify!($field), )*];

            /// Returns all providers that a set asks for and that act.
            pub fn all_of(configs: &SdConfigs) -> Vec<Self> {
                let mut all = Vec::new();
                $( $(#[$meta])* all.extend(configs.$field.iter().map(|config| Self::$variant(Box::new(config.clone())))); )*
                if !configs.static_configs.is_empty() {
                    all.push(Self::Static(configs.static_configs.clone()));
                }
                all
            }

            /// Returns upstream's name of the kind.
            pub fn name(&self) -> &'static str {
                match self {
                    Self::Static(_) => "static",
                    $( $(#[$meta])* Self::$variant(_) => <$config as Kind>::NAME, )*
                }
            }

            /// Makes the provider; `None` where all is said by [`Self::known_at_once`].
            pub(crate) fn discoverer(&self, context: &BuildContext) -> Result<Option<BoxedDiscoverer>, DiscoveryError> {
                match self {
                    Self::Static(_) => Ok(None),
                    $( $(#[$meta])* Self::$variant(config) => config.discoverer(context).map(Some), )*
                }
            }
        }
    };
}

kinds! {
    Aws(sd::AwsSd) = aws_sd_configs,
    Consul(sd::ConsulSd) = consul_sd_configs,
    Dns(sd::DnsSd) = dns_sd_configs,
    Docker(sd::DockerSd) = docker_sd_configs,
    DockerSwarm(sd::DockerSwarmSd) = dockerswarm_sd_configs,
    Etcd(sd::EtcdSd) = etcd_sd_configs,
    Http(sd::HttpSd) = http_sd_configs,
    File(sd::FileSd) = file_sd_configs,
    Ec2(sd::Ec2Sd) = ec2_sd_configs,
    Eureka(sd::EurekaSd) = eureka_sd_configs,
    Gce(sd::GceSd) = gce_sd_configs,
    Nomad(sd::NomadSd) = nomad_sd_configs,
    Serverset(sd::ServersetSd) = serverset_sd_configs,
    Nerve(sd::NerveSd) = nerve_sd_configs,
    Kubernetes(sd::KubernetesSd) = kubernetes_sd_configs,
}

impl ProviderConfig {
    /// Returns the groups that need no asking.
    pub(crate) fn known_at_once(&self) -> Option<Vec<TargetGroup>> {
        let Self::Static(groups) = self else { return None };
        let group = |(at, group): (usize, _)| TargetGroup::of_config(at.to_string(), group, &[]);
        Some(groups.iter().enumerate().map(group).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_configuration_lets_those_start_that_act() {
        let ours: BTreeSet<&str> = ProviderConfig::KEYS.iter().copied().collect();
        assert_eq!(ours, sd::ACTING.iter().copied().collect());
    }
}
