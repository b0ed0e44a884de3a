//! Kinds that ask again and again (upstream: `discovery/refresh`).

use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;
use tracing::error;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Discoverer, Sink, boxed};
use crate::error::DiscoveryError;
use crate::group::TargetGroup;
use crate::metrics::RefreshMetrics;

/// Asks for all targets.
pub trait Refresh: Send + 'static {
    /// Returns all groups there are now. A source that is missing here is taken away; an error leaves everything as it is.
    fn refresh(&mut self) -> impl Future<Output = Result<Vec<TargetGroup>, DiscoveryError>> + Send;
}

/// Makes a discoverer that asks at once and then every `interval`. `mechanism` is [`crate::Kind::NAME`].
pub fn refreshing(
    refresh: impl Refresh,
    mechanism: &'static str,
    interval: Duration,
    context: &BuildContext,
) -> BoxedDiscoverer {
    let metrics = context.metrics.refresh(mechanism, &context.set);
    boxed(Refreshing { refresh, mechanism, interval, set: context.set.clone(), metrics })
}

struct Refreshing<R> {
    refresh: R,
    mechanism: &'static str,
    interval: Duration,
    set: String,
    metrics: RefreshMetrics,
}

impl<R: Refresh> Discoverer for Refreshing<R> {
    async fn run(mut self, sink: Sink) {
        // A zero would be a panic upstream (time.NewTicker).
        let mut ticker = tokio::time::interval(self.interval.max(Duration::from_millis(1)));
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = BTreeSet::new();
        loop {
            ticker.tick().await;
            let began = Instant::now();
            let outcome = self.refresh.refresh().await;
            self.metrics.observe(began.elapsed());
            match outcome {
                Ok(mut groups) => {
                    let now: BTreeSet<String> = groups.iter().map(|group| group.source.clone()).collect();
                    groups.extend(known.difference(&now).map(TargetGroup::gone));
                    known = now;
                    sink.send(groups);
                }
                Err(err) => {
                    self.metrics.failures.inc();
                    error!(discovery = self.mechanism, config = self.set, %err, "Unable to refresh target groups");
                }
            }
        }
    }
}
