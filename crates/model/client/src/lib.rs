//! The instrumentation library: counters, gauges, histograms, summaries, families, registries.
//!
//! Instruments are handles: cheap to clone, updated without locks or, histograms and summaries, under one that is held for
//! nanoseconds. A [`Registry`] makes them and gathers their values;
//! there is no global one. Families by label look a child up by its values; keep the handle where it is hot.

#![forbid(unsafe_code)]

mod atomic_float;
mod buckets;
mod build_info;
mod counter;
mod family;
mod gauge;
mod histogram;
mod instrument;
mod native;
mod process;
mod registry;
mod summary;

pub use buckets::{DEFAULT_BUCKETS, exponential_buckets, linear_buckets};
pub use build_info::BuildInfo;
pub use counter::Counter;
pub use family::Family;
pub use gauge::Gauge;
pub use histogram::{Histogram, HistogramBuckets};
pub use instrument::Instrument;
pub use native::NativeBuckets;
pub use process::ProcessCollector;
pub use registry::{Collect, Registry};
pub use summary::Summary;
