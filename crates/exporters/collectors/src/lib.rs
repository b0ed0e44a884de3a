//! Node collectors over `/proc` and `/sys`: names, types and labels as node_exporter's.
//!
//! Each collector is a file in `collectors/` and a line in [`COLLECTORS`], with its own flags beside it. Roots can be
//! moved ([`HostRoots`]), so that a container reads its host and a test reads a tree of its own.
#![deny(unsafe_code)]

mod btrfs_call;
mod clock;
mod collector;
mod collectors;
mod dbus;
mod dir;
mod ethtool_call;
mod filter;
mod flags;
mod host;
mod metric_name;
mod netlink;
mod node;
mod open_files;
mod perf_event;
mod settings;
mod sink;

pub use collector::{CollectError, Collector};
pub use collectors::{COLLECTORS, CollectorDef, systemd_answers};
pub use filter::{DeviceFilter, FilterError};
pub use flags::{host_flags, switches};
pub use host::HostRoots;
pub use node::{NodeCollector, NodeOptions, SelectError};
pub use settings::Settings;
pub use sink::MetricSink;
