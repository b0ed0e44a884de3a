//! promtool: check, query, test, tsdb.
//!
//! [`run`] is the program: what upstream's promtool 3.14 prints and exits with, plus our diagnostics and `rules try`.
#![forbid(unsafe_code)]

mod app;
mod check_config;
mod check_metrics;
mod check_rules;
mod check_server;
mod check_service_discovery;
mod config_references;
mod console;
mod debug;
mod file_error;
mod flags;
mod format;
mod http_call;
mod key_value;
mod metric_families;
mod metrics_lint;
mod never_firing;
mod push_metrics;
mod query;
mod query_analyze;
mod query_time;
mod rule_expression;
mod rule_file;
mod rule_template;
mod rules_try;
mod scratch_db;
mod script;
mod show_value;
mod test_rules;
mod tsdb;
mod verdict;

pub use app::{run, run_on};
pub use console::Console;
