//! HTTP server kit and client kit.
#![forbid(unsafe_code)]

pub mod client;
mod environment;
pub mod server;
pub mod xml;

pub use environment::Environment;
