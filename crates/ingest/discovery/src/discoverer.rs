//! What a kind of discovery is made of.

use std::future::Future;
use std::pin::Pin;

use firesteel_net::client::ClientOptions;

use crate::error::DiscoveryError;
use crate::group::TargetGroup;
use crate::metrics::SdMetrics;
use crate::state::{ProviderId, Shared};

/// Finds targets and says so whenever something about them changes.
pub trait Discoverer: Send + 'static {
    /// Finds targets until the future is dropped, which is how a provider is ended; returning early leaves what was sent
    /// in force. The first update ought to hold all there is, and to come even if there is nothing.
    fn run(self, sink: Sink) -> impl Future<Output = ()> + Send;
}

/// A discoverer of whatever kind.
pub type BoxedDiscoverer = Box<dyn FnOnce(Sink) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// Makes one of a kind's own.
pub fn boxed(discoverer: impl Discoverer) -> BoxedDiscoverer {
    Box::new(move |sink| Box::pin(discoverer.run(sink)))
}

/// A configuration that a provider can be made of.
pub trait Kind: Clone + PartialEq + Send + 'static {
    /// Upstream's name: the `mechanism` of metrics, `discovery` in logs.
    const NAME: &'static str;

    /// Makes the provider; nothing is asked yet. Errors as upstream's `NewDiscoverer`.
    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError>;
}

/// What a provider gets beside its configuration.
#[derive(Clone, Debug)]
pub struct BuildContext {
    /// The first set that asked for it: `config` in metrics and logs.
    pub set: String,
    pub metrics: SdMetrics,
    /// `User-Agent` of requests.
    pub user_agent: String,
    /// Where `resolv.conf` is.
    pub resolv_conf: std::path::PathBuf,
    /// Where clouds' credentials are looked for.
    pub environment: firesteel_net::Environment,
    /// What a pod is given to reach the cluster it runs in.
    pub service_account: std::path::PathBuf,
}

impl BuildContext {
    /// Returns options of a client whose connections are counted under upstream's name for it.
    pub(crate) fn client_options(&self, dialer: &str) -> ClientOptions {
        let dialer = Some(self.metrics.dialers.named(dialer));
        ClientOptions { user_agent: self.user_agent.clone(), dialer, ..ClientOptions::default() }
    }
}

/// A provider's mouth.
#[derive(Clone)]
pub struct Sink {
    pub(crate) shared: std::sync::Arc<Shared>,
    pub(crate) provider: ProviderId,
}

impl Sink {
    /// Puts groups in place of those of the same sources; other sources stay. Never waits: groups are merged at once, and
    /// sets hear of it when their pause is over.
    pub fn send(&self, groups: Vec<TargetGroup>) {
        self.shared.update(self.provider, groups);
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("provider", &self.provider).finish_non_exhaustive()
    }
}
