//! One answer from several stores: the head and blocks of a database, later remote ones.
//!
//! Label sets that several parts know become one series, whose chunks are those of all parts, sorted by least time. They
//! may overlap; consumers merge samples, and of equal times the one of the earlier part stays.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use firesteel_model::Labels;

use crate::{ChunkView, ChunkVisitor, LabelsWanted, Order, Querier, Selected, Selection, SeriesEntry, StorageError};

/// Asks several queriers and merges what they say.
pub struct MergeQuerier {
    parts: Vec<Box<dyn Querier>>,
}

impl std::fmt::Debug for MergeQuerier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MergeQuerier").field("parts", &self.parts.len()).finish()
    }
}

impl MergeQuerier {
    /// Returns a querier over all `parts`. A single part is returned as it is: it then answers in its own order, as
    /// upstream's does (`storage/merge.go`, `NewMergeQuerier`).
    pub fn over(mut parts: Vec<Box<dyn Querier>>) -> Box<dyn Querier> {
        match parts.len() {
            1 => parts.swap_remove(0),
            _ => Box::new(Self { parts }),
        }
    }

    fn merged_names(
        &self,
        limit: usize,
        ask: impl Fn(&dyn Querier) -> Result<Vec<Arc<str>>, StorageError>,
    ) -> Result<Vec<Arc<str>>, StorageError> {
        let mut all: Vec<Arc<str>> = Vec::new();
        for part in &self.parts {
            let found = ask(part.as_ref())?;
            // Runs that are sorted already: the sort only merges them.
            all.extend(found);
        }
        all.sort();
        all.dedup();
        if limit > 0 {
            all.truncate(limit);
        }
        Ok(all)
    }
}

impl Querier for MergeQuerier {
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError> {
        // Series of several parts are told apart by all their labels.
        let sorted = Selection { sorted: true, labels: LabelsWanted::All, ..*what };
        let mut parts = Vec::with_capacity(self.parts.len());
        let mut warnings = Vec::new();
        for querier in &self.parts {
            let part = querier.select(&sorted)?;
            if part.series().is_empty() {
                // Nothing is left to hold open, but what it warns of belongs to the answer.
                note_warnings(&mut warnings, part.warnings());
            } else {
                parts.push(part);
            }
        }
        if parts.len() == 1 && warnings.is_empty() {
            return Ok(parts.swap_remove(0));
        }
        Ok(Box::new(MergedSelected::new(parts, warnings, what.limit)))
    }

    fn label_values(&self, name: &str, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.merged_names(what.limit, |part| part.label_values(name, what))
    }

    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.merged_names(what.limit, |part| part.label_names(what))
    }
}

/// Where the chunks of a merged series are.
#[derive(Clone, Copy, Debug)]
struct Member {
    part: u32,
    at: u32,
}

struct MergedSelected {
    parts: Vec<Box<dyn Selected>>,
    warnings: Vec<String>,
    series: Vec<SeriesEntry>,
    /// The members of all series, one after the other.
    members: Vec<Member>,
    /// For each series where its members end.
    ends: Vec<u32>,
}

impl MergedSelected {
    fn new(parts: Vec<Box<dyn Selected>>, warnings: Vec<String>, limit: usize) -> Self {
        let most = parts.iter().map(|p| p.series().len()).max().unwrap_or(0);
        let mut series: Vec<SeriesEntry> = Vec::with_capacity(most);
        let (mut members, mut ends) = (Vec::with_capacity(most), Vec::with_capacity(most));
        // The least label set first; of equal ones the earlier part.
        let mut heap: BinaryHeap<Reverse<(&Labels, u32, u32)>> = parts
            .iter()
            .enumerate()
            .filter_map(|(part, of)| Some(Reverse((&of.series().first()?.labels, part as u32, 0))))
            .collect();
        while let Some(mut top) = heap.peek_mut() {
            let Reverse((labels, part, at)) = *top;
            let known = parts[part as usize].series();
            if series.last().is_none_or(|last| last.labels != *labels) {
                if limit > 0 && series.len() == limit {
                    break;
                }
                ends.push(members.len() as u32);
                series.push(known[at as usize].clone());
            }
            members.push(Member { part, at });
            match known.get(at as usize + 1) {
                Some(next) => *top = Reverse((&next.labels, part, at + 1)),
                None => {
                    std::collections::binary_heap::PeekMut::pop(top);
                }
            }
        }
        drop(heap);
        // So far each entry told where a series begins.
        ends.push(members.len() as u32);
        ends.remove(0);
        Self { parts, warnings, series, members, ends }
    }
}

impl Selected for MergedSelected {
    fn series(&self) -> &[SeriesEntry] {
        &self.series
    }

    fn order(&self) -> Order {
        Order::Labels
    }

    fn chunks(&self, i: usize, out: &mut Vec<ChunkView>) -> Result<(), StorageError> {
        let Some(&end) = self.ends.get(i) else { return Ok(()) };
        let begin = if i == 0 { 0 } else { self.ends[i - 1] };
        let from = out.len();
        for member in &self.members[begin as usize..end as usize] {
            self.parts[member.part as usize].chunks(member.at as usize, out)?;
        }
        if !out[from..].is_sorted_by_key(|chunk| chunk.min) {
            out[from..].sort_by_key(|chunk| chunk.min);
        }
        Ok(())
    }

    fn visit_chunks(&self, i: usize, visit: &mut ChunkVisitor<'_>) -> Result<(), StorageError> {
        let Some(&end) = self.ends.get(i) else { return Ok(()) };
        let begin = if i == 0 { 0 } else { self.ends[i - 1] };
        for member in &self.members[begin as usize..end as usize] {
            self.parts[member.part as usize].visit_chunks(member.at as usize, visit)?;
        }
        Ok(())
    }

    fn warnings(&self) -> Vec<String> {
        let mut all = self.warnings.clone();
        for part in &self.parts {
            note_warnings(&mut all, part.warnings());
        }
        all
    }
}

fn note_warnings(all: &mut Vec<String>, more: Vec<String>) {
    for warning in more {
        if !all.contains(&warning) {
            all.push(warning);
        }
    }
}

#[cfg(test)]
mod tests;
