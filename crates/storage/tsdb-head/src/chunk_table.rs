//! The descriptors of sealed chunks by number, in pages that go when their last one does.
//!
//! Chunks are sealed and dropped in order of time, so pages fill and empty in that order: after a truncation no more is left
//! than what is there. Numbers are used again.

use super::sealed::SealedChunk;

const PAGE_SHIFT: u32 = 8;
/// 8 KiB of descriptors.
const PAGE: usize = 1 << PAGE_SHIFT;

#[derive(Debug, Default)]
pub(crate) struct ChunkTable {
    pages: Vec<Page>,
    /// Pages with room; some may have got none, or no memory, since they came here.
    roomy: Vec<u32>,
    /// Pages without memory.
    bare: Vec<u32>,
}

#[derive(Debug, Default)]
struct Page {
    chunks: Vec<SealedChunk>,
    live: u16,
    /// The first number of the page that is nobody's, plus one; the next is in its `prev`.
    free: u16,
    is_roomy: bool,
}

impl ChunkTable {
    /// Adds a descriptor and returns its number.
    pub(crate) fn add(&mut self, chunk: SealedChunk) -> u32 {
        let number = self.page_with_room();
        let page = &mut self.pages[number as usize];
        page.live += 1;
        let at = match page.free.checked_sub(1) {
            Some(at) => {
                page.free = page.chunks[usize::from(at)].prev as u16;
                page.chunks[usize::from(at)] = chunk;
                at
            }
            None => {
                page.chunks.push(chunk);
                page.chunks.len() as u16 - 1
            }
        };
        number << PAGE_SHIFT | u32::from(at)
    }

    fn page_with_room(&mut self) -> u32 {
        while let Some(&number) = self.roomy.last() {
            let page = &mut self.pages[number as usize];
            if page.chunks.capacity() > 0 && usize::from(page.live) < PAGE {
                return number;
            }
            page.is_roomy = false;
            self.roomy.pop();
        }
        let number = self.bare.pop().unwrap_or_else(|| {
            self.pages.push(Page::default());
            self.pages.len() as u32 - 1
        });
        self.pages[number as usize] = Page { chunks: Vec::with_capacity(PAGE), live: 0, free: 0, is_roomy: true };
        self.roomy.push(number);
        number
    }

    /// Gives a number back.
    pub(crate) fn remove(&mut self, id: u32) {
        let number = id >> PAGE_SHIFT;
        let page = &mut self.pages[number as usize];
        page.live -= 1;
        if page.live == 0 {
            page.chunks = Vec::new();
            page.free = 0;
            self.bare.push(number);
            return;
        }
        let at = id as usize & (PAGE - 1);
        page.chunks[at].prev = u32::from(page.free);
        page.free = at as u16 + 1;
        if !page.is_roomy {
            page.is_roomy = true;
            self.roomy.push(number);
        }
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        let there = self.pages.iter().filter(|page| page.chunks.capacity() > 0).count();
        there * PAGE * size_of::<SealedChunk>()
            + self.pages.capacity() * size_of::<Page>()
            + (self.roomy.capacity() + self.bare.capacity()) * size_of::<u32>()
    }
}

impl std::ops::Index<u32> for ChunkTable {
    type Output = SealedChunk;

    #[inline]
    fn index(&self, id: u32) -> &SealedChunk {
        &self.pages[(id >> PAGE_SHIFT) as usize].chunks[id as usize & (PAGE - 1)]
    }
}

impl std::ops::IndexMut<u32> for ChunkTable {
    #[inline]
    fn index_mut(&mut self, id: u32) -> &mut SealedChunk {
        &mut self.pages[(id >> PAGE_SHIFT) as usize].chunks[id as usize & (PAGE - 1)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn chunk(t: i64) -> SealedChunk {
        SealedChunk::of_time(t)
    }

    #[test]
    fn pages_go_with_their_last_chunk() {
        let mut table = ChunkTable::default();
        let ids: Vec<u32> = (0..10_000).map(|t| table.add(chunk(t))).collect();
        let full = table.heap_bytes();
        // The oldest nine tenths, but for one in the middle.
        for &id in ids[..9000].iter().filter(|&&id| id != ids[4000]) {
            table.remove(id);
        }
        assert!(table.heap_bytes() < full / 5, "{} of {full}", table.heap_bytes());
        assert_eq!((table[ids[4000]].min_t, table[ids[9999]].min_t), (4000, 9999));
        let again: Vec<u32> = (0..9000).map(|t| table.add(chunk(t))).collect();
        assert!(table.heap_bytes() < full + full / 20, "{} of {full}", table.heap_bytes());
        assert!(again.iter().zip(0..).all(|(&id, t)| table[id].min_t == t));
    }

    proptest! {
        #[test]
        fn numbers_are_nobody_elses(steps in prop::collection::vec((0..3u8, any::<u16>()), 0..3000)) {
            let (mut table, mut model) = (ChunkTable::default(), BTreeMap::new());
            for (t, (step, which)) in steps.into_iter().enumerate() {
                if step == 0 && !model.is_empty() {
                    let id = *model.keys().nth(usize::from(which) % model.len()).expect("is in range");
                    table.remove(id);
                    model.remove(&id);
                } else {
                    prop_assert!(model.insert(table.add(chunk(t as i64)), t as i64).is_none());
                }
            }
            for (id, t) in model {
                prop_assert_eq!(table[id].min_t, t);
            }
        }
    }
}
