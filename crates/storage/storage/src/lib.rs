//! The hinge between those who append and those who query, and the chunk encodings they share.
//!
//! Nothing here knows that a TSDB exists: [`Appendable`] and [`Queryable`] are what the scrape loop, rules, the query
//! engine and the API see of any store.

mod append;
pub mod chunkenc;
mod error;
mod merge;
mod query;
mod time_ranges;

pub use append::{
    AppendError, AppendOptions, Appendable, Appender, Committed, Exemplar, HistogramSample, HistogramValue, Rejected,
    SampleBatch, SeriesMeta,
};
pub use error::StorageError;
pub use merge::MergeQuerier;
pub use query::{
    BorrowedChunk, ChunkBytes, ChunkView, ChunkVisitor, Encoding, ExemplarQueryable, LabelsWanted, Order, Querier,
    Queryable, Selected, Selection, SelectionHints, SeriesEntry, SeriesExemplars,
};
pub use time_ranges::TimeRanges;
