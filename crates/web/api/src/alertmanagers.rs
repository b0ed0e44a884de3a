//! `/alertmanagers`: where alerts are sent.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::respond::success;
use crate::{Api, Json};

pub(crate) async fn alertmanagers(State(api): State<Arc<Api>>) -> Response {
    let (active, dropped) = api.alertmanagers.alertmanagers();
    let url = |json: &mut Json, url: &String| {
        json.raw(r#"{"url":"#).string(url).raw("}");
    };
    success(&[], |json| {
        json.raw(r#"{"activeAlertmanagers":"#).list(&active, url);
        json.raw(r#","droppedAlertmanagers":"#).list(&dropped, url).raw("}");
    })
}
