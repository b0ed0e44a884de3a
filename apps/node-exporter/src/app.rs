//! From the command line to a server, and its end.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use firesteel_cli::{Matches, Version, log, version};
use firesteel_collectors::{NodeCollector, NodeOptions};
use firesteel_net::server::{Listener, ServeOptions, WebConfigFile, compress, serve};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::options::{PROGRAM, RELEASE};
use crate::routes::{ExporterOptions, routes};

/// A scrape is over in milliseconds; what still runs after this long hangs on a mount.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Runs the program until SIGTERM or SIGINT. `args` are the words behind its name.
pub fn run(args: impl IntoIterator<Item = String>) -> ExitCode {
    let flags = match PROGRAM.parse(args) {
        Ok(flags) => flags,
        Err(halt) => return halt.emit(),
    };
    log::init(flags.text("log.level"), flags.text("log.format"));
    match start(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            error!(err = format!("{err:#}"), "node_exporter cannot run");
            ExitCode::FAILURE
        }
    }
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
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    let done = runtime.block_on(serve_until_told(flags, node, &options));
    runtime.shutdown_timeout(STOP_PATIENCE);
    done
}

async fn serve_until_told(flags: &Matches, node: NodeCollector, options: &ExporterOptions) -> anyhow::Result<()> {
    let web = match flags.text("web.config.file") {
        "" => None,
        path => Some(Arc::new(WebConfigFile::open(Path::new(path))?)),
    };
    let mut listeners = Vec::new();
    for address in flags.texts("web.listen-address") {
        let listener = Listener::bind(address)?;
        let address = listener.address();
        info!(%address, "Listening on");
        match &web {
            Some(web) if web.is_tls() => info!(http2 = web.http2(), %address, "TLS is enabled."),
            _ => info!(http2 = false, %address, "TLS is disabled."),
        }
        listeners.push(listener);
    }
    let router = routes(node, options).layer(axum::middleware::from_fn(compress));
    let stop = CancellationToken::new();
    let limits = ServeOptions { max_connections: 512, read_timeout: Duration::from_secs(300), web };
    let mut serving = tokio::spawn(serve(listeners, router, limits, stop.clone()));
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = term.recv() => info!("Received SIGTERM, exiting gracefully..."),
        _ = interrupt.recv() => info!("Received SIGINT, exiting gracefully..."),
        ended = &mut serving => return Ok(ended??),
    }
    stop.cancel();
    // Requests that outlast the patience are cut off: they wait for a mount that does not answer.
    if let Ok(ended) = tokio::time::timeout(STOP_PATIENCE, serving).await {
        ended??;
    }
    Ok(())
}
