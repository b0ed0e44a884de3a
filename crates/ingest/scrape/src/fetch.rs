//! Getting a page: the request's headers, the status, the body up to its limit.

use std::fmt::Write as _;
use std::time::Duration;

use firesteel_config::{ScrapeConfig, ScrapeProtocol};
use firesteel_net::client::{HttpClient, RequestError, RequestFault};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// No page may be larger, whatever the configuration leaves open: a body without an end shall not take the memory.
const BODY_BYTES_MAX: u64 = 512 << 20;

/// A page as it came.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) content_type: String,
    pub(crate) is_gzip: bool,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("server returned HTTP status {0}")]
    Status(String),
    #[error("body size limit exceeded")]
    BodyLimit,
    #[error("context deadline exceeded")]
    BodyDeadline,
    #[error("{0}")]
    Body(String),
}

/// Returns the largest body that a job takes.
pub(crate) fn body_limit(config: &ScrapeConfig) -> u64 {
    match u64::try_from(config.body_size_limit.0) {
        Ok(0) | Err(_) => BODY_BYTES_MAX,
        Ok(limit) => limit,
    }
}

/// Returns the headers of a job's requests.
pub(crate) fn headers(config: &ScrapeConfig, timeout: Duration) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let accept = accept(
        config.scrape_protocols.as_deref().unwrap_or(&ScrapeProtocol::DEFAULT),
        &config.metric_name_escaping_scheme,
    );
    let encoding = if config.enable_compression { "gzip" } else { "identity" };
    headers.insert(ACCEPT, HeaderValue::from_str(&accept).unwrap_or(HeaderValue::from_static("*/*")));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    let seconds = timeout.as_secs_f64().to_string();
    if let Ok(seconds) = HeaderValue::from_str(&seconds) {
        headers.insert(HeaderName::from_static("x-prometheus-scrape-timeout-seconds"), seconds);
    }
    headers
}

/// Returns the Accept header: each protocol a tenth less wanted than the one before. Protobuf keeps its weight but is
/// not asked for, since it is not read yet.
fn accept(protocols: &[ScrapeProtocol], escaping: &str) -> String {
    let mut out = String::new();
    let mut weight = ScrapeProtocol::ALL.len() + 1;
    for protocol in protocols {
        if *protocol != ScrapeProtocol::PrometheusProto {
            out.push_str(protocol.header());
            if matches!(protocol, ScrapeProtocol::PrometheusText1_0_0 | ScrapeProtocol::OpenMetricsText1_0_0) {
                out.push_str(";escaping=");
                out.push_str(escaping);
            }
            let _infallible = write!(out, ";q=0.{weight},");
        }
        weight -= 1;
    }
    let _infallible = write!(out, "*/*;q=0.{weight}");
    out
}

/// Gets a page into `body`. A body that is not packed must stay below `limit`; a packed one as well, on the wire.
pub(crate) async fn fetch(
    client: &HttpClient,
    url: &str,
    headers: &HeaderMap,
    timeout: Duration,
    limit: u64,
    body: &mut Vec<u8>,
) -> Result<Fetched, FetchError> {
    body.clear();
    let deadline = Instant::now() + timeout;
    let failed = |fault| RequestError { method: "Get", url: url.to_owned(), fault };
    let parsed = Url::parse(url).map_err(|e| failed(RequestFault::Other(format!("parse URL: {e}"))))?;
    let response = timeout_at(deadline, client.get(&parsed, headers))
        .await
        .map_err(|_elapsed| failed(RequestFault::Deadline))??;
    let status = response.status();
    if status != http::StatusCode::OK {
        return Err(FetchError::Status(match status.canonical_reason() {
            Some(reason) => format!("{} {reason}", status.as_u16()),
            None => status.as_u16().to_string(),
        }));
    }
    let text = |name| {
        let value =
            response.headers().get(name).map(|v: &HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned());
        value.unwrap_or_default()
    };
    let fetched = Fetched { content_type: text(CONTENT_TYPE), is_gzip: text(CONTENT_ENCODING) == "gzip" };
    let mut incoming = response.into_body();
    loop {
        let frame = timeout_at(deadline, incoming.frame()).await.map_err(|_elapsed| FetchError::BodyDeadline)?;
        match frame {
            None => return Ok(fetched),
            Some(Err(e)) => return Err(FetchError::Body(read_fault(&e))),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    if (body.len() + data.len()) as u64 >= limit {
                        return Err(FetchError::BodyLimit);
                    }
                    body.extend_from_slice(data);
                }
            }
        }
    }
}

/// Returns why a body broke off, in Go's words where it has some.
fn read_fault(error: &hyper::Error) -> String {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(e) = next {
        match e.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(std::io::ErrorKind::UnexpectedEof) => return "unexpected EOF".into(),
            Some(std::io::ErrorKind::ConnectionReset) => return "read: connection reset by peer".into(),
            _ => next = e.source(),
        }
    }
    if error.is_incomplete_message() { "unexpected EOF".into() } else { format!("read body: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_as_upstream() {
        assert_eq!(
            accept(&ScrapeProtocol::DEFAULT, "allow-utf-8"),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
    }
}
