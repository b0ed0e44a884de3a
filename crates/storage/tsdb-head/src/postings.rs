//! Which series of a shard have a pair: sorted slots, as differences in one to five bytes.
//!
//! Slots only grow, so a list is only ever appended to; dead slots stay in it until the shard is compacted, and readers
//! look at the series anyway. Most pairs of a large head belong to a single series: such a list lives in the table's
//! entry. Measured on 100,000 series of ten labels: 14 bytes a series against 60 with growing vectors of `u32`.

use hashbrown::HashTable;

use super::pairs::PairId;
use super::series::Slot;

/// The lists of one shard.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    index: HashTable<Entry>,
    runs: Vec<Run>,
    free: Vec<u32>,
}

/// A pair's list: the only slot, or with the top bit set the number of a run.
#[derive(Clone, Copy, Debug)]
struct Entry {
    pair: PairId,
    at: u32,
}

const RUN: u32 = 1 << 31;

#[derive(Debug, Default)]
struct Run {
    bytes: Vec<u8>,
    last: u32,
    count: u32,
}

impl Run {
    fn push(&mut self, slot: u32) {
        let mut rest = if self.count == 0 { slot } else { slot - self.last };
        // Growth by a quarter: doubling would leave a quarter of all lists unused.
        if self.bytes.capacity() - self.bytes.len() < 5 {
            self.bytes.reserve_exact(8 + self.bytes.len() / 4);
        }
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
        self.last = slot;
        self.count += 1;
    }

    #[inline]
    fn each(&self, mut visit: impl FnMut(Slot)) {
        let (mut slot, mut part, mut shift) = (0u32, 0u32, 0u32);
        for &byte in &self.bytes {
            part |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                slot += part;
                visit(Slot(slot));
                (part, shift) = (0, 0);
            } else {
                shift += 7;
            }
        }
    }
}

impl Postings {
    /// Adds a series to a pair's list. The slot must be the largest so far.
    pub(crate) fn add(&mut self, pair: PairId, slot: Slot) {
        debug_assert!(slot.0 < RUN);
        let Self { index, runs, free } = self;
        match index.find_mut(hash(pair), |e| e.pair == pair) {
            Some(entry) if entry.at & RUN != 0 => runs[(entry.at & !RUN) as usize].push(slot.0),
            Some(entry) => {
                let mut run = Run::default();
                run.push(entry.at);
                run.push(slot.0);
                entry.at = RUN | place(runs, free, run);
            }
            None => {
                index.insert_unique(hash(pair), Entry { pair, at: slot.0 }, |e| hash(e.pair));
            }
        }
    }

    /// Returns the length of a pair's list, dead slots included.
    #[cfg(test)]
    pub(crate) fn count(&self, pair: PairId) -> usize {
        match self.entry(pair) {
            Some(at) if at & RUN != 0 => self.runs[(at & !RUN) as usize].count as usize,
            Some(_) => 1,
            None => 0,
        }
    }

    /// Visits a pair's list in order.
    #[inline]
    pub(crate) fn each(&self, pair: PairId, mut visit: impl FnMut(Slot)) {
        match self.entry(pair) {
            Some(at) if at & RUN != 0 => self.runs[(at & !RUN) as usize].each(visit),
            Some(at) => visit(Slot(at)),
            None => {}
        }
    }

    fn entry(&self, pair: PairId) -> Option<u32> {
        self.index.find(hash(pair), |e| e.pair == pair).map(|e| e.at)
    }

    /// Gives every slot its new number, or drops it where `remap` says `None`. The order of slots must stay.
    pub(crate) fn remap(&mut self, remap: impl Fn(Slot) -> Option<Slot>) {
        let Self { index, runs, free } = self;
        let mut fresh = Self { index: HashTable::with_capacity(index.len()), ..Self::default() };
        for entry in index.drain() {
            let mut list = Run::default();
            let mut take = |slot| {
                if let Some(new) = remap(slot) {
                    list.push(new.0);
                }
            };
            if entry.at & RUN != 0 {
                std::mem::take(&mut runs[(entry.at & !RUN) as usize]).each(take);
            } else {
                take(Slot(entry.at));
            }
            let at = match list.count {
                0 => continue,
                1 => list.last,
                _ => {
                    list.bytes.shrink_to_fit();
                    RUN | place(&mut fresh.runs, &mut fresh.free, list)
                }
            };
            fresh.index.insert_unique(hash(entry.pair), Entry { pair: entry.pair, at }, |e| hash(e.pair));
        }
        free.clear();
        *self = fresh;
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.index.allocation_size()
            + self.runs.capacity() * size_of::<Run>()
            + self.runs.iter().map(|r| r.bytes.capacity()).sum::<usize>()
    }
}

fn place(runs: &mut Vec<Run>, free: &mut Vec<u32>, run: Run) -> u32 {
    if let Some(at) = free.pop() {
        runs[at as usize] = run;
        return at;
    }
    runs.push(run);
    runs.len() as u32 - 1
}

#[inline]
fn hash(pair: PairId) -> u64 {
    let h = u64::from(pair.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h ^ h >> 32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn list(postings: &Postings, pair: u32) -> Vec<u32> {
        let mut out = Vec::new();
        postings.each(PairId(pair), |slot| out.push(slot.0));
        out
    }

    proptest! {
        #[test]
        fn lists_hold_what_was_added_and_survive_compaction(
            series in prop::collection::vec((1u32..40_000, prop::collection::btree_set(0u32..30, 0..6)), 0..200),
            keep in prop::collection::vec(any::<bool>(), 200),
        ) {
            let mut postings = Postings::default();
            let mut model: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            let mut slots = Vec::new();
            let mut slot = 0;
            for (step, pairs) in &series {
                slot += step;
                slots.push(slot);
                for &pair in pairs {
                    postings.add(PairId(pair), Slot(slot));
                    model.entry(pair).or_default().push(slot);
                }
            }
            for pair in 0..30 {
                let want = model.get(&pair).cloned().unwrap_or_default();
                prop_assert_eq!(postings.count(PairId(pair)), want.len());
                prop_assert_eq!(list(&postings, pair), want);
            }
            let new: BTreeMap<u32, u32> =
                slots.iter().zip(&keep).filter(|(_, keep)| **keep).enumerate().map(|(i, (&old, _))| (old, i as u32)).collect();
            postings.remap(|slot| new.get(&slot.0).map(|&s| Slot(s)));
            for pair in 0..30 {
                let want: Vec<u32> =
                    model.get(&pair).into_iter().flatten().filter_map(|s| new.get(s).copied()).collect();
                prop_assert_eq!(list(&postings, pair), want);
            }
        }
    }
}
