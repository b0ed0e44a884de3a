//! A block as a source of another.

use std::sync::Arc;

use firesteel_model::SeriesRef;
use firesteel_storage::TimeRanges;

use crate::index::{ChunkMeta, SymbolWalker};
use crate::{Block, BlockError, SeriesSource, SourceSeries, Tombstones};

/// Pages behind the reader are given back to the system after so many bytes.
const RELEASE_BYTES: u64 = 4 << 20;

/// Walks a block in order. What lies behind the walk leaves the process' memory, unless queries bring it back.
#[derive(Debug)]
pub struct BlockSource {
    block: Arc<Block>,
    tombstones: Arc<Tombstones>,
    symbols: SymbolWalker,
    /// Where the list of all series lies in the index, and how far it was read.
    all: std::ops::Range<usize>,
    metas: Vec<ChunkMeta>,
    released: Released,
}

#[derive(Clone, Copy, Debug, Default)]
struct Released {
    chunks: u64,
    index: usize,
}

impl BlockSource {
    pub(crate) fn new(block: Arc<Block>) -> Result<Self, BlockError> {
        let all = block.index.all_series()?;
        let released = Released { chunks: 0, index: block.index.toc.series as usize };
        let (tombstones, symbols) = (block.tombstones(), block.index.symbols.walker());
        Ok(Self { tombstones, symbols, all, metas: Vec::new(), released, block })
    }

    fn release_behind(&mut self, id: u32) -> Result<(), BlockError> {
        if let Some(first) = self.metas.first() {
            let from = self.released.chunks;
            // A jump to the next segment counts as much as the bytes in it.
            if first.reference.saturating_sub(from) >= RELEASE_BYTES {
                self.block.segments.release(from, first.reference);
                self.released.chunks = first.reference;
            }
        }
        let end = self.block.index.series_end(id)?;
        if end.saturating_sub(self.released.index) as u64 >= RELEASE_BYTES {
            self.block.index.file.release(self.released.index..end);
            self.released.index = end;
        }
        Ok(())
    }
}

impl SeriesSource for BlockSource {
    fn next_symbol(&mut self, text: &mut Vec<u8>) -> Result<bool, BlockError> {
        text.clear();
        let next = self.symbols.next(&self.block.index.file)?;
        if let Some(symbol) = next {
            text.extend_from_slice(symbol);
        }
        Ok(next.is_some())
    }

    fn next_series(&mut self, series: &mut SourceSeries) -> Result<bool, BlockError> {
        series.clear();
        let index = &self.block.index;
        let Some(&id) = index.file.at(self.all.clone()).first_chunk::<4>() else { return Ok(false) };
        self.all.start += 4;
        let id = u32::from_be_bytes(id);
        let mut entry = index.series(id)?;
        let mut fault = None;
        entry.labels(|(name, value)| {
            let position = |n| index.symbols.position(&index.file, n);
            match (position(name), position(value)) {
                (Ok(name), Ok(value)) => series.labels.push((name, value)),
                (Err(e), _) | (_, Err(e)) => fault = Some(e),
            }
        })?;
        if let Some(e) = fault {
            return Err(e);
        }
        self.metas.clear();
        entry.chunks(|chunk| self.metas.push(chunk))?;
        self.release_behind(id)?;
        for meta in &self.metas {
            series.chunks.push(self.block.segments.chunk(meta)?);
        }
        series.deleted.extend(self.tombstones.of(SeriesRef(u64::from(id))).into_iter().flat_map(TimeRanges::iter));
        Ok(true)
    }
}
