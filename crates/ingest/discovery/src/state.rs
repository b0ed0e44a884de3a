//! What is known: groups by provider and source, and what each set was told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::group::TargetGroup;
use crate::kinds::ProviderConfig;
use crate::metrics::{ManagerMetrics, SdMetrics};

/// Numbers are never used again.
pub(crate) type ProviderId = u64;

/// How long a set keeps what it had from a provider whose successor has not spoken yet. Upstream drops it at once, and
/// with it all targets, until the successor answers.
const HOLD_MAX: Duration = Duration::from_secs(60);

/// All groups of a set.
#[derive(Clone, Debug, Default)]
pub struct SetTargets {
    /// Grows when another configuration of the set comes into force, and only then.
    pub revision: u64,
    /// Grows when a provider of the set speaks for the first time.
    pub first_words: u64,
    /// In the order of the configuration, then by source.
    pub groups: Vec<Arc<TargetGroup>>,
}

/// Follows a set. It shows the latest state, however many there were in between.
#[derive(Clone, Debug)]
pub struct SetWatch(watch::Receiver<Arc<SetTargets>>);

impl SetWatch {
    /// Returns when there is something that [`Self::current`] has not returned yet; false when the set is no more.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// Returns the latest state.
    pub fn current(&mut self) -> Arc<SetTargets> {
        Arc::clone(&self.0.borrow_and_update())
    }
}

/// What providers, the manager and the sender of updates have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something is new.
    pub(crate) wake: Notify,
    pub(crate) metrics: ManagerMetrics,
    pub(crate) sd_metrics: SdMetrics,
}

#[derive(Debug, Default)]
struct State {
    providers: BTreeMap<ProviderId, Provider>,
    sets: BTreeMap<String, Set>,
    next_id: ProviderId,
    /// A provider spoke for the first time: do not let its sets wait.
    urgent: bool,
}

#[derive(Debug)]
struct Provider {
    config: ProviderConfig,
    /// The set that its metrics name.
    first_set: String,
    groups: BTreeMap<String, Arc<TargetGroup>>,
    has_spoken: bool,
    stop: CancellationToken,
    sets: BTreeSet<String>,
}

#[derive(Debug)]
struct Set {
    providers: Vec<ProviderId>,
    /// Groups of providers that were replaced, by kind.
    held: Vec<(&'static str, Vec<Arc<TargetGroup>>)>,
    held_until: Instant,
    revision: u64,
    first_words: u64,
    is_dirty: bool,
    sender: watch::Sender<Arc<SetTargets>>,
}

/// A provider to add.
pub(crate) struct NewProvider {
    pub(crate) config: ProviderConfig,
    pub(crate) set: String,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(metrics: ManagerMetrics, sd_metrics: SdMetrics) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), metrics, sd_metrics }
    }

    /// Merges what a provider said.
    pub(crate) fn update(&self, id: ProviderId, groups: Vec<TargetGroup>) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let Some(provider) = state.providers.get_mut(&id) else { return };
        self.metrics.received_updates.inc();
        provider.merge(groups);
        let is_first = !std::mem::replace(&mut provider.has_spoken, true);
        state.urgent |= is_first;
        for name in &provider.sets {
            if let Some(set) = state.sets.get_mut(name) {
                set.is_dirty = true;
                set.first_words += u64::from(is_first);
            }
        }
        drop(guard);
        self.wake.notify_one();
    }

    /// Returns the provider that runs a configuration.
    pub(crate) fn provider_of(&self, config: &ProviderConfig) -> Option<ProviderId> {
        self.state.lock().providers.iter().find(|(_, provider)| provider.config == *config).map(|(id, _)| *id)
    }

    /// Puts providers beside those that run; returns their numbers.
    pub(crate) fn add(&self, new: NewProvider) -> ProviderId {
        let mut state = self.state.lock();
        let id = state.next_id;
        state.next_id += 1;
        let at_once = new.config.known_at_once();
        let mut provider = Provider {
            config: new.config,
            first_set: new.set,
            groups: BTreeMap::new(),
            has_spoken: at_once.is_some(),
            stop: new.stop,
            sets: BTreeSet::new(),
        };
        provider.merge(at_once.unwrap_or_default());
        state.providers.insert(id, provider);
        id
    }

    /// Makes these the sets, and tells them; ends providers that nobody wants any more.
    pub(crate) fn replace_sets(&self, wanted: BTreeMap<String, Vec<ProviderId>>) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let gone: Vec<String> = state.sets.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in &gone {
            state.sets.remove(name);
            self.metrics.forget(name);
        }
        for (name, providers) in wanted {
            let set = state.sets.entry(name).or_insert_with(Set::new);
            if set.revision > 0 && set.providers == providers {
                continue;
            }
            set.hold(&providers, &state.providers);
            set.providers = providers;
            set.revision += 1;
            set.is_dirty = true;
        }
        for (id, provider) in &mut state.providers {
            let of = |(name, set): (&String, &Set)| set.providers.contains(id).then(|| name.clone());
            provider.sets = state.sets.iter().filter_map(of).collect();
        }
        state.providers.retain(|_, provider| {
            let is_wanted = !provider.sets.is_empty();
            if !is_wanted {
                provider.stop.cancel();
                self.sd_metrics.forget(provider.config.name(), &provider.first_set);
            }
            is_wanted
        });
        self.publish_locked(state);
    }

    /// Tells all sets about which something is new.
    pub(crate) fn publish(&self) {
        self.publish_locked(&mut self.state.lock());
    }

    fn publish_locked(&self, state: &mut State) {
        state.urgent = false;
        let now = Instant::now();
        let mut told = false;
        for (name, set) in &mut state.sets {
            if !set.held.is_empty() && set.let_go(&state.providers, now) {
                set.is_dirty = true;
            }
            if !std::mem::take(&mut set.is_dirty) {
                continue;
            }
            let own = set.providers.iter().filter_map(|id| state.providers.get(id)).flat_map(|p| p.groups.values());
            let groups: Vec<_> = own.chain(set.held.iter().flat_map(|(_, groups)| groups)).map(Arc::clone).collect();
            self.metrics.told(name, groups.iter().map(|group| group.targets.len()).sum());
            let targets = SetTargets { revision: set.revision, first_words: set.first_words, groups };
            set.sender.send_replace(Arc::new(targets));
            told = true;
        }
        if told {
            self.metrics.sent_updates.inc();
        }
    }

    /// Returns whether an update should not wait for the pause to end.
    pub(crate) fn is_urgent(&self) -> bool {
        self.state.lock().urgent
    }

    /// Returns when a set must let go of what it holds.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.state.lock().sets.values().filter(|set| !set.held.is_empty()).map(|set| set.held_until).min()
    }

    /// Returns what a set's reader follows.
    pub(crate) fn watch(&self, set: &str) -> Option<SetWatch> {
        self.state.lock().sets.get(set).map(|set| SetWatch(set.sender.subscribe()))
    }
}

impl Provider {
    fn merge(&mut self, groups: Vec<TargetGroup>) {
        for group in groups {
            if group.targets.is_empty() {
                self.groups.remove(&group.source);
            } else {
                self.groups.insert(group.source.clone(), Arc::new(group));
            }
        }
    }
}

impl Set {
    fn new() -> Self {
        Self {
            providers: Vec::new(),
            held: Vec::new(),
            held_until: Instant::now(),
            revision: 0,
            first_words: 0,
            is_dirty: false,
            sender: watch::Sender::new(Arc::default()),
        }
    }

    /// Keeps the groups of providers that will be replaced by silent ones of the same kind.
    fn hold(&mut self, next: &[ProviderId], providers: &BTreeMap<ProviderId, Provider>) {
        let leaving = self.providers.iter().filter(|id| !next.contains(id)).filter_map(|id| providers.get(id));
        let is_awaited = |kind: &str| {
            let mut silent = next.iter().filter_map(|id| providers.get(id)).filter(|p| !p.has_spoken);
            silent.any(|p| p.config.name() == kind)
        };
        let leaving: Vec<_> = leaving
            .filter(|p| !p.groups.is_empty() && is_awaited(p.config.name()))
            .map(|p| (p.config.name(), p.groups.values().map(Arc::clone).collect()))
            .collect();
        self.held.retain(|(kind, _)| is_awaited(kind));
        if !leaving.is_empty() {
            self.held.extend(leaving);
            self.held_until = Instant::now() + HOLD_MAX;
        }
    }

    /// Drops what need not be held any longer; returns whether there was such.
    fn let_go(&mut self, providers: &BTreeMap<ProviderId, Provider>, now: Instant) -> bool {
        let before = self.held.len();
        let (ids, is_over) = (&self.providers, now >= self.held_until);
        self.held.retain(|(kind, _)| {
            let mut own = ids.iter().filter_map(|id| providers.get(id));
            !is_over && own.any(|p| !p.has_spoken && p.config.name() == *kind)
        });
        self.held.len() != before
    }
}
