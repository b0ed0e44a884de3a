//! The host metrics of `up`: its own collectors, or a node_exporter that runs already and what that one does not show.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firesteel_client::Registry;
use firesteel_collectors::{COLLECTORS, FilterError, HostRoots, NodeCollector, NodeOptions, Settings, systemd_answers};
use firesteel_expfmt::write_text;

use crate::neighbour::NodeExporter;

/// Where the host's metrics are.
pub(crate) const PATH: &str = "/node/metrics";

/// What is shown beyond node_exporter's default set: which programs use most, and what containers use.
const OURS: [&str; 2] = ["topprocesses", "containers"];
/// Which units have failed, where there is a systemd.
const UNITS: &str = "systemd";

/// Returns the route to the collectors that `up` runs: with a node_exporter beside it, only those that it lacks.
pub(crate) fn routes(neighbour: Option<&NodeExporter>) -> Result<Router, FilterError> {
    let registry = Registry::new();
    let has_units = neighbour.is_some_and(|neighbour| neighbour.shows_units);
    let units = !has_units && systemd_answers(&HostRoots::default());
    let settings = Settings::default().with("collector.systemd.failed-only", "true");
    registry.register(Arc::new(NodeCollector::new(&NodeOptions {
        enabled: enabled(neighbour.is_none(), units),
        settings,
        ..NodeOptions::default()
    })?));
    Ok(Router::new().route(PATH, get(move || page(registry.clone()))))
}

fn enabled(defaults: bool, units: bool) -> Vec<String> {
    let shown = COLLECTORS
        .iter()
        .filter(|def| defaults && def.default_enabled || OURS.contains(&def.name) || units && def.name == UNITS);
    shown.map(|def| def.name.to_owned()).collect()
}

async fn page(registry: Registry) -> Response {
    // Collectors read files, and statfs of a dead network mount blocks.
    let written = tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        write_text(&registry.gather(), &mut out);
        out
    });
    match written.await {
        Ok(body) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response(),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
    }
}
