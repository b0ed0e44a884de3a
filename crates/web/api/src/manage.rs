//! `/-/healthy`, `/-/ready`, `/-/reload`, `/-/quit` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};

use crate::Api;
use crate::respond::plain;
use crate::state::on_thread;

const DISABLED: &str = "Lifecycle API is not enabled.";
const WRONG_METHOD: &str = "Only POST or PUT requests allowed";

/// `HEAD` of the two health checks: Go sends no type where it writes no body.
pub(crate) async fn head() {}

pub(crate) async fn healthy(State(api): State<Arc<Api>>) -> Response {
    plain(StatusCode::OK, format!("{} is Healthy.\n", api.options.app_name))
}

pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Response {
    // Upstream is ready whatever its disk does; here a sender or a balancer is told.
    if let Some(why) = api.status.storage_fault() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, format!("{} is not Ready: {why}.\n", api.options.app_name));
    }
    plain(StatusCode::OK, format!("{} is Ready.\n", api.options.app_name))
}

pub(crate) async fn reload(State(api): State<Arc<Api>>) -> Response {
    if !api.options.lifecycle {
        return plain(StatusCode::FORBIDDEN, DISABLED);
    }
    match api.control.reload().await {
        Ok(()) => Response::default(),
        Err(why) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("failed to reload config: {why}\n")),
    }
}

pub(crate) async fn quit(State(api): State<Arc<Api>>) -> Response {
    if !api.options.lifecycle {
        return plain(StatusCode::FORBIDDEN, DISABLED);
    }
    let said =
        if api.control.quit() { "Requesting termination... Goodbye!" } else { "Termination already in progress." };
    plain(StatusCode::OK, said)
}

pub(crate) async fn wrong_method() -> Response {
    plain(StatusCode::METHOD_NOT_ALLOWED, WRONG_METHOD)
}

pub(crate) async fn metrics(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    let written = on_thread(move || {
        let mut out = Vec::new();
        let content_type = api.status.write_metrics(&accept, &mut out);
        (content_type, out)
    });
    match written.await {
        Ok((content_type, out)) => ([(header::CONTENT_TYPE, content_type)], out).into_response(),
        Err(e) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{e}\n")),
    }
}
