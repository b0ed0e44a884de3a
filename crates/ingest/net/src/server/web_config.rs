//! `--web.config.file`: TLS, users and headers of our own listeners, as exporter-toolkit has them.
//!
//! The file is looked at again for every connection and every request, so that a new certificate, password or header
//! needs no restart; it is parsed again only when its text has changed. Whether TLS and HTTP/2 are spoken at all, and the
//! limit on requests, are settled at the start.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use firesteel_config::{Diagnostic, WebConfig, load_web_config};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use rustls::ServerConfig;
use tracing::error;

use super::passwords::{Credentials, Passwords};
use super::request_limit::RequestLimit;
use super::tls::ServerTls;

/// A web configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebConfigError {
    #[error("open {}: {}", path.display(), super::listener::os_text(source))]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}", pictures(.0))]
    Faults(Vec<Diagnostic>),
    #[error("failed to read {what} ({}): open {}: {}", path.display(), path.display(), super::listener::os_text(source))]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("failed to load X509KeyPair: {0}")]
    KeyPair(String),
    #[error("{0}")]
    Tls(String),
}

fn pictures(faults: &[Diagnostic]) -> String {
    faults.iter().map(|fault| format!("\n{}", fault.render().trim_end())).collect::<Vec<_>>().join("\n")
}

/// The file, and what follows from it.
#[derive(Debug)]
pub struct WebConfigFile {
    path: PathBuf,
    last: Mutex<(String, Arc<WebConfig>)>,
    tls: ServerTls,
    passwords: Passwords,
    limit: Option<RequestLimit>,
    is_tls: bool,
    http2: bool,
}

impl WebConfigFile {
    /// Reads the file and all that it names. Errors on whatever would keep it from serving.
    pub fn open(path: &Path) -> Result<Self, WebConfigError> {
        let text = read(path)?;
        let config = parse(path, &text)?;
        let is_tls = config.tls_server_config.is_enabled();
        let http2 = config.http_server_config.http2;
        let tls = ServerTls::default();
        if is_tls {
            tls.current(&config.tls_server_config, http2)?;
        }
        Ok(Self {
            path: path.to_owned(),
            limit: RequestLimit::new(&config.rate_limit),
            last: Mutex::new((text, Arc::new(config))),
            tls,
            passwords: Passwords::default(),
            is_tls,
            http2,
        })
    }

    /// Returns whether connections begin with a TLS handshake.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns whether TLS connections may speak HTTP/2.
    pub fn http2(&self) -> bool {
        self.http2
    }

    /// Returns the configuration as the file now has it.
    fn current(&self) -> Result<Arc<WebConfig>, WebConfigError> {
        let text = read(&self.path)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 != text {
            let config = Arc::new(parse(&self.path, &text)?);
            *last = (text, config);
        }
        Ok(Arc::clone(&last.1))
    }

    /// Returns the TLS side for a new connection.
    pub(crate) fn tls(&self) -> Result<Arc<ServerConfig>, WebConfigError> {
        self.tls.current(&self.current()?.tls_server_config, self.http2)
    }
}

fn read(path: &Path) -> Result<String, WebConfigError> {
    std::fs::read_to_string(path).map_err(|source| WebConfigError::Read { path: path.to_owned(), source })
}

fn parse(path: &Path, text: &str) -> Result<WebConfig, WebConfigError> {
    let (config, faults) = load_web_config(path, text);
    config.ok_or(WebConfigError::Faults(faults))
}

/// Lets requests through whose sender is known, within the limit, and adds the configured headers to all answers.
pub(crate) async fn guard(State(file): State<Arc<WebConfigFile>>, request: Request, next: Next) -> Response {
    let config = match file.current() {
        Ok(config) => config,
        Err(e) => {
            error!(component = "web", err = %e, "Unable to parse configuration");
            return refusal(StatusCode::INTERNAL_SERVER_ERROR);
        }
    };
    if file.limit.as_ref().is_some_and(|limit| !limit.allows()) {
        return refusal(StatusCode::TOO_MANY_REQUESTS);
    }
    let users = &config.basic_auth_users;
    let known = users.is_empty()
        || match Credentials::of(request.headers()) {
            Some(given) => {
                let hash = users.get(&given.user).map(|hash| hash.reveal().to_owned());
                file.passwords.check(given, hash).await
            }
            None => false,
        };
    let mut response = if known {
        next.run(request).await
    } else {
        let mut response = refusal(StatusCode::UNAUTHORIZED);
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        response
    };
    add_headers(&config, response.headers_mut());
    response
}

/// Adds the configured headers; a handler's own of the same name stays, as in Go, where it is set later.
fn add_headers(config: &WebConfig, headers: &mut HeaderMap) {
    for (name, value) in &config.http_server_config.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.entry(name).or_insert(value);
        }
    }
}

/// Go's `http.Error` with the status' own text.
fn refusal(status: StatusCode) -> Response {
    let text = format!("{}\n", status.canonical_reason().unwrap_or_default());
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    let mut response = (status, text).into_response();
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}
