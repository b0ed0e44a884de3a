//! The order of a page's lines beside that of the page before, and what is rebuilt when they part.

use hashbrown::HashTable;

use crate::cache::Entry;
use crate::ingest::Run;
use crate::source::Source;

/// The state of a scrape that left the old order.
#[derive(Debug, Default)]
pub(crate) struct Rebuild {
    pub(crate) active: bool,
    pub(crate) next: Vec<Entry>,
    /// Fingerprint and place of old lines, and of new ones above `NEW`.
    index: HashTable<(u64, u32)>,
    /// Which old lines were seen.
    pub(crate) seen: Vec<bool>,
    /// The places of new series in `next`, ascending.
    pub(crate) fresh: Vec<u32>,
}

/// Set in the place of a line that was first seen on this page.
pub(crate) const NEW: u32 = 1 << 31;

impl Rebuild {
    /// Forgets everything, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.active = false;
        self.next.clear();
        self.index.clear();
        self.seen.clear();
        self.fresh.clear();
    }
}

impl<'b, S: Source<'b>> Run<'_, 'b, S> {
    /// Moves on past the old line `at`; returns the line's place in the new order.
    #[inline(always)]
    pub(crate) fn take(&mut self, at: usize, entry: Entry) -> u32 {
        self.cursor = at + 1;
        let rebuild = &mut self.s.rebuild;
        if !rebuild.active {
            return at as u32;
        }
        if let Some(seen) = rebuild.seen.get_mut(at) {
            *seen = true;
        }
        rebuild.next.push(entry);
        rebuild.next.len() as u32 - 1
    }

    /// Leaves the old order: from here on every line's entry is written anew.
    #[cold]
    pub(crate) fn leave_order(&mut self) {
        let rebuild = &mut self.s.rebuild;
        let old = &self.cache.entries;
        rebuild.active = true;
        rebuild.next.extend_from_slice(old.get(..self.cursor).unwrap_or_default());
        rebuild.seen.resize(self.cursor, true);
        rebuild.seen.resize(old.len(), false);
        rebuild.index.reserve(old.len(), |&(fingerprint, _)| fingerprint);
        for (at, entry) in old.iter().enumerate() {
            // The first of equal lines counts; the others were its duplicates.
            let fingerprint = entry.fingerprint;
            if rebuild.index.find(fingerprint, |&(f, _)| f == fingerprint).is_none() {
                rebuild.index.insert_unique(fingerprint, (fingerprint, at as u32), |&(f, _)| f);
            }
        }
    }

    /// Finds a line by fingerprint: its place on the last page, or on this one with `NEW` set.
    pub(crate) fn find(&mut self, fingerprint: u64) -> Option<u32> {
        if !self.s.rebuild.active {
            if self.cache.entries.get(self.cursor).is_some_and(|e| e.fingerprint == fingerprint) {
                return Some(self.cursor as u32);
            }
            self.leave_order();
        } else if let Some(entry) = self.cache.entries.get(self.cursor)
            && entry.fingerprint == fingerprint
            && self.s.rebuild.seen.get(self.cursor) == Some(&false)
            && !self.afresh
        {
            return Some(self.cursor as u32);
        }
        self.s.rebuild.index.find(fingerprint, |&(f, _)| f == fingerprint).map(|&(_, at)| at)
    }

    /// Adds an entry for a line that was not on the last page; returns its place.
    pub(crate) fn push_new(&mut self, entry: Entry) -> u32 {
        debug_assert!(self.s.rebuild.active, "a line that is not found leaves the order");
        let rebuild = &mut self.s.rebuild;
        let line = rebuild.next.len() as u32;
        rebuild.next.push(entry);
        let fingerprint = entry.fingerprint;
        rebuild.index.insert_unique(fingerprint, (fingerprint, NEW | line), |&(f, _)| f);
        line
    }

    /// Returns whether the line, or one equal to it, was seen on this page already.
    pub(crate) fn was_on_this_page(&self, at: usize, fingerprint: u64) -> bool {
        let rebuild = &self.s.rebuild;
        let first = rebuild.index.find(fingerprint, |&(f, _)| f == fingerprint).map_or(at as u32, |&(_, first)| first);
        first >= NEW || rebuild.seen.get(first as usize) == Some(&true)
    }
}
