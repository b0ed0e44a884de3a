//! What range functions compute, as free functions over columns of timestamps and values.
//!
//! A kernel sees one series at a time: its samples without stale markers, and the windows of all steps. No allocation
//! but into scratch handed in, no calls through `dyn`. The order of float operations is upstream's: the results of the
//! rate family and of the `*_over_time` family are bit-equal to 3.14 on amd64.

pub(crate) mod counting;
pub(crate) mod extended;
pub(crate) mod extrapolate;
pub(crate) mod extremes;
pub(crate) mod instant_rate;
pub(crate) mod kahan;
pub(crate) mod quantile;
pub(crate) mod regression;
pub(crate) mod running_sums;
pub(crate) mod smoothing;
pub(crate) mod sums;
pub(crate) mod variance;
pub(crate) mod window;
