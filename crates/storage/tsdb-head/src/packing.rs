//! Moving what is left of a shard together after a truncation, so that the memory between goes back to the system.
//!
//! An allocator keeps blocks of one size side by side in runs of 64 or 512 KiB, and gives a run back when its last block is
//! freed: where most went, the few that stay hold the rest. A block that is moved now lies beside those that were moved before
//! it. It costs one copy of the pages of series and open chunks, 200 to 300 bytes a series, every two hours.

use parking_lot::Mutex;

use super::Head;
use super::shard::Shard;

/// Copied under one hold of a shard's lock: well below a millisecond.
const SLICE_BYTES: usize = 256 << 10;

/// Which kind of page.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Hot,
    Cold,
    Spans,
    /// Of a class of open chunks.
    Slabs(usize),
}

impl Shard {
    /// Returns where the pages are: of each kind the first number and the one behind the last.
    fn pages_to_renew(&self) -> Vec<(Kind, std::ops::Range<usize>)> {
        let mut all = vec![
            (Kind::Hot, self.hot.pages()),
            (Kind::Cold, self.cold.pages()),
            (Kind::Spans, 0..self.spans.n_pages()),
        ];
        all.extend(self.slabs.pages().enumerate().map(|(class, pages)| (Kind::Slabs(class), 0..pages)));
        all
    }

    /// Moves a page; returns its bytes, none if it is gone by now.
    fn renew(&mut self, kind: Kind, page: usize) -> usize {
        match kind {
            Kind::Hot => self.hot.renew_page(page),
            Kind::Cold => self.cold.renew_page(page),
            Kind::Spans => self.spans.renew_page(page),
            Kind::Slabs(class) => self.slabs.renew_page(class, page),
        }
    }
}

impl Head {
    /// Moves the pages of a shard together. Between two holds of its lock everything may be read and appended to.
    pub(crate) fn pack(&self, shard_at: usize) {
        let lock: &Mutex<Shard> = &self.shards[shard_at];
        let all = {
            let mut shard = lock.lock();
            shard.slabs.drop_spare();
            shard.pages_to_renew()
        };
        let mut pages = all.into_iter().flat_map(|(kind, pages)| pages.map(move |page| (kind, page))).peekable();
        while pages.peek().is_some() {
            let mut shard = lock.lock();
            let mut copied = 0;
            while copied < SLICE_BYTES
                && let Some((kind, page)) = pages.next()
            {
                copied += shard.renew(kind, page);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use firesteel_model::SeriesRef;

    use super::super::series::Slot;
    use super::super::{HeadOptions, Log};
    use super::*;

    #[test]
    fn all_pages_move_and_nothing_else_changes() {
        let head = Head::new(HeadOptions::default(), Log::default());
        let ids = |number: u32| [1, 2, 10 + number];
        let places: Vec<_> = {
            let mut shard = head.shards[0].lock();
            let create = |number: u32| {
                let slot = shard.create(SeriesRef(u64::from(number) + 1), u64::from(number), &ids(number));
                let place = shard.slabs.alloc(slot, 60 + number as usize % 900);
                shard.slabs.bytes_mut(place).fill(number as u8);
                place
            };
            (0..1000).map(create).collect()
        };
        let addresses = || {
            let shard = head.shards[0].lock();
            let hot = shard.hot.pages().map(|page| shard.hot.page(page).as_ptr().addr());
            let cold = shard.cold.pages().map(|page| shard.cold.page(page).as_ptr().addr());
            let open = places.iter().map(|&place| shard.slabs.bytes(place).as_ptr().addr());
            hot.chain(cold).chain(open).collect::<Vec<usize>>()
        };
        let (before, bytes) = (addresses(), head.shards[0].lock().slabs.heap_bytes());
        head.pack(0);
        // One may take the place of another of its size, but none stays where it is.
        assert!(before.iter().zip(addresses()).all(|(&before, after)| before != after));
        let mut shard = head.shards[0].lock();
        assert_eq!(shard.slabs.heap_bytes(), bytes);
        for (number, &place) in (0..).zip(&places) {
            let slot = Slot(number);
            assert_eq!(shard.hot(slot).series(), SeriesRef(u64::from(number) + 1));
            assert_eq!(shard.ids(slot), ids(number));
            assert!(shard.slabs.bytes(place).iter().all(|&byte| byte == number as u8));
        }
        // The last pages take more, as they would have without.
        let last = shard.hot.page(3).as_ptr();
        let slot = shard.create(SeriesRef(2000), 7, &ids(5));
        assert_eq!((slot, shard.hot.page(3).as_ptr()), (Slot(1000), last));
    }
}
