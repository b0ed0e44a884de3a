//! Which series of a shard have a pair: sorted slots, as differences in one to five bytes.
//!
//! Slots only grow, so a list is only ever appended to; dead slots stay in it until gaps are closed, and readers look at the
//! series anyway. Most pairs of a large head belong to a single series: such a list lives in the table's
//! entry. Measured on 100,000 series of ten labels: 14 bytes a series against 60 with growing vectors of `u32`.

use super::paged::Paged;
use super::pairs::PairId;
use super::parted::Parted;
use super::series::Slot;

/// The lists of one shard.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    index: Parted<Entry>,
    runs: Paged<Run>,
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

/// A list that is being written anew, a part at a time.
#[derive(Debug, Default)]
pub(crate) struct Cleaning {
    fresh: Run,
    /// How far the old list was read, and its slot there.
    at: usize,
    slot: u32,
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

    /// Writes a pair's list anew without the slots that are gone; reads at most `budget` entries, which it takes from it.
    /// Returns whether the list is through: else the next call is to go on with it, and slots may be added meanwhile.
    pub(crate) fn clean(
        &mut self,
        pair: PairId,
        gone: impl Fn(Slot) -> bool,
        cleaning: &mut Cleaning,
        budget: &mut usize,
    ) -> bool {
        let Self { index, runs, free } = self;
        let Some(entry) = index.find_mut(hash(pair), |e| e.pair == pair) else { return true };
        if entry.at & RUN == 0 {
            if gone(Slot(entry.at)) {
                index.remove(hash(pair), |e| e.pair == pair);
            }
            return true;
        }
        let number = entry.at & !RUN;
        let old = &runs[number as usize].bytes;
        let (mut part, mut shift) = (0u32, 0u32);
        while let Some(&byte) = old.get(cleaning.at) {
            if *budget == 0 {
                return false;
            }
            cleaning.at += 1;
            part |= u32::from(byte & 0x7f) << shift;
            if byte >= 0x80 {
                shift += 7;
                continue;
            }
            cleaning.slot += part;
            (part, shift) = (0, 0);
            *budget -= 1;
            if !gone(Slot(cleaning.slot)) {
                cleaning.fresh.push(cleaning.slot);
            }
        }
        let mut fresh = std::mem::take(cleaning).fresh;
        if fresh.count >= 2 {
            fresh.bytes.shrink_to(fresh.bytes.len() + fresh.bytes.len() / 8);
            runs[number as usize] = fresh;
            return true;
        }
        runs[number as usize] = Run::default();
        free.push(number);
        match fresh.count {
            0 => index.remove(hash(pair), |e| e.pair == pair),
            _ => entry.at = fresh.last,
        }
        true
    }

    /// Gives back what one part of the table has too much.
    pub(crate) fn shrink(&mut self, part: usize) {
        self.index.shrink(part, |e| hash(e.pair));
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        let runs = self.runs.pages().flat_map(|page| self.runs.page(page));
        self.index.heap_bytes() + self.runs.heap_bytes() + runs.map(|run| run.bytes.capacity()).sum::<usize>()
    }
}

fn place(runs: &mut Paged<Run>, free: &mut Vec<u32>, run: Run) -> u32 {
    match free.pop() {
        Some(at) => {
            runs[at as usize] = run;
            at
        }
        None => runs.push(run) as u32,
    }
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
            let kept: BTreeMap<u32, bool> = slots.iter().copied().zip(keep).collect();
            let stays = |slot: u32| kept.get(&slot).copied().unwrap_or(true);
            // A few entries at a time, while others are added.
            for pair in 0..30 {
                let (mut cleaning, mut turns) = (Cleaning::default(), 0);
                while !postings.clean(PairId(pair), |slot| !stays(slot.0), &mut cleaning, &mut 3) {
                    turns += 1;
                    if turns % 4 == 0 {
                        slot += 7;
                        postings.add(PairId(pair), Slot(slot));
                        model.entry(pair).or_default().push(slot);
                    }
                }
                let most = model.get(&pair).map_or(0, Vec::len) / 3 + 1;
                prop_assert!(turns <= most, "{} turns for {} entries", turns, most);
            }
            for pair in 0..30 {
                let want: Vec<u32> =
                    model.get(&pair).into_iter().flatten().copied().filter(|&slot| stays(slot)).collect();
                prop_assert_eq!(postings.count(PairId(pair)), want.len());
                prop_assert_eq!(list(&postings, pair), want);
            }
        }
    }
}
