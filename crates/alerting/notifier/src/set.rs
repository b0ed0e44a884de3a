//! The Alertmanagers of one block of the configuration (upstream: `notifier/alertmanagerset.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firesteel_config::{AlertmanagerConfig, RelabelRules, ValidationScheme};
use firesteel_discovery::SetTargets;
use firesteel_model::{Alert, Labels};
use firesteel_net::client::{ClientOptions, HttpClient, Signing};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::metrics::Metrics;
use crate::notifier::{NotifierError, NotifierOptions};
use crate::peer::{Peer, Sending};
use crate::peer_url::{Found, urls_of};
use crate::relabelling::relabelled;

/// A set, shared by the notifier and the task that follows what discovery finds.
#[derive(Debug)]
pub(crate) struct PeerSet {
    pub(crate) config: AlertmanagerConfig,
    scheme: ValidationScheme,
    target_rules: RelabelRules,
    alert_rules: RelabelRules,
    sending: Sending,
    metrics: Metrics,
    tasks: TaskTracker,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order they were found.
    found: Found,
    peers: BTreeMap<String, Peer>,
}

impl PeerSet {
    pub(crate) fn new(
        config: &AlertmanagerConfig,
        scheme: ValidationScheme,
        options: &NotifierOptions,
        metrics: &Metrics,
        tasks: &TaskTracker,
    ) -> Result<Self, NotifierError> {
        let signing = config.sigv4.as_ref().map(Signing::of_config).transpose().map_err(NotifierError::Client)?;
        let (user_agent, dialer) = (options.user_agent.clone(), Some(metrics.dialer()));
        let client = ClientOptions { user_agent, signing, dialer, ..ClientOptions::default() };
        let client = HttpClient::new(&config.http, client).map_err(NotifierError::Client)?;
        let rules = |configs| RelabelRules::new(configs, scheme).map_err(NotifierError::Regex);
        Ok(Self {
            config: config.clone(),
            scheme,
            target_rules: rules(&config.relabel_configs)?,
            alert_rules: rules(&config.alert_relabel_configs)?,
            sending: Sending {
                client: Arc::new(client),
                timeout: config.timeout,
                queue_capacity: options.queue_capacity,
                batch_max: options.batch_max.max(1),
                drain: options.drain_on_shutdown,
            },
            metrics: metrics.clone(),
            tasks: tasks.clone(),
            state: Mutex::default(),
        })
    }

    /// Returns whether it is what this configuration asks for.
    pub(crate) fn is_of(&self, config: &AlertmanagerConfig, scheme: ValidationScheme) -> bool {
        self.scheme == scheme && self.config == *config
    }

    /// Makes these the targets: starts those that are new, lets go of those that are gone, leaves the others alone.
    pub(crate) fn sync(&self, targets: &SetTargets) {
        let (mut all, mut seen) = (Found::default(), BTreeSet::new());
        for group in &targets.groups {
            match urls_of(group, &self.config, &self.target_rules) {
                Ok(found) => {
                    all.active.extend(found.active.into_iter().filter(|url| seen.insert(url.clone())));
                    all.dropped.extend(found.dropped);
                }
                Err(err) => error!(component = "notifier", err, "Creating discovered Alertmanagers failed"),
            }
        }
        let mut state = self.state.lock();
        state.peers.retain(|url, _| seen.contains(url));
        for url in &all.active {
            if !state.peers.contains_key(url) {
                let peer = Peer::start(url.clone(), self.sending.clone(), self.metrics.peer(url), &self.tasks);
                state.peers.insert(url.clone(), peer);
            }
        }
        state.found = all;
    }

    /// Queues alerts for each of its Alertmanagers.
    pub(crate) fn send(&self, alerts: &[Alert]) {
        let alerts = relabelled(alerts, &Labels::empty(), &self.alert_rules);
        if !alerts.is_empty() {
            self.state.lock().peers.values().for_each(|peer| peer.add(&alerts));
        }
    }

    /// Returns the URLs in use and those that relabelling dropped.
    pub(crate) fn urls(&self) -> (Vec<String>, Vec<String>) {
        let state = self.state.lock();
        (state.found.active.clone(), state.found.dropped.clone())
    }

    /// Lets go of all its Alertmanagers.
    pub(crate) fn close(&self) {
        *self.state.lock() = State::default();
    }
}
