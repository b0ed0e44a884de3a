//! Instruments of one name, told apart by label values.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use firesteel_base::FastBuildHasher;
use firesteel_model::{Labels, Metric, MetricFamily};
use hashbrown::HashTable;
use parking_lot::RwLock;

use crate::Instrument;

/// Instruments of one name, one for each set of label values that was asked for. Clones share them.
#[derive(Debug)]
pub struct Family<T: Instrument>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T: Instrument> {
    name: String,
    help: String,
    label_names: Vec<String>,
    settings: T::Settings,
    hasher: FastBuildHasher,
    /// Written only when a child comes or goes.
    children: RwLock<HashTable<Child<T>>>,
}

#[derive(Debug)]
struct Child<T> {
    values: Box<[Box<str>]>,
    instrument: T,
}

impl<T: Instrument> Clone for Family<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Instrument> Family<T> {
    pub(crate) fn new(name: &str, help: &str, label_names: &[&str], settings: T::Settings) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            help: help.to_owned(),
            label_names: label_names.iter().map(|&name| name.to_owned()).collect(),
            settings,
            hasher: FastBuildHasher::default(),
            children: RwLock::new(HashTable::new()),
        }))
    }

    /// Returns the instrument with these label values, in the order of the names; makes it at the first call. Costs a
    /// hash and a read lock: keep the handle where that matters.
    pub fn with(&self, values: &[&str]) -> T {
        assert_eq!(values.len(), self.0.label_names.len(), "label values of {}", self.0.name);
        let hash = self.hash(values);
        if let Some(child) = self.0.children.read().find(hash, |child| child.has(values)) {
            return child.instrument.clone();
        }
        let mut children = self.0.children.write();
        if let Some(child) = children.find(hash, |child| child.has(values)) {
            return child.instrument.clone();
        }
        let instrument = T::create(&self.0.settings);
        let child = Child { values: values.iter().map(|&v| v.into()).collect(), instrument: instrument.clone() };
        children.insert_unique(hash, child, |child| self.hash(&child.values));
        instrument
    }

    /// Forgets the instrument with these label values; returns whether there was one. Handles still held go on, unseen.
    pub fn remove(&self, values: &[&str]) -> bool {
        let hash = self.hash(values);
        match self.0.children.write().find_entry(hash, |child| child.has(values)) {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }

    /// Keeps only the instruments whose label values satisfy `keep`: for entities that are gone.
    pub fn retain(&self, mut keep: impl FnMut(&[Box<str>]) -> bool) {
        self.0.children.write().retain(|child| keep(&child.values));
    }

    /// Forgets all instruments.
    pub fn clear(&self) {
        self.0.children.write().clear();
    }

    fn hash<S: AsRef<str>>(&self, values: &[S]) -> u64 {
        let mut state = self.0.hasher.build_hasher();
        for value in values {
            std::hash::Hash::hash(value.as_ref(), &mut state);
        }
        std::hash::Hasher::finish(&state)
    }

    /// Returns whether the family would be the same if it were asked for in this way.
    pub(crate) fn is_like(&self, label_names: &[&str], settings: &T::Settings) -> bool {
        self.0.label_names == label_names && self.0.settings == *settings
    }

    /// Returns the values, sorted by label values; `None` while there is no child.
    pub(crate) fn gather(&self) -> Option<MetricFamily> {
        let mut children: Vec<(Box<[Box<str>]>, T)> =
            self.0.children.read().iter().map(|child| (child.values.clone(), child.instrument.clone())).collect();
        if children.is_empty() {
            return None;
        }
        children.sort_by(|a, b| a.0.cmp(&b.0));
        let metrics = children
            .into_iter()
            .map(|(values, instrument)| {
                let pairs = self.0.label_names.iter().zip(values.iter()).map(|(name, value)| (name.as_str(), &**value));
                let (value, created_ms) = instrument.read();
                Metric { labels: Labels::from_pairs(pairs), value, timestamp_ms: None, created_ms }
            })
            .collect();
        Some(MetricFamily {
            name: self.0.name.clone(),
            help: self.0.help.clone(),
            unit: String::new(),
            metric_type: T::METRIC_TYPE,
            metrics,
        })
    }
}

impl<T> Child<T> {
    fn has(&self, values: &[&str]) -> bool {
        self.values.len() == values.len() && self.values.iter().zip(values).all(|(have, want)| **have == **want)
    }
}
