//! HTTP server kit and client kit.
#![forbid(unsafe_code)]

pub mod client;
pub mod server;
