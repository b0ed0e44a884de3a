//! Service discovery: the manager and all kinds of providers.
//!
//! [`DiscoveryManager`] runs one provider for each different configuration and hands every set of targets (a scrape job,
//! later a group of Alertmanagers) what its providers found, as a [`SetWatch`]. A new kind is a type of the configuration
//! that is a [`Kind`]: it makes a [`Discoverer`], which speaks through a [`Sink`], or a [`Refresh`], which is asked
//! again and again. It is listed in `kinds.rs`.
#![forbid(unsafe_code)]

mod aws;
mod consul;
mod discoverer;
mod dns;
mod docker;
mod error;
mod etcd;
mod eureka;
mod fetch;
mod file;
mod gce;
mod group;
mod host_port;
mod http;
mod json_groups;
mod kinds;
#[cfg(feature = "kubernetes")]
mod kubernetes;
#[cfg(not(feature = "kubernetes"))]
#[path = "without_kubernetes.rs"]
mod kubernetes;
mod label_name;
mod manager;
mod metrics;
mod nomad;
mod null;
mod refresh;
mod state;
mod zookeeper;

pub use discoverer::{BoxedDiscoverer, BuildContext, Discoverer, Kind, Sink, boxed};
pub use error::DiscoveryError;
pub use fetch::{Fetched, Fetcher};
pub use group::{LabelMap, TargetGroup};
pub use host_port::join_host_port;
pub use kinds::ProviderConfig;
pub use label_name::sanitize_label_name;
pub use manager::{DiscoveryManager, DiscoveryOptions};
pub use metrics::SdMetrics;
pub use refresh::{Refresh, refreshing};
pub use state::{SetTargets, SetWatch};
