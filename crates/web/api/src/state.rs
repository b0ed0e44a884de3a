//! What all handlers share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::Clock;
use firesteel_net::server::Cors;
use firesteel_promql_syntax::ParserOptions;
use firesteel_storage::{ExemplarQueryable, Queryable};
use tokio::sync::Semaphore;

use crate::source::{AdminSource, AlertmanagerSource, Control, QuerySource, RuleSource, StatusSource, TargetSource};
use crate::{ApiError, FederationMetrics, Readiness};
use crate::{Notifications, RunningQueries};

/// The parts of a server that the API shows, and its settings.
pub struct Api {
    pub readiness: Readiness,
    pub queries: Arc<dyn QuerySource>,
    pub store: Arc<dyn Queryable>,
    pub exemplars: Arc<dyn ExemplarQueryable>,
    pub targets: Arc<dyn TargetSource>,
    pub alertmanagers: Arc<dyn AlertmanagerSource>,
    pub rules: Arc<dyn RuleSource>,
    pub status: Arc<dyn StatusSource>,
    pub federation: FederationMetrics,
    pub notifications: Notifications,
    pub control: Arc<dyn Control>,
    pub admin: Arc<dyn AdminSource>,
    pub clock: Arc<dyn Clock>,
    /// Places for queries; see [`Api::gate_of`].
    pub gate: Arc<Semaphore>,
    pub running: Arc<RunningQueries>,
    pub options: ApiOptions,
}

/// Settings that flags make.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// `Prometheus Server` or `Prometheus Agent`.
    pub app_name: &'static str,
    /// `--web.enable-lifecycle`.
    pub lifecycle: bool,
    /// `--web.enable-admin-api`.
    pub admin: bool,
    /// `--query.timeout`.
    pub query_timeout: Duration,
    /// `--query.lookback-delta`, as federation looks back.
    pub lookback: Duration,
    pub parser: ParserOptions,
    pub cors: Cors,
    /// Scheme and `host:port` of the external URL, for `globalUrl`.
    pub external_scheme: String,
    pub external_host: String,
    /// The external URL without a slash at its end.
    pub external_url: String,
    /// `--web.console.templates` and `--web.console.libraries`.
    pub console_templates: PathBuf,
    pub console_libraries: PathBuf,
    /// The port of the first listener.
    pub own_port: u16,
    /// Only requests whose `Host` names this machine are answered; `None` answers all.
    pub allowed_hosts: Option<Arc<[String]>>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Api {
    /// Returns a gate with as many places as `--query.max-concurrency` says; 0 or less means no bound.
    pub fn gate_of(max_concurrency: i64) -> Arc<Semaphore> {
        let places = usize::try_from(max_concurrency).ok().filter(|n| *n > 0).unwrap_or(Semaphore::MAX_PERMITS);
        Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)))
    }
}

/// Runs `work` on a thread that may block.
pub(crate) async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| ApiError::Internal(format!("unexpected error: {e}")))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn options() -> ApiOptions {
        ApiOptions {
            app_name: "Prometheus Server",
            lifecycle: false,
            admin: false,
            query_timeout: Duration::from_mins(2),
            lookback: Duration::from_mins(5),
            parser: ParserOptions::default(),
            cors: Cors::Any,
            external_scheme: "https".to_owned(),
            external_host: "mon.example.org:8443".to_owned(),
            external_url: "https://mon.example.org:8443".to_owned(),
            console_templates: "consoles".into(),
            console_libraries: "console_libraries".into(),
            own_port: 9090,
            allowed_hosts: None,
        }
    }
}
