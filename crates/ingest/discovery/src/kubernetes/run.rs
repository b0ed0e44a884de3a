//! The provider: follows all lists that the role needs and makes the targets of what changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use firesteel_config::sd::KubernetesSd;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::discoverer::{Discoverer, Sink};
use crate::group::TargetGroup;
use crate::kubernetes::access::Access;
use crate::kubernetes::follow::{Event, Followed};
use crate::kubernetes::kind::ObjectKind;
use crate::kubernetes::store::{Change, Store};
use crate::kubernetes::targets::group_of;
use crate::metrics::KubernetesMetrics;

/// Events that wait; lists are not read faster than their targets are made.
const QUEUE: usize = 1024;
/// Events after which targets are made even while more wait.
const BATCH: usize = 4096;

pub(crate) struct Kubernetes {
    pub(crate) config: KubernetesSd,
    pub(crate) role: ObjectKind,
    pub(crate) namespaces: Vec<String>,
    pub(crate) access: Arc<Access>,
    pub(crate) metrics: KubernetesMetrics,
}

/// A list: its kind, and its namespace or nothing.
type List = (ObjectKind, String);

impl Kubernetes {
    /// Returns the lists of one namespace.
    fn lists_of(&self, namespace: &str) -> Vec<List> {
        let attach = &self.config.attach_metadata;
        let mut kinds = vec![self.role];
        if matches!(self.role, ObjectKind::Endpoints | ObjectKind::EndpointSlice) {
            kinds.extend([ObjectKind::Service, ObjectKind::Pod]);
        }
        let has_pods = kinds.contains(&ObjectKind::Pod);
        if has_pods && attach.deployment {
            kinds.push(ObjectKind::ReplicaSet);
        }
        if has_pods && (attach.job || attach.cronjob) {
            kinds.push(ObjectKind::Job);
        }
        kinds.into_iter().map(|kind| (kind, namespace.to_owned())).collect()
    }

    /// Returns the lists that stand in no namespace.
    fn lists_of_all(&self) -> Vec<List> {
        let attach = &self.config.attach_metadata;
        let has_pods = matches!(self.role, ObjectKind::Pod | ObjectKind::Endpoints | ObjectKind::EndpointSlice);
        let mut kinds = Vec::new();
        if self.role == ObjectKind::Node || (has_pods && attach.node) {
            kinds.push(ObjectKind::Node);
        }
        if self.role != ObjectKind::Node && attach.namespace {
            kinds.push(ObjectKind::Namespace);
        }
        kinds.into_iter().map(|kind| (kind, String::new())).collect()
    }

    fn follow(&self, (kind, namespace): List, events: &mpsc::Sender<Event>) -> Followed {
        let selector = self.config.selectors.iter().find(|s| kind.role() == Some(s.role.as_str()));
        Followed {
            access: Arc::clone(&self.access),
            kind,
            namespace,
            label_selector: selector.map_or(String::new(), |selector| selector.label.clone()),
            field_selector: selector.map_or(String::new(), |selector| selector.field.clone()),
            events: events.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

impl Discoverer for Kubernetes {
    async fn run(self, sink: Sink) {
        let (sender, mut events) = mpsc::channel(QUEUE);
        let shared = self.lists_of_all();
        // A role without namespaces is its own shared list.
        let wanted: Vec<(String, Vec<List>)> = if self.role == ObjectKind::Node {
            vec![(String::new(), Vec::new())]
        } else {
            self.namespaces.iter().map(|namespace| (namespace.clone(), self.lists_of(namespace))).collect()
        };
        // Dropped with this future, and all that runs in it.
        let mut lists = JoinSet::new();
        for list in shared.iter().chain(wanted.iter().flat_map(|(_, lists)| lists)) {
            lists.spawn(self.follow(list.clone(), &sender).run());
        }
        drop(sender);
        let mut state = State {
            role: self.role,
            metrics: self.metrics.clone(),
            store: Store::new(self.role, self.config.attach_metadata.clone()),
            shared,
            wanted,
            read: BTreeSet::new(),
        };
        while let Some(event) = events.recv().await {
            let mut is_first = state.take(event);
            for _ in 0..BATCH {
                match events.try_recv() {
                    Ok(event) => is_first |= state.take(event),
                    Err(_) => break,
                }
            }
            let groups = state.groups();
            if !groups.is_empty() || is_first {
                sink.send(groups);
            }
        }
    }
}

/// What is known, and which lists were read.
struct State {
    role: ObjectKind,
    metrics: KubernetesMetrics,
    store: Store,
    shared: Vec<List>,
    wanted: Vec<(String, Vec<List>)>,
    read: BTreeSet<List>,
}

impl State {
    /// Takes an event in; returns whether it completes the first reading of some namespace.
    fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Put { kind, object } => {
                let change = self.store.put(kind, *object);
                self.count(kind, change);
                false
            }
            Event::Gone { kind, key } => {
                if self.store.remove(kind, &key) {
                    self.count(kind, Change::Deleted);
                }
                false
            }
            Event::Whole { kind, namespace, objects } => {
                let now: BTreeSet<String> = objects.iter().map(|object| object.meta().key()).collect();
                for key in self.store.keys_in(kind, &namespace).into_iter().filter(|key| !now.contains(key)) {
                    self.store.remove(kind, &key);
                    self.count(kind, Change::Deleted);
                }
                for object in objects {
                    let change = self.store.put(kind, object);
                    self.count(kind, change);
                }
                self.read.insert((kind, namespace))
            }
        }
    }

    fn count(&self, kind: ObjectKind, change: Change) {
        if let Some(role) = kind.role() {
            let event = match change {
                Change::Added => "add",
                Change::Updated => "update",
                Change::Deleted => "delete",
            };
            self.metrics.event(role, event);
        }
    }

    /// Returns whether all lists of a namespace were read, so that no label is missing from its targets.
    fn is_read(&self, namespace: &str) -> bool {
        let own = self.wanted.iter().find(|(name, _)| name == namespace || name.is_empty());
        let own = own.map_or(&[][..], |(_, lists)| lists);
        self.shared.iter().chain(own).all(|list| self.read.contains(list))
    }

    /// Makes the groups of what changed, in the namespaces that are known whole.
    fn groups(&mut self) -> Vec<TargetGroup> {
        let (mut groups, mut early) = (Vec::new(), Vec::new());
        for key in self.store.take_dirty() {
            let namespace = key.split_once('/').map_or("", |(namespace, _)| namespace);
            if !self.is_read(namespace) {
                early.push(key);
                continue;
            }
            let source = self.role.source(&key);
            match self.store.of_role(&key) {
                None => groups.push(TargetGroup::gone(source)),
                Some(object) => groups.extend(group_of(object, source, &self.store)),
            }
        }
        self.store.keep_dirty(early);
        groups
    }
}
