//! One question over HTTP, and the whole answer.

use std::time::Duration;

use bytes::Bytes;
use firesteel_config::HttpClientConfig;
use firesteel_net::client::{ClientError, ClientOptions, HttpClient};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use url::Url;

use crate::error::DiscoveryError;

/// No answer may be longer: a broken or hostile server must not take the memory of the whole.
pub(crate) const BODY_BYTES_MAX: usize = 256 << 20;

/// What came back.
#[derive(Debug)]
pub struct Fetched {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Fetched {
    /// Returns the first header of a name, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns the status as Go prints it: `404 Not Found`.
    pub fn status_text(&self) -> String {
        let reason = self.status.canonical_reason().unwrap_or_default();
        format!("{} {reason}", self.status.as_u16()).trim_end().to_owned()
    }
}

/// A client with a deadline.
#[derive(Debug)]
pub struct Fetcher {
    client: HttpClient,
    timeout: Duration,
    headers: HeaderMap,
}

impl Fetcher {
    /// Makes a client whose requests end after `timeout`.
    pub fn new(config: &HttpClientConfig, options: ClientOptions, timeout: Duration) -> Result<Self, ClientError> {
        Ok(Self { client: HttpClient::new(config, options)?, timeout, headers: HeaderMap::new() })
    }

    /// Adds headers to each request.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Returns the client, for answers that never end.
    pub fn client(&self) -> &HttpClient {
        &self.client
    }

    /// Returns the headers of each request.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Sends a GET and reads the answer.
    pub async fn get(&self, url: &Url) -> Result<Fetched, DiscoveryError> {
        self.send(Method::GET, url, Bytes::new()).await
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, method: Method, url: &Url, body: Bytes) -> Result<Fetched, DiscoveryError> {
        self.send_with(method, url, &self.headers, body).await
    }

    /// As [`Self::send`], with these headers alone.
    pub async fn send_with(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Fetched, DiscoveryError> {
        let exchange = async {
            let response = self.client.send(method, url, headers, body).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|e| {
                if e.is::<http_body_util::LengthLimitError>() {
                    DiscoveryError::TooLong { url: url.to_string(), limit: BODY_BYTES_MAX }
                } else {
                    DiscoveryError::Answer(format!("read body: {e}"))
                }
            })?;
            Ok(Fetched { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(DiscoveryError::Deadline))
    }
}
