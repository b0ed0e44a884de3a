//! The HTTP client block: how a request is made, for scraping, discovery, alerting and remote storage.

mod auth;
mod check;
mod headers;
mod oauth2;
mod proxy;
mod tls;

pub use auth::{Authorization, BasicAuth};
pub use headers::{Header, Headers};
pub use oauth2::OAuth2;
pub use proxy::ProxyConfig;
pub use tls::{TlsConfig, TlsVersion};

pub(crate) use check::check_http;

use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// How to make requests. After loading, a `bearer_token` stands in `authorization`, and at most one of
    /// `basic_auth`, `authorization` and `oauth2` is there.
    pub struct HttpClientConfig("the HTTP client", "config.HTTPClientConfig", "config.plain") check check::check_http_block {
        basic_auth: Option<BasicAuth>,
        authorization: Option<Authorization>,
        oauth2: Option<Box<OAuth2>>,
        /// Old form of `authorization.credentials`; empty after loading.
        bearer_token: Secret,
        /// Old form of `authorization.credentials_file`; empty after loading.
        bearer_token_file: FilePath,
        tls_config: TlsConfig,
        /// Whether to follow 3xx answers.
        follow_redirects: bool [keep] = true,
        enable_http2: bool [keep] = true,
        proxy: ProxyConfig [inline],
        /// Headers to add to each request.
        http_headers: Option<Headers>,
    }
}
