//! All objects that are known, and which of them an object's change concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firesteel_config::sd::KubernetesAttachMetadata;

use crate::kubernetes::kind::{Object, ObjectKind};
use crate::kubernetes::objects::{Bare, Endpoints, Node, Pod, Reference, Service};

/// What an object of the role hangs on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Link {
    Node(String),
    Namespace(String),
    Service(String),
    Pod(String),
    ReplicaSet(String),
    Job(String),
}

/// What became of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Added,
    Updated,
    Deleted,
}

/// Objects by kind and key, and links from what is attached to objects of the role.
#[derive(Debug)]
pub(crate) struct Store {
    role: ObjectKind,
    attach: KubernetesAttachMetadata,
    objects: BTreeMap<ObjectKind, BTreeMap<String, Object>>,
    links: BTreeMap<Link, BTreeSet<String>>,
    /// Keys of objects of the role whose targets must be made anew.
    dirty: BTreeSet<String>,
}

impl Store {
    pub(crate) fn new(role: ObjectKind, attach: KubernetesAttachMetadata) -> Self {
        Self { role, attach, objects: BTreeMap::new(), links: BTreeMap::new(), dirty: BTreeSet::new() }
    }

    pub(crate) fn attach(&self) -> &KubernetesAttachMetadata {
        &self.attach
    }

    fn get(&self, kind: ObjectKind, key: &str) -> Option<&Object> {
        self.objects.get(&kind)?.get(key)
    }

    /// Returns an object of the role.
    pub(crate) fn of_role(&self, key: &str) -> Option<&Object> {
        self.get(self.role, key)
    }

    pub(crate) fn node(&self, name: &str) -> Option<&Node> {
        match self.get(ObjectKind::Node, name)? {
            Object::Node(node) => Some(node),
            _ => None,
        }
    }

    fn bare(&self, kind: ObjectKind, key: &str) -> Option<&Bare> {
        match self.get(kind, key)? {
            Object::Bare(bare) => Some(bare),
            _ => None,
        }
    }

    pub(crate) fn namespace(&self, name: &str) -> Option<&Bare> {
        self.bare(ObjectKind::Namespace, name)
    }

    pub(crate) fn replica_set(&self, key: &str) -> Option<&Bare> {
        self.bare(ObjectKind::ReplicaSet, key)
    }

    pub(crate) fn job(&self, key: &str) -> Option<&Bare> {
        self.bare(ObjectKind::Job, key)
    }

    pub(crate) fn service(&self, key: &str) -> Option<&Service> {
        match self.get(ObjectKind::Service, key)? {
            Object::Service(service) => Some(service),
            _ => None,
        }
    }

    /// Returns the pod that a reference means.
    pub(crate) fn pod(&self, reference: Option<&Reference>) -> Option<Arc<Pod>> {
        let reference = reference.filter(|reference| reference.kind == "Pod")?;
        match self.get(ObjectKind::Pod, &format!("{}/{}", reference.namespace, reference.name))? {
            Object::Pod(pod) => Some(Arc::clone(pod)),
            _ => None,
        }
    }

    /// Puts an object in place of an older one.
    pub(crate) fn put(&mut self, kind: ObjectKind, object: Object) -> Change {
        let key = object.meta().key();
        let old = self.objects.entry(kind).or_default().insert(key.clone(), object.clone());
        if old.as_ref() == Some(&object) {
            return Change::Updated;
        }
        self.touch(kind, &key, old.as_ref(), Some(&object));
        if old.is_some() { Change::Updated } else { Change::Added }
    }

    /// Takes an object away; returns whether it was there.
    pub(crate) fn remove(&mut self, kind: ObjectKind, key: &str) -> bool {
        let Some(old) = self.objects.get_mut(&kind).and_then(|objects| objects.remove(key)) else { return false };
        self.touch(kind, key, Some(&old), None);
        true
    }

    /// Returns the keys of a kind within a namespace; of all if that is empty.
    pub(crate) fn keys_in(&self, kind: ObjectKind, namespace: &str) -> Vec<String> {
        let objects = self.objects.get(&kind).into_iter().flatten();
        let within = objects.filter(|(_, object)| namespace.is_empty() || object.meta().namespace == namespace);
        within.map(|(key, _)| key.clone()).collect()
    }

    /// Returns the keys whose targets must be made anew, once.
    pub(crate) fn take_dirty(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.dirty)
    }

    /// Puts keys back whose time has not come.
    pub(crate) fn keep_dirty(&mut self, keys: impl IntoIterator<Item = String>) {
        self.dirty.extend(keys);
    }

    /// Marks what a change concerns.
    fn touch(&mut self, kind: ObjectKind, key: &str, old: Option<&Object>, new: Option<&Object>) {
        if kind == self.role {
            for link in old.map_or(Vec::new(), |old| self.links_of(old)) {
                if let Some(keys) = self.links.get_mut(&link) {
                    keys.remove(key);
                    if keys.is_empty() {
                        self.links.remove(&link);
                    }
                }
            }
            for link in new.map_or(Vec::new(), |new| self.links_of(new)) {
                self.links.entry(link).or_default().insert(key.to_owned());
            }
            self.dirty.insert(key.to_owned());
        }
        let same_meta = old.map(Object::meta) == new.map(Object::meta);
        let link = match kind {
            // Name, labels and annotations are all that is attached; the rest of a node changes every few seconds.
            ObjectKind::Node if !same_meta => Link::Node(key.to_owned()),
            ObjectKind::Namespace if !same_meta => Link::Namespace(key.to_owned()),
            ObjectKind::Service => Link::Service(key.to_owned()),
            ObjectKind::Pod => Link::Pod(key.to_owned()),
            ObjectKind::ReplicaSet if !same_meta => Link::ReplicaSet(key.to_owned()),
            ObjectKind::Job if !same_meta => Link::Job(key.to_owned()),
            _ => return,
        };
        if let Some(keys) = self.links.get(&link) {
            self.dirty.extend(keys.iter().cloned());
        }
    }

    fn links_of(&self, object: &Object) -> Vec<Link> {
        let meta = object.meta();
        let mut links = Vec::new();
        if self.attach.namespace && !meta.namespace.is_empty() {
            links.push(Link::Namespace(meta.namespace.clone()));
        }
        match object {
            Object::Pod(pod) => self.links_of_pod(pod, &mut links),
            Object::Endpoints(endpoints) => self.links_of_endpoints(endpoints, &mut links),
            Object::EndpointSlice(slice) => {
                if let Some(service) = meta.labels.get(SERVICE_NAME) {
                    links.push(Link::Service(format!("{}/{service}", meta.namespace)));
                }
                for endpoint in &slice.endpoints {
                    self.link_target(endpoint.target_ref.as_ref(), endpoint.node_name.as_deref(), &mut links);
                }
            }
            Object::Node(_) | Object::Bare(_) | Object::Service(_) | Object::Ingress(_) => {}
        }
        links
    }

    fn links_of_pod(&self, pod: &Pod, links: &mut Vec<Link>) {
        if self.attach.node {
            links.push(Link::Node(pod.spec.node_name.clone()));
        }
        let Some(owner) = pod.metadata.controller() else { return };
        let key = format!("{}/{}", pod.metadata.namespace, owner.name);
        match owner.kind.as_str() {
            "ReplicaSet" if self.attach.deployment => links.push(Link::ReplicaSet(key)),
            "Job" if self.attach.job || self.attach.cronjob => links.push(Link::Job(key)),
            _ => {}
        }
    }

    fn links_of_endpoints(&self, endpoints: &Endpoints, links: &mut Vec<Link>) {
        links.push(Link::Service(endpoints.metadata.key()));
        for subset in &endpoints.subsets {
            for address in subset.addresses.iter().chain(&subset.not_ready_addresses) {
                self.link_target(address.target_ref.as_ref(), address.node_name.as_deref(), links);
            }
        }
    }

    fn link_target(&self, target: Option<&Reference>, node: Option<&str>, links: &mut Vec<Link>) {
        if let Some(target) = target.filter(|target| target.kind == "Pod") {
            links.push(Link::Pod(format!("{}/{}", target.namespace, target.name)));
        }
        if self.attach.node {
            let named = target.filter(|target| target.kind == "Node").map(|target| target.name.as_str());
            links.extend(named.or(node).map(|name| Link::Node(name.to_owned())));
        }
    }
}

/// The label by which a slice says whose it is.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
