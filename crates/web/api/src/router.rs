//! Which path leads to which handler.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post};
use firesteel_net::server::{HttpMetrics, compress, cors, observe, set_cors};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::go_paths::go_paths;
use crate::readiness::when_ready;
use crate::respond::{not_found, plain, wrong_method};
use crate::{
    Api, admin, alertmanagers, consoles, diagnose, exemplars, federate, labels, manage, metadata, notifications, query,
    rules, running, status, targets,
};

/// Builds the routes below `prefix` (`/` or `/some/path`). `page` serves everything that is not an endpoint; `remote` has the
/// endpoints below `/api/v1` that speak protobuf, which are neither packed nor open to other pages.
pub fn router(api: Arc<Api>, prefix: &str, page: Option<Router>, remote: Router, metrics: HttpMetrics) -> Router {
    let packed = |routes: MethodRouter<Arc<Api>>| routes.layer(from_fn(compress));
    let ready = |routes: MethodRouter<Arc<Api>>| routes.layer(from_fn_with_state(api.clone(), when_ready));
    let open = |routes: MethodRouter<Arc<Api>>| {
        ready(packed(routes.options(no_content).layer(from_fn_with_state(api.options.cors.clone(), cors))))
    };
    let reading = |handler: MethodRouter<Arc<Api>>| only(open(handler), "GET, OPTIONS");
    let both = |handler: MethodRouter<Arc<Api>>| only(open(handler), "GET, OPTIONS, POST");
    let changing = |handler: MethodRouter<Arc<Api>>| only(open(handler), "OPTIONS, POST, PUT");
    let v1 = Router::new()
        .route("/query", both(get(query::instant).post(query::instant)))
        .route("/query_range", both(get(query::range).post(query::range)))
        .route("/query_exemplars", both(get(exemplars::exemplars).post(exemplars::exemplars)))
        .route("/format_query", both(get(query::format).post(query::format)))
        .route("/parse_query", both(get(query::parsed).post(query::parsed)))
        .route("/queries", reading(get(running::all)))
        .route("/queries/{id}", only(open(delete(running::cancel)), "DELETE, OPTIONS"))
        .route("/series", both(get(labels::series).post(labels::series)))
        .route("/labels", both(get(labels::names).post(labels::names)))
        .route("/label/{name}/values", reading(get(labels::values)))
        .route("/metadata", reading(get(metadata::metrics)))
        .route("/targets", reading(get(targets::targets)))
        .route("/targets/diagnose", reading(get(diagnose::diagnose)))
        .route("/targets/relabel_steps", reading(get(targets::relabel_steps)))
        .route("/targets/metadata", reading(get(metadata::targets)))
        .route("/scrape_pools", reading(get(targets::pools)))
        .route("/scrape_pools/config", reading(get(targets::pool_config)))
        .route("/rules", reading(get(rules::rules)))
        .route("/alerts", reading(get(rules::alerts)))
        .route("/alertmanagers", reading(get(alertmanagers::alertmanagers)))
        .route("/status/config", reading(get(status::config)))
        .route("/status/flags", reading(get(status::flags)))
        .route("/status/buildinfo", reading(get(status::build)))
        .route("/status/runtimeinfo", reading(get(status::runtime)))
        .route("/status/tsdb", reading(get(status::tsdb)))
        .route("/status/tsdb/blocks", reading(get(status::blocks)))
        .route("/admin/tsdb/delete_series", changing(post(admin::delete_series).put(admin::delete_series)))
        .route("/admin/tsdb/clean_tombstones", changing(post(admin::clean_tombstones).put(admin::clean_tombstones)))
        .route("/admin/tsdb/snapshot", changing(post(admin::snapshot).put(admin::snapshot)))
        .route(
            "/notifications",
            only(
                packed(get(notifications::list).options(no_content))
                    .layer(from_fn_with_state(api.options.cors.clone(), cors)),
                "GET, OPTIONS",
            ),
        )
        .route(
            "/notifications/live",
            only(
                get(notifications::live).options(no_content).layer(from_fn_with_state(api.options.cors.clone(), cors)),
                "GET, OPTIONS",
            ),
        )
        .route(
            "/status/walreplay",
            only(get(status::wal_replay).layer(from_fn_with_state(api.options.cors.clone(), cors)), "GET, OPTIONS"),
        )
        .merge(remote.with_state(()).layer(from_fn_with_state(api.clone(), when_ready)))
        .fallback(elsewhere);
    let lifecycle = "GET, OPTIONS, POST, PUT";
    let health = "GET, HEAD, OPTIONS";
    let get_only = "GET, OPTIONS";
    let all = Router::new()
        .nest("/api/v1", v1)
        .route("/federate", only(bare(ready(packed(get(federate::federate))), get_only), get_only))
        .route("/consoles/{*path}", only(bare(ready(get(consoles::console)), get_only), get_only))
        .route("/consoles/", only(bare(ready(get(consoles::console)), get_only), get_only))
        .route(
            "/-/ready",
            bare(ready(get(manage::ready).head(manage::head)), health).fallback(|| async { wrong_method(health) }),
        )
        .route(
            "/-/healthy",
            bare(get(manage::healthy).head(manage::head), health).fallback(|| async { wrong_method(health) }),
        )
        .route(
            "/-/reload",
            only(bare(get(manage::wrong_method).post(manage::reload).put(manage::reload), lifecycle), lifecycle),
        )
        .route(
            "/-/quit",
            only(bare(get(manage::wrong_method).post(manage::quit).put(manage::quit), lifecycle), lifecycle),
        )
        .route("/version", only(bare(get(status::bare_build), get_only), get_only))
        .route("/metrics", only(bare(packed(get(manage::metrics)), get_only), get_only))
        .with_state(api.clone())
        .layer(from_fn_with_state(metrics, observe));
    let all = match page {
        Some(page) => all.fallback_service(page.fallback(not_found)),
        None => all.fallback(not_found),
    };
    let all = if prefix == "/" { all } else { Router::new().nest(prefix, all).fallback(not_found) };
    all.layer(from_fn_with_state(Arc::from(prefix), go_paths)).layer(from_fn_with_state(api, own_hosts_only))
}

/// Answers other methods as Go does; `HEAD` is one of them.
fn only(routes: MethodRouter<Arc<Api>>, allow: &'static str) -> MethodRouter<Arc<Api>> {
    routes.head(move || async move { wrong_method(allow) }).fallback(move || async move { wrong_method(allow) })
}

/// Answers `OPTIONS` as upstream's router does outside the API.
fn bare(routes: MethodRouter<Arc<Api>>, allow: &'static str) -> MethodRouter<Arc<Api>> {
    routes.options(move || async move { [(header::ALLOW, allow)] })
}

/// Paths below `/api/v1` that lead nowhere; their preflights are answered all the same.
async fn elsewhere(State(api): State<Arc<Api>>, method: Method, headers: HeaderMap) -> Response {
    if method != Method::OPTIONS {
        return not_found().await;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    set_cors(&api.options.cors, headers.get(header::ORIGIN), response.headers_mut());
    response
}

async fn no_content() -> StatusCode {
    StatusCode::NO_CONTENT
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
