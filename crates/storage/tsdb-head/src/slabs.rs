//! Memory of the open chunks: pages of 16 KiB, each cut into chunks of one size class.
//!
//! A chunk moves to the next class when it is full, so it has about a tenth too much. A class whose chunks move on, or end, has
//! holes; when they are an eighth of it the last chunks are moved into them and the pages at its end go back: series grow at
//! different speeds, and without that the slow ones would keep the pages that they shared with the others.

use super::series::Slot;

/// The size classes, ascending; the last is upstream's largest float chunk.
const CLASS_BYTES: [u16; 16] = [64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640, 768, 896, 1024];
const PAGE_BYTES: usize = 16 << 10;
/// Empty pages kept at hand; more go back to the allocator.
const SPARE_PAGES_MAX: usize = 4;
/// A class with fewer holes keeps them, and one that has this part of its chunks in holes does not.
const HOLES_MIN: usize = 32;
const HOLES_PART: usize = 8;

/// Where an open chunk lies: its class, and there its page and, in the low eight bits, which of the page's it is. Good until
/// another chunk is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChunkPlace {
    pub(crate) class: u8,
    pub(crate) pos: u32,
}

/// Marks a hole among the owners.
const NOBODY: u32 = u32::MAX;

#[derive(Debug, Default)]
struct Class {
    pages: Vec<Box<[u8]>>,
    /// Whose each chunk is.
    owners: Vec<u32>,
    /// Chunks that are nobody's; some may lie behind the last one.
    holes: Vec<u32>,
    n_holes: usize,
}

/// The open chunks of one shard.
#[derive(Debug, Default)]
pub(crate) struct Slabs {
    classes: [Class; CLASS_BYTES.len()],
    spare: Vec<Box<[u8]>>,
    in_use: usize,
}

#[inline]
fn size_of_class(class: u8) -> usize {
    usize::from(CLASS_BYTES[usize::from(class) & (CLASS_BYTES.len() - 1)])
}

/// Returns the page and the offset in it of a chunk.
#[inline]
fn split(place: ChunkPlace) -> (usize, usize) {
    ((place.pos >> 8) as usize, (place.pos & 0xff) as usize * size_of_class(place.class))
}

/// Returns the number of a chunk within its class.
fn number(place: ChunkPlace) -> usize {
    (place.pos >> 8) as usize * (PAGE_BYTES / size_of_class(place.class)) + (place.pos & 0xff) as usize
}

/// Returns the place of a class' chunk by its number.
fn place_of(class: u8, number: usize) -> ChunkPlace {
    let of_page = PAGE_BYTES / size_of_class(class);
    ChunkPlace { class, pos: ((number / of_page) as u32) << 8 | (number % of_page) as u32 }
}

impl Slabs {
    #[inline]
    fn class(&self, class: u8) -> &Class {
        &self.classes[usize::from(class) & (CLASS_BYTES.len() - 1)]
    }

    #[inline]
    fn class_mut(&mut self, class: u8) -> &mut Class {
        &mut self.classes[usize::from(class) & (CLASS_BYTES.len() - 1)]
    }

    /// Returns a chunk of the smallest class with at least `need` bytes (at most 1024). Its bytes are arbitrary.
    pub(crate) fn alloc(&mut self, owner: Slot, need: usize) -> ChunkPlace {
        let class =
            CLASS_BYTES.iter().position(|&size| usize::from(size) >= need).unwrap_or(CLASS_BYTES.len() - 1) as u8;
        let Self { classes, spare, in_use } = self;
        let list = &mut classes[usize::from(class)];
        *in_use += 1;
        while let Some(number) = list.holes.pop() {
            // Others are behind the end by now, or somebody's again.
            if let Some(hole) = list.owners.get_mut(number as usize)
                && *hole == NOBODY
            {
                *hole = owner.0;
                list.n_holes -= 1;
                return place_of(class, number as usize);
            }
        }
        let place = place_of(class, list.owners.len());
        list.owners.push(owner.0);
        if split(place).0 >= list.pages.len() {
            list.pages.push(spare.pop().unwrap_or_else(|| vec![0; PAGE_BYTES].into_boxed_slice()));
        }
        place
    }

    /// Gives a chunk back. Returns the chunk that was moved on that occasion, by whose it is, and where it is now.
    #[must_use = "who owns the chunk that was moved must learn of it"]
    pub(crate) fn free(&mut self, place: ChunkPlace) -> Option<(Slot, ChunkPlace)> {
        self.in_use -= 1;
        let list = self.class_mut(place.class);
        let number = number(place);
        list.owners[number] = NOBODY;
        list.holes.push(number as u32);
        list.n_holes += 1;
        if list.n_holes < HOLES_MIN || list.n_holes * HOLES_PART < list.owners.len() {
            return None;
        }
        let moved = self.fill_a_hole(place.class);
        self.drop_pages(place.class);
        moved
    }

    /// Moves the last chunk of a class to a hole.
    fn fill_a_hole(&mut self, class: u8) -> Option<(Slot, ChunkPlace)> {
        let list = self.class_mut(class);
        while list.owners.last() == Some(&NOBODY) {
            list.owners.pop();
            list.n_holes -= 1;
        }
        let (to, owner) = loop {
            let to = list.holes.pop()?;
            // Others are behind the end by now, or somebody's again.
            if list.owners.get(to as usize) == Some(&NOBODY) {
                break (to, list.owners.pop()?);
            }
        };
        list.n_holes -= 1;
        list.owners[to as usize] = owner;
        let (from, to) = (place_of(class, list.owners.len()), place_of(class, to as usize));
        let (size, mut carry) = (size_of_class(class), [0; 1024]);
        let ((page, at), (to_page, to_at)) = (split(from), split(to));
        carry[..size].copy_from_slice(&list.pages[page][at..at + size]);
        list.pages[to_page][to_at..to_at + size].copy_from_slice(&carry[..size]);
        Some((Slot(owner), to))
    }

    /// Gives the pages behind a class' last chunk back.
    fn drop_pages(&mut self, class: u8) {
        let Self { classes, spare, .. } = self;
        let list = &mut classes[usize::from(class) & (CLASS_BYTES.len() - 1)];
        let needed = list.owners.len().div_ceil(PAGE_BYTES / size_of_class(class));
        while list.pages.len() > needed {
            if let Some(page) = list.pages.pop()
                && spare.len() < SPARE_PAGES_MAX
            {
                spare.push(page);
            }
        }
        if list.n_holes == 0 {
            list.holes.clear();
        }
        if list.owners.capacity() > 256 && list.owners.capacity() > 4 * list.owners.len() {
            list.owners.shrink_to(2 * list.owners.len());
            list.holes.shrink_to(list.owners.len());
        }
    }

    /// Notes that a chunk is another's.
    pub(crate) fn set_owner(&mut self, place: ChunkPlace, owner: Slot) {
        self.class_mut(place.class).owners[number(place)] = owner.0;
    }

    /// Returns the chunk's memory.
    #[inline]
    pub(crate) fn bytes(&self, place: ChunkPlace) -> &[u8] {
        let (page, at) = split(place);
        &self.class(place.class).pages[page][at..at + size_of_class(place.class)]
    }

    /// Returns the chunk's memory, to be written.
    #[inline]
    pub(crate) fn bytes_mut(&mut self, place: ChunkPlace) -> &mut [u8] {
        let (page, at) = split(place);
        &mut self.class_mut(place.class).pages[page][at..at + size_of_class(place.class)]
    }

    /// Returns one byte of the chunk's memory, or 0 where there is none.
    #[inline]
    pub(crate) fn byte(&self, place: ChunkPlace, at: usize) -> u8 {
        let (page, from) = split(place);
        self.class(place.class).pages.get(page).and_then(|page| page.get(from + at)).copied().unwrap_or(0)
    }

    /// Moves the first `len` bytes of a chunk to one with at least `need` bytes. Returns it, and what [`Self::free`] does.
    #[cold]
    #[must_use = "who owns the chunk that was moved must learn of it"]
    pub(crate) fn grow(
        &mut self,
        owner: Slot,
        place: ChunkPlace,
        len: usize,
        need: usize,
    ) -> (ChunkPlace, Option<(Slot, ChunkPlace)>) {
        let mut carry = [0; 1024];
        let len = len.min(carry.len());
        carry[..len].copy_from_slice(&self.bytes(place)[..len]);
        let moved = self.free(place);
        let new = self.alloc(owner, need);
        self.bytes_mut(new)[..len].copy_from_slice(&carry[..len]);
        (new, moved)
    }

    /// Returns how many pages each class has.
    pub(crate) fn pages(&self) -> impl Iterator<Item = usize> {
        self.classes.iter().map(|class| class.pages.len())
    }

    /// Moves a class' page to memory of its own anew; returns how many bytes that were.
    pub(crate) fn renew_page(&mut self, class: usize, page: usize) -> usize {
        let Some(page) = self.classes.get_mut(class).and_then(|class| class.pages.get_mut(page)) else { return 0 };
        *page = Box::from(&page[..]);
        page.len()
    }

    /// Gives empty pages back that are kept at hand.
    pub(crate) fn drop_spare(&mut self) {
        self.spare = Vec::new();
    }

    /// Returns the number of chunks in use.
    pub(crate) fn len(&self) -> usize {
        self.in_use
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        let of_class = |class: &Class| {
            class.pages.len() * PAGE_BYTES
                + class.pages.capacity() * size_of::<Box<[u8]>>()
                + (class.owners.capacity() + class.holes.capacity()) * size_of::<u32>()
        };
        self.classes.iter().map(of_class).sum::<usize>() + self.spare.len() * PAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks as their owners know them.
    #[derive(Default)]
    struct Owned {
        slabs: Slabs,
        places: Vec<Option<(ChunkPlace, u8)>>,
    }

    impl Owned {
        fn alloc(&mut self, need: usize, mark: u8) {
            let place = self.slabs.alloc(Slot(self.places.len() as u32), need);
            assert!(self.slabs.bytes(place).len() >= need);
            self.slabs.bytes_mut(place).fill(mark);
            self.places.push(Some((place, mark)));
        }

        fn moved(&mut self, moved: Option<(Slot, ChunkPlace)>) {
            if let Some((owner, to)) = moved {
                self.places[owner.0 as usize].as_mut().expect("holes do not move").0 = to;
            }
        }

        fn check(&self) {
            for (place, mark) in self.places.iter().flatten() {
                assert!(self.slabs.bytes(*place).iter().all(|b| b == mark), "{place:?}");
            }
            assert_eq!(self.slabs.len(), self.places.iter().flatten().count());
        }
    }

    #[test]
    fn chunks_do_not_overlap_and_pages_come_back() {
        let mut owned = Owned::default();
        let needs = [1, 64, 65, 200, 300, 500, 700, 1005, 1024];
        for round in 0..400u32 {
            for (i, &need) in needs.iter().enumerate() {
                owned.alloc(need, (round * 9 + i as u32) as u8);
            }
        }
        owned.check();
        for i in (0..owned.places.len()).filter(|i| i % 3 != 0) {
            let Some((place, mark)) = owned.places[i] else { continue };
            let len = owned.slabs.bytes(place).len();
            if len < 1024 {
                owned.places[i] = None;
                let (grown, moved) = owned.slabs.grow(Slot(i as u32), place, len, len + 1);
                owned.moved(moved);
                assert!(owned.slabs.bytes(grown)[..len].iter().all(|&b| b == mark));
                owned.slabs.bytes_mut(grown).fill(mark);
                owned.places[i] = Some((grown, mark));
            }
        }
        owned.check();
        let full = owned.slabs.heap_bytes();
        for i in (0..owned.places.len()).filter(|i| i % 10 != 0) {
            if let Some((place, _)) = owned.places[i].take() {
                let moved = owned.slabs.free(place);
                owned.moved(moved);
            }
        }
        owned.check();
        // A tenth is left, with a page for each class, its holes and the spare pages.
        let most = full / 10 + (CLASS_BYTES.len() * 4 + SPARE_PAGES_MAX) * PAGE_BYTES;
        assert!(owned.slabs.heap_bytes() < most, "{} of {full}", owned.slabs.heap_bytes());
        for i in 0..owned.places.len() {
            if let Some((place, _)) = owned.places[i].take() {
                let moved = owned.slabs.free(place);
                owned.moved(moved);
            }
        }
        assert_eq!(owned.slabs.len(), 0);
    }

    #[test]
    fn those_that_stay_keep_no_pages_of_those_that_go() {
        let mut owned = Owned::default();
        (0..20_000u32).for_each(|i| owned.alloc(128, i as u8));
        let full = owned.slabs.heap_bytes();
        // Every second one outgrows its class: they take new pages, and the others move together.
        for i in (0..20_000).step_by(2) {
            let Some((place, mark)) = owned.places[i].take() else { continue };
            let (grown, moved) = owned.slabs.grow(Slot(i as u32), place, 128, 160);
            owned.moved(moved);
            owned.slabs.bytes_mut(grown).fill(mark);
            owned.places[i] = Some((grown, mark));
        }
        owned.check();
        let ideal = full * (128 + 160) / (128 * 2);
        assert!(owned.slabs.heap_bytes() < ideal + ideal / 5, "{} for {ideal}", owned.slabs.heap_bytes());
    }
}
