//! From the command line to a server, and its end.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use firesteel_cli::{Matches, Version, version};
use firesteel_collectors::{NodeCollector, NodeOptions};
use firesteel_frame::{Serving, run_program, runtime};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::options::{PROGRAM, RELEASE};
use crate::resident::Resident;
use crate::routes::{ExporterOptions, routes};

/// Runs the program until SIGTERM or SIGINT. `args` are the words behind its name.
pub fn run(args: impl IntoIterator<Item = String>) -> ExitCode {
    run_program(&PROGRAM, args, "node_exporter cannot run", start)
}

fn start(flags: &Matches) -> anyhow::Result<()> {
    let version = Version { compatible: RELEASE, ..version() };
    info!(version = version.info(), "Starting node_exporter");
    let node = NodeCollector::new(&NodeOptions::from_flags(flags)).context("collector flags")?;
    info!(collectors = node.names().join(","), "Enabled collectors");
    let options = ExporterOptions {
        telemetry_path: flags.text("web.telemetry-path").to_owned(),
        max_requests: usize::try_from(flags.int("web.max-requests")).unwrap_or(0),
        own_metrics: !flags.bool("web.disable-exporter-metrics"),
    };
    let workers = usize::try_from(flags.int("runtime.gomaxprocs")).unwrap_or(1).max(1);
    let runtime = runtime(workers)?;
    let serving = Serving::bind(flags)?;
    // A scrape is over in milliseconds; what still runs after the patience hangs on a mount.
    let patience = serving.patience;
    let told = |signal| info!("Received {signal}, exiting gracefully...");
    let resident = Arc::new(Resident::default());
    let router = routes(node, &options).layer(from_fn_with_state(Arc::clone(&resident), note_answer));
    let done = runtime.block_on(async {
        tokio::select! {
            done = serving.until_told(router, CancellationToken::new(), told) => done,
            () = resident.keep_what_runs() => Ok(()),
        }
    });
    runtime.shutdown_timeout(patience);
    Ok(done?)
}

async fn note_answer(State(resident): State<Arc<Resident>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    resident.answered();
    response
}
