//! The label pairs of the series that are being indexed, and how many series have each.

use std::hash::BuildHasher;

use firesteel_base::FastBuildHasher;
use hashbrown::HashTable;

use crate::LabelSymbols;

/// A pair and the number of its series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) label: LabelSymbols,
    pub(super) count: u32,
}

/// All pairs. Series come sorted, so most labels are those of the series before at the same place: these need no look-up.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pairs: Vec<Pair>,
    table: HashTable<u32>,
    hasher: FastBuildHasher,
    before: Vec<(LabelSymbols, u32)>,
}

impl Pairs {
    /// Counts a series.
    pub(super) fn count(&mut self, labels: &[LabelSymbols]) {
        let Self { pairs, table, hasher, before } = self;
        before.resize(labels.len().max(before.len()), ((u32::MAX, u32::MAX), 0));
        for (&label, before) in labels.iter().zip(before) {
            if before.0 != label {
                let hash = hasher.hash_one(label);
                let known = table.find(hash, |&at| pairs[at as usize].label == label).copied();
                let at = known.unwrap_or_else(|| {
                    let at = pairs.len() as u32;
                    pairs.push(Pair { label, count: 0 });
                    table.insert_unique(hash, at, |&at| hasher.hash_one(pairs[at as usize].label));
                    at
                });
                *before = (label, at);
            }
            pairs[before.1 as usize].count += 1;
        }
    }

    /// Sorts the pairs by name and value, that is by text.
    pub(super) fn sort(&mut self) {
        let Self { pairs, table, hasher, before } = self;
        pairs.sort_unstable_by_key(|p| p.label);
        table.clear();
        before.clear();
        for (at, pair) in pairs.iter().enumerate() {
            table
                .insert_unique(hasher.hash_one(pair.label), at as u32, |&at| hasher.hash_one(pairs[at as usize].label));
        }
    }

    /// Returns the pairs; after [`Self::sort`] in order.
    pub(super) fn all(&self) -> &[Pair] {
        &self.pairs
    }

    /// Returns the place of the label that stands `i`-th in its series.
    #[inline]
    pub(super) fn place(&mut self, i: usize, label: LabelSymbols) -> Option<u32> {
        match self.before.get(i) {
            Some(&(known, at)) if known == label => Some(at),
            _ => {
                let pairs = &self.pairs;
                let at = *self.table.find(self.hasher.hash_one(label), |&at| pairs[at as usize].label == label)?;
                if self.before.len() <= i {
                    self.before.resize(i + 1, ((u32::MAX, u32::MAX), 0));
                }
                self.before[i] = (label, at);
                Some(at)
            }
        }
    }
}
