//! HTTP server kit and client kit.
#![forbid(unsafe_code)]

pub mod client;
mod conntrack;
mod environment;
pub mod server;
pub mod xml;

pub use conntrack::{Accepted, Dialer, Dialers};
pub use environment::Environment;
