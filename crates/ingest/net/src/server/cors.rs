//! Cross-origin headers, as upstream sets them on its API.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use firesteel_re2::AnchoredRegex;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, StatusCode};

/// Which pages elsewhere may read the API.
#[derive(Clone, Debug)]
pub enum Cors {
    /// Every page (`.*`).
    Any,
    /// Pages whose origin matches.
    Matching(Arc<AnchoredRegex>),
    /// None: no headers at all.
    Off,
}

/// Sets the headers on the answers of the routes behind it, and answers `OPTIONS` with 204.
pub async fn cors(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    set_cors(&cors, origin.as_ref(), response.headers_mut());
    response
}

/// Sets the headers on an answer to a request from `origin`.
pub fn set_cors(cors: &Cors, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    let allowed = match (cors, origin) {
        (Cors::Off, _) => return,
        // 3.14 compares its default with a pattern it no longer writes, so it echoes the origin instead of `*`
        // (`util/httputil/cors.go`); kept.
        (Cors::Any, origin) => origin,
        (Cors::Matching(regex), Some(origin)) => {
            Some(origin).filter(|origin| origin.to_str().is_ok_and(|text| regex.is_match(text)))
        }
        (Cors::Matching(_), None) => None,
    };
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if origin.is_some() {
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Accept, Authorization, Content-Type, Origin"),
        );
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Date"));
        if let Some(allowed) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed.clone());
        }
    }
}
