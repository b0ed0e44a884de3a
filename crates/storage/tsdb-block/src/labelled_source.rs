//! Series with their labels written out, as a source: for tools and tests that hold their series in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::vec;

use firesteel_model::Labels;
use firesteel_storage::ChunkView;

use crate::{BlockError, LabelSymbols, SeriesSource, SourceSeries};

/// Series in memory.
pub struct LabelledSource {
    symbols: vec::IntoIter<String>,
    series: vec::IntoIter<(Vec<LabelSymbols>, Vec<ChunkView>)>,
}

impl fmt::Debug for LabelledSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelledSource").field("series", &self.series.len()).finish_non_exhaustive()
    }
}

impl LabelledSource {
    /// Takes series in any order, each once; chunks are sorted by least time.
    pub fn new(mut series: Vec<(Labels, Vec<ChunkView>)>) -> Self {
        series.sort_by(|a, b| a.0.cmp(&b.0));
        let texts: BTreeSet<&str> = series.iter().flat_map(|(labels, _)| labels).flat_map(|(n, v)| [n, v]).collect();
        let numbers: BTreeMap<&str, u32> = texts.iter().enumerate().map(|(i, &text)| (text, i as u32)).collect();
        let numbered = |labels: &Labels| labels.iter().map(|(n, v)| (numbers[n], numbers[v])).collect::<Vec<_>>();
        let labels: Vec<Vec<LabelSymbols>> = series.iter().map(|(labels, _)| numbered(labels)).collect();
        let symbols: Vec<String> = texts.into_iter().map(str::to_owned).collect();
        let chunks = series.into_iter().map(|(_, chunks)| chunks);
        Self { symbols: symbols.into_iter(), series: labels.into_iter().zip(chunks).collect::<Vec<_>>().into_iter() }
    }
}

impl SeriesSource for LabelledSource {
    fn next_symbol(&mut self, text: &mut Vec<u8>) -> Result<bool, BlockError> {
        text.clear();
        let next = self.symbols.next();
        text.extend_from_slice(next.as_deref().unwrap_or("").as_bytes());
        Ok(next.is_some())
    }

    fn next_series(&mut self, series: &mut SourceSeries) -> Result<bool, BlockError> {
        series.clear();
        let Some((labels, chunks)) = self.series.next() else { return Ok(false) };
        series.labels = labels;
        series.chunks = chunks;
        Ok(true)
    }
}
