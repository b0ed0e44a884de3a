//! Interned name/value pairs: a label set of the head is a short run of [`PairId`]s.
//!
//! Each pair's bytes are kept in the packed form of [`Labels`], name and value together, so that a label set is put
//! together by copying and compared by comparing bytes. Pairs are counted by the series that use them. A released pair
//! keeps its number until [`Pairs::sweep`]; `sweeps` tells a reader whether numbers it holds are still good.

use std::hash::BuildHasher;

use firesteel_base::FastBuildHasher;
use firesteel_model::{Labels, LabelsIter, packed_texts, push_packed};
use hashbrown::HashTable;

use super::paged::Paged;

/// A name/value pair of one head.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub(crate) struct PairId(pub(crate) u32);

/// A label name of one head; never freed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub(crate) struct NameId(pub(crate) u32);

#[derive(Debug)]
struct Pair {
    page: u32,
    at: u32,
    len: u32,
    name: NameId,
    /// Series that use the pair.
    count: u32,
}

#[derive(Debug)]
struct Name {
    text: Box<str>,
    /// Pairs of this name, in order of creation.
    pairs: Vec<PairId>,
}

/// The interner of one head.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    hasher: FastBuildHasher,
    pairs: Paged<Pair>,
    index: HashTable<u32>,
    names: Vec<Name>,
    name_index: HashTable<u32>,
    free: Vec<PairId>,
    released: Vec<PairId>,
    pages: Vec<Vec<u8>>,
    live: usize,
    /// Bytes of pairs that were freed and still lie in a page.
    waste: usize,
    sweeps: u64,
    scratch: Vec<u8>,
}

const PAGE_BYTES_MAX: usize = 256 << 10;
const PAGE_BYTES_MIN: usize = 16 << 10;

impl Pairs {
    /// Returns how many pairs are in use.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Returns the number of the last sweep; pair numbers taken before it may mean other pairs now.
    pub(crate) fn sweeps(&self) -> u64 {
        self.sweeps
    }

    /// Returns one more than the largest number given out.
    pub(crate) fn id_bound(&self) -> usize {
        self.pairs.len()
    }

    /// Returns the pair's bytes in packed form, name and value.
    #[inline]
    pub(crate) fn packed(&self, id: PairId) -> &[u8] {
        let pair = &self.pairs[id.0 as usize];
        &self.pages[pair.page as usize][pair.at as usize..(pair.at + pair.len) as usize]
    }

    /// Returns the pair's name and value.
    pub(crate) fn text(&self, id: PairId) -> (&str, &str) {
        LabelsIter::over_packed(self.packed(id)).next().unwrap_or(("", ""))
    }

    /// Returns the number of the pair's name.
    pub(crate) fn name_of(&self, id: PairId) -> NameId {
        self.pairs[id.0 as usize].name
    }

    /// Returns how many series use the pair.
    pub(crate) fn count(&self, id: PairId) -> usize {
        self.pairs[id.0 as usize].count as usize
    }

    /// Returns a name's number, if any series ever had it.
    pub(crate) fn name(&self, text: &str) -> Option<NameId> {
        let hash = self.hasher.hash_one(text);
        self.name_index.find(hash, |&at| &*self.names[at as usize].text == text).map(|&at| NameId(at))
    }

    /// Returns the text of a name.
    pub(crate) fn name_text(&self, name: NameId) -> &str {
        &self.names[name.0 as usize].text
    }

    /// Returns all names that were ever used; those without pairs in use are among them.
    pub(crate) fn names(&self) -> impl Iterator<Item = NameId> + use<> {
        (0..self.names.len() as u32).map(NameId)
    }

    /// Returns the pairs of a name that are in use.
    pub(crate) fn pairs_of(&self, name: NameId) -> impl Iterator<Item = PairId> + '_ {
        self.names[name.0 as usize].pairs.iter().copied().filter(|&id| self.count(id) > 0)
    }

    /// Returns the pair `name="value"` if a series uses it.
    pub(crate) fn find(&self, name: &str, value: &str) -> Option<PairId> {
        let mut packed = Vec::with_capacity(name.len() + value.len() + 8);
        push_packed(&mut packed, name);
        push_packed(&mut packed, value);
        let id = self.find_packed(self.hasher.hash_one(&packed[..]), &packed)?;
        (self.count(id) > 0).then_some(id)
    }

    /// Returns whether `ids` spell exactly `labels`.
    #[inline]
    pub(crate) fn spell(&self, ids: &[u32], labels: &Labels) -> bool {
        let mut rest = labels.as_packed();
        for &id in ids {
            match rest.strip_prefix(self.packed(PairId(id))) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// Puts a label set together; `scratch` is overwritten.
    pub(crate) fn labels(&self, ids: &[u32], scratch: &mut Vec<u8>) -> Labels {
        scratch.clear();
        for &id in ids {
            scratch.extend_from_slice(self.packed(PairId(id)));
        }
        Labels::from_packed(scratch)
    }

    /// Interns all pairs of `labels`, counting one series more for each, and adds their numbers to `out`.
    pub(crate) fn intern(&mut self, labels: &Labels, out: &mut Vec<u32>) {
        let packed = labels.as_packed();
        let mut at = 0;
        let mut texts = packed_texts(packed);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            let end = at + packed_len(name) + packed_len(value);
            let id = self.intern_pair(&packed[at..end], name);
            self.pairs[id.0 as usize].count += 1;
            out.push(id.0);
            at = end;
        }
    }

    /// Interns one pair without counting a series for it, which must follow by [`Self::count_in`].
    pub(crate) fn intern_uncounted(&mut self, name: &str, value: &str) -> PairId {
        let mut packed = std::mem::take(&mut self.scratch);
        packed.clear();
        push_packed(&mut packed, name);
        push_packed(&mut packed, value);
        let id = self.intern_pair(&packed, name.as_bytes());
        self.scratch = packed;
        id
    }

    /// Counts one series more for each pair.
    #[inline]
    pub(crate) fn count_in(&mut self, ids: &[u32]) {
        for &id in ids {
            self.pairs[id as usize].count += 1;
        }
    }

    /// Lets go the pairs that no series was counted for.
    pub(crate) fn release_uncounted(&mut self, ids: impl Iterator<Item = PairId>) {
        let Self { pairs, released, .. } = self;
        released.extend(ids.filter(|id| pairs[id.0 as usize].count == 0));
    }

    fn intern_pair(&mut self, packed: &[u8], name: &[u8]) -> PairId {
        let hash = self.hasher.hash_one(packed);
        if let Some(id) = self.find_packed(hash, packed) {
            return id;
        }
        let name = self.intern_name(std::str::from_utf8(name).unwrap_or_default());
        let (page, at) = self.store(packed);
        let pair = Pair { page, at, len: packed.len() as u32, name, count: 0 };
        let id = match self.free.pop() {
            Some(id) => {
                self.pairs[id.0 as usize] = pair;
                id
            }
            None => PairId(self.pairs.push(pair) as u32),
        };
        let Self { index, pairs, pages, hasher, .. } = self;
        index.insert_unique(hash, id.0, |&other| {
            let p = &pairs[other as usize];
            hasher.hash_one(&pages[p.page as usize][p.at as usize..(p.at + p.len) as usize])
        });
        self.names[name.0 as usize].pairs.push(id);
        self.live += 1;
        id
    }

    fn intern_name(&mut self, text: &str) -> NameId {
        if let Some(name) = self.name(text) {
            return name;
        }
        let at = self.names.len() as u32;
        self.names.push(Name { text: text.into(), pairs: Vec::new() });
        let Self { name_index, names, hasher, .. } = self;
        name_index.insert_unique(hasher.hash_one(text), at, |&other| hasher.hash_one(&*names[other as usize].text));
        NameId(at)
    }

    fn find_packed(&self, hash: u64, packed: &[u8]) -> Option<PairId> {
        self.index.find(hash, |&id| self.packed(PairId(id)) == packed).map(|&id| PairId(id))
    }

    fn store(&mut self, packed: &[u8]) -> (u32, u32) {
        let fits = self.pages.last().is_some_and(|p| p.len() + packed.len() <= p.capacity());
        if !fits {
            let room = self.pages.last().map_or(PAGE_BYTES_MIN, |p| (p.capacity() * 2).min(PAGE_BYTES_MAX));
            self.pages.push(Vec::with_capacity(room.max(packed.len())));
        }
        let page = self.pages.len() - 1;
        let last = &mut self.pages[page];
        let at = last.len();
        last.extend_from_slice(packed);
        (page as u32, at as u32)
    }

    /// Counts one series less for each pair.
    pub(crate) fn release(&mut self, ids: &[u32]) {
        for &id in ids {
            let pair = &mut self.pairs[id as usize];
            debug_assert!(pair.count > 0, "pair {id} released more often than interned");
            pair.count = pair.count.saturating_sub(1);
            if pair.count == 0 {
                self.released.push(PairId(id));
            }
        }
    }

    /// Frees the pairs that no series uses any more, and their bytes once those are the larger part.
    pub(crate) fn sweep(&mut self) {
        let mut released = std::mem::take(&mut self.released);
        released.sort_unstable();
        released.dedup();
        released.retain(|&id| self.count(id) == 0);
        if released.is_empty() {
            return;
        }
        self.sweeps += 1;
        let mut names: Vec<u32> = Vec::new();
        for &id in &released {
            let hash = self.hasher.hash_one(self.packed(id));
            if let Ok(entry) = self.index.find_entry(hash, |&other| other == id.0) {
                entry.remove();
            }
            let pair = &self.pairs[id.0 as usize];
            self.waste += pair.len as usize;
            names.push(pair.name.0);
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            let mut pairs = std::mem::take(&mut self.names[name as usize].pairs);
            pairs.retain(|&id| self.count(id) > 0);
            pairs.shrink_to(pairs.len() * 2);
            self.names[name as usize].pairs = pairs;
        }
        self.live -= released.len();
        self.free.extend(released);
        if self.waste > PAGE_BYTES_MAX && self.waste > self.pages.iter().map(Vec::len).sum::<usize>() / 2 {
            self.repack();
        }
    }

    /// Copies the bytes of the pairs in use to fresh pages.
    fn repack(&mut self) {
        let old = std::mem::take(&mut self.pages);
        let mut scratch = std::mem::take(&mut self.scratch);
        for i in 0..self.pairs.len() {
            let pair = &self.pairs[i];
            if pair.count == 0 {
                continue;
            }
            scratch.clear();
            scratch.extend_from_slice(&old[pair.page as usize][pair.at as usize..(pair.at + pair.len) as usize]);
            let (page, at) = self.store(&scratch);
            let pair = &mut self.pairs[i];
            (pair.page, pair.at) = (page, at);
        }
        // Free numbers point nowhere until they are given out again.
        for &id in &self.free {
            let pair = &mut self.pairs[id.0 as usize];
            (pair.page, pair.at, pair.len) = (0, 0, 0);
        }
        self.scratch = scratch;
        self.waste = 0;
    }

    /// Returns the bytes allocated, about.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pairs.heap_bytes()
            + self.index.allocation_size()
            + self.pages.iter().map(Vec::capacity).sum::<usize>()
            + self.names.iter().map(|n| n.pairs.capacity() * 4 + n.text.len() + size_of::<Name>()).sum::<usize>()
    }
}

/// Returns how many bytes [`push_packed`] makes of `text`.
fn packed_len(text: &[u8]) -> usize {
    text.len() + if text.len() < 255 { 1 } else { 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn label_sets_come_back_as_they_went_in() {
        let mut pairs = Pairs::default();
        let long = "v".repeat(300);
        let cases = [set(&[("a", "1"), ("b", "2")]), set(&[("a", "1")]), set(&[("a", &long), ("c", "x")]), set(&[])];
        let ids: Vec<Vec<u32>> = cases
            .iter()
            .map(|labels| {
                let mut ids = Vec::new();
                pairs.intern(labels, &mut ids);
                ids
            })
            .collect();
        let mut scratch = Vec::new();
        for (labels, ids) in cases.iter().zip(&ids) {
            assert_eq!(pairs.labels(ids, &mut scratch), *labels);
            assert!(pairs.spell(ids, labels));
        }
        assert!(!pairs.spell(&ids[0], &cases[1]) && !pairs.spell(&ids[1], &cases[0]));
        assert_eq!(pairs.len(), 4);
        assert_eq!(pairs.find("a", "1").map(|id| pairs.count(id)), Some(2));
    }

    #[test]
    fn swept_pairs_are_gone_and_their_numbers_used_again() {
        let mut pairs = Pairs::default();
        let (mut keep, mut drop) = (Vec::new(), Vec::new());
        pairs.intern(&set(&[("job", "x"), ("path", "/")]), &mut keep);
        for i in 0..20_000 {
            pairs.intern(&set(&[("job", "x"), ("path", &format!("/some/longer/path/{i}"))]), &mut drop);
        }
        pairs.release(&drop);
        pairs.sweep();
        assert_eq!((pairs.len(), pairs.sweeps()), (2, 1));
        assert_eq!(pairs.find("path", "/some/longer/path/7"), None);
        assert_eq!(pairs.find("job", "x").map(|id| pairs.count(id)), Some(1));
        assert_eq!(pairs.pairs_of(pairs.name("path").expect("kept")).count(), 1);
        assert_eq!(pairs.labels(&keep, &mut Vec::new()), set(&[("job", "x"), ("path", "/")]));
        let bound = pairs.id_bound();
        pairs.intern(&set(&[("new", "1")]), &mut Vec::new());
        assert_eq!(pairs.id_bound(), bound);
    }
}
