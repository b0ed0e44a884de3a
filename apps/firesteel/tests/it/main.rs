//! The binary as a process, over real sockets: against the programs it replaces, kills, and a user's first files.

#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

mod admin;
mod alertmanagers;
mod answers;
mod auto_reload;
mod consoles;
mod diagnose;
mod differential;
mod exemplars;
mod exposition;
mod heavy_queries;
mod http_golden;
mod journey;
mod kill9;
mod mapped_files;
mod node_exporter;
mod notifications;
mod oauth2;
mod promtool;
mod promtool_push;
mod pushgateway;
mod python;
mod query_data;
mod query_limits;
mod query_log;
mod random_expressions;
mod random_histograms;
mod real_programs;
mod refusals;
mod remote;
mod running_queries;
mod scraped_histograms;
mod scripted_alerts;
mod seed_examples;
mod self_metrics;
mod series_limit;
mod start_times;
mod status;
mod up;
mod web_config;

use std::path::Path;
use std::process::{Command, Output};

use firesteel_testkit::Server;

/// The binary under test.
fn firesteel() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_firesteel"))
}

/// Starts the server program with a configuration.
fn server(dir: &Path, args: &[&str], config: &str) -> Server {
    let args: Vec<&str> = ["prometheus"].into_iter().chain(args.iter().copied()).collect();
    Server::start(firesteel(), &args, dir, config).expect("the server starts")
}

/// Runs the binary to its end.
fn run(args: &[&str], dir: &Path) -> Output {
    Command::new(firesteel()).args(args).current_dir(dir).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
