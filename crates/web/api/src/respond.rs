//! The envelope around every answer.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response as HttpResponse, StatusCode};

use crate::Json;

/// Said when `limit` cut an answer.
pub(crate) const TRUNCATED: &str = "results truncated due to limit";

/// Returns `{"status":"success","data":…}` with warnings, if there are any.
pub(crate) fn success(warnings: &[String], data: impl FnOnce(&mut Json)) -> Response {
    let mut json = Json::default();
    json.raw(r#"{"status":"success","data":"#);
    data(&mut json);
    push_notes(&mut json, warnings, &[]);
    json.raw("}");
    json_response(StatusCode::OK, json.0)
}

/// Appends the fields `warnings` and `infos`; empty ones are left out.
pub(crate) fn push_notes(json: &mut Json, warnings: &[String], infos: &[String]) {
    for (name, notes) in [(r#","warnings":"#, warnings), (r#","infos":"#, infos)] {
        if !notes.is_empty() {
            json.raw(name).list(notes, |json, note| {
                json.string(note);
            });
        }
    }
}

pub(crate) fn json_response(code: StatusCode, body: impl Into<Body>) -> Response {
    with_type(code, "application/json", body)
}

/// Returns an answer in plain text; Go's `http.Error` ends it with a line break.
pub(crate) fn plain(code: StatusCode, body: impl Into<Body>) -> Response {
    with_type(code, "text/plain; charset=utf-8", body)
}

/// Go's `http.Error`: plain text, a line break behind it, and browsers told not to guess.
pub(crate) fn go_error(code: StatusCode, text: &str) -> Response {
    let mut response = plain(code, format!("{text}\n"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Go's answer to a method that a route does not have; `allow` names those it has, sorted.
pub(crate) fn wrong_method(allow: &'static str) -> Response {
    let mut response = go_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

/// Go's answer to a path that leads nowhere.
pub(crate) async fn not_found() -> Response {
    go_error(StatusCode::NOT_FOUND, "404 page not found")
}

pub(crate) fn with_type(code: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = HttpResponse::new(body.into());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
