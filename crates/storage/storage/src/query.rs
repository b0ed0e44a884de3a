//! Querying: the series of a selection are known before any of their values is read.

use std::ops::Range;
use std::sync::Arc;

use firesteel_base::vfs::Mapped;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, Matcher, SeriesRef};

use crate::{Exemplar, StorageError};

/// Something that can be queried.
pub trait Queryable: Send + Sync {
    /// Returns a querier for samples within `range`, ends included.
    fn querier(&self, range: TimeRange) -> Result<Box<dyn Querier>, StorageError>;
}

/// Something that keeps exemplars.
pub trait ExemplarQueryable: Send + Sync {
    /// Returns the exemplars within `range`, ends included, of series that satisfy all matchers of one set at least; by
    /// series in order of labels, each series' in order of time.
    fn exemplars(&self, range: TimeRange, matchers: &[&[Matcher]]) -> Vec<SeriesExemplars>;
}

/// The exemplars of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesExemplars {
    pub labels: Labels,
    pub exemplars: Vec<Exemplar>,
}

/// A view of the store; selections may run side by side.
pub trait Querier: Send + Sync {
    /// Returns the series that satisfy all matchers and may have samples in the range.
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError>;
    /// Returns the values of a label among matching series, sorted, without duplicates.
    fn label_values(&self, name: &str, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError>;
    /// Returns the label names of matching series, sorted, without duplicates.
    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError>;
}

/// What to select: all matchers must hold; no matcher selects everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'a> {
    pub matchers: &'a [Matcher],
    pub hints: SelectionHints,
    /// At most this many series or values; 0 = no limit.
    pub limit: usize,
    /// Order the series by labels, whatever it costs.
    pub sorted: bool,
    pub labels: LabelsWanted<'a>,
}

/// Which labels of the series somebody will look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LabelsWanted<'a> {
    #[default]
    All,
    /// Those of these names. Series may then have equal labels. A store that needs whole label sets itself, to merge parts or
    /// to sort, returns whole ones.
    Only(&'a [String]),
}

/// What the query engine knows beforehand; a store may ignore it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SelectionHints {
    /// The evaluation step in milliseconds; 0 for an instant query.
    pub step_ms: i64,
    /// The range selector's width in milliseconds; 0 for an instant selector.
    pub range_ms: i64,
}

/// A selection's series, each with its place.
pub trait Selected: Send + Sync {
    /// Returns the series in `order()`.
    fn series(&self) -> &[SeriesEntry];
    /// Returns what the series are ordered by.
    fn order(&self) -> Order;
    /// Adds the chunks of the `i`-th series to `out`: sorted by least time; they may overlap, and their samples may lie
    /// outside the querier's range.
    fn chunks(&self, i: usize, out: &mut Vec<ChunkView>) -> Result<(), StorageError>;
    /// Calls `visit` with the same chunks, borrowed, for who reads them once and at once: no handle is made of each. Those
    /// of several parts may come part by part instead of by least time.
    ///
    /// An error of `visit` ends the walk and is returned.
    fn visit_chunks(&self, i: usize, visit: &mut ChunkVisitor<'_>) -> Result<(), StorageError> {
        let mut chunks = Vec::new();
        self.chunks(i, &mut chunks)?;
        chunks.iter().try_for_each(|chunk| visit(chunk.borrowed()))
    }
    /// Returns warnings that belong to the answer (a part of the data could not be read).
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One series of a selection.
#[derive(Clone, Debug)]
pub struct SeriesEntry {
    pub series: SeriesRef,
    pub labels: Labels,
}

/// What a selection's series are ordered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// By reference: the head alone.
    Ref,
    /// By label set.
    Labels,
}

/// How a chunk's bytes are to be read. The numbers are those of the disk format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Encoding {
    Xor = 1,
    Histogram = 2,
    FloatHistogram = 3,
    Xor2 = 4,
    HistogramSt = 5,
    FloatHistogramSt = 6,
}

/// One chunk, as an owned handle: nothing borrows the querier.
#[derive(Clone, Debug)]
pub struct ChunkView {
    pub min: TimestampMs,
    pub max: TimestampMs,
    pub encoding: Encoding,
    /// How many samples to decode: an open chunk may hold more bytes than samples that this query may see.
    pub samples: u32,
    /// The chunk's data as on disk, the sample count of its first two bytes included.
    pub bytes: ChunkBytes,
}

/// What reads chunks one after the other.
pub type ChunkVisitor<'v> = dyn FnMut(BorrowedChunk<'_>) -> Result<(), StorageError> + 'v;

/// A [`ChunkView`] that borrows its bytes.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedChunk<'a> {
    pub min: TimestampMs,
    pub max: TimestampMs,
    pub encoding: Encoding,
    pub samples: u32,
    pub bytes: &'a [u8],
}

impl ChunkView {
    /// Returns the chunk without its handle.
    #[inline]
    pub fn borrowed(&self) -> BorrowedChunk<'_> {
        BorrowedChunk {
            min: self.min,
            max: self.max,
            encoding: self.encoding,
            samples: self.samples,
            bytes: self.bytes.as_slice(),
        }
    }
}

/// Where a chunk's bytes live.
#[derive(Clone, Debug)]
pub enum ChunkBytes {
    Mapped(Arc<Mapped>, Range<usize>),
    /// Copied out of the head; the chunks of many series share one buffer.
    Copied(Arc<[u8]>, Range<usize>),
}

impl ChunkBytes {
    /// Returns the bytes; an impossible range is empty rather than a panic.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map, range) => map.get(range.clone()).unwrap_or(&[]),
            Self::Copied(bytes, range) => bytes.get(range.clone()).unwrap_or(&[]),
        }
    }
}
