//! The server's own instruments: build, process, configuration, readiness.

use std::sync::Arc;

use firesteel_cli::version;
use firesteel_client::{BuildInfo, Counter, Gauge, ProcessCollector, Registry};

/// Instruments of the server as a whole; the names are upstream's (`cmd/prometheus/main.go`).
#[derive(Clone, Debug)]
pub(crate) struct ServerMetrics {
    pub(crate) config_ok: Gauge,
    pub(crate) config_at: Gauge,
    pub(crate) ready: Gauge,
    pub(crate) page: PageMetrics,
}

/// How often the page of metrics was served (`promhttp.InstrumentMetricHandler`).
#[derive(Clone, Debug)]
pub(crate) struct PageMetrics {
    in_flight: Gauge,
    served: Counter,
}

impl PageMetrics {
    fn new(registry: &Registry) -> Self {
        let name = |what: &str| format!("promhttp_metric_handler_requests_{what}");
        let help = "Total number of scrapes by HTTP status code.";
        let requests = registry.counter_vec(&name("total"), help, &["code"]);
        // Gathering cannot fail here, nor is there a limit: the other two stay at 0.
        let [served, _, _] = ["200", "500", "503"].map(|code| requests.with(&[code]));
        Self { in_flight: registry.gauge(&name("in_flight"), "Current number of scrapes being served."), served }
    }

    /// Counts a request as being served until the returned value goes.
    pub(crate) fn serve(&self) -> impl Drop + use<> {
        self.in_flight.inc();
        Served(self.clone())
    }
}

struct Served(PageMetrics);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.in_flight.dec();
        self.0.served.inc();
    }
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
            page: PageMetrics::new(registry),
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
