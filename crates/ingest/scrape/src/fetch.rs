//! Getting a page: the request's headers, the status, the body up to its limit.

use std::fmt::Write as _;
use std::time::Duration;

use firesteel_config::{ScrapeConfig, ScrapeProtocol};
use firesteel_net::client::{Answer, GetError, RepeatedGet};
use http::StatusCode;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// No page may be larger, whatever the configuration leaves open: a body without an end shall not take the memory.
const BODY_BYTES_MAX: u64 = 512 << 20;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Get(#[from] GetError),
    #[error("server returned HTTP status {0}")]
    Status(String),
    #[error("{0}")]
    TooManyTargets(String),
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

/// Returns the Accept header: each protocol a tenth less wanted than the one before.
fn accept(protocols: &[ScrapeProtocol], escaping: &str) -> String {
    let mut out = String::new();
    let mut weight = ScrapeProtocol::ALL.len() + 1;
    for protocol in protocols {
        out.push_str(protocol.header());
        if matches!(protocol, ScrapeProtocol::PrometheusText1_0_0 | ScrapeProtocol::OpenMetricsText1_0_0) {
            out.push_str(";escaping=");
            out.push_str(escaping);
        }
        let _infallible = write!(out, ";q=0.{weight},");
        weight -= 1;
    }
    let _infallible = write!(out, "*/*;q=0.{weight}");
    out
}

/// Gets a page into `answer`. A body that is not packed must stay below `limit`; a packed one as well, on the wire.
pub(crate) async fn fetch(
    get: &mut RepeatedGet,
    timeout: Duration,
    limit: u64,
    answer: &mut Answer,
) -> Result<(), FetchError> {
    get.send(Instant::now() + timeout, limit, answer).await?;
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(FetchError::Status(match status.canonical_reason() {
            Some(reason) => format!("{} {reason}", status.as_u16()),
            None => status.as_u16().to_string(),
        }));
    }
    Ok(())
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
        assert_eq!(
            accept(&ScrapeProtocol::PROTO_FIRST, "underscores"),
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=underscores;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        );
    }
}
