//! `gce_sd_configs`: instances of Google Compute Engine (upstream: `discovery/gce`).

mod credentials;
mod instance;

use std::time::Duration;

use firesteel_config::HttpClientConfig;
use firesteel_config::sd::GceSd;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use url::Url;

use self::credentials::Credentials;
use self::instance::Instance;
use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::fetch::{Fetched, Fetcher};
use crate::group::TargetGroup;
use crate::null::or_default;
use crate::refresh::{Refresh, refreshing};

/// No single answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(60);
const API: &str = "https://compute.googleapis.com/compute/v1/";
/// The setting of the gcloud command for the same purpose: emulators and private endpoints.
const API_OVERRIDE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE";

impl Kind for GceSd {
    const NAME: &'static str = "gce";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let failed =
            |why: String| DiscoveryError::Other(format!("error setting up communication with GCE service: {why}"));
        let mut http = HttpClientConfig::default();
        http.proxy.proxy_from_environment = true;
        let options = context.client_options("default");
        let given = context.environment.get(API_OVERRIDE);
        let base = Url::parse(if given.is_empty() { API } else { given }).map_err(|e| failed(e.to_string()))?;
        let gce = Gce {
            fetcher: Fetcher::new(&http, options, TIMEOUT)?,
            credentials: Credentials::find(&context.environment).map_err(failed)?,
            base,
            config: self.clone(),
        };
        Ok(refreshing(gce, Self::NAME, self.refresh_interval, context))
    }
}

struct Gce {
    fetcher: Fetcher,
    credentials: Credentials,
    base: Url,
    config: GceSd,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    #[serde(deserialize_with = "or_default")]
    items: Vec<Instance>,
    next_page_token: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refused {
    error: Reason,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reason {
    message: String,
    errors: Vec<Detail>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Detail {
    reason: String,
}

impl Gce {
    fn url(&self, page: &str) -> Url {
        let mut url = self.base.clone();
        let GceSd { project, zone, filter, .. } = &self.config;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["projects", project, "zones", zone, "instances"]);
        }
        let mut query = url.query_pairs_mut();
        query.append_pair("alt", "json");
        for (name, value) in [("filter", filter.as_str()), ("pageToken", page)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("prettyPrint", "false");
        drop(query);
        url
    }

    async fn page(&mut self, token: &str) -> Result<Page, DiscoveryError> {
        let url = self.url(token);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.credentials.header(&self.fetcher).await?);
        let fetched = self.fetcher.send_with(http::Method::GET, &url, &headers, bytes::Bytes::new()).await?;
        if fetched.status != StatusCode::OK {
            if fetched.status == StatusCode::UNAUTHORIZED {
                self.credentials.forget();
            }
            return Err(refused(&fetched));
        }
        serde_json::from_slice(&fetched.body).map_err(|e| DiscoveryError::Answer(e.to_string()))
    }

    async fn all(&mut self) -> Result<TargetGroup, DiscoveryError> {
        let GceSd { project, zone, .. } = &self.config;
        let mut group = TargetGroup { source: format!("GCE_{project}_{zone}"), ..TargetGroup::default() };
        let mut token = String::new();
        loop {
            let page = self.page(&token).await?;
            let GceSd { project, port, tag_separator, .. } = &self.config;
            group.targets.extend(page.items.iter().filter_map(|one| one.labels(project, *port, tag_separator)));
            // The same page again would be asked for without end.
            if page.next_page_token.is_empty() || page.next_page_token == token {
                return Ok(group);
            }
            token = page.next_page_token;
        }
    }
}

/// In the words of Google's clients.
fn refused(fetched: &Fetched) -> DiscoveryError {
    let status = fetched.status.as_u16();
    let body = String::from_utf8_lossy(&fetched.body);
    let said: Refused = serde_json::from_slice(&fetched.body).unwrap_or_default();
    let text = match (said.error.message.as_str(), said.error.errors.first()) {
        ("", _) => format!("googleapi: got HTTP response code {status} with body: {body}"),
        (message, Some(detail)) => format!("googleapi: Error {status}: {message}, {}", detail.reason),
        (message, None) => format!("googleapi: Error {status}: {message}"),
    };
    DiscoveryError::Status(text)
}

impl Refresh for Gce {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        let failed = |e| DiscoveryError::Other(format!("error retrieving refresh targets from gce: {e}"));
        Ok(vec![self.all().await.map_err(failed)?])
    }
}
