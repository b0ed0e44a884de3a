//! node_exporter: host metrics over HTTP, with the reference's flags, names and answers.
#![deny(unsafe_code)]

mod app;
mod options;
mod resident;
mod routes;

pub use app::run;
pub use routes::{ExporterOptions, routes};
