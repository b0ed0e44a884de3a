//! Queries on one block. Series come in label order, for that is the order of their numbers.

use std::collections::BTreeSet;
use std::sync::Arc;

use firesteel_base::{FastHashSet, TimeRange, TimestampMs};
use firesteel_model::{Matcher, SeriesRef};
use firesteel_storage::chunkenc::cut_out;
use firesteel_storage::{ChunkView, ChunkVisitor, Order, Querier, Selected, Selection, SeriesEntry, StorageError};

use crate::find::find;
use crate::index::LabelReader;
use crate::{Block, BlockError, Tombstones};

/// Below so many series per value, a label's values are read off the series instead of the postings.
const READ_SERIES_UP_TO: usize = 4;

/// A view of a block; holds it open.
#[derive(Debug)]
pub struct BlockQuerier {
    block: Arc<Block>,
    tombstones: Arc<Tombstones>,
    range: TimeRange,
}

impl BlockQuerier {
    pub(crate) fn new(block: Arc<Block>, range: TimeRange) -> Self {
        let tombstones = block.tombstones();
        Self { block, tombstones, range }
    }

    fn overlaps_block(&self) -> bool {
        self.range.overlaps(self.block.range())
    }

    fn series_with_chunks(&self, what: &Selection<'_>) -> Result<Vec<SeriesEntry>, BlockError> {
        let index = &self.block.index;
        let ids = find(index, &self.block.cache, what.matchers)?;
        let mut out = Vec::with_capacity(ids.len().min(1 << 16));
        let mut labels = LabelReader::of(index, what.labels)?;
        for id in ids {
            let mut entry = index.series(id)?;
            let mut probe = entry.clone();
            let deleted = self.tombstones.of(SeriesRef(u64::from(id)));
            let mut any = false;
            probe.labels(|_| {})?;
            probe.chunks(|c| {
                let range = TimeRange { min: TimestampMs(c.min), max: TimestampMs(c.max) };
                any |= range.overlaps(self.range) && !deleted.is_some_and(|d| d.covers(range));
            })?;
            if any {
                let labels = labels.read(index, &mut entry)?;
                out.push(SeriesEntry { series: SeriesRef(u64::from(id)), labels });
                if out.len() == what.limit {
                    break;
                }
            }
        }
        Ok(out)
    }

    fn values(&self, name: &str, matchers: &[Matcher], limit: usize) -> Result<Vec<Arc<str>>, BlockError> {
        let index = &self.block.index;
        let limit = if limit == 0 { usize::MAX } else { limit };
        let text = |value: &[u8]| {
            std::str::from_utf8(value).map(Arc::<str>::from).map_err(|_| index.file.bad(0, "label value is not UTF-8"))
        };
        let (own, others): (Vec<&Matcher>, Vec<&Matcher>) = matchers.iter().partition(|m| m.name() == name);
        if others.is_empty() {
            let mut out = Vec::new();
            for entry in index.table.values(&index.file, name) {
                let value = text(entry?.0)?;
                if own.iter().all(|m| m.matches(&value)) {
                    out.push(value);
                    if out.len() == limit {
                        break;
                    }
                }
            }
            return Ok(out);
        }
        let ids = find(index, &self.block.cache, matchers)?;
        if ids.len() < index.table.value_count(&index.file, name).saturating_mul(READ_SERIES_UP_TO) {
            let mut out = self.values_of(name, &ids)?;
            out.truncate(limit);
            return Ok(out);
        }
        let mut out = Vec::new();
        for entry in index.table.values(&index.file, name) {
            let (value, postings) = entry?;
            if index.list(postings)?.meets(&ids) {
                out.push(text(value)?);
                if out.len() == limit {
                    break;
                }
            }
        }
        Ok(out)
    }

    /// Reads the values off the series; sorted.
    fn values_of(&self, name: &str, ids: &[u32]) -> Result<Vec<Arc<str>>, BlockError> {
        let index = &self.block.index;
        let Some(number) = index.symbols.number(&index.file, name)? else { return Ok(Vec::new()) };
        let mut values = FastHashSet::default();
        for &id in ids {
            index.series(id)?.labels(|(name, value)| {
                if name == number {
                    values.insert(value);
                }
            })?;
        }
        let mut values: Vec<u32> = values.into_iter().collect();
        // Symbols are sorted, so their numbers are.
        values.sort_unstable();
        values.into_iter().map(|v| index.symbols.text(&index.file, v).map(Arc::from)).collect()
    }

    fn names(&self, matchers: &[Matcher], limit: usize) -> Result<Vec<Arc<str>>, BlockError> {
        let index = &self.block.index;
        let limit = if limit == 0 { usize::MAX } else { limit };
        let bad = |_| index.file.bad(0, "label name is not UTF-8");
        if matchers.is_empty() {
            let names = index.table.names(&index.file).take(limit);
            return names.map(|n| std::str::from_utf8(n).map(Arc::from).map_err(bad)).collect();
        }
        let mut names = BTreeSet::new();
        for id in find(index, &self.block.cache, matchers)? {
            index.series(id)?.labels(|(name, _)| {
                names.insert(name);
            })?;
        }
        names.into_iter().take(limit).map(|n| index.symbols.text(&index.file, n).map(Arc::from)).collect()
    }
}

impl Querier for BlockQuerier {
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError> {
        let series = if self.overlaps_block() { self.series_with_chunks(what)? } else { Vec::new() };
        Ok(Box::new(BlockSelected {
            block: Arc::clone(&self.block),
            tombstones: Arc::clone(&self.tombstones),
            range: self.range,
            series,
        }))
    }

    fn label_values(&self, name: &str, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        if !self.overlaps_block() {
            return Ok(Vec::new());
        }
        Ok(self.values(name, what.matchers, what.limit)?)
    }

    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        if !self.overlaps_block() {
            return Ok(Vec::new());
        }
        Ok(self.names(what.matchers, what.limit)?)
    }
}

#[derive(Debug)]
struct BlockSelected {
    block: Arc<Block>,
    tombstones: Arc<Tombstones>,
    range: TimeRange,
    series: Vec<SeriesEntry>,
}

impl Selected for BlockSelected {
    fn series(&self) -> &[SeriesEntry] {
        &self.series
    }

    fn order(&self) -> Order {
        Order::Labels
    }

    fn chunks(&self, i: usize, out: &mut Vec<ChunkView>) -> Result<(), StorageError> {
        let Some(series) = self.series.get(i) else { return Ok(()) };
        let mut metas = Vec::new();
        let mut entry = self.block.index.series(series.series.0 as u32)?;
        entry.labels(|_| {})?;
        entry.chunks(|c| {
            if c.min <= self.range.max.0 && self.range.min.0 <= c.max {
                metas.push(c);
            }
        })?;
        let from = out.len();
        for meta in &metas {
            out.push(self.block.segments.chunk(meta)?);
        }
        match self.tombstones.of(series.series) {
            Some(deleted) => cut_out(out, from, deleted)
                .map_err(|e| StorageError::BadChunk { series: series.series.0, what: e.to_string() }),
            None => Ok(()),
        }
    }

    fn visit_chunks(&self, i: usize, visit: &mut ChunkVisitor<'_>) -> Result<(), StorageError> {
        let Some(series) = self.series.get(i) else { return Ok(()) };
        if self.tombstones.of(series.series).is_some() {
            let mut chunks = Vec::new();
            self.chunks(i, &mut chunks)?;
            return chunks.iter().try_for_each(|chunk| visit(chunk.borrowed()));
        }
        let mut entry = self.block.index.series(series.series.0 as u32)?;
        entry.labels(|_| {})?;
        let segments = &self.block.segments;
        let (mut done, mut read) = (Ok(()), 0);
        entry.chunks(|c| {
            if done.is_ok() && c.min <= self.range.max.0 && self.range.min.0 <= c.max {
                done = segments.borrowed(&c).map_err(StorageError::from).and_then(|chunk| {
                    read += chunk.bytes.len();
                    visit(chunk)
                });
            }
        })?;
        segments.note_read(read);
        done
    }
}
