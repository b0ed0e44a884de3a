//! What families and registries need to know of an instrument.

use firesteel_model::{MetricType, MetricValue};

/// One of the kinds of instruments; a handle whose clones share their state.
pub trait Instrument: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// What all members of a family have in common, such as the bounds of buckets.
    type Settings: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static;
    const METRIC_TYPE: MetricType;

    /// Makes a new instrument that stands at zero.
    fn create(settings: &Self::Settings) -> Self;

    /// Returns the present value and, of what only grows, when it began, in milliseconds since the Unix epoch.
    fn read(&self) -> (MetricValue, Option<i64>);
}
