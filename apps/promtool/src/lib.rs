//! promtool: check, query, test, tsdb.
//!
//! [`run`] is the program: what upstream's promtool 3.14 prints and exits with, plus our diagnostics. Commands of
//! upstream's that are not built yet say so and exit with 2; the help does not list them.
#![forbid(unsafe_code)]

mod app;
mod check_config;
mod check_metrics;
mod check_rules;
mod check_server;
mod console;
mod flags;
mod format;
mod http_call;
mod metric_families;
mod metrics_lint;
mod query;
mod query_time;
mod rule_file;
mod script;
mod show_value;
mod tsdb;

pub use app::{run, run_on};
pub use console::Console;
