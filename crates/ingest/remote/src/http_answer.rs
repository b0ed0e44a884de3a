//! Plain answers, as Go's `http.Error` writes them.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response as HttpResponse, StatusCode};

/// Returns an error in plain text, a line break behind it.
pub(crate) fn error(status: StatusCode, text: &str) -> Response {
    let mut response = HttpResponse::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
