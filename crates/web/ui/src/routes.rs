//! Which address shows what: the page's own routes all answer with `index.html`, assets are cached for ever.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::assets::{self, Compressed};

/// What the page is told when it is served.
#[derive(Clone, Debug)]
pub struct UiOptions {
    /// `/` or `/prom`: where the routes hang, as the browser sees them.
    pub external_prefix: String,
    /// The window's title (`--web.page-title`).
    pub title: String,
}

/// Addresses that the page's own router understands.
const PAGES: &[&str] =
    &["/query", "/graph", "/alerts", "/rules", "/targets", "/status", "/tsdb-status", "/flags", "/config"];

const NO_PAGE: &str = "<!doctype html><title>Firesteel</title><p>This build carries no page. \
    `cargo xtask ui` builds it; the API below /api/v1 works without.</p>";

struct Shared {
    index: Bytes,
    home: String,
    compressed: Compressed,
}

/// Returns the routes, without the prefix: the caller nests them.
pub fn routes(options: &UiOptions) -> Router {
    let prefix = options.external_prefix.trim_end_matches('/');
    let shared = Arc::new(Shared {
        index: index(prefix, &options.title),
        home: format!("{prefix}/query"),
        compressed: Compressed::default(),
    });
    let mut router = Router::new()
        .route("/", get(|State(shared): State<Arc<Shared>>| async move { to_home(&shared.home) }))
        .route("/assets/{*path}", get(asset))
        .route("/favicon.svg", get(favicon));
    for page in PAGES {
        router = router.route(page, get(page_index));
    }
    router.with_state(shared)
}

fn to_home(home: &str) -> Response {
    let link = format!("<a href=\"{}\">Found</a>.\n\n", escape(home));
    let headers = [(header::LOCATION, home), (header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (StatusCode::FOUND, headers, link).into_response()
}

/// Puts the prefix into `<base>` and the title into `<title>`.
fn index(prefix: &str, title: &str) -> Bytes {
    let Some(html) = assets::file("index.html") else { return Bytes::from_static(NO_PAGE.as_bytes()) };
    let html = String::from_utf8_lossy(&html)
        .replacen("<base href=\"/\"", &format!("<base href=\"{}/\"", escape(prefix)), 1)
        .replacen("<title>Firesteel</title>", &format!("<title>{}</title>", escape(title)), 1);
    Bytes::from(html)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

async fn page_index(State(shared): State<Arc<Shared>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, shared.index.clone()).into_response()
}

async fn favicon() -> Response {
    match assets::file("favicon.svg") {
        Some(svg) => ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn asset(State(shared): State<Arc<Shared>>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("assets/{path}");
    let Some(plain) = assets::file(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let gzip = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.split(',').any(|one| one.trim().split(';').next() == Some("gzip")));
    let body = if gzip { shared.compressed.get(&path, &plain) } else { plain };
    let mut response = Response::new(Body::from(body));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&path)));
    // The name carries a hash of the content: a new build has new names.
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(prefix: &str, path: &str, gzip: bool) -> (StatusCode, HeaderMap, Vec<u8>) {
        let options = UiOptions { external_prefix: prefix.into(), title: "A <b> & \"c\"".into() };
        let mut request = Request::builder().uri(path);
        if gzip {
            request = request.header(header::ACCEPT_ENCODING, "br, gzip;q=0.8");
        }
        let response = routes(&options).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn pages_answer_with_the_index_under_their_prefix() {
        for page in PAGES {
            let (status, headers, body) = ask("/prom", page, false).await;
            let body = String::from_utf8(body).unwrap();
            assert_eq!(status, StatusCode::OK, "{page}");
            assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
            assert!(body.contains("<base href=\"/prom/\""), "{body}");
            assert!(body.contains("<title>A &lt;b&gt; &amp; &quot;c&quot;</title>"), "{body}");
        }
    }

    #[tokio::test]
    async fn root_leads_to_the_query_page() {
        let (status, headers, _) = ask("/prom/", "/", false).await;
        assert_eq!(status, StatusCode::FOUND);
        assert_eq!(headers[header::LOCATION], "/prom/query");
    }

    #[tokio::test]
    async fn assets_are_compressed_and_cached_for_ever() {
        let (_, _, index) = ask("/", "/query", false).await;
        let index = String::from_utf8(index).unwrap();
        let script = index.split("src=\"./").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let (status, headers, plain) = ask("/", &format!("/{script}"), false).await;
        assert_eq!(status, StatusCode::OK);
        assert!(headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let (_, headers, packed) = ask("/", &format!("/{script}"), true).await;
        assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
        assert!(packed.len() * 2 < plain.len());
    }

    #[tokio::test]
    async fn what_is_not_there_is_404() {
        assert_eq!(ask("/", "/assets/../Cargo.toml", false).await.0, StatusCode::NOT_FOUND);
        assert_eq!(ask("/", "/assets/nothing.js", true).await.0, StatusCode::NOT_FOUND);
        assert_eq!(ask("/", "/nowhere", false).await.0, StatusCode::NOT_FOUND);
    }
}
