//! Closing the gaps that dead series leave in a shard, a little under each hold of its lock.
//!
//! Series of pages where many are dead are moved to the end, as if they had just been created: slots are never given to
//! another series, so whoever holds an old one finds out. Then the lists of their pairs are written anew without the old
//! slots, and the pages go. Between two holds everything may be read and appended to.

use std::ops::Range;

use firesteel_model::SeriesRef;
use parking_lot::Mutex;

use super::Head;
use super::paged::PAGE;
use super::pairs::PairId;
use super::parted::PARTS;
use super::postings::Cleaning;
use super::refs::Place;
use super::series::Slot;
use super::shard::{Shard, spread};

/// What is done under one hold of a shard's lock, each well below a millisecond: pages that are looked through, pairs of the
/// series that are moved, entries of lists that are read.
pub(crate) const PAGES_AT_A_TIME: usize = 8;
pub(crate) const PAIRS_AT_A_TIME: usize = 2048;
pub(crate) const ENTRIES_AT_A_TIME: usize = 8192;

/// What finding a list costs, in entries of a list.
const LIST_COST: usize = 16;

impl Shard {
    /// Returns whether dead slots are worth closing the gaps.
    pub(crate) fn has_gaps(&self) -> bool {
        let there: usize = self.hot.pages().map(|page| self.hot.page(page).len()).sum();
        let dead = there - self.live;
        dead > PAGE && dead > self.live / 4
    }

    /// Returns the pages from the first that is there to the last, and the one up to which they are to go although they may
    /// be full: a few pages in front of many that went would keep the place of these.
    fn pages_to_look_at(&self) -> (Range<usize>, usize) {
        let all = self.hot.pages();
        let there = all.clone().filter(|&page| !self.hot.page(page).is_empty()).count();
        let scattered = all.len() > 4 * there + 64;
        (all.clone(), if scattered { all.start + all.len() / 2 } else { 0 })
    }

    /// Adds those of the pages to `out` of which more than a fifth is dead, and all before `upto`; never the last page.
    fn sparse_pages(&self, of: Range<usize>, upto: usize, out: &mut Vec<usize>) {
        for page in of.start..of.end.min(self.hot.pages().end.saturating_sub(1)) {
            let slots = self.hot.page(page);
            let live = slots.iter().filter(|hot| hot.is_live()).count();
            if !slots.is_empty() && (live * 5 < PAGE * 4 || page < upto) {
                out.push(page);
            }
        }
    }

    /// Moves series of a page, from its `from`th slot on, to the end, until they had [`PAIRS_AT_A_TIME`] pairs or the page is
    /// through. Adds them to `moved`; returns where to go on.
    fn move_out(&mut self, page: usize, from: usize, moved: &mut Vec<(SeriesRef, Slot)>) -> usize {
        let mut pairs = 0;
        for at in from..PAGE {
            let old = page * PAGE + at;
            if pairs >= PAIRS_AT_A_TIME || self.is_full() {
                return at;
            }
            let Some(hot) = self.hot.get_mut(old).filter(|hot| hot.is_live()) else { continue };
            let hot = hot.take();
            let (series, open) = (hot.series(), hot.open());
            let new = self.hot.push(hot) as u32;
            let mut cold = self.cold[old].clone();
            let ids = self.spans.get(cold.labels_at, usize::from(cold.labels_len)).to_vec();
            cold.labels_at = self.spans.push(&ids);
            let hash = spread(cold.hash);
            self.cold.push(cold);
            if let Some(slot) = self.index.find_mut(hash, |&slot| slot as usize == old) {
                *slot = new;
            }
            for &id in &ids {
                self.postings.add(PairId(id), Slot(new));
            }
            if let Some(place) = open {
                self.slabs.set_owner(place, Slot(new));
            }
            self.open_batches.note_moved(Slot(old as u32), Slot(new));
            moved.push((series, Slot(new)));
            pairs += ids.len().max(1);
        }
        PAGE
    }

    /// Adds the pairs of all series that a page has or had.
    fn pairs_of_page(&self, page: usize, out: &mut Vec<u32>) {
        for cold in self.cold.page(page) {
            out.extend_from_slice(self.spans.get(cold.labels_at, usize::from(cold.labels_len)));
        }
    }

    /// Goes on with writing the lists of pairs anew without the slots of these pages, as far as one hold of the lock allows.
    /// Returns how many lists are through.
    fn clean_lists(&mut self, pairs: &[u32], gone: &PageSet, cleaning: &mut Cleaning) -> usize {
        let mut budget = ENTRIES_AT_A_TIME;
        for (through, &pair) in pairs.iter().enumerate() {
            budget = budget.saturating_sub(LIST_COST);
            if budget == 0 || !self.postings.clean(PairId(pair), |slot| gone.has(slot), cleaning, &mut budget) {
                return through;
            }
        }
        pairs.len()
    }

    /// Gives back a page whose series are all dead and in no list.
    fn drop_page(&mut self, page: usize) {
        for cold in self.cold.page(page) {
            self.spans.release(cold.labels_at, usize::from(cold.labels_len));
        }
        self.hot.drop_page(page);
        self.cold.drop_page(page);
    }

    fn shrink_tables(&mut self, part: usize) {
        let Self { index, cold, postings, .. } = self;
        index.shrink(part, |&slot| spread(cold[slot as usize].hash));
        postings.shrink(part);
    }
}

/// Pages by number.
#[derive(Debug, Default)]
struct PageSet {
    first: usize,
    bits: Vec<u64>,
}

impl PageSet {
    /// `pages` are ascending.
    fn new(pages: &[usize]) -> Self {
        let first = pages.first().copied().unwrap_or(0);
        let mut bits = vec![0; pages.last().map_or(0, |last| (last - first) / 64 + 1)];
        for page in pages {
            bits[(page - first) / 64] |= 1 << ((page - first) % 64);
        }
        Self { first, bits }
    }

    #[inline]
    fn has(&self, slot: Slot) -> bool {
        let Some(at) = (slot.0 as usize / PAGE).checked_sub(self.first) else { return false };
        self.bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }
}

impl Head {
    /// Closes the gaps of a shard. To be called with `upkeep` held, so that no series dies meanwhile.
    pub(crate) fn close_gaps(&self, shard_at: usize) {
        let lock: &Mutex<Shard> = &self.shards[shard_at];
        let (all, upto) = lock.lock().pages_to_look_at();
        let mut sparse = Vec::new();
        for from in all.step_by(PAGES_AT_A_TIME) {
            lock.lock().sparse_pages(from..from + PAGES_AT_A_TIME, upto, &mut sparse);
        }
        let mut moved = Vec::new();
        for &page in &sparse {
            let mut from = 0;
            while from < PAGE {
                let mut shard = lock.lock();
                if shard.is_full() {
                    // The gaps stay: there is nowhere to move to.
                    return;
                }
                from = shard.move_out(page, from, &mut moved);
                for (series, slot) in moved.drain(..) {
                    self.refs.set(series, Place { shard: shard_at as u32, slot });
                }
            }
        }
        let mut pairs = Vec::new();
        for &page in &sparse {
            lock.lock().pairs_of_page(page, &mut pairs);
            if pairs.len() > 1 << 18 {
                pairs.sort_unstable();
                pairs.dedup();
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let (gone, mut cleaning) = (PageSet::new(&sparse), Cleaning::default());
        let mut rest = pairs.as_slice();
        while !rest.is_empty() {
            let through = lock.lock().clean_lists(rest, &gone, &mut cleaning);
            rest = &rest[through..];
        }
        for page in sparse {
            lock.lock().drop_page(page);
        }
        for part in 0..PARTS {
            lock.lock().shrink_tables(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shared by all series, and one of its own for each.
    const PAIRS: u32 = 9;

    fn create(shard: &mut Shard, number: u32) -> Slot {
        let ids: Vec<u32> = (0..PAIRS).chain([PAIRS + number]).collect();
        shard.create(SeriesRef(u64::from(number) + 1), u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15), &ids)
    }

    fn list(shard: &Shard, pair: u32) -> Vec<Slot> {
        let mut slots = Vec::new();
        shard.postings.each(PairId(pair), |slot| slots.push(slot));
        slots
    }

    #[test]
    fn each_hold_of_the_lock_does_a_bounded_part() {
        let mut shard = Shard::default();
        let slots: Vec<Slot> = (0..20_000).map(|number| create(&mut shard, number)).collect();
        // The first half but for every tenth.
        for slot in slots.iter().filter(|slot| slot.0 < 10_000 && slot.0 % 10 != 0) {
            shard.hot_mut(*slot).kill();
            shard.live -= 1;
        }
        assert!(shard.has_gaps());
        let (all, upto) = shard.pages_to_look_at();
        let mut sparse = Vec::new();
        shard.sparse_pages(all, upto, &mut sparse);
        assert_eq!(sparse, (0..39).collect::<Vec<_>>());
        let mut moves = 0;
        for &page in &sparse {
            let mut from = 0;
            while from < PAGE {
                let mut moved = Vec::new();
                from = shard.move_out(page, from, &mut moved);
                assert!(moved.len() * (PAIRS as usize + 1) <= PAIRS_AT_A_TIME + PAIRS as usize);
                moves += moved.len();
                assert!(moved.iter().all(|(series, slot)| shard.series(*slot, *series).is_some()));
            }
        }
        assert_eq!(moves, 999);
        let mut pairs: Vec<u32> = Vec::new();
        for &page in &sparse {
            shard.pairs_of_page(page, &mut pairs);
        }
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), PAIRS as usize + 39 * PAGE);
        let (gone, mut cleaning) = (PageSet::new(&sparse), Cleaning::default());
        let (mut rest, mut holds) = (pairs.as_slice(), 0);
        while !rest.is_empty() {
            let through = shard.clean_lists(rest, &gone, &mut cleaning);
            rest = &rest[through..];
            holds += 1;
            // Series come while it goes on.
            create(&mut shard, 20_000 + holds);
        }
        let entries = PAIRS as usize * 20_000 + pairs.len() * LIST_COST;
        assert!(holds as usize >= entries / ENTRIES_AT_A_TIME, "{holds} holds for {entries} entries");
        for &page in &sparse {
            shard.drop_page(page);
        }
        let live: Vec<Slot> = shard.slots().filter(|&slot| shard.is_live(slot)).collect();
        assert_eq!(live.len(), shard.live);
        for pair in 0..PAIRS {
            assert_eq!(list(&shard, pair).into_iter().filter(|&s| shard.is_live(s)).collect::<Vec<_>>(), live);
            assert!(list(&shard, pair).iter().all(|slot| !gone.has(*slot)));
        }
        assert!(!shard.has_gaps());
    }
}
