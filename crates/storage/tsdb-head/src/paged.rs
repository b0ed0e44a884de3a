//! A growing column in pages: it never moves what it holds, so growth under a lock costs one small allocation.

const PAGE_SHIFT: usize = 8;
pub(crate) const PAGE: usize = 1 << PAGE_SHIFT;

/// A vector in pages of 256 entries. Pages can go, and what is behind them keeps its index.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    /// Those that went are empty.
    pages: Vec<Vec<T>>,
    /// How many pages went in front of them.
    before: usize,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), before: 0 }
    }
}

impl<T> Paged<T> {
    /// Returns the index of the next entry: the number of entries that there are or were.
    pub(crate) fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.before + self.pages.len() - 1) * PAGE + last.len())
    }

    /// Returns the numbers of the pages from the first that is there to the last; some in between may be gone.
    pub(crate) fn pages(&self) -> std::ops::Range<usize> {
        self.before..self.before + self.pages.len()
    }

    /// Returns the entries of a page that are there.
    pub(crate) fn page(&self, page: usize) -> &[T] {
        page.checked_sub(self.before).and_then(|at| self.pages.get(at)).map_or(&[], Vec::as_slice)
    }

    /// Adds an entry and returns its index.
    pub(crate) fn push(&mut self, entry: T) -> usize {
        let at = self.len();
        match self.pages.last_mut() {
            Some(last) if last.len() < PAGE => last.push(entry),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(entry);
                self.pages.push(page);
            }
        }
        at
    }

    /// Returns an entry, if there is one of that index.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.page(at >> PAGE_SHIFT).get(at & (PAGE - 1))
    }

    /// As [`Self::get`], to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.pages.get_mut((at >> PAGE_SHIFT).checked_sub(self.before)?)?.get_mut(at & (PAGE - 1))
    }

    /// Gives a page back with its entries, unless it is the last one.
    pub(crate) fn drop_page(&mut self, page: usize) {
        let Some(at) = page.checked_sub(self.before).filter(|at| at + 1 < self.pages.len()) else { return };
        self.pages[at] = Vec::new();
        // Not one by one: what is behind them is moved.
        let gone = self.pages.iter().take_while(|page| page.is_empty()).count();
        if gone > self.pages.len() / 2 {
            self.pages.drain(..gone);
            self.before += gone;
        }
    }

    /// Moves a page to memory of its own anew; returns how many bytes that were.
    pub(crate) fn renew_page(&mut self, page: usize) -> usize {
        page.checked_sub(self.before).and_then(|at| self.pages.get_mut(at)).map_or(0, renew)
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        let there = self.pages.iter().filter(|page| !page.is_empty()).count();
        there * PAGE * size_of::<T>() + self.pages.capacity() * size_of::<Vec<T>>()
    }
}

/// Moves a page's entries to new memory of the same size; returns its bytes.
fn renew<T>(page: &mut Vec<T>) -> usize {
    let mut fresh = Vec::with_capacity(page.capacity());
    fresh.append(page);
    *page = fresh;
    page.capacity() * size_of::<T>()
}

impl<T> std::ops::Index<usize> for Paged<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: usize) -> &T {
        &self.pages[(at >> PAGE_SHIFT) - self.before][at & (PAGE - 1)]
    }
}

impl<T> std::ops::IndexMut<usize> for Paged<T> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.pages[(at >> PAGE_SHIFT) - self.before][at & (PAGE - 1)]
    }
}

/// Runs of `u32` that never cross a page: where the label sets of a shard's series lie.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    pages: Vec<SpanPage>,
    /// The page that is being filled, and those without memory.
    filling: usize,
    bare: Vec<u32>,
}

#[derive(Debug, Default)]
struct SpanPage {
    entries: Vec<u32>,
    /// Entries of runs in use.
    used: usize,
}

const SPAN_SHIFT: usize = 12;
const SPAN_PAGE: usize = 1 << SPAN_SHIFT;

impl Spans {
    /// Stores a run and returns where it begins.
    pub(crate) fn push(&mut self, run: &[u32]) -> u32 {
        let fits = |page: &SpanPage| {
            let len = page.entries.len();
            len < SPAN_PAGE && len + run.len() <= page.entries.capacity()
        };
        if !self.pages.get(self.filling).is_some_and(fits) {
            // The first page is small, for the many shards of a machine with many cores and few series.
            let room = if self.pages.is_empty() { SPAN_PAGE / 8 } else { SPAN_PAGE };
            self.filling = match self.bare.pop() {
                Some(page) => page as usize,
                None => {
                    self.pages.push(SpanPage::default());
                    self.pages.len() - 1
                }
            };
            self.pages[self.filling].entries = Vec::with_capacity(room.max(run.len()));
        }
        let page = &mut self.pages[self.filling];
        let at = page.entries.len();
        page.entries.extend_from_slice(run);
        page.used += run.len();
        (self.filling << SPAN_SHIFT | at) as u32
    }

    /// Returns the run of `len` entries at `at`.
    #[inline]
    pub(crate) fn get(&self, at: u32, len: usize) -> &[u32] {
        let from = at as usize & (SPAN_PAGE - 1);
        &self.pages[at as usize >> SPAN_SHIFT].entries[from..from + len]
    }

    /// Gives the run of `len` entries at `at` back; its page goes with the last of them.
    pub(crate) fn release(&mut self, at: u32, len: usize) {
        let number = at as usize >> SPAN_SHIFT;
        let page = &mut self.pages[number];
        page.used -= len;
        if page.used == 0 && number != self.filling && !page.entries.is_empty() {
            page.entries = Vec::new();
            self.bare.push(number as u32);
        }
    }

    /// Returns how many pages there are, those without memory included.
    pub(crate) fn n_pages(&self) -> usize {
        self.pages.len()
    }

    /// As [`Paged::renew_page`].
    pub(crate) fn renew_page(&mut self, page: usize) -> usize {
        self.pages.get_mut(page).map_or(0, |page| renew(&mut page.entries))
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pages.iter().map(|p| p.entries.capacity() * 4 + size_of::<SpanPage>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_keep_their_order() {
        let mut column = Paged::default();
        for i in 0..1000usize {
            assert_eq!(column.push(i), i);
        }
        column[700] = 7;
        assert_eq!((column.len(), column[255], column[256], column[700]), (1000, 255, 256, 7));
        assert_eq!((column.get(999), column.get(1000), column.pages()), (Some(&999), None, 0..4));
    }

    #[test]
    fn pages_go_and_what_is_behind_them_keeps_its_index() {
        let mut column = Paged::default();
        (0..100 * PAGE).for_each(|i| assert_eq!(column.push(i), i));
        let full = column.heap_bytes();
        for page in (0..100).filter(|page| page % 7 != 6) {
            column.drop_page(page);
        }
        // The last one stays.
        column.drop_page(99);
        assert_eq!((column.len(), column.push(1)), (100 * PAGE, 100 * PAGE));
        (0..80).for_each(|page| column.drop_page(page));
        assert_eq!(column.pages(), 83..101);
        for i in 0..100 * PAGE {
            let there = i / PAGE == 99 || i / PAGE >= 80 && i / PAGE % 7 == 6;
            assert_eq!(column.get(i), there.then_some(&i), "{i}");
            assert_eq!(column.get_mut(i).copied(), there.then_some(i), "{i}");
        }
        assert!(column.heap_bytes() < full / 10, "{} of {full}", column.heap_bytes());
    }

    #[test]
    fn runs_never_cross_a_page() {
        let mut spans = Spans::default();
        let long: Vec<u32> = (0..5000).collect();
        let places: Vec<u32> = (1..200).map(|n| spans.push(&long[..n])).collect();
        let whole = spans.push(&long);
        let after = spans.push(&long[..3]);
        for (place, n) in places.iter().zip(1..200) {
            assert_eq!(spans.get(*place, n), &long[..n]);
        }
        assert_eq!(spans.get(whole, 5000), &long[..]);
        assert_eq!(spans.get(after, 3), &long[..3]);
    }

    #[test]
    fn pages_of_runs_are_used_again() {
        let mut spans = Spans::default();
        let run: Vec<u32> = (0..10).collect();
        let mut places: Vec<u32> = (0..5000).map(|_| spans.push(&run)).collect();
        let full = spans.heap_bytes();
        for _ in 0..5 {
            for place in &mut places {
                let again = spans.push(spans.get(*place, 10).to_vec().as_slice());
                spans.release(*place, 10);
                *place = again;
            }
        }
        assert!(places.iter().all(|&place| spans.get(place, 10) == run));
        assert!(spans.heap_bytes() < full + 4 * 4 * SPAN_PAGE, "{} of {full}", spans.heap_bytes());
    }
}
