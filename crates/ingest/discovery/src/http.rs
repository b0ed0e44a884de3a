//! `http_sd_configs`: a URL that answers with a JSON list of target groups (upstream: `discovery/http`).

use firesteel_client::Counter;
use firesteel_config::sd::HttpSd;
use firesteel_go_compat::quote;
use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::fetch::Fetcher;
use crate::group::TargetGroup;
use crate::json_groups::read_list;
use crate::refresh::{Refresh, refreshing};

impl Kind for HttpSd {
    const NAME: &'static str = "http";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let options = context.client_options("http");
        let interval = self.refresh_interval;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let seconds = firesteel_go_compat::format_float(interval.as_secs_f64());
        if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
            headers.insert(HeaderName::from_static("x-prometheus-refresh-interval-seconds"), value);
        }
        let endpoint = Endpoint {
            fetcher: Fetcher::new(&self.http, options, interval)?.with_headers(headers),
            url: Url::parse(&self.url).map_err(|e| DiscoveryError::Other(format!("parse URL {}: {e}", self.url)))?,
            shown: self.url.clone(),
            failures: context.metrics.http_failures.clone(),
        };
        Ok(refreshing(endpoint, Self::NAME, interval, context))
    }
}

struct Endpoint {
    fetcher: Fetcher,
    url: Url,
    /// As the configuration has it: what `__meta_url` says.
    shown: String,
    failures: Counter,
}

impl Refresh for Endpoint {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        self.ask().await.inspect_err(|_| self.failures.inc())
    }
}

impl Endpoint {
    async fn ask(&self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        let answer = self.fetcher.get(&self.url).await?;
        if answer.status != http::StatusCode::OK {
            return Err(DiscoveryError::Status(format!("server returned HTTP status {}", answer.status_text())));
        }
        let content_type = answer.header("content-type");
        if !is_json(content_type) {
            return Err(DiscoveryError::Answer(format!("unsupported content type {}", quote(content_type))));
        }
        read_list(&answer.body, &self.shown, &[("__meta_url", &self.shown)]).map_err(DiscoveryError::Answer)
    }
}

/// `^(?i:application\/json(;\s*charset=("utf-8"|utf-8))?)$`
fn is_json(content_type: &str) -> bool {
    let lower = content_type.trim().to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("application/json") else { return false };
    let Some(parameter) = rest.strip_prefix(';') else { return rest.is_empty() };
    matches!(parameter.trim_start(), "charset=utf-8" | "charset=\"utf-8\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_as_upstream() {
        for (text, want) in [
            ("application/json", true),
            (" Application/JSON; charset=UTF-8 ", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/json ;charset=utf-8", false),
            ("application/jsonx", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_json(text), want, "{text}");
        }
    }
}
