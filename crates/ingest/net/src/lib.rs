//! HTTP server kit and client kit.
#![forbid(unsafe_code)]

pub mod server;
