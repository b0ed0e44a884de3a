//! Sorted lists of series numbers, and sets made of them.
//!
//! Lists stay in the index file, big-endian. A search narrows one list of candidates in place; unions of many lists go
//! through a bit set once they are long, since numbers lie close together.

/// A sorted list, in the file or in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IdList<'a> {
    Disk(&'a [[u8; 4]]),
    Memory(&'a [u32]),
}

impl IdList<'_> {
    pub(crate) const EMPTY: IdList<'static> = IdList::Memory(&[]);

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Disk(ids) => ids.len(),
            Self::Memory(ids) => ids.len(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn append_to(&self, out: &mut Vec<u32>) {
        match self {
            Self::Disk(ids) => out.extend(ids.iter().map(|id| u32::from_be_bytes(*id))),
            Self::Memory(ids) => out.extend_from_slice(ids),
        }
    }

    /// Keeps of `ids` those that are in the list (`KEEP`), or those that are not.
    pub(crate) fn filter<const KEEP: bool>(&self, ids: &mut Vec<u32>) {
        match self {
            Self::Disk(list) => filter::<KEEP>(ids, list.len(), |i| u32::from_be_bytes(list[i])),
            Self::Memory(list) => filter::<KEEP>(ids, list.len(), |i| list[i]),
        }
    }

    /// Returns whether any of `ids`, which are sorted, is in the list.
    pub(crate) fn meets(&self, ids: &[u32]) -> bool {
        match self {
            Self::Disk(list) => meets(ids, list.len(), |i| u32::from_be_bytes(list[i])),
            Self::Memory(list) => meets(ids, list.len(), |i| list[i]),
        }
    }
}

/// Returns the first place from `from` on whose number is not below `id`: near places first, then ever farther ones.
#[inline]
fn gallop(mut from: usize, len: usize, get: &impl Fn(usize) -> u32, id: u32) -> usize {
    let mut step = 1;
    let mut high = from;
    while high < len && get(high) < id {
        from = high + 1;
        high += step;
        step *= 2;
    }
    let mut high = high.min(len);
    while from < high {
        let middle = usize::midpoint(from, high);
        if get(middle) < id {
            from = middle + 1;
        } else {
            high = middle;
        }
    }
    from
}

fn filter<const KEEP: bool>(ids: &mut Vec<u32>, len: usize, get: impl Fn(usize) -> u32) {
    let mut at = 0;
    ids.retain(|&id| {
        at = gallop(at, len, &get, id);
        (at < len && get(at) == id) == KEEP
    });
}

fn meets(ids: &[u32], len: usize, get: impl Fn(usize) -> u32) -> bool {
    // Jump in the longer one.
    if ids.len() <= len {
        let mut at = 0;
        return ids.iter().any(|&id| {
            at = gallop(at, len, &get, id);
            at < len && get(at) == id
        });
    }
    let mut at = 0;
    (0..len).any(|i| {
        let id = get(i);
        at = gallop(at, ids.len(), &|k| ids[k], id);
        at < ids.len() && ids[at] == id
    })
}

/// Below so many numbers a union is sorted.
const SORT_UP_TO: usize = 1024;

/// Collects lists into their union. Cleared and reused.
#[derive(Debug, Default)]
pub(crate) struct Union {
    ids: Vec<u32>,
    lists: usize,
    sorted: bool,
}

impl Union {
    pub(crate) fn add(&mut self, list: IdList<'_>) {
        if list.is_empty() {
            return;
        }
        let before = self.ids.last().copied();
        let from = self.ids.len();
        list.append_to(&mut self.ids);
        self.sorted = self.lists == 0 || (self.sorted && before < self.ids.get(from).copied());
        self.lists += 1;
    }

    /// Returns the union, sorted.
    pub(crate) fn finish(mut self) -> Vec<u32> {
        if self.lists < 2 || self.sorted {
            return self.ids;
        }
        let (mut least, mut greatest) = (u32::MAX, 0);
        for &id in &self.ids {
            least = least.min(id);
            greatest = greatest.max(id);
        }
        let words = (greatest - least) as usize / 64 + 1;
        if self.ids.len() <= SORT_UP_TO || words > self.ids.len() {
            self.ids.sort_unstable();
            self.ids.dedup();
            return self.ids;
        }
        let mut set = vec![0u64; words];
        for &id in &self.ids {
            let place = (id - least) as usize;
            set[place / 64] |= 1 << (place % 64);
        }
        self.ids.clear();
        for (i, mut word) in set.into_iter().enumerate() {
            while word != 0 {
                self.ids.push(least + i as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        self.ids
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn disk(ids: &[u32]) -> Vec<[u8; 4]> {
        ids.iter().map(|id| id.to_be_bytes()).collect()
    }

    proptest! {
        #[test]
        fn sets_are_as_a_models(
            a in prop::collection::btree_set(0u32..5000, 0..400),
            b in prop::collection::btree_set(0u32..5000, 0..400),
            c in prop::collection::btree_set(4000u32..100_000, 0..3000),
        ) {
            let list = |set: &BTreeSet<u32>| set.iter().copied().collect::<Vec<_>>();
            let (ids, on_disk) = (list(&a), disk(&list(&b)));
            for other in [IdList::Disk(&on_disk), IdList::Memory(&list(&b))] {
                let mut kept = ids.clone();
                other.filter::<true>(&mut kept);
                prop_assert_eq!(&kept, &a.intersection(&b).copied().collect::<Vec<_>>());
                prop_assert_eq!(other.meets(&ids), !kept.is_empty());
                let mut rest = ids.clone();
                other.filter::<false>(&mut rest);
                prop_assert_eq!(&rest, &a.difference(&b).copied().collect::<Vec<_>>());
            }
            let mut union = Union::default();
            for set in [&a, &b, &c] {
                union.add(IdList::Memory(&list(set)));
            }
            let all: BTreeSet<u32> = a.iter().chain(&b).chain(&c).copied().collect();
            prop_assert_eq!(union.finish(), list(&all));
        }
    }
}
