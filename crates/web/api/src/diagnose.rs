//! `/targets/diagnose`: why a target is down, found out on demand. Ours; upstream has no such path.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use crate::params::Params;
use crate::respond::success;
use crate::{Api, ApiError};

/// Takes `scrapePool` and `scrapeUrl` as `/targets` has them. No other address is ever asked.
pub(crate) async fn diagnose(State(api): State<Arc<Api>>, params: Params) -> Response {
    let (pool, url) = (params.url_value("scrapePool"), params.url_value("scrapeUrl"));
    let Some(found) = api.targets.diagnose(pool, url).await else {
        return ApiError::NotFound("no scrape pool has this target".to_owned()).into_response();
    };
    success(&[], |json| {
        json.raw(r#"{"code":"#).string(&found.code);
        json.raw(r#","message":"#).string(&found.message);
        json.raw(r#","notes":"#);
        json.list(found.notes.iter(), |json, note| {
            json.string(note);
        });
        json.raw(r#","remedy":"#).string(&found.remedy).raw("}");
    })
}
