//! The web page inside the binary, and the routes that serve it.
//!
//! `dist/` is built from `ui/` by `cargo xtask ui` and committed, so that a Rust build needs no Node. Without it the
//! routes answer with a plain page that says so.
#![forbid(unsafe_code)]

mod assets;
mod routes;

pub use routes::{UiOptions, routes};
