//! Native histograms: sparse, with exponential or custom bucket bounds, of integer or float counts.
//!
//! The shapes and rules are upstream's (`model/histogram`, 3.14): integer histograms hold deltas between neighbouring
//! buckets, float histograms absolute counts; spans say which bucket indices are there.

mod arithmetic;
mod bound;
mod bucket;
mod display;
mod error;
mod float;
mod integer;
mod layout;
mod reset;
mod schema;
mod span;
mod trim;
mod validate;

pub use arithmetic::Added;
pub use bound::exponential_index;
pub use bucket::Bucket;
pub use error::{Count, HistogramError, Side};
pub use float::FloatHistogram;
pub use integer::Histogram;
pub use schema::{
    CUSTOM_BUCKETS_SCHEMA, SCHEMA_MAX, SCHEMA_MAX_RESERVED, SCHEMA_MIN, SCHEMA_MIN_RESERVED, is_custom_schema,
    is_exponential_schema, is_known_schema, is_valid_schema,
};
pub use span::{CounterReset, Span};

#[cfg(test)]
mod tests;
