//! From the command line to a server, and its end.

use std::process::ExitCode;

use anyhow::Context;
use firesteel_cli::{Matches, Version, version};
use firesteel_frame::{Serving, run_program};
use tracing::{error, info, warn};

use crate::options::{PROGRAM, RELEASE, route_prefix};
use crate::site::{SiteOptions, open};

/// Runs the program until SIGTERM, SIGINT, or a request. `args` are the words behind its name.
pub fn run(args: impl IntoIterator<Item = String>) -> ExitCode {
    run_program(&PROGRAM, args, "HTTP server stopped", start)
}

fn start(flags: &Matches) -> anyhow::Result<()> {
    let version = Version { compatible: RELEASE, ..version() };
    info!(version = version.info(), "starting pushgateway");
    info!(build_context = version.build_context(), "Build context");
    let persistence = match flags.text("persistence.file") {
        "" => None,
        path => Some((path.into(), flags.duration("persistence.interval"))),
    };
    let hidden = |name: &str| PROGRAM.flags.iter().any(|flag| flag.name == name && flag.hidden);
    let shown =
        flags.flag_values().into_iter().filter(|(name, _)| !hidden(name) && !matches!(*name, "help" | "version"));
    let external_url = flags.text("web.external-url");
    let options = SiteOptions {
        route_prefix: route_prefix(flags.text("web.route-prefix"), external_url),
        external_prefix: route_prefix("", external_url),
        telemetry_path: flags.text("web.telemetry-path").to_owned(),
        lifecycle: flags.bool("web.enable-lifecycle"),
        admin: flags.bool("web.enable-admin-api"),
        cors: true,
        unchecked: flags.bool("push.disable-consistency-check"),
        utf8: flags.bool("push.enable-utf8-names"),
        watch_quiet: flags.bool("push.watch-quiet"),
        persistence,
        flags: shown.map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    let serving_flags = flags;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (site, saver) = open(&options).context("start the persistence thread")?;
    let served = Serving::bind(serving_flags).and_then(|serving| {
        let told = |_| info!("received SIGINT/SIGTERM; exiting gracefully...");
        runtime.block_on(serving.until_told(site.router(), site.quit(), told))
    });
    if site.quit().is_cancelled() {
        warn!("received termination request via web service, exiting gracefully...");
    }
    match &served {
        Ok(()) => info!("HTTP server stopped"),
        Err(err) => error!(%err, "HTTP server stopped"),
    }
    if let Some(saver) = saver
        && let Err(err) = saver.finish()
    {
        error!(%err, "problem shutting down metric storage");
    }
    Ok(served?)
}
