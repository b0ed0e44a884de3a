//! Native histograms: sparse, with exponential or custom bucket bounds, of integer or float counts.
//!
//! The shapes and rules are upstream's (`model/histogram`, 3.14): integer histograms hold deltas between neighbouring
//! buckets, float histograms absolute counts; spans say which bucket indices are there.

mod error;
mod float;
mod integer;
mod schema;
mod span;

pub use error::{Count, HistogramError, Side};
pub use float::FloatHistogram;
pub use integer::Histogram;
pub use schema::{
    CUSTOM_BUCKETS_SCHEMA, SCHEMA_MAX, SCHEMA_MAX_RESERVED, SCHEMA_MIN, SCHEMA_MIN_RESERVED, is_custom_schema,
    is_exponential_schema, is_known_schema, is_valid_schema,
};
pub use span::{CounterReset, Span};
