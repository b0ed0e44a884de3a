//! The Prometheus HTTP API: handlers and JSON shapes.
//!
//! Handlers know the managers only through the small read-only traits of [`source`], which the server implements; so the
//! API runs in a test without a scrape manager or a database. JSON is written by hand in upstream's field order and
//! spelling: a query's points never pass through a tree of values, and large answers leave in pieces of 64 KiB while
//! they are being written ([`result_body`]).
//!
//! Queries run on threads for blocking work behind a gate of `--query.max-concurrency` places, never on the runtime's own;
//! a client that hangs up raises the query's cancel flag.
#![forbid(unsafe_code)]

mod admin;
mod alertmanagers;
mod consoles;
mod detail;
mod diagnose;
mod error;
mod exemplars;
mod explain_json;
mod expression_json;
mod federate;
mod form;
mod go_paths;
mod json;
mod label_name;
mod labels;
mod manage;
mod metadata;
mod notifications;
mod params;
mod pieces;
mod points;
mod query;
mod readiness;
mod respond;
mod result_body;
mod router;
mod rules;
mod running;
pub mod source;
mod state;
mod status;
mod targets;

pub use detail::Detail;
pub use error::ApiError;
pub use federate::FederationMetrics;
pub use json::Json;
pub use notifications::{Notice, Notifications};
pub use readiness::{Readiness, Ready};
pub use result_body::{ResultBody, push_stats};
pub use router::router;
pub use running::RunningQueries;
pub use state::{Api, ApiOptions};
