//! The endpoints below `/api/v1`.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::post;
use http::StatusCode;

use crate::http_answer::error;
use crate::read_http::read;
use crate::write_http::write;
use crate::{ReadHandler, WriteReceiver};

/// Builds the routes.
pub fn routes(writes: Arc<WriteReceiver>, reads: Arc<ReadHandler>) -> Router {
    Router::new()
        .route("/write", post(move |request| write(writes.clone(), request)).options(options))
        .route("/read", post(move |request| read(reads.clone(), request)).options(options))
        .method_not_allowed_fallback(wrong_method)
}

async fn options() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn wrong_method() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}
