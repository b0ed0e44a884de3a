//! Where a block's series come from: the head, other blocks, or a merge of them.
//!
//! Labels travel as numbers of symbols. Symbols are sorted, so numbers compare as the texts do: series are ordered,
//! merged and indexed without a look at a text.

use firesteel_base::TimeRange;
use firesteel_storage::ChunkView;

use crate::BlockError;

/// Series in label order, and before them the texts of their labels.
pub trait SeriesSource: Send {
    /// Puts the next symbol in place of `text`; returns false when there is none.
    ///
    /// Symbols are all label names and values, bytewise ascending, each once; some may be used by no series. They are asked
    /// for until the end before the first series.
    fn next_symbol(&mut self, text: &mut Vec<u8>) -> Result<bool, BlockError>;

    /// Puts the next series in place of `series`, ascending by labels, each once; returns false when there is none.
    fn next_series(&mut self, series: &mut SourceSeries) -> Result<bool, BlockError>;
}

/// A label: the numbers of its name's and its value's symbol, in the order in which the source gave them.
pub type LabelSymbols = (u32, u32);

/// One series on its way into a block. Reused: sources clear and fill it.
#[derive(Clone, Debug, Default)]
pub struct SourceSeries {
    /// By name.
    pub labels: Vec<LabelSymbols>,
    /// Sorted by least time. They may overlap, and may hold samples outside the block's range: whoever writes or merges
    /// them cuts and re-encodes what needs it.
    pub chunks: Vec<ChunkView>,
    /// Samples at these times are deleted, in any order.
    pub deleted: Vec<TimeRange>,
}

impl SourceSeries {
    /// Removes all and keeps the memory.
    pub fn clear(&mut self) {
        self.labels.clear();
        self.chunks.clear();
        self.deleted.clear();
    }
}
