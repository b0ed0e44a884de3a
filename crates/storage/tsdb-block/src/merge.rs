//! Several sources as one.

use std::cmp::Ordering;

use firesteel_base::TimeRange;
use firesteel_storage::{ChunkView, Encoding};

use crate::go_heap::GoHeap;
use crate::overlap::{ChunkMerger, keep};
use crate::{BlockError, LabelSymbols, SeriesSource, SourceSeries};

/// Merges sources by labels; the chunks of a series that several have are merged by time, and what is deleted in one does
/// not hide what another holds.
pub struct MergedSource<'a> {
    children: Vec<Child<'a>>,
    started: bool,
    /// Children by their next series.
    heap: GoHeap<usize>,
    /// Whose series were handed on last.
    current: Vec<usize>,
    symbols: u32,
    runs: Vec<Vec<ChunkView>>,
    merger: ChunkMerger,
}

struct Child<'a> {
    source: Box<dyn SeriesSource + 'a>,
    /// The next symbol, if there is one.
    symbol: Vec<u8>,
    more_symbols: bool,
    /// From the child's numbers to ours.
    numbers: Vec<u32>,
    series: SourceSeries,
}

impl std::fmt::Debug for MergedSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MergedSource").field("children", &self.children.len()).finish_non_exhaustive()
    }
}

/// Returns the union of `sources`. Order matters where two have a different sample at the same time.
pub fn merge_sources<'a>(sources: Vec<Box<dyn SeriesSource + 'a>>) -> MergedSource<'a> {
    let child = |source| Child {
        source,
        symbol: Vec::new(),
        more_symbols: true,
        numbers: Vec::new(),
        series: SourceSeries::default(),
    };
    MergedSource {
        children: sources.into_iter().map(child).collect(),
        started: false,
        heap: GoHeap::default(),
        current: Vec::new(),
        symbols: 0,
        runs: Vec::new(),
        merger: ChunkMerger::new(Encoding::Xor),
    }
}

impl MergedSource<'_> {
    /// Sets how floats of overlapping chunks are encoded anew: XOR, unless told otherwise, or XOR2.
    #[must_use]
    pub fn float_encoding(mut self, floats: Encoding) -> Self {
        self.merger = ChunkMerger::new(floats);
        self
    }
}

impl Child<'_> {
    fn advance_symbol(&mut self) -> Result<(), BlockError> {
        self.more_symbols = self.source.next_symbol(&mut self.symbol)?;
        Ok(())
    }

    /// Fetches the next series and puts our numbers in it.
    fn advance_series(&mut self) -> Result<bool, BlockError> {
        if !self.source.next_series(&mut self.series)? {
            return Ok(false);
        }
        let number = |n: u32| {
            let unknown = || BlockError::Source(format!("series with unknown symbol {n}"));
            self.numbers.get(n as usize).copied().ok_or_else(unknown)
        };
        for (name, value) in &mut self.series.labels {
            (*name, *value) = (number(*name)?, number(*value)?);
        }
        Ok(true)
    }
}

impl MergedSource<'_> {
    fn next_current(&mut self) -> Result<bool, BlockError> {
        let Self { children, heap, current, started, .. } = self;
        if !*started {
            *started = true;
            current.extend(0..children.len());
        }
        for child in current.drain(..) {
            if children[child].advance_series()? {
                heap.push(child, less(children));
            }
        }
        let Some(&first) = heap.first() else { return Ok(false) };
        while let Some(&next) = heap.first() {
            if labels(children, next) != labels(children, first) {
                break;
            }
            if let Some(next) = heap.pop(less(children)) {
                current.push(next);
            }
        }
        Ok(true)
    }
}

fn labels<'c>(children: &'c [Child<'_>], child: usize) -> &'c [LabelSymbols] {
    &children[child].series.labels
}

fn less(children: &[Child<'_>]) -> impl Fn(&usize, &usize) -> bool {
    |&a, &b| labels(children, a).cmp(labels(children, b)) == Ordering::Less
}

impl SeriesSource for MergedSource<'_> {
    fn next_symbol(&mut self, text: &mut Vec<u8>) -> Result<bool, BlockError> {
        if self.symbols == 0 && !self.started && self.children.iter().all(|c| c.numbers.is_empty()) {
            for child in &mut self.children {
                child.advance_symbol()?;
            }
        }
        text.clear();
        let waiting = self.children.iter().filter(|c| c.more_symbols);
        let Some(least) = waiting.map(|c| c.symbol.as_slice()).min() else { return Ok(false) };
        text.extend_from_slice(least);
        for child in self.children.iter_mut().filter(|c| c.more_symbols && c.symbol == *text) {
            child.numbers.push(self.symbols);
            child.advance_symbol()?;
        }
        self.symbols += 1;
        Ok(true)
    }

    fn next_series(&mut self, series: &mut SourceSeries) -> Result<bool, BlockError> {
        series.clear();
        if !self.next_current()? {
            return Ok(false);
        }
        if let [only] = self.current[..] {
            std::mem::swap(series, &mut self.children[only].series);
            return Ok(true);
        }
        let Self { children, current, runs, merger, .. } = self;
        runs.resize_with(current.len(), Vec::new);
        for (run, &child) in runs.iter_mut().zip(&*current) {
            let from = &children[child].series;
            run.clear();
            keep(&from.chunks, &from.deleted, TimeRange::ALL, &"a series of several blocks", run)?;
        }
        series.labels.extend_from_slice(labels(children, current[0]));
        merger.merge(runs, &"a series of several blocks", &mut series.chunks)?;
        for run in runs {
            run.clear();
        }
        Ok(true)
    }
}
