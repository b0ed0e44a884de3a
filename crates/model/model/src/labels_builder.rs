//! Making and changing label sets.

use crate::labels::push_packed;
use crate::{Labels, LabelsIter};

/// Collects label changes and packs them once. Reuse it: `reset` keeps the allocations.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Sorted by name; an empty value stands for "deleted".
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Returns an empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a builder that starts as `labels`.
    pub fn from_labels(labels: &Labels) -> Self {
        let mut builder = Self::new();
        builder.reset(labels);
        builder
    }

    /// Starts again as `labels`.
    pub fn reset(&mut self, labels: &Labels) {
        self.pairs.clear();
        self.pairs.extend(labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match self.position(name) {
            Ok(at) => {
                if value.is_empty() {
                    self.pairs.remove(at);
                } else {
                    value.clone_into(&mut self.pairs[at].1);
                }
            }
            Err(at) if !value.is_empty() => self.pairs.insert(at, (name.to_owned(), value.to_owned())),
            Err(_) => {}
        }
        self
    }

    /// Removes a label; absent is fine.
    pub fn del(&mut self, name: &str) -> &mut Self {
        self.set(name, "")
    }

    /// Keeps only the labels for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) -> &mut Self {
        self.pairs.retain(|(n, v)| keep(n, v));
        self
    }

    /// Returns the value of `name`, or the empty string.
    pub fn get(&self, name: &str) -> &str {
        self.position(name).map_or("", |at| &self.pairs[at].1)
    }

    /// Returns the pairs in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Returns whether no label is set.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Packs the labels.
    pub fn build(&self) -> Labels {
        let bytes = self.pairs.iter().map(|(n, v)| n.len() + v.len() + 2).sum();
        let mut packed = Vec::with_capacity(bytes);
        for (name, value) in &self.pairs {
            push_packed(&mut packed, name);
            push_packed(&mut packed, value);
        }
        debug_assert_eq!(LabelsIter::over_packed(&packed).count(), self.pairs.len());
        Labels::from_packed(&packed)
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(n, _)| n.as_str().cmp(name))
    }
}
