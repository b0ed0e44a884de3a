//! The end of a page: what is refused, what is gone, exemplars.

use firesteel_base::TimestampMs;
use firesteel_model::stale_nan;
use firesteel_storage::{AppendError, AppendOptions, Appender};

use crate::cache::{Entry, Kind, TargetCache};
use crate::ingest::{IngestError, Ingester, Run};
use crate::rows::BATCH_ROWS;
use crate::source::Source;

impl Ingester {
    /// Appends a staleness marker for every series of the last page that was taken; for failed scrapes and for targets
    /// that are gone. Returns how many.
    pub fn mark_all_stale(&mut self, cache: &mut TargetCache, t: TimestampMs, app: &mut dyn Appender) -> usize {
        self.clear();
        for entry in &mut cache.entries {
            if entry.is_tracked() {
                entry.set_tracked(false);
                if entry.kind() == Kind::Sample && self.alive.insert(entry.series()) {
                    self.vanished.push(entry.series());
                }
            }
        }
        self.append_stale(t, app);
        self.vanished.len()
    }

    pub(crate) fn append_stale(&mut self, t: TimestampMs, app: &mut dyn Appender) {
        for rows in self.vanished.chunks(BATCH_ROWS) {
            self.batch.clear();
            for &series in rows {
                self.batch.push(series, t, stale_nan());
            }
            // Refusals are expected: the target may have come back under another loop.
            self.rejected.clear();
            app.append(
                &self.batch,
                AppendOptions { refuse_out_of_order: true, stale_marker: true, durable: false },
                &mut self.rejected,
            );
        }
        self.batch.clear();
    }
}

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

    fn append_exemplars(&mut self) {
        let s = &mut *self.s;
        if s.exemplars.is_empty() {
            return;
        }
        if !s.refused.is_empty() {
            // A sample that is refused takes its exemplars with it.
            let lines = if s.rebuild.active { &s.rebuild.next } else { &self.cache.entries };
            s.alive.clear();
            s.alive.extend(s.refused.iter().filter_map(|&line| lines.get(line as usize)).map(|entry| entry.series()));
            let refused = &s.alive;
            s.exemplars.retain(|exemplar| !refused.contains(&exemplar.series));
        }
        s.rejected.clear();
        self.app.append_exemplars(&s.exemplars, &mut s.rejected);
        s.rejected.retain(|r| r.why == AppendError::OutOfOrderExemplar);
        // upstream: those of a sample count only if all of them are out of order (scrape.go, checkAddError).
        let mut rejected = s.rejected.iter().peekable();
        let mut from = 0;
        for of_one in s.exemplars.chunk_by(|a, b| a.series == b.series) {
            let end = from + of_one.len();
            let mut out_of_order = 0;
            while rejected.next_if(|r| (r.row as usize) < end).is_some() {
                out_of_order += 1;
            }
            if out_of_order == of_one.len() {
                self.counts.exemplars_out_of_order += out_of_order as u64;
            }
            from = end;
        }
    }
}
