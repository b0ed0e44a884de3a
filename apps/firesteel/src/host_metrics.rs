//! The built-in host collectors, served on the server's own listener for `up`.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use firesteel_client::Registry;
use firesteel_collectors::{FilterError, NodeCollector, NodeOptions};
use firesteel_expfmt::write_text;

/// Where the host's metrics are.
pub(crate) const PATH: &str = "/node/metrics";

/// Returns the route to the default set of collectors.
pub(crate) fn routes() -> Result<Router, FilterError> {
    let registry = Registry::new();
    registry.register(Arc::new(NodeCollector::new(&NodeOptions::default())?));
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
