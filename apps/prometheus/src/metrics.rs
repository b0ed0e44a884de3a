//! The server's own instruments: build, process, configuration, readiness.

use std::sync::Arc;

use firesteel_cli::version;
use firesteel_client::{BuildInfo, Gauge, ProcessCollector, Registry};

/// Instruments of the server as a whole; the names are upstream's (`cmd/prometheus/main.go`).
#[derive(Clone, Debug)]
pub(crate) struct ServerMetrics {
    pub(crate) config_ok: Gauge,
    pub(crate) config_at: Gauge,
    pub(crate) ready: Gauge,
}

impl ServerMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let v = version();
        BuildInfo {
            version: v.compatible,
            revision: v.revision,
            branch: v.branch,
            goversion: v.compiler,
            tags: concat!("firesteel ", env!("CARGO_PKG_VERSION")),
        }
        .register(registry, "prometheus");
        registry.register(Arc::new(ProcessCollector::default()));
        Self {
            config_ok: registry.gauge(
                "prometheus_config_last_reload_successful",
                "Whether the last configuration reload attempt was successful.",
            ),
            config_at: registry.gauge(
                "prometheus_config_last_reload_success_timestamp_seconds",
                "Timestamp of the last successful configuration reload.",
            ),
            ready: registry.gauge(
                "prometheus_ready",
                "Whether Prometheus startup was fully completed and the server is ready for normal operation.",
            ),
        }
    }
}
