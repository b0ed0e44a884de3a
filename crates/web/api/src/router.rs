//! Which path leads to which handler.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};
use firesteel_net::server::{HttpMetrics, compress, cors, observe};
use http::{StatusCode, header};

use crate::readiness::when_ready;
use crate::respond::plain;
use crate::{Api, admin, exemplars, labels, manage, metadata, query, rules, running, status, targets};

/// Builds the routes below `prefix` (`/` or `/some/path`). `page` serves everything that is not an endpoint; `remote` has the
/// endpoints below `/api/v1` that speak protobuf, which are neither packed nor open to other pages.
pub fn router(api: Arc<Api>, prefix: &str, page: Option<Router>, remote: Router, metrics: HttpMetrics) -> Router {
    let v1 = Router::new()
        .route("/query", get(query::instant).post(query::instant))
        .route("/query_range", get(query::range).post(query::range))
        .route("/query_exemplars", get(exemplars::exemplars).post(exemplars::exemplars))
        .route("/format_query", get(query::format).post(query::format))
        .route("/queries", get(running::all))
        .route("/queries/{id}", delete(running::cancel))
        .route("/series", get(labels::series).post(labels::series))
        .route("/labels", get(labels::names).post(labels::names))
        .route("/label/{name}/values", get(labels::values))
        .route("/metadata", get(metadata::metrics))
        .route("/targets", get(targets::targets))
        .route("/targets/metadata", get(metadata::targets))
        .route("/scrape_pools", get(targets::pools))
        .route("/rules", get(rules::rules))
        .route("/alerts", get(rules::alerts))
        .route("/alertmanagers", get(rules::alertmanagers))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/buildinfo", get(status::build))
        .route("/status/runtimeinfo", get(status::runtime))
        .route("/status/tsdb", get(status::tsdb))
        .route("/status/tsdb/blocks", get(status::blocks))
        .route("/admin/tsdb/delete_series", post(admin::delete_series).put(admin::delete_series))
        .route("/admin/tsdb/clean_tombstones", post(admin::clean_tombstones).put(admin::clean_tombstones))
        .route("/admin/tsdb/snapshot", post(admin::snapshot).put(admin::snapshot))
        .fallback(not_found)
        .layer(from_fn_with_state(api.options.cors.clone(), cors))
        .layer(from_fn(compress))
        .merge(remote.with_state(()))
        .layer(from_fn_with_state(api.clone(), when_ready))
        .route("/status/walreplay", get(status::wal_replay));
    let ready = Router::new().route("/-/ready", get(manage::ready)).layer(from_fn_with_state(api.clone(), when_ready));
    let all = Router::new()
        .nest("/api/v1", v1)
        .merge(ready)
        .route("/-/healthy", get(manage::healthy))
        .route("/-/reload", get(manage::wrong_method).post(manage::reload).put(manage::reload))
        .route("/-/quit", get(manage::wrong_method).post(manage::quit).put(manage::quit))
        .route("/version", get(status::bare_build))
        .merge(Router::new().route("/metrics", get(manage::metrics)).layer(from_fn(compress)))
        .with_state(api.clone())
        .layer(from_fn_with_state(metrics, observe));
    let all = match page {
        Some(page) => all.fallback_service(page.fallback(not_found)),
        None => all.fallback(not_found),
    };
    let all = if prefix == "/" { all } else { Router::new().nest(prefix, all).fallback(not_found) };
    all.layer(from_fn_with_state(api, own_hosts_only))
}

async fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// Refuses requests whose `Host` is not one of ours, so that a web page elsewhere cannot read this server by a name that
/// it points here (DNS rebinding). Servers with upstream's manners allow all.
async fn own_hosts_only(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let Some(allowed) = &api.options.allowed_hosts else { return next.run(request).await };
    let named = request.headers().get(header::HOST).and_then(|v| v.to_str().ok());
    let host = named.or_else(|| request.uri().authority().map(http::uri::Authority::as_str)).unwrap_or("");
    let bare = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    if allowed.iter().any(|name| name.eq_ignore_ascii_case(bare)) {
        return next.run(request).await;
    }
    plain(StatusCode::FORBIDDEN, format!("this server answers only to its own names, not to {host:?}\n"))
}
