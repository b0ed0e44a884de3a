//! Questions to a Consul agent, and how its index moves (https://developer.hashicorp.com/consul/api-docs/features/blocking).

use std::time::{Duration, Instant};

use firesteel_client::Summary;
use firesteel_config::sd::ConsulSd;
use firesteel_net::Dialer;
use firesteel_net::client::ClientOptions;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::ConsulMetrics;
use crate::error::DiscoveryError;
use crate::fetch::Fetcher;

/// How long the agent may keep a question back while nothing changes.
const WAIT: Duration = Duration::from_secs(120);
/// Agents spread answers by a sixteenth of the wait.
const SLACK: Duration = Duration::from_secs(15);

pub(super) struct Agent {
    fetcher: Fetcher,
    base: Url,
    pub(super) config: ConsulSd,
    pub(super) metrics: ConsulMetrics,
}

/// What is known of a question: the index of its last answer.
#[derive(Debug, Default)]
pub(super) struct Index(u64);

impl Index {
    /// Returns whether an answer with this index says something new.
    fn advance(&mut self, index: u64) -> bool {
        let is_news = index != self.0 || index == 0;
        // An index that goes back belongs to a store that was restored: what it counts is another history, and waiting
        // for the old number could take for ever.
        self.0 = if index < self.0 { 0 } else { index };
        is_news
    }
}

impl Agent {
    pub(super) fn new(config: &ConsulSd, metrics: ConsulMetrics, dialer: Dialer) -> Result<Self, DiscoveryError> {
        let wrong = |why: String| DiscoveryError::Other(format!("consul server {}: {why}", config.server));
        let mut options = ClientOptions { dialer: Some(dialer), ..ClientOptions::default() };
        let url = match config.server.split_once("://") {
            Some(("unix", path)) => {
                options.unix_socket = Some(path.into());
                "http://127.0.0.1".to_owned()
            }
            Some(("http" | "https", _)) => config.server.clone(),
            Some((other, _)) => return Err(wrong(format!("Unknown protocol scheme: {other}"))),
            None => format!("{}://{}", config.scheme, config.server),
        };
        let mut headers = HeaderMap::new();
        let token = match config.token.reveal() {
            // Consul's own client takes it from here.
            "" => std::env::var("CONSUL_HTTP_TOKEN").unwrap_or_default(),
            token => token.to_owned(),
        };
        if !token.is_empty() {
            let mut value = HeaderValue::from_str(&token).map_err(|e| wrong(e.to_string()))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-consul-token"), value);
        }
        Ok(Self {
            fetcher: Fetcher::new(&config.http, options, WAIT + SLACK)?.with_headers(headers),
            base: Url::parse(&url).map_err(|e| wrong(e.to_string()))?,
            config: config.clone(),
            metrics,
        })
    }

    /// Returns the name of the datacenter that is asked.
    pub(super) async fn datacenter(&self) -> Result<String, DiscoveryError> {
        if !self.config.datacenter.is_empty() {
            return Ok(self.config.datacenter.clone());
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct About {
            config: Own,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Own {
            datacenter: String,
        }
        let (about, _): (About, u64) = self.ask(&self.url(&["agent", "self"])).await?;
        Ok(about.config.datacenter)
    }

    /// Asks and waits until there is something else than what `index` stands for; `None` when the wait ended without.
    pub(super) async fn poll<T: DeserializeOwned>(
        &self,
        path: &[&str],
        extra: &[(&str, &str)],
        index: &mut Index,
        took: &Summary,
    ) -> Result<Option<T>, DiscoveryError> {
        let mut url = self.url(path);
        {
            let config = &self.config;
            let mut query = url.query_pairs_mut();
            for (name, value) in
                [("dc", &config.datacenter), ("ns", &config.namespace), ("partition", &config.partition)]
            {
                if !value.is_empty() {
                    query.append_pair(name, value);
                }
            }
            if config.allow_stale {
                query.append_pair("stale", "");
            }
            if index.0 > 0 {
                query.append_pair("index", &index.0.to_string());
            }
            query.append_pair("wait", &format!("{}ms", WAIT.as_millis()));
            for (key, value) in &config.node_meta {
                query.append_pair("node-meta", &format!("{key}:{value}"));
            }
            for (name, value) in extra.iter().filter(|(_, value)| !value.is_empty()) {
                query.append_pair(name, value);
            }
        }
        let began = Instant::now();
        let outcome = self.ask(&url).await;
        took.observe_duration(began.elapsed());
        let (answer, at) = outcome?;
        Ok(index.advance(at).then_some(answer))
    }

    async fn ask<T: DeserializeOwned>(&self, url: &Url) -> Result<(T, u64), DiscoveryError> {
        let answer = self.fetcher.get(url).await?;
        if answer.status != http::StatusCode::OK {
            let body = String::from_utf8_lossy(&answer.body).trim().chars().take(1024).collect::<String>();
            let code = answer.status.as_u16();
            return Err(DiscoveryError::Status(format!("Unexpected response code: {code} ({body})")));
        }
        let index = answer.header("x-consul-index");
        let index = if index.is_empty() {
            0
        } else {
            index.parse().map_err(|_| DiscoveryError::Answer(format!("Failed to parse X-Consul-Index: {index}")))?
        };
        let read = serde_json::from_slice(&answer.body);
        Ok((read.map_err(|e| DiscoveryError::Answer(format!("answer of {}: {e}", url.path())))?, index))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            segments.extend(self.config.path_prefix.split('/').filter(|part| !part.is_empty()));
            segments.push("v1").extend(path);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_as_consul_documents_it() {
        let mut index = Index::default();
        // Each with whether it is news, and what is asked for next.
        for (answer, is_news, next) in
            [(5, true, 5), (5, false, 5), (9, true, 9), (3, true, 0), (3, true, 3), (0, true, 0), (0, true, 0)]
        {
            assert_eq!((index.advance(answer), index.0), (is_news, next), "{answer}");
        }
    }
}
