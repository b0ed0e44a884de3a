//! What can be wrong with a histogram, in upstream's words (`model/histogram/generic.go`, 3.14).

use std::fmt;

use firesteel_go_compat::{FloatForm, format_float_as};

/// A count of observations as it appears in a message. Floats are compared by bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Count {
    Int(i64),
    /// The bits of a float.
    Float(u64),
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Int(v) => v.fmt(f),
            Self::Float(bits) => format_float_as(f64::from_bits(bits), FloatForm::General).fmt(f),
        }
    }
}

/// Which buckets a fault is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Positive,
    Negative,
    Custom,
    /// Not said.
    None,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Positive => "positive side: ",
            Self::Negative => "negative side: ",
            Self::Custom => "custom buckets: ",
            Self::None => "",
        })
    }
}

/// Why a histogram is not valid, or why two do not go together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramError {
    #[error(
        "{found} observations found in buckets, but the Count field is {count}: histogram's observation count should be at least the number of observations found in the buckets"
    )]
    CountNotBigEnough { found: u64, count: u64 },
    #[error(
        "{found} observations found in buckets, but the Count field is {count}: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"
    )]
    CountMismatch { found: u64, count: u64 },
    /// The second blank is upstream's (`float_histogram.go`, 3.14).
    #[error("observation count is  {count}: histogram's observation count is negative")]
    NegativeCount { count: Count },
    #[error(
        "{side}bucket number {number} has observation count of {count}: histogram has a bucket whose observation count is negative"
    )]
    NegativeBucketCount { side: Side, number: usize, count: Count },
    #[error("zero bucket has observation count of {count}: histogram has a bucket whose observation count is negative")]
    NegativeZeroCount { count: Count },
    #[error("{side}span number {number} with offset {offset}: histogram has a span whose offset is negative")]
    SpanNegativeOffset { side: Side, number: usize, offset: i32 },
    #[error(
        "{side}spans need {need} buckets, have {have} buckets: histogram spans specify different number of buckets than provided"
    )]
    SpansBucketsMismatch { side: Side, need: usize, have: usize },
    #[error(
        "have {have} buckets but spans need more: histogram spans specify different number of buckets than provided"
    )]
    TooFewBuckets { have: usize },
    #[error(
        "custom buckets: only {bounds} custom bounds defined which is insufficient to cover total span length of {spans}: histogram custom bounds are too few"
    )]
    CustomBoundsTooFew { bounds: usize, spans: i64 },
    /// Bits of the two bounds.
    #[error(
        "custom buckets: previous bound is {} and current is {}: histogram custom bounds must be in strictly increasing order",
        fixed(*previous),
        fixed(*current)
    )]
    CustomBoundsInvalid { previous: u64, current: u64 },
    #[error("custom buckets: last +Inf bound must not be explicitly defined: histogram custom bounds must be finite")]
    CustomBoundsInfinite,
    #[error("custom buckets: histogram custom bounds must not be NaN")]
    CustomBoundsNaN,
    #[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
    IncompatibleSchema,
    #[error("custom buckets: must have zero count of 0")]
    CustomBucketsZeroCount,
    #[error("custom buckets: must have zero threshold of 0")]
    CustomBucketsZeroThreshold,
    #[error("custom buckets: must not have negative spans")]
    CustomBucketsNegativeSpans,
    #[error("custom buckets: must not have negative buckets")]
    CustomBucketsNegativeBuckets,
    #[error("histogram with exponential schema must not have custom bounds")]
    ExponentialSchemaCustomBounds,
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema {schema}"
    )]
    InvalidSchema { schema: i32 },
    #[error(
        "histogram has an unknown schema, which must be between -9 and 52 for exponential buckets, or -53 for custom buckets, got schema {schema}"
    )]
    UnknownSchema { schema: i32 },
    #[error("cannot reduce resolution when there are custom buckets")]
    CannotReduceCustom,
    #[error("cannot reduce resolution to custom buckets schema")]
    CannotReduceToCustom,
    #[error("cannot reduce resolution from schema {from} to {to}")]
    CannotReduce { from: i32, to: i32 },
}

/// `%f` of Go.
fn fixed(bits: u64) -> String {
    let mut out = Vec::new();
    firesteel_go_compat::push_float_precision(&mut out, f64::from_bits(bits), FloatForm::Fixed, 6);
    String::from_utf8(out).unwrap_or_default()
}
