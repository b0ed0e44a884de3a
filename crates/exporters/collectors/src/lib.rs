//! Node collectors over `/proc` and `/sys`: names, types and labels as node_exporter's.
//!
//! Each collector is a file in `collectors/` and a line in [`COLLECTORS`]. Roots can be moved ([`HostRoots`]), so that a
//! container reads its host and a test reads a tree of its own.
#![forbid(unsafe_code)]

mod collector;
mod collectors;
mod filter;
mod host;
mod node;
mod sink;

pub use collector::{CollectError, Collector};
pub use collectors::{COLLECTORS, CollectorDef};
pub use filter::{DeviceFilter, FilterError};
pub use host::HostRoots;
pub use node::{NodeCollector, NodeOptions, SelectError};
pub use sink::MetricSink;
