//! Making and changing label sets.

use crate::labels::push_packed;
use crate::{Labels, LabelsIter};

/// Collects label changes and packs them once. Reuse it: `reset` keeps the allocations.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Sorted by name; an empty value stands for "deleted".
    pairs: Vec<(String, String)>,
    /// Memory of pairs that are gone.
    spare: Vec<(String, String)>,
}

/// More and larger pairs than this are not kept for reuse.
const SPARE_PAIRS_MAX: usize = 64;
const SPARE_TEXT_MAX: usize = 1 << 10;

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
        while let Some(pair) = self.pairs.pop() {
            self.put_by(pair);
        }
        for (name, value) in labels {
            let pair = self.pair(name, value);
            self.pairs.push(pair);
        }
    }

    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match self.position(name) {
            Ok(at) => {
                if value.is_empty() {
                    let pair = self.pairs.remove(at);
                    self.put_by(pair);
                } else {
                    value.clone_into(&mut self.pairs[at].1);
                }
            }
            Err(at) if !value.is_empty() => {
                let pair = self.pair(name, value);
                self.pairs.insert(at, pair);
            }
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

    fn pair(&mut self, name: &str, value: &str) -> (String, String) {
        let (mut name_text, mut value_text) = self.spare.pop().unwrap_or_default();
        name.clone_into(&mut name_text);
        value.clone_into(&mut value_text);
        (name_text, value_text)
    }

    fn put_by(&mut self, pair: (String, String)) {
        if self.spare.len() < SPARE_PAIRS_MAX && pair.0.capacity().max(pair.1.capacity()) <= SPARE_TEXT_MAX {
            self.spare.push(pair);
        }
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(n, _)| n.as_str().cmp(name))
    }
}
