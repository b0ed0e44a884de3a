//! The built-in host collectors, served on the server's own listener for `up`.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firesteel_client::Registry;
use firesteel_collectors::{COLLECTORS, FilterError, NodeCollector, NodeOptions};
use firesteel_expfmt::write_text;

/// Where the host's metrics are.
pub(crate) const PATH: &str = "/node/metrics";

/// What is shown beyond node_exporter's default set: which programs use most, and what containers use.
const OURS: [&str; 2] = ["topprocesses", "containers"];

/// Returns the route to the default set of collectors and ours.
pub(crate) fn routes() -> Result<Router, FilterError> {
    let registry = Registry::new();
    let shown = COLLECTORS.iter().filter(|def| def.default_enabled || OURS.contains(&def.name));
    let enabled = shown.map(|def| def.name.to_owned()).collect();
    registry.register(Arc::new(NodeCollector::new(&NodeOptions { enabled, ..NodeOptions::default() })?));
    Ok(Router::new().route(PATH, get(move || page(registry.clone()))))
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
