//! Paths that Go's `ServeMux` redirects instead of answering: doubled slashes and dots (a base URL that ends with a slash
//! is the usual cause), and what stands in front of the routes' prefix.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, StatusCode};

/// Redirects where Go does. `prefix` is that of the routes, `/` for none.
pub(crate) async fn go_paths(State(prefix): State<Arc<str>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let bare = prefix.trim_end_matches('/');
    let target = match cleaned(path) {
        Some(clean) => Some((StatusCode::TEMPORARY_REDIRECT, clean)),
        None if path.strip_prefix(bare) == Some("/api/v1") => {
            Some((StatusCode::TEMPORARY_REDIRECT, format!("{path}/")))
        }
        None if path.strip_prefix(bare) == Some("/consoles") => {
            Some((StatusCode::MOVED_PERMANENTLY, format!("{path}/")))
        }
        None if !bare.is_empty() && path == bare => Some((StatusCode::MOVED_PERMANENTLY, format!("{path}/"))),
        None if !bare.is_empty() && path == "/" => Some((StatusCode::FOUND, bare.to_owned())),
        None => None,
    };
    let Some((code, mut location)) = target else { return next.run(request).await };
    if let Some(query) = request.uri().query().filter(|_| code != StatusCode::FOUND) {
        location.push('?');
        location.push_str(query);
    }
    redirect(code, &location, request.method())
}

/// Returns the path without empty, `.` and `..` elements, or `None` when it has none. As `path.Clean`, but a slash at the end
/// stays.
fn cleaned(path: &str) -> Option<String> {
    let inner = path.strip_prefix('/')?;
    let mut kept: Vec<&str> = Vec::new();
    let last = inner.split('/').count() - 1;
    for (at, element) in inner.split('/').enumerate() {
        match element {
            "" | "." if at == last => kept.push(""),
            "" | "." => {}
            ".." => {
                kept.pop();
                if at == last {
                    kept.push("");
                }
            }
            element => kept.push(element),
        }
    }
    let clean = format!("/{}", kept.join("/"));
    (clean != path).then_some(clean)
}

/// Go's `http.Redirect`.
fn redirect(code: StatusCode, location: &str, method: &Method) -> Response {
    let mut response = Response::default();
    *response.status_mut() = code;
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, value);
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    if *method == Method::GET {
        let text = code.canonical_reason().unwrap_or_default();
        let escaped = location
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;");
        *response.body_mut() = format!("<a href=\"{escaped}\">{text}</a>.\n\n").into();
    }
    response
}

#[cfg(test)]
mod tests {
    use super::cleaned;

    #[test]
    fn paths_are_cleaned_as_go() {
        let cases = [
            ("/", None),
            ("/a/b", None),
            ("/a/b/", None),
            ("//api/v1/query", Some("/api/v1/query")),
            ("/a//b///", Some("/a/b/")),
            ("/a/./b", Some("/a/b")),
            ("/a/../b", Some("/b")),
            ("/../..", Some("/")),
            ("/a/b/..", Some("/a/")),
            ("//", Some("/")),
        ];
        for (path, want) in cases {
            assert_eq!(cleaned(path).as_deref(), want, "{path}");
        }
    }
}
