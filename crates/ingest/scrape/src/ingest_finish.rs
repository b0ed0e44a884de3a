//! The end of a page: what is refused, what is gone, exemplars.

use firesteel_storage::AppendError;

use crate::cache::Entry;
use crate::ingest::{IngestError, Run};
use crate::source::Source;

impl<'b, S: Source<'b>> Run<'_, 'b, S> {
    /// Makes the page the one to follow next time, and marks what is gone.
    pub(crate) fn finish(&mut self) -> Result<(), IngestError> {
        self.append_exemplars();
        let s = &mut *self.s;
        let refused = std::mem::take(&mut s.refused);
        let lines = if s.rebuild.active { &mut s.rebuild.next } else { &mut self.cache.entries };
        for &line in &refused {
            let Some(entry) = lines.get_mut(line as usize) else { continue };
            if s.rebuild.fresh.binary_search(&line).is_ok() {
                // What the storage never took is not remembered (upstream: only appended series enter the cache).
                *entry = Entry::DEAD;
                self.counts.series_added = self.counts.series_added.saturating_sub(1);
            } else if entry.is_tracked() {
                entry.set_tracked(false);
                s.vanished.push(entry.series());
            }
        }
        s.refused = refused;
        if s.rebuild.active {
            for (entry, &seen) in self.cache.entries.iter().zip(&s.rebuild.seen) {
                if !seen && entry.is_tracked() {
                    s.vanished.push(entry.series());
                }
            }
            s.rebuild.next.retain(|e| *e != Entry::DEAD);
            self.cache.entries.clear();
            self.cache.entries.extend_from_slice(&s.rebuild.next);
            // A page that shrank for good gives its memory back.
            if self.cache.entries.capacity() > 2 * self.cache.entries.len() + 64 {
                self.cache.entries.shrink_to_fit();
            }
        } else {
            s.vanished
                .extend(self.cache.entries.iter().skip(self.cursor).filter(|e| e.is_tracked()).map(|e| e.series()));
            self.cache.entries.truncate(self.cursor);
        }
        if !s.vanished.is_empty() {
            // Two lines may relabel to one series: it lives while one of them is there.
            s.alive.clear();
            s.alive.extend(s.vanished.iter().copied());
            for entry in &self.cache.entries {
                if entry.is_tracked() {
                    s.alive.remove(&entry.series());
                }
            }
            let gone = &mut s.alive;
            s.vanished.retain(|series| gone.remove(series));
            s.append_stale(self.page.scrape_time, self.app);
        }
        Ok(())
    }

    pub(crate) fn append_exemplars(&mut self) {
        let s = &mut *self.s;
        if s.exemplars.is_empty() {
            return;
        }
        s.rejected.clear();
        self.app.append_exemplars(&s.exemplars, &mut s.rejected);
        let out_of_order = s.rejected.iter().filter(|r| r.why == AppendError::OutOfOrderExemplar).count();
        self.counts.exemplars_out_of_order += out_of_order as u64;
    }
}
