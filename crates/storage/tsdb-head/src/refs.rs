//! Where a series lives: `SeriesRef` → shard and slot, without hashing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firesteel_base::FastHashMap;
use firesteel_model::SeriesRef;
use parking_lot::{RwLock, RwLockReadGuard};

use super::series::Slot;

const PAGE_SHIFT: u32 = 8;
const PAGE: usize = 1 << PAGE_SHIFT;
/// References beyond this page (2^28 series ever created) go to a hash map: a hostile log must not cost memory.
const PAGES_MAX: usize = 1 << 20;

/// The place of a series: valid as long as the slot still bears the reference, which is checked under the shard's lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) shard: u32,
    pub(crate) slot: Slot,
}

impl Place {
    fn pack(self) -> u64 {
        (u64::from(self.shard) << 32 | u64::from(self.slot.0)) + 1
    }

    #[inline]
    fn unpack(word: u64) -> Option<Self> {
        let word = word.checked_sub(1)?;
        Some(Self { shard: (word >> 32) as u32, slot: Slot(word as u32) })
    }
}

/// One page. Entries are written under the owning shard's lock and checked under it, so relaxed order is enough.
#[derive(Debug)]
struct Page([AtomicU64; PAGE]);

#[derive(Debug, Default)]
struct Pages {
    pages: Vec<Option<Arc<Page>>>,
    far: FastHashMap<u64, u64>,
}

/// The table of all references of a head.
#[derive(Debug, Default)]
pub(crate) struct RefTable(RwLock<Pages>);

impl RefTable {
    /// Returns a view for many look-ups.
    #[inline]
    pub(crate) fn read(&self) -> RefReader<'_> {
        RefReader(self.0.read())
    }

    /// Notes or changes where a series lives.
    pub(crate) fn set(&self, series: SeriesRef, place: Place) {
        let (page, at) = split(series);
        if let Some(Some(page)) = self.0.read().pages.get(page) {
            page.0[at].store(place.pack(), Ordering::Relaxed);
            return;
        }
        let mut table = self.0.write();
        if page >= PAGES_MAX {
            table.far.insert(series.0, place.pack());
            return;
        }
        if table.pages.len() <= page {
            table.pages.resize(page + 1, None);
        }
        let page = table.pages[page].get_or_insert_with(|| Arc::new(Page([const { AtomicU64::new(0) }; PAGE])));
        page.0[at].store(place.pack(), Ordering::Relaxed);
    }

    /// Forgets series, and gives back pages that became empty.
    pub(crate) fn forget(&self, series: &[SeriesRef]) {
        let mut table = self.0.write();
        for &one in series {
            let (page, at) = split(one);
            match table.pages.get(page) {
                Some(Some(page)) => page.0[at].store(0, Ordering::Relaxed),
                _ => drop(table.far.remove(&one.0)),
            }
        }
        for &one in series {
            if let Some(slot) = table.pages.get_mut(split(one).0)
                && slot.as_ref().is_some_and(|page| page.0.iter().all(|word| word.load(Ordering::Relaxed) == 0))
            {
                *slot = None;
            }
        }
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        let table = self.0.read();
        table.pages.capacity() * 8 + table.pages.iter().flatten().count() * size_of::<Page>()
    }
}

/// Looks references up; holds new pages back while it lives, so keep it for one batch only.
pub(crate) struct RefReader<'a>(RwLockReadGuard<'a, Pages>);

impl RefReader<'_> {
    /// Returns where the series lives.
    #[inline]
    pub(crate) fn get(&self, series: SeriesRef) -> Option<Place> {
        let (page, at) = split(series);
        match self.0.pages.get(page) {
            Some(Some(page)) => Place::unpack(page.0[at].load(Ordering::Relaxed)),
            _ => self.0.far.get(&series.0).and_then(|&word| Place::unpack(word)),
        }
    }
}

#[inline]
fn split(series: SeriesRef) -> (usize, usize) {
    ((series.0 >> PAGE_SHIFT) as usize, series.0 as usize & (PAGE - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far_references() {
        let table = RefTable::default();
        let refs = [1, 255, 256, 70_000, 1 << 39, (1 << 40) - 1].map(SeriesRef);
        for (i, &series) in refs.iter().enumerate() {
            table.set(series, Place { shard: 3, slot: Slot(i as u32) });
        }
        for (i, &series) in refs.iter().enumerate() {
            assert_eq!(table.read().get(series), Some(Place { shard: 3, slot: Slot(i as u32) }));
        }
        assert_eq!(table.read().get(SeriesRef(2)), None);
        table.forget(&refs);
        for &series in &refs {
            assert_eq!(table.read().get(series), None);
        }
    }
}
