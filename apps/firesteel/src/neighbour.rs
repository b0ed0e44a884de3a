//! Who holds the port where host metrics are expected: a node_exporter, which is scraped then, or somebody else.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use firesteel_config::HttpClientConfig;
use firesteel_net::client::{Answer, ClientOptions, HttpClient, RepeatedGet};
use tokio::time::Instant;

/// Whoever answers later is no exporter that somebody scrapes. Waited for only when the port is taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// A page of host metrics has a tenth of a megabyte.
const PAGE_BYTES_MAX: u64 = 16 << 20;

/// A node_exporter that runs already: the project's, Debian's or another of ours.
#[derive(Clone, Debug)]
pub(crate) struct NodeExporter {
    pub(crate) address: String,
    /// Whether it tells the states of systemd's units, which is off by default.
    pub(crate) shows_units: bool,
}

/// Asks `address` for its metrics; `None` when what answers there is no node_exporter, or nothing answers.
pub(crate) async fn node_exporter_at(address: &str) -> Option<NodeExporter> {
    let client = HttpClient::new(&HttpClientConfig::default(), ClientOptions::default()).ok()?;
    let mut get = RepeatedGet::new(Arc::new(client), &format!("http://{address}/metrics"), HeaderMap::new());
    let mut answer = Answer::default();
    get.send(Instant::now() + PATIENCE, PAGE_BYTES_MAX, &mut answer).await.ok()?;
    if answer.status() != StatusCode::OK {
        return None;
    }
    let page = String::from_utf8_lossy(answer.body());
    let has = |family: &str| page.lines().any(|line| line.starts_with(family));
    let shows_units = has("node_systemd_unit_state{");
    has("node_exporter_build_info{").then(|| NodeExporter { address: address.to_owned(), shows_units })
}
