//! Runs providers and hands out what they find (upstream: `discovery/manager.go`).

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firesteel_client::Registry;
use firesteel_config::SdConfigs;
use firesteel_net::Environment;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Sink};
use crate::error::DiscoveryError;
use crate::kinds::ProviderConfig;
use crate::metrics::{ManagerMetrics, SdMetrics};
use crate::state::{NewProvider, ProviderId, SetWatch, Shared};

/// The first pause between updates after a quiet time; each next one is half as long again.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// How discovery behaves.
#[derive(Clone, Debug)]
pub struct DiscoveryOptions {
    /// The `name` of metrics: `scrape` or `notify`.
    pub name: &'static str,
    /// The longest pause between updates while providers speak without end.
    pub pause_max: Duration,
    /// `User-Agent` of requests.
    pub user_agent: String,
    /// The resolver's configuration, for DNS discovery.
    pub resolv_conf: PathBuf,
    /// Where clouds' credentials are looked for.
    pub environment: Environment,
    /// What a pod is given to reach the cluster it runs in: `token`, `ca.crt`, `namespace`.
    pub service_account: PathBuf,
}

impl Default for DiscoveryOptions {
    fn default() -> Self {
        let user_agent = concat!("Prometheus/", "3.14.0").to_owned();
        Self {
            name: "scrape",
            pause_max: Duration::from_secs(5),
            user_agent,
            resolv_conf: "/etc/resolv.conf".into(),
            environment: Environment::of_process(),
            service_account: "/var/run/secrets/kubernetes.io/serviceaccount".into(),
        }
    }
}

/// Owns the providers. They end with it.
pub struct DiscoveryManager {
    options: DiscoveryOptions,
    shared: Arc<Shared>,
    /// One configuration at a time; true when the sender runs.
    applying: Mutex<bool>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl fmt::Debug for DiscoveryManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscoveryManager").field("options", &self.options).finish_non_exhaustive()
    }
}

impl DiscoveryManager {
    /// Makes a manager without sets.
    pub fn new(options: DiscoveryOptions, registry: &Registry) -> Self {
        let metrics = ManagerMetrics::new(registry, options.name);
        Self {
            options,
            shared: Arc::new(Shared::new(metrics, SdMetrics::new(registry))),
            applying: Mutex::new(false),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Makes these the sets. Providers whose configuration is still asked for by some set go on untouched, with what they
    /// found; one that cannot be built is logged and counted, and leaves its set without its targets, as upstream does.
    /// What is known at once (static targets) is in force on return. Must be called within a tokio runtime.
    ///
    /// Returns what could not be built and why, for those who want to say more than the log does.
    pub fn apply<'a>(&self, sets: impl IntoIterator<Item = (String, &'a SdConfigs)>) -> Vec<DiscoveryError> {
        let mut sender_runs = self.applying.lock();
        let (mut wanted, mut started, mut failed) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (set, configs) in sets {
            let mut ids: Vec<ProviderId> = Vec::new();
            for config in ProviderConfig::all_of(configs) {
                match self.provider(config, &set, &mut started) {
                    Ok(id) if ids.contains(&id) => {}
                    Ok(id) => ids.push(id),
                    Err(err) => failed.push(err),
                }
            }
            wanted.insert(set, ids);
        }
        self.shared.metrics.failed_configs.set(failed.len() as f64);
        self.shared.replace_sets(wanted);
        for (provider, stop, discoverer) in started {
            let sink = Sink { shared: Arc::clone(&self.shared), provider };
            self.tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = discoverer(sink) => {}
                }
            });
        }
        if !std::mem::replace(&mut *sender_runs, true) {
            let (shared, stop, pause_max) = (Arc::clone(&self.shared), self.stop.clone(), self.options.pause_max);
            self.tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = send_updates(&shared, pause_max) => {}
                }
            });
        }
        failed
    }

    /// Returns the provider of a configuration, perhaps a new one that is still to be started.
    fn provider(
        &self,
        config: ProviderConfig,
        set: &str,
        started: &mut Vec<(ProviderId, CancellationToken, BoxedDiscoverer)>,
    ) -> Result<ProviderId, DiscoveryError> {
        if let Some(id) = self.shared.provider_of(&config) {
            return Ok(id);
        }
        let context = BuildContext {
            set: set.to_owned(),
            metrics: self.shared.sd_metrics.clone(),
            user_agent: self.options.user_agent.clone(),
            resolv_conf: self.options.resolv_conf.clone(),
            environment: self.options.environment.clone(),
            service_account: self.options.service_account.clone(),
        };
        let stop = self.stop.child_token();
        let discoverer = config.discoverer(&context).inspect_err(|err| {
            error!(%err, r#type = config.name(), config = set, "Cannot create service discovery");
        })?;
        let id = self.shared.add(NewProvider { config, set: set.to_owned(), stop: stop.clone() });
        if let Some(discoverer) = discoverer {
            started.push((id, stop, discoverer));
        }
        Ok(id)
    }

    /// Follows a set of the configuration in force.
    pub fn watch(&self, set: &str) -> Option<SetWatch> {
        self.shared.watch(set)
    }

    /// Ends all providers; returns when they have ended.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for DiscoveryManager {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Tells sets what is new: at once after a quiet time, and for what a provider says first; else with pauses that grow.
async fn send_updates(shared: &Shared, pause_max: Duration) {
    let first = PAUSE_FIRST.min(pause_max);
    let mut pause = first;
    let mut sent: Option<Instant> = None;
    loop {
        match shared.next_deadline() {
            None => shared.wake.notified().await,
            Some(deadline) => tokio::select! {
                () = shared.wake.notified() => {}
                () = tokio::time::sleep_until(deadline) => {}
            },
        }
        if let Some(sent) = sent {
            while !shared.is_urgent() && sent.elapsed() < pause {
                tokio::select! {
                    () = shared.wake.notified() => {}
                    () = tokio::time::sleep_until(sent + pause) => {}
                }
            }
            pause = if sent.elapsed() > pause_max { first } else { (pause * 3 / 2).min(pause_max) };
        }
        shared.publish();
        sent = Some(Instant::now());
    }
}
