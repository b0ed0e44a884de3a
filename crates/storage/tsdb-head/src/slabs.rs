//! Memory of the open chunks: pages of 4 KiB, cut into chunks of one size class each.
//!
//! A chunk moves to the next class when it is full, so at most a third of it is unused. Pages that become empty are used
//! again by any class: series that were created together also cut their chunks together.

/// The size classes, ascending; the last is upstream's largest float chunk.
const CLASS_BYTES: [u16; 8] = [64, 128, 192, 256, 384, 512, 768, 1024];
const PAGE_BYTES: usize = 4096;
/// Empty pages kept at hand; more go back to the allocator.
const SPARE_PAGES_MAX: usize = 64;

/// Where an open chunk lies: class, and page and place within it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChunkPlace {
    pub(crate) class: u8,
    pub(crate) pos: u32,
}

#[derive(Debug)]
struct Page {
    /// `None` when the page is empty and its memory serves elsewhere.
    bytes: Option<Box<[u8; PAGE_BYTES]>>,
    /// A bit for each chunk in use.
    used: u64,
}

#[derive(Debug, Default)]
struct Class {
    pages: Vec<Page>,
    /// Pages with room (each once), and pages without memory.
    roomy: Vec<u32>,
    bare: Vec<u32>,
}

/// The open chunks of one shard.
#[derive(Debug, Default)]
pub(crate) struct Slabs {
    classes: [Class; CLASS_BYTES.len()],
    spare: Vec<Box<[u8; PAGE_BYTES]>>,
    in_use: usize,
}

impl Slabs {
    /// Returns a chunk of the smallest class with at least `need` bytes (at most 1024). Its bytes are arbitrary.
    pub(crate) fn alloc(&mut self, need: usize) -> ChunkPlace {
        let class = CLASS_BYTES.iter().position(|&size| usize::from(size) >= need).unwrap_or(CLASS_BYTES.len() - 1);
        let size = usize::from(CLASS_BYTES[class]);
        let full = u64::MAX >> (64 - PAGE_BYTES / size);
        let Self { classes, spare, in_use } = self;
        let list = &mut classes[class];
        let page = match list.roomy.last() {
            Some(&page) => page,
            None => {
                let bytes = Some(spare.pop().unwrap_or_else(|| Box::new([0; PAGE_BYTES])));
                let page = if let Some(page) = list.bare.pop() {
                    list.pages[page as usize].bytes = bytes;
                    page
                } else {
                    list.pages.push(Page { bytes, used: 0 });
                    list.pages.len() as u32 - 1
                };
                list.roomy.push(page);
                page
            }
        };
        let slot = &mut list.pages[page as usize];
        let i = slot.used.trailing_ones();
        slot.used |= 1 << i;
        if slot.used == full {
            list.roomy.pop();
        }
        *in_use += 1;
        ChunkPlace { class: class as u8, pos: page << 6 | i }
    }

    /// Gives a chunk back.
    pub(crate) fn free(&mut self, place: ChunkPlace) {
        let Self { classes, spare, in_use } = self;
        let size = usize::from(CLASS_BYTES[usize::from(place.class)]);
        let full = u64::MAX >> (64 - PAGE_BYTES / size);
        let list = &mut classes[usize::from(place.class)];
        let page = place.pos >> 6;
        let slot = &mut list.pages[page as usize];
        if slot.used == full {
            list.roomy.push(page);
        }
        slot.used &= !(1 << (place.pos & 63));
        *in_use -= 1;
        if slot.used == 0 {
            if let Some(bytes) = slot.bytes.take()
                && spare.len() < SPARE_PAGES_MAX
            {
                spare.push(bytes);
            }
            if let Some(at) = list.roomy.iter().rposition(|&p| p == page) {
                list.roomy.swap_remove(at);
            }
            list.bare.push(page);
        }
    }

    /// Returns the chunk's memory.
    #[inline]
    pub(crate) fn bytes(&self, place: ChunkPlace) -> &[u8] {
        let size = usize::from(CLASS_BYTES[usize::from(place.class) & 7]);
        let from = (place.pos & 63) as usize * size;
        match &self.classes[usize::from(place.class) & 7].pages[(place.pos >> 6) as usize].bytes {
            Some(bytes) => &bytes[from..from + size],
            None => &[],
        }
    }

    /// Returns the chunk's memory, to be written.
    #[inline]
    pub(crate) fn bytes_mut(&mut self, place: ChunkPlace) -> &mut [u8] {
        let size = usize::from(CLASS_BYTES[usize::from(place.class) & 7]);
        let from = (place.pos & 63) as usize * size;
        match &mut self.classes[usize::from(place.class) & 7].pages[(place.pos >> 6) as usize].bytes {
            Some(bytes) => &mut bytes[from..from + size],
            None => &mut [],
        }
    }

    /// Moves the first `len` bytes of a chunk to one with at least `need` bytes.
    #[cold]
    pub(crate) fn grow(&mut self, place: ChunkPlace, len: usize, need: usize) -> ChunkPlace {
        let mut carry = [0; 1024];
        let len = len.min(carry.len());
        carry[..len].copy_from_slice(&self.bytes(place)[..len]);
        self.free(place);
        let new = self.alloc(need);
        self.bytes_mut(new)[..len].copy_from_slice(&carry[..len]);
        new
    }

    /// Returns the number of chunks in use.
    pub(crate) fn len(&self) -> usize {
        self.in_use
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        let pages = self.classes.iter().flat_map(|c| &c.pages);
        pages.clone().filter(|p| p.bytes.is_some()).count() * PAGE_BYTES
            + pages.count() * size_of::<Page>()
            + self.spare.len() * PAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_do_not_overlap_and_pages_come_back() {
        let mut slabs = Slabs::default();
        let needs = [1, 64, 65, 200, 300, 500, 700, 1005, 1024];
        let mut places: Vec<(ChunkPlace, u8)> = Vec::new();
        for round in 0..40u8 {
            for (i, &need) in needs.iter().enumerate() {
                let place = slabs.alloc(need);
                let mark = round.wrapping_mul(9).wrapping_add(i as u8);
                assert!(slabs.bytes(place).len() >= need);
                slabs.bytes_mut(place).fill(mark);
                places.push((place, mark));
            }
        }
        for i in (0..places.len()).step_by(3) {
            let (place, mark) = places[i];
            let len = slabs.bytes(place).len();
            if len < 1024 {
                let grown = slabs.grow(place, len, len + 1);
                assert!(slabs.bytes(grown)[..len].iter().all(|&b| b == mark));
                slabs.bytes_mut(grown).fill(mark);
                places[i].0 = grown;
            }
        }
        for (place, mark) in &places {
            assert!(slabs.bytes(*place).iter().all(|b| b == mark));
        }
        assert_eq!(slabs.len(), places.len());
        for (place, _) in places {
            slabs.free(place);
        }
        assert_eq!(slabs.len(), 0);
        assert!(slabs.heap_bytes() <= SPARE_PAGES_MAX * PAGE_BYTES + 8192);
    }
}
