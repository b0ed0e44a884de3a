//! node_exporter: host metrics over HTTP, with the reference's flags, names and answers.
#![forbid(unsafe_code)]

mod app;
mod options;
mod routes;

pub use app::run;
pub use routes::{ExporterOptions, routes};
