//! The endpoints below `/api/v1`.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::post;
use http::StatusCode;

use crate::WriteReceiver;
use crate::http_answer::error;
use crate::write_http::write;

/// Builds the routes.
pub fn routes(writes: Arc<WriteReceiver>) -> Router {
    Router::new()
        .route("/write", post(move |request| write(writes.clone(), request)).options(options))
        .method_not_allowed_fallback(wrong_method)
}

async fn options() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn wrong_method() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}
