//! Recording and alerting rules, as Prometheus 3.14 evaluates them.
//!
//! Rules yield samples, which go to a store, and alerts, which go to an [`AlertSink`].
#![forbid(unsafe_code)]

mod sink;

pub use sink::{AlertSink, NoSink};
