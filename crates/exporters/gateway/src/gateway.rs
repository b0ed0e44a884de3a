//! All groups: taking pushes, answering scrapes.

use std::cmp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firesteel_base::{Clock, TimestampNs};
use firesteel_expfmt::{ProtobufFamiliesError, protobuf_to_families, text_to_families};
use firesteel_model::{Metric, MetricFamily, ValidationScheme};
use parking_lot::{Condvar, Mutex};
use tracing::debug;

use crate::consistency::{Index, OwnFamilies, told};
use crate::describe::described;
use crate::group::{Group, Kept, PUSH_FAILURE_TIME, PUSH_TIME, gauge};
use crate::sanitise::sanitised;
use crate::{GroupLabels, PushError, PushOptions, sum};

const TIMESTAMPS: &str = "pushed metrics must not have timestamps";
const QUIET: (&str, &str) =
    ("firesteel_push_quiet", "Whether the group has not been pushed to for longer than it should or used to be.");
const ALLOWANCE: (&str, &str) = (
    "firesteel_push_allowed_silence_seconds",
    "How long the group may go without a push before it counts as quiet, as stated or as learned from its pushes.",
);

/// How a gateway takes pushes.
#[derive(Clone, Debug, Default)]
pub struct GatewayOptions {
    /// Families that every scrape shows beside the pushed ones; only name, help and type count.
    pub own: Vec<MetricFamily>,
    /// Takes pushes unseen; what does not fit fails the scrape.
    pub unchecked: bool,
    /// Names in text bodies may be any UTF-8 text.
    pub utf8: bool,
    /// Learns how often each group is pushed to, and shows which have gone quiet. Those that state it are always watched.
    pub watch_quiet: bool,
}

/// What is pushed, as it came.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Text(&'a [u8]),
    /// Delimited messages.
    Protobuf(&'a [u8]),
}

/// A push, without its body.
#[derive(Clone, Debug)]
pub struct Push {
    pub labels: GroupLabels,
    /// Whether families that the push does not name go (PUT) or stay (POST).
    pub replace: bool,
    pub options: PushOptions,
}

/// All groups of pushed metrics. Shared; pushes are taken one after the other.
pub struct Gateway {
    options: GatewayOptions,
    own: OwnFamilies,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Told after every change.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    groups: BTreeMap<GroupLabels, Arc<Group>>,
    /// What is in use, unless pushes are taken unseen.
    index: Index,
    /// Whether `index` knows of no fault.
    consistent: bool,
    /// No group outlives its time before then; `None` when none can.
    next_expiry: Option<TimestampNs>,
    /// Counts changes, so that whoever saves knows what it has.
    changes: u64,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Returns a gateway that holds `groups`, as they were read from a file.
    pub fn new(options: GatewayOptions, clock: Arc<dyn Clock>, groups: Vec<Group>) -> Self {
        let own: OwnFamilies = options.own.iter().map(|f| (f.name.clone(), (f.help.clone(), f.metric_type))).collect();
        let groups: BTreeMap<_, _> = groups.into_iter().map(|g| (g.labels.clone(), Arc::new(g))).collect();
        let (index, faults) = indexed(groups.values(), &own);
        let next_expiry = groups.values().filter_map(|group| group.expires()).min();
        let consistent = faults.is_empty() && !options.unchecked;
        let state = State { groups, index, consistent, next_expiry, changes: 0 };
        Self { options, own, clock, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Returns whether the answer to a push says that it was looked at.
    pub fn is_checked(&self) -> bool {
        !self.options.unchecked
    }

    /// Takes a push. With an error nothing has changed but the group's time of failure, if the body could be read.
    pub fn push(&self, push: &Push, body: Body<'_>) -> Result<(), PushError> {
        let read = match body {
            Body::Text(page) => {
                let names = if self.options.utf8 { ValidationScheme::Utf8 } else { ValidationScheme::Legacy };
                text_to_families(page, names).map_err(PushError::Text)
            }
            Body::Protobuf(page) => protobuf_to_families(page).map_err(|e| match e {
                ProtobufFamiliesError::Metric(odd) => {
                    let group = push.labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
                    let mut labels: Vec<_> =
                        odd.labels.iter().filter(|(n, _)| push.labels.get(n).is_none()).cloned().chain(group).collect();
                    labels.sort();
                    let what = described(labels.iter().map(|(n, v)| (n.as_str(), v.as_str())), odd.value.as_ref());
                    let name = firesteel_go_compat::quote(&odd.family);
                    PushError::Inconsistent(format!("collected metric {name} {{ {what}}} {}", odd.fault))
                }
                e => PushError::Protobuf(e),
            }),
        };
        let done = read.and_then(|families| self.take(push, families).map_err(PushError::Inconsistent));
        if let Err(PushError::Inconsistent(_)) = done {
            self.note_failure(&push.labels);
        }
        done
    }

    fn take(&self, push: &Push, families: Vec<MetricFamily>) -> Result<(), String> {
        if families.iter().any(|f| f.metrics.iter().any(|m| m.timestamp_ms.is_some())) {
            return Err(TIMESTAMPS.to_owned());
        }
        // A later family of the same name takes the place of an earlier one.
        let mut new: BTreeMap<String, MetricFamily> = BTreeMap::new();
        for mut family in families.into_iter().filter(|f| !f.metrics.is_empty()) {
            for metric in &mut family.metrics {
                metric.labels = sanitised(&metric.labels, &push.labels);
            }
            new.insert(family.name.clone(), family);
        }
        let now = self.clock.now_ns();
        new.insert(PUSH_TIME.to_owned(), Group::push_time(&push.labels, Some(now)));
        let mut state = self.state.lock();
        self.expire(&mut state, now);
        self.apply(&mut state, push, new, now)?;
        state.changes += 1;
        self.changed.notify_all();
        Ok(())
    }

    fn apply(
        &self,
        state: &mut State,
        push: &Push,
        mut new: BTreeMap<String, MetricFamily>,
        now: TimestampNs,
    ) -> Result<(), String> {
        let known = state.groups.get(&push.labels);
        if !known.is_some_and(|group| group.families.contains_key(PUSH_FAILURE_TIME)) {
            new.insert(PUSH_FAILURE_TIME.to_owned(), Group::push_failure_time(&push.labels, None));
        }
        if let Some(group) = known.filter(|_| push.options.sum) {
            for (name, family) in &mut new {
                let same = |kept: &&Kept| kept.family.metric_type == family.metric_type;
                if let Some(kept) = group.families.get(name).filter(same) {
                    sum::add(&kept.family, family)?;
                }
            }
        }
        let goes = |name: &str| new.contains_key(name) || (push.replace && name != PUSH_FAILURE_TIME);
        let old: Vec<Arc<MetricFamily>> = known
            .into_iter()
            .flat_map(|group| group.families.iter().filter(|(name, _)| goes(name)).map(|(_, kept)| kept.family.clone()))
            .collect();
        if !self.options.unchecked {
            state.index.exchange(&old, new.values(), &self.own)?;
        }
        let group =
            state.groups.entry(push.labels.clone()).or_insert_with(|| Arc::new(Group::new(push.labels.clone())));
        let group = Arc::make_mut(group);
        group.wishes.apply(&push.options);
        group.rhythm.note(group.last_push(), now);
        for family in &old {
            group.families.remove(&family.name);
        }
        for (name, family) in new {
            group.families.insert(name, Kept { pushed: now, family: Arc::new(family) });
        }
        state.next_expiry = [state.next_expiry, group.expires()].into_iter().flatten().min();
        Ok(())
    }

    /// Notes that a push was refused; the group need not be there.
    fn note_failure(&self, labels: &GroupLabels) {
        let now = self.clock.now_ns();
        let mut state = self.state.lock();
        let state = &mut *state;
        let known = state.groups.get(labels);
        let mut new = vec![Group::push_failure_time(labels, Some(now))];
        if !known.is_some_and(|group| group.families.contains_key(PUSH_TIME)) {
            new.push(Group::push_time(labels, None));
        }
        let old = known.and_then(|group| group.families.get(PUSH_FAILURE_TIME)).map(|kept| kept.family.clone());
        let old = old.as_slice();
        // upstream notes it whatever comes of it: where the labels of two groups are the same once `instance` is added, every
        // scrape fails from then on.
        if !self.options.unchecked && state.index.exchange(old, new.iter(), &self.own).is_err() {
            return;
        }
        let group = state.groups.entry(labels.clone()).or_insert_with(|| Arc::new(Group::new(labels.clone())));
        let group = Arc::make_mut(group);
        for family in new {
            group.families.insert(family.name.clone(), Kept { pushed: now, family: Arc::new(family) });
        }
        state.changes += 1;
        self.changed.notify_all();
    }

    /// Deletes a group; one that is not there is deleted already.
    pub fn delete(&self, labels: &GroupLabels) {
        let mut state = self.state.lock();
        if let Some(group) = state.groups.remove(labels) {
            self.forget(&mut state, &group);
            state.changes += 1;
            self.changed.notify_all();
        }
    }

    /// Deletes all groups.
    pub fn wipe(&self) {
        let mut state = self.state.lock();
        state.groups.clear();
        state.index = Index::default();
        state.consistent = !self.options.unchecked;
        state.changes += 1;
        self.changed.notify_all();
    }

    fn forget(&self, state: &mut State, group: &Group) {
        if !self.options.unchecked {
            group.families.values().for_each(|kept| state.index.remove(&kept.family));
        }
    }

    /// Deletes what has outlived its time.
    fn expire(&self, state: &mut State, now: TimestampNs) {
        if state.next_expiry.is_none_or(|end| end > now) {
            return;
        }
        let dead = |group: &&Arc<Group>| group.expires().is_some_and(|end| end <= now);
        let gone: Vec<Arc<Group>> = state.groups.values().filter(dead).cloned().collect();
        for group in gone {
            state.groups.remove(&group.labels);
            self.forget(state, &group);
            state.changes += 1;
            self.changed.notify_all();
        }
        state.next_expiry = state.groups.values().filter_map(|group| group.expires()).min();
    }

    /// Returns all groups, by their labels.
    pub fn groups(&self) -> Vec<Arc<Group>> {
        self.reading().1
    }

    fn reading(&self) -> (u64, Vec<Arc<Group>>, bool) {
        let now = self.clock.now_ns();
        let mut state = self.state.lock();
        self.expire(&mut state, now);
        (state.changes, state.groups.values().cloned().collect(), state.consistent)
    }

    /// Returns all groups with the number of changes that led to them.
    pub(crate) fn snapshot(&self) -> (u64, Vec<Arc<Group>>) {
        let (changes, groups, _) = self.reading();
        (changes, groups)
    }

    /// Waits until there were other changes than `seen`, or `stop` is set before a call of [`Self::wake`].
    pub(crate) fn wait_for_change(&self, seen: u64, stop: &AtomicBool) {
        let mut state = self.state.lock();
        while state.changes == seen && !stop.load(Ordering::Acquire) {
            self.changed.wait(&mut state);
        }
    }

    /// Wakes whoever waits.
    pub(crate) fn wake(&self) {
        // Under the lock: somebody may be about to wait.
        let _state = self.state.lock();
        self.changed.notify_all();
    }

    /// Returns the pushed families merged with `own`, by name; their metrics by labels as upstream sorts them. Errors with
    /// what is inconsistent.
    pub fn gather(&self, own: Vec<MetricFamily>) -> Result<Vec<MetricFamily>, String> {
        let (_, groups, consistent) = self.reading();
        if !consistent {
            let (index, faults) = indexed(groups.iter(), &self.own);
            if let Some(text) = told(&faults) {
                return Err(text);
            }
            if !self.options.unchecked {
                self.trust(&groups, index);
            }
        }
        let mut merged: BTreeMap<String, MetricFamily> = BTreeMap::new();
        for family in own {
            merged.insert(family.name.clone(), family);
        }
        for kept in groups.iter().flat_map(|group| group.families.values()) {
            merge(&mut merged, &kept.family, &self.own);
        }
        for family in self.quiet(&groups) {
            merge(&mut merged, &family, &self.own);
        }
        let mut families: Vec<MetricFamily> = merged.into_values().filter(|f| !f.metrics.is_empty()).collect();
        for family in &mut families {
            sort_metrics(family);
        }
        Ok(families)
    }

    /// What was loaded with faults is without them now: the index is made anew, unless somebody was faster.
    fn trust(&self, groups: &[Arc<Group>], index: Index) {
        let mut state = self.state.lock();
        let same =
            state.groups.len() == groups.len() && state.groups.values().zip(groups).all(|(a, b)| Arc::ptr_eq(a, b));
        if same {
            state.index = index;
            state.consistent = true;
        }
    }

    /// Returns which groups are silent for too long, of those of which that can be said.
    fn quiet(&self, groups: &[Arc<Group>]) -> Vec<MetricFamily> {
        let now = self.clock.now_ns();
        let mut families = Vec::new();
        for group in groups {
            let learned = || group.rhythm.allowance().filter(|_| self.options.watch_quiet);
            let Some(allowance) = group.wishes.expect.or_else(learned) else { continue };
            let Some(last) = group.last_push() else { continue };
            let silent = u64::try_from(now.0.saturating_sub(last.0)).unwrap_or(0);
            let is_quiet = Duration::from_nanos(silent) > allowance;
            families.push(gauge(QUIET, &group.labels, f64::from(u8::from(is_quiet))));
            families.push(gauge(ALLOWANCE, &group.labels, allowance.as_secs_f64()));
        }
        families
    }
}

fn indexed<'a>(groups: impl Iterator<Item = &'a Arc<Group>>, own: &OwnFamilies) -> (Index, Vec<String>) {
    let (mut index, mut faults) = (Index::default(), Vec::new());
    for kept in groups.flat_map(|group| group.families.values()) {
        index.insert(&kept.family, own, &mut faults);
    }
    (index, faults)
}

fn merge(merged: &mut BTreeMap<String, MetricFamily>, family: &MetricFamily, own: &OwnFamilies) {
    match merged.get_mut(&family.name) {
        Some(known) => {
            if known.help != family.help {
                debug!(family = family.name, "metric families inconsistent help strings");
            }
            known.metrics.extend_from_slice(&family.metrics);
        }
        None => {
            let mut family = family.clone();
            if let Some((help, _)) = own.get(&family.name) {
                family.help.clone_from(help);
            }
            merged.insert(family.name.clone(), family);
        }
    }
}

/// By number of labels, then by their values (`prometheus/internal/metric.go`, `MetricSorter`).
fn sort_metrics(family: &mut MetricFamily) {
    let count = |metric: &Metric| metric.labels.iter().count();
    family.metrics.sort_by(|a, b| {
        let values = || {
            let mut pairs = a.labels.iter().zip(&b.labels);
            pairs.find_map(|((_, x), (_, y))| Some(x.cmp(y)).filter(|order| order.is_ne()))
        };
        count(a).cmp(&count(b)).then_with(|| values().unwrap_or(cmp::Ordering::Equal))
    });
}
