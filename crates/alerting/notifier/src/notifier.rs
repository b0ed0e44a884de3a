//! All sets of Alertmanagers, as the configuration says (upstream: `notifier/manager.go`).

use std::fmt;
use std::sync::{Arc, Weak};

use firesteel_client::Registry;
use firesteel_config::{Config, RelabelRules};
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions, SetWatch};
use firesteel_model::{Alert, Labels};
use firesteel_net::client::ClientError;
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::metrics::Metrics;
use crate::relabelling::relabelled;
use crate::set::PeerSet;

/// What flags say about sending alerts.
#[derive(Clone, Debug)]
pub struct NotifierOptions {
    /// `--alertmanager.notification-queue-capacity`: alerts that may wait for each Alertmanager.
    pub queue_capacity: usize,
    /// `--alertmanager.notification-batch-size`: alerts in one request.
    pub batch_max: usize,
    /// `--alertmanager.drain-notification-queue-on-shutdown`.
    pub drain_on_shutdown: bool,
    /// `User-Agent` of requests.
    pub user_agent: String,
    pub discovery: DiscoveryOptions,
}

impl Default for NotifierOptions {
    fn default() -> Self {
        let discovery = DiscoveryOptions { name: "notify", ..DiscoveryOptions::default() };
        Self {
            queue_capacity: 10_000,
            batch_max: 256,
            drain_on_shutdown: true,
            user_agent: discovery.user_agent.clone(),
            discovery,
        }
    }
}

/// Alerts cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifierError {
    #[error("error creating HTTP client: {0}")]
    Client(ClientError),
    #[error(transparent)]
    Regex(#[from] firesteel_re2::RegexError),
}

/// Sends alerts to all Alertmanagers that the configuration names or discovery finds.
pub struct Notifier {
    options: NotifierOptions,
    discovery: DiscoveryManager,
    metrics: Metrics,
    state: Arc<RwLock<State>>,
    /// One configuration at a time.
    applying: Mutex<()>,
    /// Of the senders.
    tasks: TaskTracker,
    stopping: CancellationToken,
}

#[derive(Default)]
struct State {
    external: Labels,
    alert_rules: RelabelRules,
    sets: Vec<FollowedSet>,
}

struct FollowedSet {
    set: Arc<PeerSet>,
    /// Ends the task that tells the set what is found.
    _follower: tokio_util::sync::DropGuard,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Notifier {
    /// Makes a notifier without Alertmanagers.
    pub fn new(options: NotifierOptions, registry: &Registry) -> Self {
        let state: Arc<RwLock<State>> = Arc::default();
        let seen: Weak<RwLock<State>> = Arc::downgrade(&state);
        registry.gauge_fn(
            "prometheus_notifications_alertmanagers_discovered",
            "The number of alertmanagers discovered and active.",
            move || seen.upgrade().map_or(0.0, |state| urls(&state.read()).0.len() as f64),
        );
        Self {
            discovery: DiscoveryManager::new(options.discovery.clone(), registry),
            metrics: Metrics::new(registry, options.queue_capacity),
            state,
            applying: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            options,
        }
    }

    /// Puts a configuration in force, or leaves all as it was. Sets whose block is the same go on with their Alertmanagers
    /// and what waits for them. Must be called within a tokio runtime.
    pub fn apply(&self, config: &Config) -> Result<(), NotifierError> {
        let _one_at_a_time = self.applying.lock();
        let scheme = config.global.metric_name_validation_scheme;
        let alert_rules = RelabelRules::new(&config.alerting.alert_relabel_configs, scheme)?;
        let mut before: Vec<Arc<PeerSet>> = self.state.read().sets.iter().map(|f| Arc::clone(&f.set)).collect();
        let mut sets = Vec::new();
        for block in &config.alerting.alertmanagers {
            // Of several equal blocks each gets a set of its own.
            sets.push(match before.iter().position(|set| set.is_of(block, scheme)) {
                Some(same) => before.swap_remove(same),
                None => Arc::new(PeerSet::new(block, scheme, &self.options, &self.metrics, &self.tasks)?),
            });
        }
        let mut state = self.state.write();
        // Nobody follows while names of sets change hands.
        state.sets.clear();
        let named = |n: usize| format!("config-{n}");
        let blocks = sets.iter().enumerate().map(|(n, set)| (named(n), &set.config.discovery));
        // What could not be built is logged there, and its set is without it.
        let _logged = self.discovery.apply(blocks);
        state.sets = sets
            .iter()
            .enumerate()
            .map(|(n, set)| FollowedSet {
                set: Arc::clone(set),
                _follower: self.follow(set, self.discovery.watch(&named(n))),
            })
            .collect();
        state.external = config.global.external_labels.to_labels();
        state.alert_rules = alert_rules;
        for gone in before {
            gone.close();
        }
        Ok(())
    }

    /// Tells a set what is known now, and from now on what becomes known.
    fn follow(&self, set: &Arc<PeerSet>, watch: Option<SetWatch>) -> tokio_util::sync::DropGuard {
        let stop = self.stopping.child_token();
        if let Some(mut watch) = watch {
            set.sync(&watch.current());
            let (set, stop) = (Arc::clone(set), stop.clone());
            tokio::spawn(async move {
                while tokio::select! {
                    biased;
                    () = stop.cancelled() => false,
                    more = watch.changed() => more,
                } {
                    set.sync(&watch.current());
                }
            });
        }
        stop.drop_guard()
    }

    /// Queues alerts for all Alertmanagers. Never waits; once stopping it takes nothing more.
    pub fn send(&self, alerts: &[Alert]) {
        if self.stopping.is_cancelled() {
            return;
        }
        let state = self.state.read();
        let alerts = relabelled(alerts, &state.external, &state.alert_rules);
        if !alerts.is_empty() {
            state.sets.iter().for_each(|followed| followed.set.send(&alerts));
        }
    }

    /// Returns the URLs of the Alertmanagers in use, and of those that relabelling dropped.
    pub fn alertmanagers(&self) -> (Vec<String>, Vec<String>) {
        urls(&self.state.read())
    }

    /// Takes no more alerts, sends those that wait (or counts them as dropped, as the flag says) and ends.
    pub async fn stop(&self) {
        info!(component = "notifier", "Stopping notification manager...");
        self.stopping.cancel();
        self.discovery.stop().await;
        self.state.read().sets.iter().for_each(|followed| followed.set.close());
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn urls(state: &State) -> (Vec<String>, Vec<String>) {
    let (mut active, mut dropped) = (Vec::new(), Vec::new());
    for followed in &state.sets {
        let (a, d) = followed.set.urls();
        active.extend(a);
        dropped.extend(d);
    }
    (active, dropped)
}
