//! `/rules`, `/alerts`, `/alertmanagers`: this server evaluates no rules and notifies nobody yet, and says so by empty
//! lists.

use axum::response::{IntoResponse as _, Response};
use firesteel_go_compat::quote;

use crate::ApiError;
use crate::params::Params;
use crate::respond::success;

pub(crate) async fn rules(params: Params) -> Response {
    let kind = params.url_value("type").to_lowercase();
    if !matches!(kind.as_str(), "" | "alert" | "record") {
        return ApiError::parameter("type", format_args!("not supported value {}", quote(&kind))).into_response();
    }
    if let Err(e) = params.matcher_sets() {
        return ApiError::BadData(e).into_response();
    }
    success(&[], |json| {
        json.raw(r#"{"groups":[]}"#);
    })
}

pub(crate) async fn alerts() -> Response {
    success(&[], |json| {
        json.raw(r#"{"alerts":[]}"#);
    })
}

pub(crate) async fn alertmanagers() -> Response {
    success(&[], |json| {
        json.raw(r#"{"activeAlertmanagers":[],"droppedAlertmanagers":[]}"#);
    })
}
