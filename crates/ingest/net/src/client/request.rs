//! Sending a request: credentials, redirects, and what went wrong.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use firesteel_config::HttpClientConfig;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERER, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use crate::Dialer;

use super::auth::Credentials;
use super::aws::Signing;
use super::connector::{Connector, Route, url_credentials};
use super::error::{ClientError, RequestError, RequestFault};
use super::oauth2::TokenSource;
use super::proxy::Proxies;
use super::tls::Tls;

/// Go's client gives up after this many.
const REDIRECTS_MAX: usize = 10;
/// Every connection keeps one. Larger ones cost memory by the target, and a body that is copied out of a smaller one is
/// still in the nearest cache; also the most that the headers of an answer may take.
const READ_BUFFER_BYTES: usize = 32 << 10;

/// What the configuration block does not say.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// The `User-Agent` header; none when empty.
    pub user_agent: String,
    /// Connect to this socket instead of the URL's host.
    pub unix_socket: Option<PathBuf>,
    /// Sign requests as AWS wants them.
    pub signing: Option<Signing>,
    /// Count connections.
    pub dialer: Option<Dialer>,
}

/// Makes requests as one `http_config` block says. Keeps connections alive between requests; share it.
pub struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    route: Arc<Route>,
    credentials: Credentials,
    /// Of `oauth2`.
    tokens: Option<TokenSource>,
    signing: Option<Signing>,
    follow_redirects: bool,
    user_agent: Option<HeaderValue>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("route", &self.route).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Builds a client. Errors when a file it needs is missing or its settings do not fit together.
    pub fn new(config: &HttpClientConfig, options: ClientOptions) -> Result<Self, ClientError> {
        let route = Arc::new(Route {
            tls: Tls::new(&config.tls_config, config.enable_http2)?,
            proxies: Proxies::new(&config.proxy)?,
            unix_socket: options.unix_socket,
            dialer: options.dialer,
        });
        let mut builder = Client::builder(TokioExecutor::new());
        // Idle connections live as long as upstream's, so that scrapes at usual intervals reuse them.
        builder
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(std::time::Duration::from_secs(300))
            .http1_read_buf_exact_size(READ_BUFFER_BYTES);
        Ok(Self {
            client: builder.build(Connector(Arc::clone(&route))),
            route,
            credentials: Credentials::new(config)?,
            tokens: config.oauth2.as_ref().map(|oauth2| TokenSource::new(oauth2, &options.user_agent)).transpose()?,
            signing: options.signing,
            follow_redirects: config.follow_redirects,
            user_agent: HeaderValue::from_str(&options.user_agent).ok().filter(|v| !v.is_empty()),
        })
    }

    /// Sends a GET request.
    pub async fn get(&self, url: &Url, headers: &HeaderMap) -> Result<Response<Incoming>, RequestError> {
        self.send(Method::GET, url, headers, Bytes::new()).await
    }

    /// Sends a request and follows redirects. There is no timeout but the caller's.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, RequestError> {
        let (mut method, mut url, mut body) = (method, url.clone(), body);
        let verb = verb(&method);
        let first_host = url.host_str().unwrap_or_default().to_owned();
        let mut referer: Option<Url> = None;
        let mut at_home = true;
        for hops in 0.. {
            let failed = |fault| RequestError { method: verb, url: shown(&url), fault };
            let token = if at_home { self.token().await.map_err(failed)? } else { None };
            let mut signed = None;
            if let Some(signing) = self.signing.as_ref().filter(|_| at_home) {
                let (mut url, mut headers) = (url.clone(), headers.clone());
                let done = signing.account.sign(&signing.service, &method, &mut url, &mut headers, &body).await;
                done.map_err(failed)?;
                signed = Some((url, headers));
            }
            let (to, headers) = signed.as_ref().map_or((&url, headers), |(url, headers)| (url, headers));
            let request =
                self.request(&method, to, headers, &body, at_home, referer.as_ref(), token).map_err(failed)?;
            let response = self.client.request(request).await.map_err(|e| failed(fault(&e)))?;
            let status = response.status();
            if !self.follow_redirects || !is_redirect(status) {
                return Ok(response);
            }
            let Some(location) = response.headers().get(LOCATION) else {
                if matches!(status.as_u16(), 307 | 308) {
                    return Ok(response);
                }
                return Err(failed(RequestFault::NoLocation { status: status.as_u16() }));
            };
            let text = String::from_utf8_lossy(location.as_bytes()).into_owned();
            let next = url
                .join(&text)
                .map_err(|e| failed(RequestFault::BadLocation { location: text, why: e.to_string() }))?;
            if hops + 1 >= REDIRECTS_MAX {
                return Err(failed(RequestFault::Redirects));
            }
            if !matches!(next.scheme(), "http" | "https") {
                let fault = RequestFault::Scheme(next.scheme().to_owned());
                return Err(RequestError { method: verb, url: shown(&next), fault });
            }
            // Once a hop has left the first host, credentials stay off for the rest of the chain.
            at_home &= is_same_or_subdomain(next.host_str().unwrap_or_default(), &first_host);
            if !matches!(status.as_u16(), 307 | 308) && method != Method::HEAD {
                method = Method::GET;
                body = Bytes::new();
            }
            referer = (!(url.scheme() == "https" && next.scheme() == "http")).then(|| url.clone());
            url = next;
        }
        unreachable!("the loop ends at the limit of redirects")
    }

    /// Returns host and port if requests to `url` go over plain HTTP, straight to their host.
    pub(super) fn plain_destination(&self, url: &Url) -> Option<(String, u16)> {
        let uri: http::Uri = url.as_str().parse().ok()?;
        let straight = self.route.unix_socket.is_none() && self.route.proxies.for_uri(&uri).is_none();
        if url.scheme() != "http" || !straight || self.signing.is_some() {
            return None;
        }
        Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
    }

    pub(super) fn dialer(&self) -> Option<Dialer> {
        self.route.dialer.clone()
    }

    /// Returns whether the same request has the same headers each time.
    pub(super) fn is_unchanging(&self) -> bool {
        !self.credentials.reads_files() && self.tokens.is_none()
    }

    /// Returns the `Authorization` header of `oauth2`, perhaps after asking for a token.
    pub(super) async fn token(&self) -> Result<Option<HeaderValue>, RequestFault> {
        match &self.tokens {
            Some(tokens) => tokens.header().await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn follows_redirects(&self) -> bool {
        self.follow_redirects
    }

    /// Returns the bytes of a GET request over HTTP/1.1.
    pub(super) fn plain_request(
        &self,
        url: &Url,
        headers: &HeaderMap,
        token: Option<HeaderValue>,
    ) -> Result<Vec<u8>, RequestFault> {
        let request = self.request(&Method::GET, url, headers, &Bytes::new(), true, None, token)?;
        let uri = request.uri();
        let target = uri.path_and_query().map_or("/", |path| path.as_str());
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut out = Vec::with_capacity(512);
        for part in ["GET ", target, " HTTP/1.1\r\nHost: ", host, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        for (name, value) in request.headers() {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(out)
    }

    fn request(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &Bytes,
        at_home: bool,
        referer: Option<&Url>,
        token: Option<HeaderValue>,
    ) -> Result<Request<Full<Bytes>>, RequestFault> {
        let mut bare = url.clone();
        // Neither fails for a URL with a host.
        let _no_host = bare.set_username("").and_then(|()| bare.set_password(None));
        bare.set_fragment(None);
        let mut all = headers.clone();
        self.credentials.add_headers(&mut all)?;
        if let Some(token) = token {
            all.insert(AUTHORIZATION, token);
        } else if at_home {
            self.credentials.authorize(&mut all)?;
        } else {
            for name in
                ["authorization", "www-authenticate", "cookie", "cookie2", "proxy-authorization", "proxy-authenticate"]
            {
                all.remove(HeaderName::from_static(name));
            }
        }
        if !url.username().is_empty()
            && let Some(value) = url_credentials(url)
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            // A user in the URL counts where nothing else does (Go's net/http).
            all.entry(AUTHORIZATION).or_insert(value);
        }
        if let Some(agent) = &self.user_agent {
            all.entry(USER_AGENT).or_insert_with(|| agent.clone());
        }
        if let Some(value) = referer.and_then(|r| HeaderValue::from_str(&shown(r)).ok()) {
            all.insert(REFERER, value);
        }
        let uri: http::Uri =
            bare.as_str().parse().map_err(|e: http::uri::InvalidUri| RequestFault::Other(e.to_string()))?;
        if url.scheme() == "http"
            && let Some(value) = self.route.proxies.for_uri(&uri).and_then(url_credentials)
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            all.insert(http::header::PROXY_AUTHORIZATION, value);
        }
        all.remove(HOST);
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = all;
        Ok(request)
    }
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "Get",
        Method::POST => "Post",
        Method::PUT => "Put",
        Method::HEAD => "Head",
        Method::DELETE => "Delete",
        _ => "Do",
    }
}

pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Returns a URL without its password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        let _no_host = url.set_password(Some("xxxxx"));
    }
    url.to_string()
}

fn is_same_or_subdomain(host: &str, parent: &str) -> bool {
    host == parent
        || (host.parse::<std::net::IpAddr>().is_err()
            && host.strip_suffix(parent).is_some_and(|sub| sub.ends_with('.') && !parent.is_empty()))
}

/// Finds Go's words for hyper's error.
fn fault(error: &hyper_util::client::legacy::Error) -> RequestFault {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(e) = next {
        if let Some(fault) = e.downcast_ref::<RequestFault>() {
            return copy(fault);
        }
        if let Some(hyper) = e.downcast_ref::<hyper::Error>() {
            if hyper.is_incomplete_message() {
                return RequestFault::Eof;
            }
            if hyper.is_parse() {
                return RequestFault::Other(format!(
                    "net/http: HTTP/1.x transport connection broken: malformed HTTP response: {hyper}"
                ));
            }
        }
        if let Some(io) = e.downcast_ref::<std::io::Error>() {
            return RequestFault::Other(super::error::go_io(io));
        }
        last = e.to_string();
        next = e.source();
    }
    RequestFault::Other(last)
}

/// The pool hands errors out by reference only.
fn copy(fault: &RequestFault) -> RequestFault {
    match fault {
        RequestFault::Dial { network, address, source } => RequestFault::Dial {
            network,
            address: address.clone(),
            source: std::io::Error::new(source.kind(), source.to_string()),
        },
        RequestFault::Lookup { host } => RequestFault::Lookup { host: host.clone() },
        RequestFault::Tls(text) => RequestFault::Tls(text.clone()),
        RequestFault::NotTls => RequestFault::NotTls,
        RequestFault::Eof => RequestFault::Eof,
        other => RequestFault::Other(other.to_string()),
    }
}
