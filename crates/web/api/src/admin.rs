//! `/admin/tsdb/…`: deletion, cleaning and snapshots, behind `--web.enable-admin-api`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_go_compat::quote;
use firesteel_promql_syntax::parse_metric_selector;
use http::StatusCode;

use crate::params::Params;
use crate::respond::success;
use crate::state::on_thread;
use crate::{Api, ApiError};

pub(crate) async fn delete_series(State(api): State<Arc<Api>>, params: Params) -> Response {
    no_content(delete(api, params).await)
}

async fn delete(api: Arc<Api>, params: Params) -> Result<(), ApiError> {
    check_enabled(&api)?;
    let selectors: Vec<String> = params.values("match[]").map(str::to_owned).collect();
    if selectors.is_empty() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let range = params.range()?;
    on_thread(move || {
        // One after the other, as upstream: what comes before a selector that cannot be read is deleted.
        for selector in &selectors {
            let matchers = parse_metric_selector(selector).map_err(|e| ApiError::parameter("match[]", e))?;
            // `{}` selects nothing, as upstream: nobody who writes it by mistake means everything.
            if !matchers.is_empty() {
                api.admin.delete(range, &matchers).map_err(ApiError::Internal)?;
            }
        }
        Ok(())
    })
    .await?
}

pub(crate) async fn clean_tombstones(State(api): State<Arc<Api>>) -> Response {
    no_content(clean(api).await)
}

async fn clean(api: Arc<Api>) -> Result<(), ApiError> {
    check_enabled(&api)?;
    on_thread(move || api.admin.clean_tombstones().map_err(ApiError::Internal)).await?
}

pub(crate) async fn snapshot(State(api): State<Arc<Api>>, params: Params) -> Response {
    match take_snapshot(api, params).await {
        Ok(name) => success(&[], |json| {
            json.raw(r#"{"name":"#).string(&name).raw("}");
        }),
        Err(e) => e.into_response(),
    }
}

async fn take_snapshot(api: Arc<Api>, params: Params) -> Result<String, ApiError> {
    check_enabled(&api)?;
    let skip_head = match params.value("skip_head") {
        "" => false,
        text => parse_bool(text).ok_or_else(|| {
            let why = format!("unable to parse boolean: strconv.ParseBool: parsing {}: invalid syntax", quote(text));
            ApiError::parameter("skip_head", why)
        })?,
    };
    on_thread(move || api.admin.snapshot(!skip_head).map_err(ApiError::Internal)).await?
}

fn check_enabled(api: &Api) -> Result<(), ApiError> {
    if api.options.admin { Ok(()) } else { Err(ApiError::Unavailable("admin APIs disabled".to_owned())) }
}

fn no_content(done: Result<(), ApiError>) -> Response {
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(e) => e.into_response(),
    }
}

/// Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
