//! Talking to the daemon: over TCP or a Unix socket, in the newest version of its API that both know.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use firesteel_config::HttpClientConfig;
use firesteel_config::sd::DockerFilter;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::discoverer::BuildContext;
use crate::error::DiscoveryError;
use crate::fetch::Fetcher;

/// The newest version that we know; minor numbers of version 1.
const VERSION_MAX: u32 = 51;
/// The version of daemons that do not say theirs (Docker's client assumes the same).
const VERSION_UNSAID: u32 = 24;

pub(super) struct Daemon {
    fetcher: Fetcher,
    base: Url,
    version: Option<u32>,
}

impl Daemon {
    /// Prepares requests to `host`; errors when it is no address of a daemon or the client cannot be built. The HTTP
    /// settings hold for `http` and `https` alone, as upstream has it. Connections are counted under the name `dialer`.
    pub(super) fn new(
        host: &str,
        http: &HttpClientConfig,
        timeout: Duration,
        context: &BuildContext,
        dialer: &str,
    ) -> Result<Self, DiscoveryError> {
        let wrong = |why: &str| DiscoveryError::Other(format!("error setting up docker client: {why}"));
        let (scheme, rest) = host
            .split_once("://")
            .ok_or_else(|| wrong(&format!("unable to parse docker host {}", firesteel_go_compat::quote(host))))?;
        let mut options = context.client_options(dialer);
        let plain = HttpClientConfig::default();
        let (url, http) = match scheme {
            "unix" => {
                options.unix_socket = Some(rest.into());
                ("http://api.moby.localhost".to_owned(), &plain)
            }
            "tcp" => (format!("http://{rest}"), &plain),
            "http" | "https" => (host.to_owned(), http),
            other => return Err(wrong(&format!("protocol not available: {other}"))),
        };
        let mut base = Url::parse(&url).map_err(|e| wrong(&e.to_string()))?;
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Self { fetcher: Fetcher::new(http, options, timeout)?, base, version: None })
    }

    /// Returns what the daemon lists under `path` (as `containers/json`), read as `T`.
    pub(super) async fn list<T: DeserializeOwned>(
        &mut self,
        path: &str,
        filters: Option<&str>,
    ) -> Result<T, DiscoveryError> {
        let outcome = self.ask(path, filters).await;
        if outcome.is_err() {
            // Perhaps another daemon by now.
            self.version = None;
        }
        outcome
    }

    async fn ask<T: DeserializeOwned>(&mut self, path: &str, filters: Option<&str>) -> Result<T, DiscoveryError> {
        let version = match self.version {
            Some(version) => version,
            None => self.ping().await?,
        };
        let mut url = self.url(&format!("v1.{version}/{path}"));
        if let Some(filters) = filters {
            url.query_pairs_mut().append_pair("filters", filters);
        }
        let answer = self.fetcher.get(&url).await?;
        if answer.status != StatusCode::OK {
            #[derive(Deserialize)]
            struct Fault {
                message: String,
            }
            let said = serde_json::from_slice::<Fault>(&answer.body).map(|fault| fault.message);
            let text = said.unwrap_or_else(|_| answer.status_text());
            return Err(DiscoveryError::Status(format!("Error response from daemon: {text}")));
        }
        serde_json::from_slice(&answer.body).map_err(|e| DiscoveryError::Answer(format!("answer of {url}: {e}")))
    }

    /// Asks for the daemon's version and settles on one.
    async fn ping(&mut self) -> Result<u32, DiscoveryError> {
        let answer = self.fetcher.get(&self.url("_ping")).await?;
        let said = answer.header("api-version").strip_prefix("1.").and_then(|minor| minor.parse().ok());
        let version = said.unwrap_or(VERSION_UNSAID).min(VERSION_MAX);
        self.version = Some(version);
        Ok(version)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

/// Returns filters as the daemon reads them: `{"label":{"a=b":true}}`; none when there are none.
pub(super) fn filters_json(filters: &[DockerFilter]) -> Option<String> {
    let mut all: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for filter in filters {
        let values: BTreeSet<&str> = filter.values.iter().map(String::as_str).collect();
        if !values.is_empty() {
            all.entry(&filter.name).or_default().extend(values.into_iter().map(|value| (value, true)));
        }
    }
    if all.is_empty() { None } else { serde_json::to_string(&all).ok() }
}
