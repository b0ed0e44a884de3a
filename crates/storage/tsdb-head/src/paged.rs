//! A growing column in pages: it never moves what it holds, so growth under a lock costs one small allocation.

const PAGE_SHIFT: usize = 8;
const PAGE: usize = 1 << PAGE_SHIFT;

/// A vector in pages of 256 entries.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    pages: Vec<Vec<T>>,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Paged<T> {
    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
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

    /// Takes the entries out in order, giving each page back once it is through.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = T> {
        self.pages.into_iter().flatten()
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pages.len() * (PAGE * size_of::<T>() + size_of::<Vec<T>>())
    }
}

impl<T> std::ops::Index<usize> for Paged<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: usize) -> &T {
        &self.pages[at >> PAGE_SHIFT][at & (PAGE - 1)]
    }
}

impl<T> std::ops::IndexMut<usize> for Paged<T> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.pages[at >> PAGE_SHIFT][at & (PAGE - 1)]
    }
}

/// Runs of `u32` that never cross a page: where the label sets of a shard's series lie.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    pages: Vec<Vec<u32>>,
}

const SPAN_SHIFT: usize = 12;
const SPAN_PAGE: usize = 1 << SPAN_SHIFT;

impl Spans {
    /// Stores a run and returns where it begins.
    pub(crate) fn push(&mut self, run: &[u32]) -> u32 {
        let fits = self.pages.last().is_some_and(|p| p.len() < SPAN_PAGE && p.len() + run.len() <= p.capacity());
        if !fits {
            // The first page is small, for the many shards of a machine with many cores and few series.
            let room = if self.pages.is_empty() { SPAN_PAGE / 8 } else { SPAN_PAGE };
            self.pages.push(Vec::with_capacity(room.max(run.len())));
        }
        let page = self.pages.len() - 1;
        let last = &mut self.pages[page];
        let at = last.len();
        last.extend_from_slice(run);
        (page << SPAN_SHIFT | at) as u32
    }

    /// Returns the run of `len` entries at `at`.
    #[inline]
    pub(crate) fn get(&self, at: u32, len: usize) -> &[u32] {
        let from = at as usize & (SPAN_PAGE - 1);
        &self.pages[at as usize >> SPAN_SHIFT][from..from + len]
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.pages.iter().map(|p| p.capacity() * 4 + size_of::<Vec<u32>>()).sum()
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
        assert_eq!(column.into_entries().count(), 1000);
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
}
